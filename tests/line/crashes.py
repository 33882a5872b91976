"""Every way to die: at each point that an act passes, each time that it passes it."""

import os
import signal
from collections.abc import Sequence

from pec_tracker import crash
from tests.archive.killed import Act, in_another_process

# Before the attempt is committed nothing can have left, after it nobody knows until a receipt tells.
NOTHING_LEFT = ["dispatch.claimed", "dispatch.before-submit", "smtp.before-mail", "smtp.after-rcpt", "smtp.mid-body",
                "smtp.before-dot"]  # fmt: skip
NOBODY_KNOWS = [
    "dispatch.attempt-committed",
    "dispatch.attempt-noted",
    "smtp.after-dot",
    "smtp.after-reply",
    "dispatch.replied",
]
SETTLED = ["dispatch.settled"]


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
