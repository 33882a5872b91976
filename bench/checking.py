"""Does `check` re-read an archive about as fast as sha256sum reads the same files?"""

import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from bench.material import ADDRESS, bulk, office, sandbox_trust
from pec_tracker.archive.local import LocalArchive
from pec_tracker.archive.objects import Object, Suffix
from pec_tracker.askers import OPERATOR
from pec_tracker.clock import Clock
from pec_tracker.db.engine import open_engine, sqlite_url
from pec_tracker.ledger import seals
from pec_tracker.sandbox.bulk import bulk_receipts
from pec_tracker.service.house import House, Start
from pec_tracker.service.intake.link import Place
from pec_tracker.service.intake.study import Arrival
from pec_tracker.service.intake.take_in import take_in
from pec_tracker.service.mailboxes.known import known_mailbox
from pec_tracker.service.upkeep.check import check

BATCH = 500


def lines(*, count: int, receipts: int, rounds: int) -> list[str]:
    """Fill an archive with *receipts* taken in whole and plain objects up to *count*; check it beside sha256sum."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        house = _filled(folder, count=count, receipts=receipts)
        ours, theirs = [], []
        for number in range(rounds + 1):
            seconds, findings = _check(house)
            hashed = _sha256sum(folder / "archive" / "objects")
            if number:
                ours.append(seconds)
                theirs.append(hashed)
    ratio = statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
    return [
        f"check of {count} objects ({receipts} of them receipts with rows and ledger lines), {findings} extra objects:",
        f"  pec-tracker check  {statistics.median(ours):6.2f} s",
        f"  sha256sum          {statistics.median(theirs):6.2f} s",
        f"  ratio              {ratio:6.2f}    (required <= 3)",
    ]


def _filled(folder: Path, *, count: int, receipts: int) -> House:
    trust = sandbox_trust(folder / "ca")
    archive = LocalArchive(folder / "archive")
    engine = open_engine(sqlite_url(folder / "pec-tracker.db"))
    house = House(engine, archive, lambda: trust, Clock(), Start(), folder / "spool")
    row_id, key = known_mailbox(house, "bench", ADDRESS)
    place = Place(row_id, key, ADDRESS, "imported", {})
    mails = list(bulk_receipts(bulk(receipts), office=office(folder / "ca")))
    for start in range(0, len(mails), BATCH):
        arrivals = [Arrival(raw=raw) for raw in mails[start : start + BATCH]]
        take_in(engine, archive.put_many, place, arrivals, trust=trust, now=house.clock.now())
    seals.seal_pending(engine, archive, now=house.clock.now())
    plain = [Object(b"%d\r\n" % number + mails[number % len(mails)], Suffix.MAIL) for number in range(count - receipts)]
    for start in range(0, len(plain), BATCH):
        archive.put_many(plain[start : start + BATCH])
    return house


def _check(house: House) -> tuple[float, int]:
    begun = time.perf_counter()
    report = check(OPERATOR, house.engine, house.archive, processes=2)
    seconds = time.perf_counter() - begun
    return seconds, len(report.findings)


def _sha256sum(objects: Path) -> float:
    begun = time.perf_counter()
    subprocess.run(
        f"find {objects} -type f -print0 | xargs -0 sha256sum > /dev/null", shell=True, check=True, cwd=objects
    )
    return time.perf_counter() - begun
