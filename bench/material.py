"""Receipts for the benchmarks: made by the sandbox, the same for the same count."""

from datetime import UTC, datetime
from pathlib import Path

from pec_tracker import anchors
from pec_tracker.pec.trust import Trust
from pec_tracker.sandbox.bulk import Bulk, write_bulk
from pec_tracker.sandbox.ca import Authority
from pec_tracker.sandbox.layout import Office
from pec_tracker.sandbox.providers import DEFAULT_PROVIDERS

ADDRESS = "mittente@pec.sandbox.test"


def office(ca: Path) -> Office:
    """The provider that signs; its authority lies in *ca*."""
    return Office(DEFAULT_PROVIDERS[0], Authority(ca).signer(DEFAULT_PROVIDERS[0]))


def bulk(count: int) -> Bulk:
    """*count* receipts of up to 60 kB for messages of ADDRESS."""
    return Bulk(count=count, sender=ADDRESS, until=datetime(2026, 11, 1, tzinfo=UTC))


def mails_in(folder: Path, ca: Path, *, count: int) -> int:
    """Write the receipts into *folder*; their bytes in all."""
    return write_bulk(bulk(count), folder, office=office(ca))


def sandbox_trust(ca: Path) -> Trust:
    """The sandbox's authority as the only anchor."""
    return anchors.from_paths([Authority(ca).ca_file])
