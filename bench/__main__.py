"""`make bench`: what must be fast, beside what people use today, in one run, as ratios."""

import argparse
import logging
import platform
from collections.abc import Callable

import structlog

from bench import checking, collecting, inspecting, verifying


def main() -> None:
    """Run the benchmarks that are named, or all, and print their lines."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("what", nargs="*", choices=[[], "collect", "verify", "inspect", "check"], help="default: all")
    parser.add_argument("--count", type=int, default=4000, help="receipts in the mailbox (default 4000)")
    parser.add_argument("--rounds", type=int, default=3, help="counted rounds (default 3)")
    options = parser.parse_args()
    benches: dict[str, Callable[[], list[str]]] = {
        "collect": lambda: collecting.compare(count=options.count, rounds=options.rounds).lines(),
        "verify": lambda: verifying.lines(count=options.count, rounds=options.rounds),
        "inspect": lambda: inspecting.lines(count=10_000, rounds=options.rounds),
        "check": lambda: checking.lines(count=40_000, receipts=options.count, rounds=options.rounds),
    }
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    print(f"Python {platform.python_version()} on {platform.machine()}")
    for name in options.what or benches:
        print("\n".join(benches[name]()), flush=True)


if __name__ == "__main__":  # worker processes import this module too
    main()
