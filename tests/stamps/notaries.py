"""A mailbox that has its ledger dated, and the receipts that its provider would give."""

from datetime import datetime, timedelta

from sqlalchemy import select

from pec_tracker.clock import ROME
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Message
from pec_tracker.service.house import Account, House
from pec_tracker.service.intake.link import Place
from pec_tracker.service.intake.study import Arrival
from pec_tracker.service.intake.take_in import take_in
from pec_tracker.service.mailboxes.known import known_mailbox
from pec_tracker.wire.endpoint import Endpoint, Login
from tests.factory import receipts

OWN = receipts.SENDER


def notary_account(house: House, *, notary: bool = True, address: str = OWN) -> Account:
    """The account of a mailbox; its servers are never asked here."""
    row_id, key = known_mailbox(house, "studio", address)
    nobody = Endpoint(host="127.0.0.1", port=9)
    return Account(
        id=row_id,
        key=key,
        name="studio",
        address=address,
        smtp=nobody,
        imap=nobody,
        login=lambda: Login("nobody", "nothing"),
        notary=notary,
    )


def queued(house: House, account: Account) -> list[tuple[str, str, str]]:
    """Key, reference and subject of every message of the mailbox."""
    columns = select(Message.key, Message.reference, Message.subject).where(Message.mailbox_id == account.id)
    with reading(house.engine) as connection:
        return [(row.key, row.reference, row.subject) for row in connection.execute(columns.order_by(Message.id))]


def acceptance(house: House, reference: str, subject: str, *, at: datetime | None = None) -> bytes:
    """What the provider answers to a message from the mailbox to itself."""
    issued = (at or house.clock.now() + timedelta(seconds=2)).astimezone(ROME).replace(microsecond=0)
    return receipts.receipt(
        "accettazione", sender=OWN, recipients=[OWN], subject=subject, reference=reference, issued_at=issued
    )


def arrive(house: House, account: Account, *mails: bytes) -> None:
    """Take mails in as a collect does."""
    place = Place(account.id, account.key, account.address, "collected", {})
    arrivals = [Arrival(raw) for raw in mails]
    take_in(house.engine, house.archive.put_many, place, arrivals, trust=house.trust, now=house.clock.now())
