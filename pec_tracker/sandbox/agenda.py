"""What happens when? Actions on the sandbox's clock, in exact order: by due time, then as they were entered."""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from datetime import datetime

import structlog

from pec_tracker.clock import Clock

log = structlog.get_logger()


class Agenda:
    """A list of things to do on a clock that may run faster than the real one. One event loop, no locks.

    Timers of the loop would do, but that two of the same instant have no order there: here the same entries always
    happen in the same order.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._entries)

    def enter(self, due: datetime, action: Callable[[], None]) -> None:
        """Have *action* called when the clock reaches *due* (at once, if it is past)."""
        heapq.heappush(self._entries, (due, next(self._numbers), action))
        self._changed.set()

    async def run(self) -> None:
        """Do what is entered when it is due, until cancelled."""
        while True:
            self._changed.clear()
            self._do_what_is_due()
            try:
                await asyncio.wait_for(self._changed.wait(), self._real_seconds_to_next())
            except TimeoutError:
                continue

    def _do_what_is_due(self) -> None:
        while self._entries and self._entries[0][0] <= self._clock.now():
            action = heapq.heappop(self._entries)[2]
            try:
                action()
            except Exception as error:  # one mail that cannot be made stops no other
                log.error("sandbox.action_failed", exc_info=error)

    def _real_seconds_to_next(self) -> float | None:
        if not self._entries:
            return None
        return max(0.0, self._clock.real_seconds(self._entries[0][0] - self._clock.now()))
