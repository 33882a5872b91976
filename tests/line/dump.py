"""Do two databases say the same? Their rows by natural keys: row numbers and what is left out on purpose aside."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select, text

from pec_tracker.archive.scan import INCOMING
from pec_tracker.db.base import Base
from pec_tracker.db.engine import reading

# Starts empty after a rebuild, tells of this database's own life only, or is each archive's own chance.
# Address book and drafts are carried over from the old database, not made again: tests/contacts/test_carried.py,
# tests/line/test_drafts.py.
BOOK = {
    "person", "person_word", "person_address", "postal_address", "condominium", "unit", "entitlement", "column_mapping",
}  # fmt: skip
# Made again, but paused: tests/line/test_campaigns.py.
CAMPAIGNS = {"campaign", "campaign_row"}
DRAFTS = {"draft", "draft_attachment"}  # carried over likewise
NOT_COMPARED = frozenset({"lease", "alert", "quota_sample", "archive", "job", "searched", *BOOK, *CAMPAIGNS, *DRAFTS})
OWN_LIFE = frozenset(
    {
        "mailbox.collected_at",
        "mailbox.suspended_at",
        "mailbox.suspended_reason",
        "mailbox.suspended_problem",
        "mailbox.suspended_login",
        "mailbox.paused_until",
        "mailbox.slowed_to",
        "mailbox.slowed_at",
        "folder.seen_messages",
        "folder.seen_uidnext",
        "seal.sealed_at",
        "message.next_attempt_at",
        "message.lease_owner",
        "message.lease_until",
    }
)

# What names a row of a table that others refer to by its number.
_NATURAL = {
    "mailbox": ("key",),
    "folder": ("mailbox_id", "name", "uidvalidity"),
    "message": ("key",),
    "mail": ("mailbox_id", "sha256"),
}

Rows = dict[str, list[str]]


def dump(engine: Engine, *, same_ledger: bool = True, leave_out: frozenset[str] = frozenset()) -> Rows:
    """Every row of every table as text, sorted. Without *same_ledger* lines are compared by what they say only."""
    with reading(engine) as connection:
        names: dict[str, dict[Any, str]] = {}
        rows: Rows = {}
        for table in Base.metadata.sorted_tables:
            if table.name in NOT_COMPARED or (table.name in {"seal", "stamp"} and not same_ledger):
                continue
            found = []
            for row in connection.execute(select(table)).mappings():
                found.append(_named(table.name, dict(row), names, OWN_LIFE | leave_out))
            rows[table.name] = sorted(_line(facts) if table.name == "ledger" and not same_ledger else _text(facts)
                                      for facts in found)  # fmt: skip
        rows["search"] = _search(connection, names["mail"])
        return rows


def differing(one: Rows, other: Rows) -> dict[str, tuple[list[str], list[str]]]:
    """By table: the rows that only *one* has, and those that only *other* has. Empty: they say the same."""
    return {
        table: (_without(one[table], other[table]), _without(other[table], one[table]))
        for table in one
        if one[table] != other[table]
    }


def files(root: Path) -> dict[str, bytes]:
    """What lies in an archive's object folders, by relative path; not what was being written as a process died."""
    objects = root / "objects"
    return {
        str(path.relative_to(objects)): path.read_bytes()
        for path in sorted(objects.rglob("*"))
        if path.is_file() and path.parent.name != INCOMING
    }


def _named(table: str, row: dict[str, Any], names: dict[str, dict[Any, str]], left_out: frozenset[str]) -> Any:
    """The row with names in place of numbers; remembers its own."""
    columns = Base.metadata.tables[table].columns
    number = row.get("id")
    for column in columns:
        for key in column.foreign_keys:
            to = key.column.table.name
            if to in _NATURAL and row[column.name] is not None:
                row[column.name] = names[to][row[column.name]]
    if table in _NATURAL:
        names.setdefault(table, {})[number] = "/".join(str(row[part]) for part in _NATURAL[table])
    row.pop("id", None)
    return {name: value for name, value in row.items() if f"{table}.{name}" not in left_out}


def _line(facts: Mapping[str, Any]) -> str:
    said = json.loads(facts["line"])
    return _text({"act": said["act"], "facts": said["facts"]})


def _search(connection: Connection, mails: Mapping[Any, str]) -> list[str]:
    lite = connection.dialect.name == "sqlite"
    rows = connection.execute(
        text(f"SELECT {'rowid' if lite else 'mail_id'} AS id, CAST(words AS text) AS words FROM search")
    )
    return sorted(f"{mails[row.id]} {row.words}" for row in rows)


def _text(facts: Mapping[str, Any]) -> str:
    return json.dumps(facts, sort_keys=True, default=str, ensure_ascii=False)


def _without(these: list[str], those: list[str]) -> list[str]:
    other = set(those)
    return [row for row in these if row not in other][:5]
