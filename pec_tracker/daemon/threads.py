"""How many threads does the watch take? A few for all mailboxes, and one for each that hangs.

A job shows that it is alive by looking at whether to stop. One that has been silent for a moment waits for a server:
it keeps its thread, and its place is given to the next, so that it holds nobody but itself.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Final

LIVELY: Final = 8  # at work at once; those that wait for a server are not counted
PATIENCE: Final = 2.0  # seconds without a sign of life, after which a job waits for a server
MOST: Final = 500  # threads, whatever hangs: beyond, jobs wait


class FewThreads:
    """Begins what it is given, in order, as soon as a place is free. Keys name what is at work."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Hashable, Callable[[], None]]] = deque()
        self._signs: dict[Hashable, float] = {}  # of what is at work: its last sign of life
        self._changed = threading.Condition()

    def begin(self, key: Hashable, call: Callable[[], None]) -> None:
        """Do *call*, now or when a place is free. It must raise nothing."""
        with self._changed:
            self._waiting.append((key, call))
        self.begin_more()

    def begin_more(self) -> None:
        """Begin what waits, while there are places; asked now and then, since a job that falls silent tells nobody."""
        with self._changed:
            while self._waiting and self._lively() < LIVELY and len(self._signs) < MOST:
                key, call = self._waiting.popleft()
                self._signs[key] = time.monotonic()
                threading.Thread(target=self._do, args=(key, call), name=f"job {key}", daemon=True).start()

    def begin_no_more(self) -> None:
        """Forget what waits; what is at work goes on."""
        with self._changed:
            self._waiting.clear()

    def sign(self, key: Hashable) -> None:
        """What *key* names goes on."""
        with self._changed:
            if key in self._signs:
                self._signs[key] = time.monotonic()

    def silent_for(self, key: Hashable) -> float | None:
        """Seconds since the last sign of life; None while it is not at work."""
        with self._changed:
            last = self._signs.get(key)
        return None if last is None else time.monotonic() - last

    @property
    def count(self) -> int:
        """How many are at work."""
        with self._changed:
            return len(self._signs)

    def wait_idle(self, seconds: float) -> bool:
        """Wait until none is at work; False where that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._signs, seconds)

    def _lively(self) -> int:
        now = time.monotonic()
        return sum(now - last < PATIENCE for last in self._signs.values())

    def _do(self, key: Hashable, call: Callable[[], None]) -> None:
        try:
            call()
        finally:
            with self._changed:
                del self._signs[key]
                self._changed.notify_all()
            self.begin_more()
