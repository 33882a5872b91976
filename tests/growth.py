"""Time that grows with the size and no faster: how the tests of budgets measure.

What is measured is the processor's time of this process, never the clock on the wall: a machine that does other work
must not make a test fail. Each size is measured again until the shortest times seen fit; a reader that is quadratic
takes four times as long at each step however often it is asked.
"""

import gc
import time
from collections.abc import Callable, Sequence
from itertools import pairwise

STEP = 2.5
"""What a step of double the size may take, as a multiple of the step before."""

FLOOR = 0.05
"""Seconds below which a time says nothing."""

ROUNDS = 6


def seconds(work: Callable[[], object]) -> float:
    """Of the processor, without what others left to collect."""
    gc.collect()
    gc.disable()
    try:
        began = time.process_time()
        work()
        return time.process_time() - began
    finally:
        gc.enable()


def proportional(
    make: Callable[[int], Callable[[], object]], sizes: Sequence[int], floor: float = FLOOR
) -> list[float]:
    """Fails where a size that is twice the one before takes more than two and a half times as long.

    Args:
        make: from a size in bytes to the work; what it does beforehand is not measured.
        sizes: each twice the one before.
        floor: of times below it, no ratio is asked.

    Returns:
        The shortest time of each size, in seconds.
    """
    works = [make(size) for size in sizes]
    best = [float("inf")] * len(works)
    for _ in range(ROUNDS):
        best = [min(known, seconds(work)) for known, work in zip(best, works, strict=True)]
        if all(after <= STEP * max(before, floor) for before, after in pairwise(best)):
            return best
    raise AssertionError([f"{one:.3f}" for one in best])


def within(limit: float, work: Callable[[], object]) -> None:
    """Fails where the work never takes less than `limit` seconds of the processor."""
    best = float("inf")
    for _ in range(ROUNDS):
        best = min(best, seconds(work))
        if best < limit:
            return
    raise AssertionError(f"{best:.2f} s, at most {limit} s")
