"""How does the address book survive a rebuild? Its rows are taken out of the old database and written into the new one.

The old one may be of an older or newer release: what it has of our tables and columns is taken.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, insert, inspect, select, text

from pec_tracker.db.base import Base, table
from pec_tracker.db.book import (
    ColumnMapping,
    Condominium,
    Entitlement,
    Person,
    PersonAddress,
    PersonWord,
    PostalAddress,
    Unit,
)
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Ledger, Mailbox
from pec_tracker.ledger.acts import LedgerAct

# Those that others refer to first; a row's new number is noted for them.
_TABLES: Final[tuple[type[Base], ...]] = (
    Person, Condominium, Unit, PersonWord, PersonAddress, PostalAddress, Entitlement, ColumnMapping,
)  # fmt: skip
_REFERRED: Final = {"person_id": "person", "condominium_id": "condominium", "unit_id": "unit"}
_ACTS: Final = (
    LedgerAct.CONTACTS_IMPORTED,
    LedgerAct.CONTACT_CHANGED,
    LedgerAct.CONTACT_REMOVED,
    LedgerAct.CONDOMINIUM_CHANGED,
)

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Kept:
    """The rows of the old book by table, and the ledger keys of its mailboxes by row id."""

    rows: Mapping[str, Rows] = field(default_factory=dict)
    mailboxes: Mapping[int, str] = field(default_factory=dict)

    @property
    def persons(self) -> int:
        """How many persons it has."""
        return len(self.rows.get("person", ()))


def kept(engine: Engine) -> Kept:
    """The book in an old database, empty where that had none. Raises StorageError."""
    with reading(engine) as connection:
        found = inspect(connection)
        there = set(found.get_table_names())
        rows = {
            of.__tablename__: _rows(connection, table(of), {one["name"] for one in found.get_columns(of.__tablename__)})
            for of in _TABLES
            if of.__tablename__ in there
        }
        boxes = connection.execute(text("SELECT id, key FROM mailbox")).all() if "mailbox" in there else []
        return Kept(rows, {row.id: row.key for row in boxes})


def _rows(connection: Connection, of: Table, columns: set[str]) -> Rows:
    known = [column for column in of.columns if column.name in columns]
    in_order = select(*known).order_by(*(column for column in known if column.primary_key))
    return [dict(row._mapping) for row in connection.execute(in_order)]


def put_back(connection: Connection, old: Kept) -> None:
    """Write the *old* book into a database that has none."""
    boxes = {row.key: row.id for row in connection.execute(select(Mailbox.key, Mailbox.id))}
    numbers: dict[str, dict[int, int]] = {}
    for of in _TABLES:
        name = of.__tablename__
        rows = [_renumbered(row, numbers, boxes, old.mailboxes) for row in old.rows.get(name, ())]
        if name in _REFERRED.values():
            own = [row.pop("id") for row in rows]
            added = insert(table(of)).returning(table(of).c.id)
            numbers[name] = {
                number: int(connection.execute(added, row).scalar_one())
                for number, row in zip(own, rows, strict=True)
            }  # fmt: skip
        elif rows:
            connection.execute(insert(table(of)), [{key: row[key] for key in row if key != "id"} for row in rows])


def _renumbered(
    row: Mapping[str, Any],
    numbers: Mapping[str, Mapping[int, int]],
    boxes: Mapping[str, int],
    keys: Mapping[int, str],
) -> dict[str, Any]:
    new = {name: numbers[_REFERRED[name]][value] if name in _REFERRED else value for name, value in row.items()}
    if new.get("mailbox_id") is not None:
        new["mailbox_id"] = boxes.get(keys.get(new["mailbox_id"], ""))
    return new


def was_there(connection: Connection) -> bool:
    """Whether the ledger tells of a book."""
    return connection.execute(select(Ledger.id).where(Ledger.act.in_(_ACTS)).limit(1)).first() is not None
