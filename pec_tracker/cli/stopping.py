"""What does Ctrl-C, or the system's SIGTERM, do in the middle of sending? The dialogue with the server is ended first.

Cut off after the final dot nobody knows whether a message left; so we wait a few seconds for the server's word.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pec_tracker.cli.output import Output
from pec_tracker.osfiles import ToldToStop
from pec_tracker.texts import _


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


def waiting(output: Output) -> Callable[[int], None]:
    """Says how long the provider's pace makes a message wait."""

    def tell(seconds: int) -> None:
        text = _("Waiting {seconds} s: the provider takes only so many messages a minute.")
        output.note(text.format(seconds=seconds))

    return tell
