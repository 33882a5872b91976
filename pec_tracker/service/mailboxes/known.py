"""Which row and which ledger key has a mailbox? Its settings live in the configuration; the database knows its name."""

import hashlib
from base64 import b32encode

from sqlalchemy import Connection, insert, select, update

from pec_tracker.db.engine import in_one_transaction, reading, storage_errors
from pec_tracker.db.tables import Mailbox
from pec_tracker.ledger import lines, records
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.service.house import House


def known_mailbox(house: House, name: str, address: str) -> tuple[int, str]:
    """The row id and key of a mailbox, made when it is met for the first time; a changed address is a new record."""
    # A rebuild without the mailbox's record knows it by its key alone, which then is its name.
    called = Mailbox.name.in_((name, _mailbox_key(name)))
    with reading(house.engine) as connection:
        columns = select(Mailbox.id, Mailbox.key, Mailbox.name, Mailbox.address)
        row = connection.execute(columns.where(called)).first()
    if row is not None and (row.address, row.name) == (address, name):
        return row.id, row.key
    key = row.key if row is not None else _mailbox_key(name)
    record = records.mailbox(key, name, address)
    house.archive.put_many([record])
    now = house.clock.now()

    def work(connection: Connection) -> int:
        there = connection.execute(select(Mailbox.id, Mailbox.name, Mailbox.address).where(called)).first()
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


def lock_mailbox(connection: Connection, mailbox_id: int) -> None:
    """Until the transaction ends one process has the mailbox. Two that bring mail would make the same rows, and the one
    with the larger batch would begin again and again; two that send would both have the turn. SQLite lets one write at
    a time anyway.
    """
    connection.execute(select(Mailbox.id).where(Mailbox.id == mailbox_id).with_for_update(key_share=True))


def _mailbox_key(name: str) -> str:
    """A key that does not tell the name, and is the same for the same name."""
    return "m" + b32encode(hashlib.sha256(f"mailbox {name}".encode()).digest()).decode().lower()[:15]
