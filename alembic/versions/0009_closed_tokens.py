"""Closed tokens are closed in the database too, and the next step of what has not left says so.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_KINDS = (
    "acceptance", "non-acceptance", "taken-in-charge", "delivery", "non-delivery", "delay-notice", "virus-notice",
    "transport-envelope", "anomaly-envelope", "rem-evidence", "ordinary", "unreadable",
)  # fmt: skip
_VERDICTS = ("trusted", "intact", "broken", "unsigned")
_STATES = ("delivered", "failed", "not_accepted", "external", "delayed", "accepted", "awaiting_acceptance")
_SEND_STATES = ("queued", "sending", "deferred", "submitted", "refused", "uncertain", "abandoned")

_CLOSED = (
    ("mail", "origin", ("collected", "imported", "sent")),
    ("mail", "kind", _KINDS),
    ("mail", "role", ("original", "evidence", "waiting", "sent-copy", "reply")),
    ("message", "state", _STATES),
    ("message", "send_state", _SEND_STATES),
    ("recipient", "state", _STATES),
    ("evidence", "kind", _KINDS),
    ("evidence", "verdict", _VERDICTS),
    ("evidence", "verdict_at_arrival", _VERDICTS),
)

_NEXT_STEPS = {
    "wait-sending": ("queued", "sending", "deferred"),
    "correct-and-resend": ("refused",),
    "decide": ("uncertain",),
    "nothing": ("abandoned",),
}


def upgrade() -> None:
    connection = op.get_bind()
    for table, column, tokens in _CLOSED:
        _require_known(connection, table, column, tokens)
    if connection.dialect.name == "sqlite":
        _rewrite(connection, lambda sql, check: f"{sql.rstrip().removesuffix(')')}, {check})")
    else:
        for table, column, tokens in _CLOSED:
            op.create_check_constraint(column, table, _condition(column, tokens))
    for step, states in _NEXT_STEPS.items():
        listed = ", ".join(f"'{state}'" for state in states)
        op.execute(
            f"UPDATE recipient SET next_step = '{step}' WHERE state = 'awaiting_acceptance' AND message_id IN "
            f"(SELECT id FROM message WHERE origin = 'composed' AND send_state IN ({listed}))"
        )


def downgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        _rewrite(connection, lambda sql, check: sql.replace(f", {check}", ""))
    else:
        for table, column, _tokens in reversed(_CLOSED):
            op.drop_constraint(column, table, type_="check")


def _condition(column: str, tokens: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(token) for token in tokens)})"


def _require_known(connection: sa.Connection, table: str, column: str, tokens: tuple[str, ...]) -> None:
    """Nothing is changed where a row says what no release has written: somebody should look at it first."""
    odd = connection.execute(
        sa.text(f"SELECT DISTINCT {column} FROM {table} WHERE NOT ({_condition(column, tokens)}) LIMIT 5")
    ).scalars()
    if found := list(odd):
        raise ValueError(
            f"the column {column} of the table {table} holds {', '.join(map(repr, found))}, which no release writes; "
            "nothing was changed. Bring the database back from a backup, or make it again: pec-tracker rebuild"
        )


def _rewrite(connection: sa.Connection, change) -> None:  # type: ignore[no-untyped-def]
    """A check says nothing of how rows lie in the file, so it is enough to change the text of the table
    (sqlite.org/lang_altertable.html, section 7); the rows were looked at before."""
    version = connection.execute(sa.text("PRAGMA schema_version")).scalar_one()
    connection.execute(sa.text("PRAGMA writable_schema = ON"))
    for table, column, tokens in _CLOSED:
        check = f"CONSTRAINT ck_{table}_{column} CHECK ({_condition(column, tokens)})"
        sql = connection.execute(
            sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :table"), {"table": table}
        ).scalar_one()
        connection.execute(
            sa.text("UPDATE sqlite_master SET sql = :sql WHERE type = 'table' AND name = :table"),
            {"sql": change(sql, check), "table": table},
        )
    connection.execute(sa.text(f"PRAGMA schema_version = {version + 1}"))
    connection.execute(sa.text("PRAGMA writable_schema = OFF"))
