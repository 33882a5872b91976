"""Which seals has an authority dated? The newest is time-stamped (RFC 3161); it chains all that were before it.

The authorities are asked in order until one answers; what it says is verified before it is kept. Down or wrong, they
stop nothing: the next round asks again. There is no ledger line for a time-stamp, or each would ask for another seal:
the file beside the seal is the record, and `record_found` makes its row again.
"""

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection, func, insert, select

from pec_tracker import crash
from pec_tracker.askers import Act, Asker
from pec_tracker.db.engine import in_one_transaction, reading
from pec_tracker.db.tables import Seal, Stamp
from pec_tracker.errors import LedgerError, PecTrackerError
from pec_tracker.ledger import stamps
from pec_tracker.ledger.segments import list_files, seal_name, stamp_name
from pec_tracker.ledger.stamps import Stamped, StampError
from pec_tracker.service.alerts.kinds import AlertKind
from pec_tracker.service.alerts.raising import NewAlert, raise_alerts, settle_alerts
from pec_tracker.service.house import House, StampAuthority
from pec_tracker.service.verbs import verb
from pec_tracker.wire import tsa

log = structlog.get_logger()

KIND = "rfc3161"
_ALERT = AlertKind.STAMP_FAILED


@dataclass(frozen=True, slots=True)
class Stamping:
    """What came of one try. `seal` is the newest seal; `stamped` its time-stamp, `new` if made now.

    `failures`: each authority that gave none, with why.
    """

    seal: int | None = None
    stamped: Stamped | None = None
    new: bool = False
    failures: tuple[tuple[str, PecTrackerError], ...] = ()


@verb(Act.AUDIT, of_all=True)
def stamp_newest(asker: Asker, house: House, *, due_only: bool = False) -> Stamping:
    """Time-stamp the newest seal, unless it is; `due_only`: not before `house.stamp_every` since the last.

    Raises LedgerError where the seal is not the one in the database, StorageError. Authorities raise nothing.
    """
    row = _newest(house)
    if row is None or not house.authorities:
        return Stamping(seal=row[0] if row else None)
    number, sha256 = row
    content = _seal(house, number, sha256)
    if house.archive.ledger.holds(stamp_name(number)):
        return Stamping(number, _kept(house, number, content))
    if due_only and not _due(house):
        return Stamping(number)
    return _stamp(house, number, content)


@verb(Act.AUDIT, of_all=True)
def record_found(asker: Asker, house: House) -> int:
    """Write the rows of time-stamps that lie beside their seals and have none; returns how many.

    After a crash between file and row, and after a rebuild. What does not hold is left to `check`.
    """
    there = list_files(house.archive.ledger).stamps
    with reading(house.engine) as connection:
        known = set(connection.scalars(select(Stamp.seal_number).where(Stamp.kind == KIND)))
        sealed = {row.number: row.sha256 for row in connection.execute(select(Seal.number, Seal.sha256))}
    found = 0
    for number in sorted((there - known) & sealed.keys()):
        try:
            found += _kept(house, number, _seal(house, number, sealed[number])) is not None
        except LedgerError:
            continue  # the seal itself does not hold: `check` names it
    return found


@verb(Act.AUDIT, of_all=True)
def newest_stamps(asker: Asker, house: House, count: int = 10) -> Iterator[tuple[int, str, str, datetime]]:
    """The last dated seals: number, kind, source, time; the newest first."""
    columns = select(Stamp.seal_number, Stamp.kind, Stamp.source, Stamp.stamped_at)
    with reading(house.engine) as connection:
        rows = connection.execute(columns.order_by(Stamp.seal_number.desc(), Stamp.id).limit(count)).all()
    for row in rows:
        yield row.seal_number, row.kind, row.source, row.stamped_at


def _newest(house: House) -> tuple[int, str] | None:
    newest = select(Seal.number, Seal.sha256).order_by(Seal.number.desc()).limit(1)
    with reading(house.engine) as connection:
        row = connection.execute(newest).one_or_none()
    return None if row is None else (row.number, row.sha256)


def _seal(house: House, number: int, sha256: str) -> bytes:
    """The seal's bytes, which must be those that the database knows: another's would be dated as ours."""
    name = seal_name(number)
    content = house.archive.ledger.read(name) or b""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise LedgerError("the seal {seal} is not the one in the database; it is not stamped: run check", seal=name)
    return content


def _due(house: House) -> bool:
    with reading(house.engine) as connection:
        last = connection.scalar(select(func.max(Stamp.stamped_at)).where(Stamp.kind == KIND))
    return last is None or house.clock.now() - last >= house.stamp_every


def _stamp(house: House, number: int, content: bytes) -> Stamping:
    failures: list[tuple[str, PecTrackerError]] = []
    for authority in house.authorities:
        try:
            response, stamped = _asked(authority, content)
        except PecTrackerError as error:
            log.warning("seal.not_stamped", number=number, authority=authority.name, error=type(error).__name__)
            failures.append((authority.name, error))
            continue
        mine = house.archive.ledger.create(stamp_name(number), response)
        crash.at("stamp.written")
        if not mine:
            return Stamping(number, _kept(house, number, content), failures=tuple(failures))
        _record(house, number, response, stamped)
        log.info("seal.stamped", number=number, authority=authority.name)
        return Stamping(number, stamped, new=True, failures=tuple(failures))
    _tell(house, number, failures)
    return Stamping(number, failures=tuple(failures))


def _asked(authority: StampAuthority, content: bytes) -> tuple[bytes, Stamped]:
    """The authority's answer, verified. Raises ServerError, StampError."""
    nonce = secrets.randbits(63) | 1
    response = tsa.ask(authority.url, stamps.request(content, nonce))
    return response, stamps.examine(response, content, authority.anchors, nonce=nonce)


def _kept(house: House, number: int, content: bytes) -> Stamped | None:
    """The time-stamp that lies there, recorded; None where it does not hold (`check` says how)."""
    response = house.archive.ledger.read(stamp_name(number)) or b""
    try:
        stamped = stamps.examine(response, content, known_anchors(house.authorities))
    except StampError as error:
        log.warning("stamp.does_not_hold", number=number, fault=error.fault.value)
        return None
    _record(house, number, response, stamped)
    return stamped


def known_anchors(authorities: Sequence[StampAuthority]) -> tuple[bytes, ...]:
    """Every certificate at which a time-stamp's chain may end."""
    return tuple(dict.fromkeys(der for authority in authorities for der in authority.anchors))


def _record(house: House, number: int, response: bytes, stamped: Stamped) -> None:
    def work(connection: Connection) -> None:
        there = select(Stamp.id).where(Stamp.seal_number == number, Stamp.kind == KIND)
        if connection.scalar(there) is None:
            connection.execute(
                insert(Stamp).values(
                    seal_number=number,
                    kind=KIND,
                    source=stamped.authority,
                    sha256=hashlib.sha256(response).hexdigest(),
                    stamped_at=stamped.at,
                )
            )
        settle_alerts(connection, _ALERT, ["authorities"], at=house.clock.now())

    in_one_transaction(house.engine, work)


def _tell(house: House, number: int, failures: Sequence[tuple[str, PecTrackerError]]) -> None:
    facts = {"seal": f"{number:08}", "reason": "; ".join(f"{name}: {error}" for name, error in failures)}
    alert = NewAlert(_ALERT, "authorities", severity="warning", facts=facts)
    in_one_transaction(house.engine, lambda connection: raise_alerts(connection, [alert], at=house.clock.now()))
