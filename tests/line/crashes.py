"""Every way to die: at each point that an act passes, each time that it passes it."""

import os
import signal
from collections.abc import Sequence

from pec_tracker import crash
from tests.archive.killed import Act, in_another_process


def points_passed(act: Act) -> list[str]:
    """The crash points that *act* passes, in order, when nothing goes wrong."""
    passed: list[str] = []
    crash.install(passed.append)
    try:
        act()
    finally:
        crash.install(None)
    return passed


def first_and_last(passed: Sequence[str]) -> list[int]:
    """Where in *passed* each point is passed for the first and for the last time."""
    backwards = list(reversed(passed))
    places = {passed.index(point) for point in passed} | {len(passed) - 1 - backwards.index(p) for p in passed}
    return sorted(places)


def killed_at_pass(number: int, act: Act) -> None:
    """Run *act* in a forked process that kill -9 ends at the point that it passes as the *number*-th, from 0."""
    left = [number]

    def count(_point: str) -> None:
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1

    def until_killed() -> None:
        crash.install(count)
        act()

    status = in_another_process(until_killed)
    assert status == -signal.SIGKILL, f"it ended with {status} before point {number}"
