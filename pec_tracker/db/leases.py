"""Who is at work on this now? Leases save double work; constraints and compare-and-set keep the promises.

Leases run on real time, never on an accelerated clock.
"""

import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from pec_tracker.db.engine import reading, storage_errors, writing
from pec_tracker.db.tables import Lease

LEASE = timedelta(minutes=5)


def new_owner() -> str:
    """A name for who holds a lease, told apart from every other holder: host, process, chance."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def until(span: timedelta | None = None) -> datetime:
    """When a lease that is taken now runs out: after *span*, by default LEASE, of real time."""
    return datetime.now(UTC) + (LEASE if span is None else span)


def acquire(engine: Engine, name: str, *, owner: str, span: timedelta | None = None) -> bool:
    """Take or renew the lease *name* for *span* (default LEASE); False while somebody else holds it."""
    now = datetime.now(UTC)
    with storage_errors():
        try:
            with engine.begin() as connection:
                held = connection.execute(select(Lease.owner, Lease.until).where(Lease.name == name)).one_or_none()
                if held is None:
                    connection.execute(insert(Lease).values(name=name, owner=owner, until=until(span)))
                    return True
                if held.owner != owner and held.until > now:
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

    def renew(self) -> None:
        """Begin the lease's span anew. Somebody who took it meanwhile keeps it: double work does no harm."""
        acquire(self.engine, self.name, owner=self.owner)


@contextmanager
def held(engine: Engine, name: str) -> Iterator[Held | None]:
    """The lease *name* for the length of the block; yields None where somebody else has it."""
    lease = Held(engine, name, new_owner())
    if not acquire(engine, name, owner=lease.owner):
        yield None
        return
    try:
        yield lease
    finally:
        release(engine, name, owner=lease.owner)


def any_held(engine: Engine) -> bool:
    """Whether any process is at work under a lease now."""
    with reading(engine) as connection:
        return connection.execute(select(Lease.name).where(Lease.until > datetime.now(UTC))).first() is not None
