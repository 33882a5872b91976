"""Does `inspect` answer at once, and does its memory stay flat over ten thousand receipts?"""

import os
import statistics
import sys
import tempfile
from pathlib import Path

from bench.material import mails_in
from bench.watch import watched

BASE = [sys.executable, "-m", "pec_tracker"]
CHUNK = 1_000


def lines(*, count: int, rounds: int) -> list[str]:
    """Measure `inspect --help`, and `inspect` over a tenth of the mails and over all of them."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        log, env = folder / "log", dict(os.environ)
        helps = [watched([*BASE, "inspect", "--help"], env=env, log=log).seconds for _ in range(rounds + 2)]
        mails_in(folder / "mails", folder / "ca", count=count)
        files = sorted(str(path) for path in (folder / "mails").iterdir())
        trust = ["--trust", str(folder / "ca" / "root.pem")]
        few = watched([*BASE, "inspect", "--json", *trust, *files[: count // 10]], env=env, log=log)
        log.unlink()
        all_of_them = watched([*BASE, "inspect", "--json", *trust, *files], env=env, log=log)
        read = sum(1 for line in log.read_text().splitlines() if '"trusted"' in line)
    return [
        f"inspect --help           {statistics.median(helps):6.2f} s    (required < 0.3)",
        f"inspect of {count} receipts: {read} read and trusted, {count / all_of_them.seconds:.0f} a second,",
        f"  peak memory {all_of_them.peak_bytes / 1e6:.0f} MB; over a tenth of them {few.peak_bytes / 1e6:.0f} MB",
    ]
