"""Which mails are measured with? Made by the sandbox once, the same for the same count, and kept in the cache."""

import os
import subprocess
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

from bench.trees import CACHE
from pec_tracker.pec.standard import ReceiptForm
from pec_tracker.sandbox import receipts
from pec_tracker.sandbox.bulk import Bulk, bulk_receipts
from pec_tracker.sandbox.ca import Authority
from pec_tracker.sandbox.certification import Recipient
from pec_tracker.sandbox.layout import Notice, Office, signed_mail
from pec_tracker.sandbox.original import Letter, rewritten
from pec_tracker.sandbox.providers import DEFAULT_PROVIDERS
from pec_tracker.sandbox.receipts import Transaction

ADDRESS = "mittente@pec.sandbox.test"
DOMAIN = ADDRESS.partition("@")[2]
UNTIL = datetime(2026, 11, 1, tzinfo=UTC)
BATCH = 10_000
FRESH = 1_000_000  # the seed of mails that no house holds yet

MATERIAL = CACHE / "mails"
CA = CACHE / "ca"

# A message that one search finds: its two receipts lie among the others of every house.
RARE_WORD = "ornitorinco"
RARE_RECIPIENT = "ornitorinco@azienda.test"
RARE_ID = f"bulk.rare@{DOMAIN}"
MANY_ID = f"bulk.many@{DOMAIN}"


def root() -> Path:
    """The sandbox's authority, to be trusted."""
    return Authority(CA).ca_file


def collected(count: int) -> list[Path]:
    """*count* receipts as files, 15 kB on average, as they come to be collected."""
    folder = MATERIAL / f"collected-{count}"
    if not folder.exists():
        beside = _beside(folder)
        beside.mkdir(parents=True)
        mails = bulk_receipts(Bulk(count, ADDRESS, UNTIL, seed=FRESH + 1, most_bytes=43_000), office=_office())
        for number, raw in enumerate(mails, start=1):
            (beside / f"{number:06}.eml").write_bytes(raw)
        beside.replace(folder)
    return sorted(folder.iterdir())


def kept(count: int) -> list[Path]:
    """*count* small receipts in mailboxes of BATCH, and the two of the rare message; made on every processor."""
    root()  # before several processes would make it
    seeds = range((count + BATCH - 1) // BATCH)
    sizes = [min(BATCH, count - seed * BATCH) for seed in seeds]
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        return [*pool.map(_bulk_mbox, seeds, sizes), rare()]


def fresh() -> Path:
    """BATCH receipts that are not among `kept`."""
    return _bulk_mbox(FRESH, BATCH)


def rare() -> Path:
    """The two receipts of a message whose words nothing else holds."""
    of = _transaction(RARE_ID, f"{RARE_WORD.capitalize()} e altro", [RARE_RECIPIENT], 2_000)
    return _mbox("rare", _answers(of))


def many(recipients: int) -> Path:
    """An acceptance and *recipients* delivery receipts of one message."""
    addresses = [f"destinatario.numero{number}@azienda.test" for number in range(recipients)]
    of = _transaction(MANY_ID, "Comunicazione a tutti", addresses, 8_000)
    return _mbox(f"many-{recipients}", _answers(of))


def _bulk_mbox(seed: int, count: int) -> Path:
    until = UNTIL + timedelta(days=7) if seed == FRESH else UNTIL - timedelta(minutes=seed * BATCH // 2)
    small = Bulk(count, ADDRESS, until, seed=seed, most_bytes=2_000)
    return _mbox(f"kept-{seed}-{count}", bulk_receipts(small, office=_office()))


def _answers(of: Transaction) -> Iterator[bytes]:
    office, at = _office(), UNTIL - timedelta(days=1)
    yield _signed(receipts.acceptance(of, by=office.provider, at=at), of, office, 2)
    for number, recipient in enumerate(of.recipients):
        notice = receipts.delivery(of, by=office.provider, at=at + timedelta(seconds=8), recipient=recipient)
        yield _signed(notice, of, office, 3 + number)


def _signed(notice: Notice, of: Transaction, office: Office, number: int) -> bytes:
    identifier = of.identifier.replace(".1.1@", f".1.{number}@")
    return signed_mail(notice, office=office, to=of.sender, message_id=identifier)


def _transaction(reference: str, subject: str, recipients: list[str], size: int) -> Transaction:
    identifier = f"sbx-{reference.partition('@')[0]}.1.1@{DOMAIN}"
    line = b"Si comunica quanto segue, con ogni riserva e senza alcun riconoscimento.\r\n"
    to = ",\r\n ".join(recipients)
    head = f"From: {ADDRESS}\r\nTo: {to}\r\nMessage-ID: <{reference}>\r\nSubject: {subject}\r\n"
    kind = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
    letter = Letter.read(head.encode() + kind + line * (size // len(line)))
    return Transaction(
        sender=ADDRESS,
        recipients=tuple(map(Recipient, recipients)),
        subject=subject,
        replies=ADDRESS,
        identifier=identifier,
        reference=reference,
        form=ReceiptForm.COMPLETE,
        original=rewritten(letter, identifier=identifier),
    )


def _office() -> Office:
    return Office(DEFAULT_PROVIDERS[0], Authority(CA).signer(DEFAULT_PROVIDERS[0]))


def _mbox(name: str, mails: Iterable[bytes]) -> Path:
    """The mails as an mbox in the cache; made only where it is not there."""
    file = MATERIAL / f"{name}.mbox"
    if not file.exists():
        MATERIAL.mkdir(parents=True, exist_ok=True)
        beside = _beside(file)
        with beside.open("wb") as mbox:
            for raw in mails:
                mbox.write(b"From bench Sun Nov  1 00:00:00 2026\r\n" + raw.rstrip(b"\r\n") + b"\r\n\r\n")
        beside.replace(file)
    return file


def _beside(path: Path) -> Path:
    beside = path.with_name(path.name + ".new")
    subprocess.run(["rm", "-rf", str(beside)], check=True)
    return beside
