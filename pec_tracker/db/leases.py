"""Who is at work on this now? Leases save double work; constraints and compare-and-set keep the promises.

Leases run on real time, never on an accelerated clock. A lease that ends further ahead than its own span was taken by
a clock that was ahead, and one of a process of this machine that has ended is nobody's: both are free at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from pec_tracker.db.engine import reading, storage_errors, writing
from pec_tracker.db.passing import Lease
from pec_tracker.presence import Presence

LEASE = timedelta(minutes=5)


def until(span: timedelta | None = None) -> datetime:
    """When a lease that is taken now runs out: after *span*, by default LEASE, of real time."""
    return datetime.now(UTC) + (LEASE if span is None else span)


def is_over(presence: Presence, owner: str | None, until: datetime | None, *, span: timedelta | None = None) -> bool:
    """Whether whoever held a lease of *span* (default LEASE) *until* then holds it no more."""
    now = datetime.now(UTC)
    if until is None or owner is None or not now < until <= now + (LEASE if span is None else span):
        return True
    return presence.gone(owner)


def acquire(engine: Engine, name: str, *, owner: str, presence: Presence, span: timedelta | None = None) -> bool:
    """Take or renew the lease *name* for *span* (default LEASE); False while somebody else holds it."""
    with storage_errors():
        try:
            with engine.begin() as connection:
                held = connection.execute(select(Lease.owner, Lease.until).where(Lease.name == name)).one_or_none()
                if held is None:
                    connection.execute(insert(Lease).values(name=name, owner=owner, until=until(span)))
                    return True
                if held.owner != owner and not is_over(presence, held.owner, held.until, span=span):
                    return False
                taken = connection.execute(
                    update(Lease)
                    .where(Lease.name == name, Lease.owner == held.owner, Lease.until == held.until)
                    .values(owner=owner, until=until(span))
                )
                return taken.rowcount == 1
        except IntegrityError:
            return False


def release(engine: Engine, name: str, *, owner: str) -> None:
    """Give the lease *name* back, where it is still this owner's."""
    with writing(engine) as connection:
        connection.execute(delete(Lease).where(Lease.name == name, Lease.owner == owner))


@dataclass(frozen=True, slots=True)
class Held:
    """A lease that is ours; long work renews it now and then."""

    engine: Engine
    name: str
    owner: str
    presence: Presence

    def renew(self) -> None:
        """Begin the lease's span anew. Somebody who took it meanwhile keeps it: double work does no harm."""
        acquire(self.engine, self.name, owner=self.owner, presence=self.presence)


@contextmanager
def held(engine: Engine, name: str, *, presence: Presence) -> Iterator[Held | None]:
    """The lease *name* for the length of the block; yields None where somebody else has it."""
    lease = Held(engine, name, presence.owner(), presence)
    if not acquire(engine, name, owner=lease.owner, presence=presence):
        yield None
        return
    try:
        yield lease
    finally:
        release(engine, name, owner=lease.owner)


def is_held(engine: Engine, name: str, *, presence: Presence) -> bool:
    """Whether somebody else works under the lease *name* now; looking takes nothing."""
    with reading(engine) as connection:
        row = connection.execute(select(Lease.owner, Lease.until).where(Lease.name == name)).one_or_none()
    return row is not None and row.owner != presence.owner() and not is_over(presence, row.owner, row.until)


def any_held(engine: Engine, *, presence: Presence) -> bool:
    """Whether any process is at work under a lease now; on a database of any release."""
    with reading(engine) as connection:
        rows = connection.execute(select(Lease.owner, Lease.until)).all()
    return any(not is_over(presence, row.owner, row.until) for row in rows)
