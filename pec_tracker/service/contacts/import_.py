"""`contacts import`: what does a list of persons change in the book? Told first, and written whole or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, delete, insert, select

from pec_tracker.askers import Act, Asker
from pec_tracker.contact_tokens import Title
from pec_tracker.db.book import ColumnMapping
from pec_tracker.db.engine import in_one_transaction, reading
from pec_tracker.errors import UsageError
from pec_tracker.ledger import lines, together
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.service.contacts import book_rows
from pec_tracker.service.contacts.book import Book, new_key, words_key
from pec_tracker.service.contacts.columns import Field, Table, said_mapping, table_of
from pec_tracker.service.contacts.entries import Entry, Finding, read_entry
from pec_tracker.service.contacts.plan import Plan, plan
from pec_tracker.service.contacts.sheets import Row, Sheet, read
from pec_tracker.service.house import House
from pec_tracker.service.verbs import verb

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Asked:
    """What is said of a file: `columns` are `COLUMN=field`; `title` is the right of whom no row says one.

    `skip_wrong`: write the others where some rows cannot be taken; else those keep all from being written.
    """

    condominium: str | None = None
    columns: Sequence[str] = ()
    title: Title | None = None
    sheet: str | None = None
    check: bool = False
    skip_wrong: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of it. `written`: the book has it now; `rejected`: the rows that could not be taken, as they stand."""

    table: Table
    plan: Plan
    written: bool
    rejected: tuple[Row, ...]

    @property
    def rights(self) -> tuple[int, int]:
        """How many rights are new, how many changed."""
        new = sum(1 for right in self.plan.rights if right.row_id is None)
        return new, len(self.plan.rights) - new


@verb(Act.SEND)
def import_contacts(asker: Asker, house: House, content: bytes, asked: Asked) -> Imported:
    """Take a list of persons (XLSX or CSV) into the book; with `asked.check` only say what that would change.

    Raises UsageError for a file that cannot be read or whose columns say too little, ApartError.
    """
    said = said_mapping(asked.columns)
    sheet = read(content, sheet=asked.sheet)
    if asked.check:
        with reading(house.engine) as connection:
            return _outcome(_studied(connection, sheet, said, asked), written=False)
    together.require(house.engine, house.archive)
    return in_one_transaction(house.engine, lambda connection: _taken(connection, house, sheet, said, asked))


@dataclass(frozen=True, slots=True)
class _Studied:
    table: Table
    plan: Plan
    book: Book


def _taken(connection: Connection, house: House, sheet: Sheet, said: Mapping[str, str], asked: Asked) -> Imported:
    book_rows.one_at_a_time(connection)
    studied = _studied(connection, sheet, said, asked)
    done = studied.plan
    if done.wrong and not asked.skip_wrong:
        return _outcome(studied, written=False)
    now = house.clock.now()
    book_rows.write(connection, done, studied.book, now=now)
    if said:
        remembered = {**_remembered(connection).get(studied.table.key, {}), **said}
        connection.execute(delete(ColumnMapping).where(ColumnMapping.headers_key == studied.table.key))
        connection.execute(insert(ColumnMapping).values(headers_key=studied.table.key, fields=remembered, at=now))
    if done.persons or done.rights:
        counts = {"added": len(done.added), "changed": len(done.changed), "skipped": len(done.wrong)}
        lines.append(connection, [lines.new_line(LedgerAct.CONTACTS_IMPORTED, at=now, **counts)])
        log.info("contacts.imported", **counts)
    return _outcome(studied, written=True)


def _studied(connection: Connection, sheet: Sheet, said: Mapping[str, str], asked: Asked) -> _Studied:
    table = table_of(sheet, said, _remembered(connection))
    _require_condominium(table, asked.condominium)
    book = book_rows.load(connection)
    entries, findings = _entries(table, asked.condominium)
    house = words_key(asked.condominium, ordered=True) if asked.condominium else None
    title = asked.title or table.title or Title.OWNER
    return _Studied(table, plan(entries, findings, book, new_key=new_key, title=title, whole=house), book)


def _entries(table: Table, condominium: str | None) -> tuple[list[Entry], list[Finding]]:
    entries: list[Entry] = []
    findings: list[Finding] = []
    for row in table.rows:
        cells = table.cells(row)
        if cells:
            entry, found = read_entry(row.number, cells, condominium=condominium)
            entries.append(entry)
            findings += found
    return entries, findings


def _require_condominium(table: Table, condominium: str | None) -> None:
    fields = set(table.fields.values())
    if condominium is not None and not words_key(condominium):
        raise UsageError("--condominium names nothing; write the condominium's name")
    if condominium and Field.UNIT not in fields:
        raise UsageError(
            'no column names the units of the condominium; say which does (--map "COLUMN=unit"), or leave '
            "--condominium out: then they are contacts without a unit"
        )
    if Field.UNIT in fields and Field.CONDOMINIUM not in fields and not condominium:
        raise UsageError(
            "the rows name units and no condominium; add --condominium NAME, or leave the column out: "
            '--map "{column}=-"',
            column=next(table.headers[at] for at, name in table.fields.items() if name is Field.UNIT),
        )


def _remembered(connection: Connection) -> dict[str, Mapping[str, str]]:
    rows = connection.execute(select(ColumnMapping.headers_key, ColumnMapping.fields))
    return {row.headers_key: row.fields for row in rows}


def _outcome(studied: _Studied, *, written: bool) -> Imported:
    wrong = studied.plan.wrong
    rejected = tuple(row for row in studied.table.rows if row.number in wrong)
    return Imported(studied.table, studied.plan, written, rejected)
