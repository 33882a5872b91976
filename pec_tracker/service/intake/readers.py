"""Who reads and verifies the mails of a large batch? Worker processes, while this one fetches, archives and writes.

Reading binds a processor more than anything else that is done with a mail. For a few mails this process reads them
itself: starting another takes longer.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar

import structlog

from pec_tracker import workers
from pec_tracker.pec.trust import Trust
from pec_tracker.service.intake.study import Arrival, Studied, study

log = structlog.get_logger()

MANY = 500  # mails from which on a worker is worth its start
MOST_PROCESSES = 4

B = TypeVar("B")

_trust = Trust()  # of a worker process: one object for all its mails, under which chains are remembered


@dataclass(frozen=True, slots=True)
class Reading:
    """A batch that is being read: `arrivals`, and what came of them when asked for."""

    arrivals: tuple[Arrival, ...]
    studied: Callable[[], list[Studied]]


class Readers:
    """Reads batches, in worker processes where `expected` mails are many; a context manager."""

    def __init__(self, trust: Trust, *, expected: int | None) -> None:
        self._trust = trust
        spare = min(MOST_PROCESSES, (os.cpu_count() or 1) - 1)
        self._pool: ProcessPoolExecutor | None = None
        self._workers = spare
        if spare > 0 and (expected is None or expected >= MANY):
            self._pool = workers.pool(spare, _begin_work, trust)
            self._pool.submit(_nothing)  # the worker starts while the first batch is on its way

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def begin(self, arrivals: Sequence[Arrival], *, owner: str | None, now: datetime) -> Reading:
        """Begin to read *arrivals*; those without bytes are passed over."""
        with_bytes = [arrival for arrival in arrivals if arrival.raw is not None]
        if self._pool is None:
            return Reading(tuple(arrivals), lambda: read_all(with_bytes, owner=owner, trust=self._trust, now=now))
        share = -(-len(with_bytes) // self._workers)
        shares = [with_bytes[start : start + share] for start in range(0, len(with_bytes), max(1, share))]
        try:
            futures = [self._pool.submit(_work, some, owner, now) for some in shares]
        except BrokenProcessPool:
            futures = []
        return Reading(tuple(arrivals), lambda: self._gathered(futures, with_bytes, owner=owner, now=now))

    def ahead(
        self, batches: Iterable[tuple[B, Sequence[Arrival]]], *, owner: str | None, now: Callable[[], datetime]
    ) -> Iterator[tuple[B, Reading]]:
        """Each batch with its reading, one batch behind: while one is taken in, the next is fetched and read."""
        waiting: deque[tuple[B, Reading]] = deque()
        for batch, arrivals in batches:
            waiting.append((batch, self.begin(arrivals, owner=owner, now=now())))
            if self._pool is None or len(waiting) > 1:
                yield waiting.popleft()
        yield from waiting

    def _gathered(
        self, futures: Sequence[Future[list[Studied]]], arrivals: list[Arrival], *, owner: str | None, now: datetime
    ) -> list[Studied]:
        try:
            if futures or not arrivals:
                return [studied for future in futures for studied in future.result()]
        except BrokenProcessPool:
            log.warning("reader.died")  # for want of memory, or killed: its mails are read here
        return read_all(arrivals, owner=owner, trust=self._trust, now=now)


def read_all(arrivals: Iterable[Arrival], *, owner: str | None, trust: Trust, now: datetime) -> list[Studied]:
    """Read and verify in this process."""
    return [
        study(arrival, arrival.raw, owner=owner, trust=trust, now=now)
        for arrival in arrivals
        if arrival.raw is not None
    ]


def _begin_work(trust: Trust) -> None:
    global _trust
    _trust = trust


def _work(arrivals: list[Arrival], owner: str | None, now: datetime) -> list[Studied]:
    return read_all(arrivals, owner=owner, trust=_trust, now=now)


def _nothing() -> None:
    """Work for a worker that is to start."""
