"""`make bench`: is what must be fast fast? As users run it: the command as a process, start-up included, in turn.

Every row says the median of the counted rounds and their range, what is required, the goal, and whether it is reached.
"""

import argparse
import logging
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from bench import asking, campaigns, collecting, importing, reading, sending, watching
from bench.figures import Block
from bench.rounds import Bench
from bench.running import FailedError
from bench.trees import CACHE, here, other

BENCHES: Final[dict[str, Callable[[Bench], Block]]] = {
    "collect": collecting.collect,
    "idle": collecting.idle,
    "ask": asking.inside,
    "cold": asking.cold,
    "retention": asking.retention,
    "import": importing.rates,
    "many": importing.many,
    "proof": asking.proof,
    "dispatch": sending.dispatch,
    "campaign": campaigns.campaign,
    "serve": watching.serve,
    "check": reading.check,
    "size": importing.size,
    "inspect": reading.inspect,
}


def main() -> int:
    """Run the benchmarks that are named, or all; 1 where one could not be run."""
    options = _options()
    trees = (here(), *map(other, options.against))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}", flush=True)
    failed = False
    for name in options.what or BENCHES:
        CACHE.mkdir(exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=CACHE))
        begun = time.monotonic()
        try:
            block = BENCHES[name](Bench(trees, folder, options.rounds, options.mails, options.receipts))
            print("\n".join(["", *block.lines([tree.name for tree in trees])]), flush=True)
            failed |= any(figure.failed(trees[0].name) for figure in block.figures)
        except FailedError as error:
            print(f"\n{name}: {error}", flush=True)
            failed = True
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        print(f"  ({name}: {time.monotonic() - begun:.0f} s)", flush=True)
    return int(failed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("what", nargs="*", metavar="NAME", help=f"default: all of {', '.join(BENCHES)}")
    parser.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="COMMIT",
        help="measure that commit, or the checkout in that folder, beside this one",
    )
    parser.add_argument("--rounds", type=int, default=4, help="counted rounds, after one that warms up (default 4)")
    parser.add_argument("--mails", type=int, default=100_000, help="mails kept in a full house (default 100000)")
    parser.add_argument("--receipts", type=int, default=4000, help="receipts to be collected (default 4000)")
    options = parser.parse_args()
    unknown = [name for name in options.what if name not in BENCHES]
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]}; there are: {', '.join(BENCHES)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
