"""Processes that die like a power cut does: forked from this one, killed at a named point."""

import os
import signal
import traceback
import warnings
from collections.abc import Callable

from pec_tracker import crash

Act = Callable[[], object]


def killed_at(point: str, act: Act) -> bool:
    """Run *act* in a forked process that kill -9 ends at the crash *point*; whether it came to that point."""

    def until_killed() -> None:
        crash.install(lambda passed: os.kill(os.getpid(), signal.SIGKILL) if passed == point else None)
        act()

    return in_another_process(until_killed) == -signal.SIGKILL


def in_another_process(act: Act) -> int:
    """Run *act* in a forked process; its exit status: 0 when it returned, 1 when it raised."""
    return at_once([act])[0]


def at_once(acts: list[Act]) -> list[int]:
    """Run each of *acts* in a forked process of its own, all at once; their exit statuses."""
    children = [_start(act) for act in acts]
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def _start(act: Act) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # later Pythons warn of forking beside threads
        child = os.fork()
    if child != 0:
        return child
    status = 1
    try:
        act()
        status = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(status)
