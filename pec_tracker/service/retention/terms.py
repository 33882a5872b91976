"""How long is what kept? When each dossier's term ends, counted by month or listed in order.

Both cost no memory that grows with the dossiers: hours are grouped by the database, and a list is passed on as it is
read. Terms are counted here, by the calendar of Rome: no database knows it in the same way.
"""

import heapq
from bisect import bisect_left
from calendar import monthrange
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, String, and_, case, func, or_, select, type_coerce

from pec_tracker.askers import Act, Asker
from pec_tracker.clock import ROME
from pec_tracker.db.chunks import chunks
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Mailbox, Message
from pec_tracker.service.house import House
from pec_tracker.service.verbs import among, verb
from pec_tracker.settings import Terms

_AT: Final[ColumnElement[datetime]] = func.coalesce(Message.last_at, Message.created_at)
_HOUR: Final = len("2026-03-02 09")
_WHOLE_HOURS_SINCE: Final = 1900  # Rome is whole hours from UTC since 1893; what is older is taken by itself
_ROWS: Final = 2_000  # read, sorted and passed on at once


@dataclass(frozen=True, slots=True)
class DossierTerm:
    """How long one dossier is kept: its last date and the day on which its term ends (Europe/Rome)."""

    key: str
    mailbox: str
    subject: str | None
    case: str | None
    last_at: datetime
    expires_at: datetime
    expired: bool


@dataclass(frozen=True, slots=True)
class RetentionReport:
    """How many dossiers there are, how many are past their term, and how many expire in which month (`2029-05`)."""

    dossiers: int
    expired: int
    months: tuple[tuple[str, int], ...]


@verb(Act.READ)
def retention(asker: Asker, house: House, terms: Terms) -> RetentionReport:
    """How much expires when: the last date of each dossier plus its mailbox's term in months. Nothing is purged."""
    now = house.clock.now()
    months: Counter[str] = Counter()
    expired, undecided = 0, []
    with reading(house.engine) as connection:
        term_of = {mailbox: term for term, names in _by_term(connection, asker, terms).items() for mailbox in names}
        for mailbox, start, whole_hour, count in _hours(connection, asker):
            first = add_months(start, term_of[mailbox])
            months[f"{first.year:04}-{first.month:02}"] += count
            if (first.replace(minute=59, second=59, microsecond=999_999) if whole_hour else first) <= now:
                expired += count
            elif first <= now:
                undecided.append((mailbox, start, now - first.astimezone(UTC)))
        expired += _count_until(connection, undecided)
    return RetentionReport(months.total(), expired, tuple(sorted(months.items())))


@verb(Act.READ)
def dossier_terms(asker: Asker, house: House, terms: Terms) -> Iterator[DossierTerm]:
    """Every dossier's term, the next to expire first, read while it is passed on."""
    now = house.clock.now()
    with reading(house.engine) as connection:
        by_term = _by_term(connection, asker, terms)
    streams = [_of_term(house, names, term, now) for term, names in sorted(by_term.items())]
    return heapq.merge(*streams, key=_order) if len(streams) > 1 else iter(*streams or ((),))


def add_months(at: datetime, months: int) -> datetime:
    """The same day and hour in Rome *months* later; the last day of a shorter month (c.c. art. 2963)."""
    local = at.astimezone(ROME)
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    for day in range(local.day, 27, -1):
        try:
            return local.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    return local.replace(year=year, month=month + 1, day=min(local.day, 28))


def _by_term(connection: Connection, asker: Asker, terms: Terms) -> dict[int, dict[int, str]]:
    """The mailboxes by their term in months: names by row."""
    found: dict[int, dict[int, str]] = {}
    for row in connection.execute(select(Mailbox.id, Mailbox.name).where(among(asker, Mailbox.id))):
        found.setdefault(terms.of(row.name), {})[row.id] = row.name
    return found


# --- counted ---


def _hours(connection: Connection, asker: Asker) -> Iterator[tuple[int, datetime, bool, int]]:
    """How many dossiers of a mailbox ended in which hour (UTC); the flag is False for one single moment."""
    text = _utc_text(connection)
    hour = case((func.substr(text, 1, 4) < str(_WHOLE_HOURS_SINCE), text), else_=func.substr(text, 1, _HOUR))
    part = type_coerce(hour, String).label("part")
    grouped = select(Message.mailbox_id, part, func.count()).where(among(asker, Message.mailbox_id))
    for mailbox, at, count in connection.execute(grouped.group_by(Message.mailbox_id, part)):
        yield mailbox, datetime.fromisoformat(at).replace(tzinfo=UTC), len(at) == _HOUR, count


def _utc_text(connection: Connection) -> ColumnElement[Any]:
    """A dossier's last date as `2026-03-02 09:15:30.000000` in UTC: what SQLite keeps, and PostgreSQL writes."""
    if connection.dialect.name == "sqlite":
        return type_coerce(func.substr(_AT, 1, 26), String)
    return func.to_char(func.timezone("UTC", _AT), "YYYY-MM-DD HH24:MI:SS.US")


def _count_until(connection: Connection, hours: Sequence[tuple[int, datetime, timedelta]]) -> int:
    """How many dossiers of these hours are past their term, which ends within the hour that is running."""
    counted = 0
    for some in chunks(hours):
        parts = (and_(Message.mailbox_id == one, start <= _AT, start + passed >= _AT) for one, start, passed in some)
        counted += connection.execute(select(func.count()).select_from(Message).where(or_(*parts))).scalar_one()
    return counted


# --- listed ---


def _of_term(house: House, names: Mapping[int, str], months: int, now: datetime) -> Iterator[DossierTerm]:
    """The dossiers of mailboxes with the same term. They are read in the order of their dates, which is that of their
    ends but for the last days of a month: so what can no more be overtaken is sorted and passed on."""
    columns = select(Message.mailbox_id, Message.key, Message.subject, Message.case, _AT.label("at"))
    wanted = columns.where(Message.mailbox_id.in_(names)).order_by(_AT)
    expiry = _expiry(months)
    held: list[DossierTerm] = []
    with reading(house.engine) as connection:
        for rows in connection.execution_options(yield_per=_ROWS).execute(wanted).partitions():
            for mailbox, key, subject, its_case, at in rows:
                expires_at = expiry(at)
                held.append(DossierTerm(key, names[mailbox], subject, its_case, at, expires_at, expires_at <= now))
            still_open = _earliest_after(rows[-1].at, months)
            held.sort(key=_order)
            ready = bisect_left(held, still_open, key=_end)
            yield from held[:ready]
            del held[:ready]
    yield from held


def _expiry(months: int) -> Callable[[datetime], datetime]:
    """`add_months`, asked once an hour: within one, Rome's distance from UTC does not change."""
    of_hour = lru_cache(maxsize=64)(partial(add_months, months=months))

    def expiry(at: datetime) -> datetime:
        if at.year < _WHOLE_HOURS_SINCE:
            return add_months(at, months)
        ends = of_hour(at.replace(minute=0, second=0, microsecond=0))
        return ends.replace(minute=at.minute, second=at.second, microsecond=at.microsecond)

    return expiry


def _earliest_after(at: datetime, months: int) -> datetime:
    """No dossier dated *at* or later ends before this, by Rome's clocks: they go back an hour in October, and several
    last days of a month may end on one."""
    ends = add_months(at, months)
    if at.astimezone(ROME).day >= monthrange(ends.year, ends.month)[1]:
        ends = ends.replace(hour=0, minute=0, second=0, microsecond=0)
    return ends - timedelta(hours=1)


def _end(term: DossierTerm) -> datetime:
    return term.expires_at


def _order(term: DossierTerm) -> tuple[datetime, str]:
    return term.expires_at, term.key
