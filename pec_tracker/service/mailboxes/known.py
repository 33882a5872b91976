"""Which row and which ledger key has a mailbox? Its settings live in the configuration; the database knows its name."""

import hashlib
from base64 import b32encode
from collections.abc import Sequence

from sqlalchemy import Connection, Row, insert, or_, select, update

from pec_tracker.askers import Act, Asker
from pec_tracker.db.engine import in_one_transaction, reading, storage_errors
from pec_tracker.db.tables import Mailbox
from pec_tracker.errors import ConfigurationError, UsageError
from pec_tracker.ledger import lines, records
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.service.house import Account, House
from pec_tracker.service.verbs import verb


def known_mailbox(house: House, name: str, address: str, *, formerly: Sequence[str] = ()) -> tuple[int, str]:
    """The row id and key of a mailbox, made when it is met for the first time; a changed address is a new record, and
    so is another name: what was archived under one of its former names stays its own.

    ConfigurationError where the name was another mailbox's before.
    """
    with reading(house.engine) as connection:
        row = _row(connection, name, address, formerly)
    if row is not None and (row.address, row.name) == (address, name):
        return row.id, row.key
    key = row.key if row is not None else _mailbox_key(name)
    record = records.mailbox(key, name, address)
    house.archive.put_many([record])
    now = house.clock.now()

    def work(connection: Connection) -> int:
        there = _row(connection, name, address, formerly)
        if there is not None and (there.address, there.name) == (address, name):
            return int(there.id)
        if there is not None:
            connection.execute(update(Mailbox).where(Mailbox.id == there.id).values(address=address, name=name))
            mailbox_id = int(there.id)
        else:
            added = insert(Mailbox).values(key=key, name=name, address=address, known_at=now).returning(Mailbox.id)
            mailbox_id = int(connection.execute(added).scalar_one())
        lines.append(connection, [lines.new_line(LedgerAct.MAILBOX_KNOWN, at=now, mailbox=key, record=record.sha256)])
        return mailbox_id

    with storage_errors():
        return in_one_transaction(house.engine, work), key


@verb(Act.ADMINISTER)
def require_free(asker: Asker, house: House, account: Account, name: str) -> None:
    """UsageError where *name* is, or was when it was met, another mailbox than *account*."""
    same = or_(Mailbox.name == name, Mailbox.key == _mailbox_key(name))
    with reading(house.engine) as connection:
        taken = connection.scalar(select(Mailbox.id).where(same, Mailbox.id != account.id)) is not None
    if taken:
        raise UsageError(
            "the archive knows another mailbox as {name}, and what is archived of it stays apart; choose another name",
            name=name,
        )


def _row(
    connection: Connection, name: str, address: str | None, formerly: Sequence[str]
) -> Row[int, str, str, str | None] | None:
    """The mailbox's row: by its name, else by a former one; None where it is met for the first time."""
    names = (name, *formerly)
    # A rebuild without the mailbox's record knows it by its key alone, which then is its name.
    called = (*names, *map(_mailbox_key, names))
    columns = select(Mailbox.id, Mailbox.key, Mailbox.name, Mailbox.address)
    rows = connection.execute(columns.where(or_(Mailbox.name.in_(called), Mailbox.key == _mailbox_key(name)))).all()
    found = min(rows, key=lambda row: called.index(row.name) if row.name in called else len(called), default=None)
    if found is None or found.name in called or found.address is None or _same(found.address, address):
        return found
    raise ConfigurationError(
        "the mailbox {other} ({address}) was called {name} before, and what is archived under that name is its own; "
        "give this mailbox another name",
        other=found.name,
        address=found.address,
        name=name,
    )


def _same(one: str, other: str | None) -> bool:
    return other is not None and one.casefold() == other.casefold()


def lock_mailbox(connection: Connection, mailbox_id: int) -> None:
    """Until the transaction ends one process has the mailbox. Two that bring mail would make the same rows, and the one
    with the larger batch would begin again and again; two that send would both have the turn. SQLite lets one write at
    a time anyway.
    """
    connection.execute(select(Mailbox.id).where(Mailbox.id == mailbox_id).with_for_update(key_share=True))


def _mailbox_key(name: str) -> str:
    """A key that does not tell the name, and is the same for the same name."""
    return "m" + b32encode(hashlib.sha256(f"mailbox {name}".encode()).digest()).decode().lower()[:15]
