"""How many signatures are verified a second, beside `openssl cms -verify` as a process for each?"""

import statistics
import subprocess
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from bench.material import mails_in, sandbox_trust
from pec_tracker.pec.read import read
from pec_tracker.pec.signature import verify

OPENSSL_SAMPLE = 200
PROCESSES = 2


def lines(*, count: int, rounds: int) -> list[str]:
    """Measure and say; two processes, as `check` and the first collect would use them."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        total = mails_in(folder / "mails", folder / "ca", count=count)
        files = sorted((folder / "mails").iterdir())
        halves = [[str(path) for path in files[start::PROCESSES]] for start in range(PROCESSES)]
        ours, theirs = [], []
        with ProcessPoolExecutor(PROCESSES) as pool:
            list(pool.map(_verify_all, [half[:10] for half in halves], [str(folder / "ca")] * PROCESSES))
            for _ in range(rounds):
                begun = time.perf_counter()
                trusted = sum(pool.map(_verify_all, halves, [str(folder / "ca")] * PROCESSES))
                ours.append(count / (time.perf_counter() - begun))
                if trusted != count:
                    raise RuntimeError(f"only {trusted} of {count} receipts were trusted")
                theirs.append(_openssl(files[:OPENSSL_SAMPLE], folder / "ca" / "root.pem"))
    ratio = statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
    return [
        f"verify, {count} receipts, {total / 1e6:.0f} MB, read and verified with their chain:",
        f"  pec-tracker, {PROCESSES} processes  {statistics.median(ours):7.0f} a second    (required >= 1500)",
        f"  openssl cms -verify       {statistics.median(theirs):7.0f} a second    (a process each, one at a time)",
        f"  ratio                     {ratio:7.1f}",
    ]


def _verify_all(paths: list[str], ca: str) -> int:
    trust = sandbox_trust(Path(ca))
    now = datetime.now(UTC)
    trusted = 0
    for path in paths:
        raw = Path(path).read_bytes()
        trusted += verify(raw, read(raw), trust, now=now).verdict == "trusted"
    return trusted


def _openssl(files: list[Path], root: Path) -> float:
    begun = time.perf_counter()
    for path in files:
        subprocess.run(
            ["openssl", "cms", "-verify", "-in", str(path), "-CAfile", str(root), "-out", "/dev/null"],
            check=True,
            capture_output=True,
        )
    return len(files) / (time.perf_counter() - begun)
