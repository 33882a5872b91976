"""Processes that tell which crash points they pass, and die like a power cut does at the one that is theirs."""

import os
import signal
import threading
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pec_tracker import crash

# After the one and before the other nobody knows whether the letter at hand has left.
OPENED: Final = "dispatch.attempt-committed"
CLOSED: Final = "dispatch.settled"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: by kill -9 at one of its points or not, and which it had passed."""

    killed: bool
    passed: tuple[str, ...]

    @property
    def unsure(self) -> bool:
        """Whether it may have been sending a letter of which nobody knows whether it left: the last one that it tried.

        Who was not killed may have lost the line at the same place, and then wrote down what he did not know.
        """
        backwards = self.passed[::-1]
        if OPENED not in backwards:
            return False
        return not self.killed or CLOSED not in backwards[: backwards.index(OPENED)]


class Mortal:
    """A forked process that does *act*, and that kill -9 ends at the pass *die_at*, counted from 0; None: at none."""

    def __init__(self, act: Callable[[], object], die_at: int | None = None) -> None:
        self._heard, told = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # later Pythons warn of forking beside threads
            self._child = os.fork()
        if self._child == 0:
            _live(act, told, die_at)
        os.close(told)

    def end(self, sign: signal.Signals | None = None) -> Ended:
        """Wait until it has ended, of which *sign* may tell it; raises AssertionError where it failed."""
        if sign is not None:
            os.kill(self._child, sign)
        with os.fdopen(self._heard, "rb") as heard:
            passed = heard.read().decode().split()
        status = os.waitstatus_to_exitcode(os.waitpid(self._child, 0)[1])
        assert status in (0, -signal.SIGKILL), f"a process failed with {status}; it wrote why"
        return Ended(status != 0, tuple(passed))


def _live(act: Callable[[], object], told: int, die_at: int | None) -> None:
    """What the child does; it does not return."""
    left = [die_at]
    one_at_a_time = threading.Lock()

    def pass_on(point: str) -> None:
        with one_at_a_time:
            os.write(told, f"{point}\n".encode())
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
                signal.pause()
            left[0] = None if left[0] is None else left[0] - 1

    status = 1
    try:
        crash.install(pass_on)
        act()
        status = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(status)
