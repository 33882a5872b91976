"""What a user would lose: a message to many, taken in, proved and verified in the time that its bytes take."""

import gc
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from pec_tracker import osfiles
from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import sqlite_url
from pec_tracker.errors import ObjectMissingError
from pec_tracker.pec import journey
from pec_tracker.service.house import House
from pec_tracker.service.proof import sources as proof_sources
from pec_tracker.service.proof.make import proof
from pec_tracker.service.proof.verify import verify_package
from tests.factory import receipts
from tests.service.house import account_of, bring, compose_as, open_house, place_of

KEY = "pt0000000000000000000000ab"


def written_to(folder: Path, count: int, attachments: Sequence[tuple[str, bytes]] = ()) -> tuple[House, list[bytes]]:
    """A house with a message to so many, and its receipts."""
    house = open_house(sqlite_url(folder / f"{count}.db"), folder / str(count))
    to = tuple(f"r{number:04}@pec.example" for number in range(count))
    sent = receipts.original(to=to, attachments=attachments)
    compose_as(house, account_of(house), sent, key=KEY, reference=receipts.REFERENCE, to=to)
    later = receipts.ISSUED_AT + timedelta(minutes=1)
    delivered = [
        receipts.receipt("avvenuta-consegna", recipients=to, recipient=one, original=sent, issued_at=later)
        for one in to
    ]
    return house, [receipts.receipt("accettazione", recipients=to), *delivered]


@contextmanager
def counted(module: object, name: str) -> Iterator[list[int]]:
    """How often a function is called in the block."""
    calls = [0]
    real: Callable[..., object] = getattr(module, name)

    def counting(*args: object, **named: object) -> object:
        calls[0] += 1
        return real(*args, **named)

    with patch.object(module, name, counting):
        yield calls


def test_a_journey_asks_each_evidence_about_its_own_recipient(tmp_path: Path) -> None:
    made = []
    for count in (100, 200):
        house, mails = written_to(tmp_path, count)
        with counted(journey, "address_key") as calls:
            bring(house, place_of(account_of(house)), mails)
        made.append(calls[0])
        house.engine.dispose()
    assert made[1] <= 2.2 * made[0]


def test_a_package_reads_each_of_its_mails_once_when_made_and_once_when_verified(tmp_path: Path) -> None:
    house, mails = written_to(tmp_path, 20)
    bring(house, place_of(account_of(house)), mails)
    with counted(proof_sources, "read") as calls:
        package = proof(OPERATOR, house, KEY)
    assert calls[0] == len(mails)
    with counted(proof_sources, "read") as calls:
        assert verify_package(package.content, house.trust).sound
    assert calls[0] == len(mails)
    house.engine.dispose()


def test_memory_does_not_grow_with_the_receipts_of_a_message(tmp_path: Path) -> None:
    peaks = []
    for count in (20, 80):
        house, mails = written_to(tmp_path, count, [("contratto.txt", bytes(200_000))])
        bring(house, place_of(account_of(house)), mails)
        weight = sum(map(len, mails))
        del mails
        target = tmp_path / f"{count}.zip"
        peaks.append((_peak(lambda: _prove(house, target)), _peak(lambda: _verify(house, target))))  # noqa: B023
        house.engine.dispose()
        assert weight > count * 270_000
    # The mails grow by 17 MB. Each receipt lists all recipients: the report, held a few times, grows with their square.
    assert [most - least < 6_000_000 for least, most in zip(*peaks, strict=True)] == [True, True], peaks


def _prove(house: House, target: Path) -> None:
    osfiles.write_out(target, proof(OPERATOR, house, KEY).pieces(), replace=True)


def _verify(house: House, target: Path) -> None:
    with target.open("rb") as opened:
        assert verify_package(opened, house.trust).sound


def _peak(act: Callable[[], object]) -> int:
    """The most bytes that Python held at once while *act* ran, beyond those before: of two runs the fewer, for what
    other threads of this process hold meanwhile counts too."""
    return min(_held(act), _held(act))


def _held(act: Callable[[], object]) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_package_whose_reading_fails_midway_leaves_no_file(tmp_path: Path) -> None:
    house, mails = written_to(tmp_path, 3)
    bring(house, place_of(account_of(house)), mails)
    package = proof(OPERATOR, house, KEY)
    digest = next(entry["sha256"] for entry in package.report["proof"] if entry["kind"] == "delivery")
    house.archive.delete(digest, Suffix.MAIL)
    target = tmp_path / "out" / "proof.zip"
    target.parent.mkdir()
    with pytest.raises(ObjectMissingError):
        osfiles.write_out(target, package.pieces(), replace=False)
    assert list(target.parent.iterdir()) == []
    house.engine.dispose()
