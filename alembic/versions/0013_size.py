"""The words of the index can be looked through, and the JSON of the evidence lies packed.

A beginning of a word is asked for by the words that begin so (`search_words`). A row of evidence took a page of its
own, for facts that are nearly the same in all.

Revision ID: 0013
Revises: 0012
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from pec_tracker.db.types import packed, unpacked

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_PACKED = ("enclosed", "signer", "verification", "agreement")
_AT_ONCE = 1_000


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE search_words USING fts5vocab(search, instance)")
    _exchange(sa.LargeBinary(), packs=True)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE search_words")
    _exchange(sa.JSON(), packs=False)


def _exchange(kind: sa.types.TypeEngine[Any], *, packs: bool) -> None:
    """Each column in its new form: written beside the old one, which goes."""
    empty = "" if packs else "{}"
    for name in _PACKED:
        needed = name == "verification"
        new = sa.Column(f"new_{name}", kind, nullable=not needed, server_default=empty if needed else None)
        op.add_column("evidence", new)
    _copy(packs=packs)
    for name in _PACKED:
        op.drop_column("evidence", name)
        op.alter_column("evidence", f"new_{name}", new_column_name=name)
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("evidence", "verification", server_default=None)


def _copy(*, packs: bool) -> None:
    """The facts of every row, in the other form."""
    connection = op.get_bind()
    json_of = "CAST(:{0} AS json)" if connection.dialect.name == "postgresql" and not packs else ":{0}"
    written = ", ".join(f"new_{name} = {json_of.format(name)}" for name in _PACKED)
    read = ", ".join(f"CAST({name} AS text) AS {name}" if packs else name for name in _PACKED)
    page = sa.text(f"SELECT id, {read} FROM evidence WHERE id > :last ORDER BY id LIMIT {_AT_ONCE}")
    last = -1
    while rows := connection.execute(page, {"last": last}).mappings().all():
        changed = [{name: _other(row[name], packs=packs) for name in _PACKED} | {"id": row["id"]} for row in rows]
        connection.execute(sa.text(f"UPDATE evidence SET {written} WHERE id = :id"), changed)
        last = rows[-1]["id"]


def _other(value: Any, *, packs: bool) -> Any:
    if value is None:
        return None
    return packed(value) if packs else unpacked(value)
