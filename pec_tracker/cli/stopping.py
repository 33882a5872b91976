"""What does Ctrl-C, or the system's SIGTERM, do in the middle of sending? The dialogue with the server is ended first.

Cut off after the final dot nobody knows whether a message left; so we wait a few seconds for the server's word.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Final

from pec_tracker.answers.messages import held_text
from pec_tracker.cli.output import Output
from pec_tracker.osfiles import ToldToStop
from pec_tracker.texts import _

if TYPE_CHECKING:
    from pec_tracker.clock import Clock
    from pec_tracker.service.sending.pace import Held

LOOK_EVERY: Final = 0.25  # seconds between looks at whether to stop


@contextmanager
def until_told(output: Output) -> Iterator[Callable[[], bool]]:
    """Whether somebody said stop, for the length of the block; the first time that is asked and so, it is said."""
    said = threading.Event()
    with ToldToStop() as told:

        def stop() -> bool:
            if told() and not said.is_set():
                said.set()
                output.note(_("Interrupted: what is under way with the server is brought to its end (a few seconds)."))
            return told()

        yield stop


def waiting(
    output: Output, clock: "Clock", held: Callable[[], "Held | None"], stop: Callable[[], bool]
) -> Callable[[datetime], bool]:
    """Waits for a turn that the provider's pace gives, and says how long and why, as *held* tells it; False where
    somebody said stop."""

    def wait(at: datetime) -> bool:
        seconds = clock.real_seconds(at - clock.now())
        if (why := held()) is not None:
            text = _("Waiting {seconds} s: {why}.")
            output.note(text.format(seconds=max(1, math.ceil(seconds)), why=held_text(why)))
        return rest(seconds)

    rest = resting(stop)
    return wait


def resting(stop: Callable[[], bool]) -> Callable[[float], bool]:
    """Waits for so many real seconds; False where somebody said stop."""

    def rest(seconds: float) -> bool:
        until = time.monotonic() + seconds
        while not stop() and (left := until - time.monotonic()) > 0:
            time.sleep(min(LOOK_EVERY, left))
        return not stop()

    return rest
