"""Where does a benchmark get thousands of receipts? Made straight away, without SMTP and without waiting.

Half are acceptances, half complete delivery receipts whose originals vary in size. A signed receipt with its two
certificates is about 8 kB: smaller ones do not exist, so the smallest asked for are as small as can be.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pec_tracker.pec.standard import ReceiptForm
from pec_tracker.sandbox import receipts
from pec_tracker.sandbox.certification import Recipient
from pec_tracker.sandbox.layout import Notice, Office, signed_mail
from pec_tracker.sandbox.original import Letter, rewritten, text_field
from pec_tracker.sandbox.receipts import Transaction

_WORDS = ("fattura", "contratto", "diffida", "verbale", "condominio", "ricorso", "preventivo", "ordine", "delibera")
_FRAME_BYTES = 9_500  # what a receipt weighs without its original
_LINE_BYTES = 78


@dataclass(frozen=True, slots=True)
class Bulk:
    """What to make: *count* receipts about messages of *sender*, one message a minute back from *until*."""

    count: int
    sender: str
    until: datetime
    seed: int = 0
    least_bytes: int = 2_000
    most_bytes: int = 60_000


def bulk_receipts(bulk: Bulk, *, office: Office) -> Iterator[bytes]:
    """The receipts, the two of a message one after the other; the same for the same arguments."""
    chance = random.Random(bulk.seed)
    for number in range((bulk.count + 1) // 2):
        at = bulk.until.replace(microsecond=0) - timedelta(minutes=number)
        of = _transaction(bulk, number, at, chance)
        recipient = of.recipients[0]
        accepted = receipts.acceptance(of, by=office.provider, at=at)
        yield _mail(accepted, of, office, kind=2)
        if 2 * number + 1 < bulk.count:
            delivered = receipts.delivery(of, by=office.provider, at=at + timedelta(seconds=8), recipient=recipient)
            yield _mail(delivered, of, office, kind=3)


def write_bulk(bulk: Bulk, folder: Path, *, office: Office) -> int:
    """The receipts as `000001.eml` and on in *folder*; their bytes in all."""
    folder.mkdir(parents=True, exist_ok=True)
    total = 0
    for number, raw in enumerate(bulk_receipts(bulk, office=office), start=1):
        total += (folder / f"{number:06}.eml").write_bytes(raw)
    return total


def _mail(notice: Notice, of: Transaction, office: Office, *, kind: int) -> bytes:
    message_id = of.identifier.replace(".1.1@", f".1.{kind}@")
    return signed_mail(notice, office=office, to=of.sender, message_id=message_id)


def _transaction(bulk: Bulk, number: int, at: datetime, chance: random.Random) -> Transaction:
    subject = f"{chance.choice(_WORDS).capitalize()} {chance.choice(_WORDS)} n. {number}"
    domain = bulk.sender.partition("@")[2]
    reference = f"bulk.{bulk.seed}.{number}@{domain}"
    recipient = f"destinatario{number}@azienda.test"
    size = max(0, chance.randint(bulk.least_bytes, bulk.most_bytes) - _FRAME_BYTES)
    letter = Letter.read(
        b"From: %b\r\nTo: %b\r\nMessage-ID: <%b>\r\n" % (bulk.sender.encode(), recipient.encode(), reference.encode())
        + text_field("Subject", subject).raw
        + b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
        + _text(size, chance)
    )
    identifier = f"sbx-bulk{bulk.seed}.{number}.1.1@{domain}"
    return Transaction(
        sender=bulk.sender,
        recipients=(Recipient(recipient),),
        subject=subject,
        replies=bulk.sender,
        identifier=identifier,
        reference=reference,
        form=ReceiptForm.COMPLETE,
        original=rewritten(letter, identifier=identifier),
    )


def _text(size: int, chance: random.Random) -> bytes:
    """Words in lines, *size* bytes or a little more."""
    line = " ".join(chance.choices(_WORDS, k=12))[:_LINE_BYTES].strip().encode("ascii") + b"\r\n"
    return line * (size // len(line) + 1)
