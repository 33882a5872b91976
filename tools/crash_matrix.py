"""Does every letter arrive once, whatever dies and whenever? Plays many lives of a house against the sandbox.

    python tools/crash_matrix.py [--runs N] [--seed N] [--first N]

Each run writes letters (queued, as drafts, by the gateway), sends them and collects their receipts, with kill -9 at a
random crash point or a line that is cut at a random byte, of the gateway's dialogue and of the provider's. What then
comes of it is counted at the sandbox and held against what the house says: tests/line/matrix.py has the rules.
`make test` plays a few. Files lie in TMPDIR: in memory it is fastest. Ctrl-C ends it with a summary.
Status 1 when a letter was doubled or lost, or a state is wrong; the same seed and number play a run again.
"""

import argparse
import logging
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOLD_EVERY = 100  # runs


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=20261127)
    parser.add_argument("--first", type=int, default=0, help="the number of the first run")
    chosen = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    import structlog

    from tests.line.matrix import Matrix, Summary

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    summary = Summary(chosen.seed)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Matrix(Path(folder), chosen.seed) as matrix:
        try:
            for number in range(chosen.first, chosen.first + chosen.runs):
                run = matrix.play(number)
                summary.add(run)
                for told in run.wrong:
                    print(f"run {number}: {told} [{', '.join(run.faults)}]", file=sys.stderr, flush=True)
                if summary.runs % TOLD_EVERY == 0:
                    print(f"{summary.runs} runs, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            print("Interrupted; this is what was played:", file=sys.stderr)
    for line in summary.lines():
        print(line)
    return 0 if summary.good else 1


if __name__ == "__main__":
    sys.exit(main())
