"""What does the house know that speaks against sending this now? Space, the same document, the same letter today.

None of it stops a message: it is told, and a person decides. Only what who asks may read is looked at.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, select

from pec_tracker.askers import Asker
from pec_tracker.db.engine import reading
from pec_tracker.db.passing import QuotaSample
from pec_tracker.db.tables import Message, Recipient
from pec_tracker.pec.compose import Outgoing
from pec_tracker.pec.evidence import address_key
from pec_tracker.pec.finding import Finding, finding
from pec_tracker.pec.folding import fold
from pec_tracker.pec.standard import ReceiptForm
from pec_tracker.pec.states import State
from pec_tracker.service.house import Account, House
from pec_tracker.service.verbs import among

RECEIPT_BYTES: Final = 12 * 1024  # an acceptance, a notice, a brief receipt: about as much, whatever was sent
ENCLOSED: Final = 1.4  # a complete receipt is so many times as long as the message: it is encoded once more
LATELY: Final = timedelta(days=1)
LOOKED_AT: Final = 200  # messages to one recipient, the newest first
TOLD: Final = 20  # findings of one kind


def known_before(
    asker: Asker,
    house: House,
    account: Account,
    outgoing: Outgoing,
    *,
    form: str,
    subject: str,
    documents: Sequence[str],
) -> list[Finding]:
    """What speaks against sending *outgoing* now; *documents* are the SHA-256 (hex) of what is attached."""
    with reading(house.engine) as connection:
        return [
            *_space(connection, account, outgoing, form),
            *islice(_documents(connection, asker, outgoing.rcpt_to, documents), TOLD),
            *islice(_today(connection, asker, house, outgoing.rcpt_to, subject), TOLD),
        ]


def receipts_bytes(size: int, recipients: int, form: str) -> int:
    """How much space a message of *size* bytes and the receipts of its *recipients* take, about."""
    each = RECEIPT_BYTES + (int(size * ENCLOSED) if form == ReceiptForm.COMPLETE else 0)
    return size + RECEIPT_BYTES + each * recipients


def free_bytes(connection: Connection, account: Account) -> int | None:
    """How much space the mailbox has, as its server said last; None where it has no limit, or was not asked yet."""
    newest = select(QuotaSample.used, QuotaSample.limit).where(QuotaSample.mailbox_id == account.id)
    sample = connection.execute(newest.order_by(QuotaSample.at.desc()).limit(1)).one_or_none()
    limit = account.quota.limit_bytes or (sample.limit if sample is not None else None)
    return None if sample is None or not limit else max(0, limit - sample.used)


def _space(connection: Connection, account: Account, outgoing: Outgoing, form: str) -> Iterator[Finding]:
    free = free_bytes(connection, account)
    needed = receipts_bytes(len(outgoing.raw), len(outgoing.rcpt_to), form)
    if free is not None and needed > free:
        yield replace(finding("receipts-lack-space", account.name), measured=needed, limit=free)


def _documents(
    connection: Connection, asker: Asker, recipients: Sequence[str], documents: Sequence[str]
) -> Iterator[Finding]:
    """Recipients whom a delivery receipt proves to have an attachment of this content."""
    if not documents:
        return
    for recipient in recipients:
        delivered = _to(asker, recipient, Message.key, Message.fingerprint, Recipient.delivered_at)
        delivered = delivered.where(Recipient.state == State.DELIVERED, Recipient.delivered_at.is_not(None))
        for row in connection.execute(delivered):
            kept = {part["sha256"] for part in (row.fingerprint or {}).get("parts", ()) if part["filename"]}
            if kept.intersection(documents):
                yield replace(finding("document-known", recipient), message=row.key, at=row.delivered_at)
                break


def _today(
    connection: Connection, asker: Asker, house: House, recipients: Sequence[str], subject: str
) -> Iterator[Finding]:
    since = house.clock.now() - LATELY
    for recipient in recipients:
        lately = _to(asker, recipient, Message.key, Message.created_at)
        lately = lately.where(Message.created_at >= since, Message.subject_key == fold(subject))
        if (row := connection.execute(lately.limit(1)).first()) is not None:
            yield replace(finding("written-today", recipient), message=row.key, at=row.created_at)


def _to(asker: Asker, recipient: str, *columns: Any) -> Any:
    """The newest messages to *recipient* that who asks may read."""
    joined = select(*columns).join(Recipient, Recipient.message_id == Message.id)
    found = joined.where(Recipient.address_key == address_key(recipient), among(asker, Message.mailbox_id))
    return found.order_by(Recipient.message_id.desc()).limit(LOOKED_AT)
