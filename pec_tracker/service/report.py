"""How full are the mailboxes, and how long is what kept? The reports that a person reads once a week."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import insert, select

from pec_tracker.askers import Act, Asker
from pec_tracker.clock import ROME
from pec_tracker.db.engine import reading, writing
from pec_tracker.db.tables import Mailbox, Message, QuotaSample
from pec_tracker.service.alert_kinds import QUOTA
from pec_tracker.service.alerts import NewAlert, raise_alerts, settle_alerts
from pec_tracker.service.house import Account, House
from pec_tracker.service.space import Level, level_of, percent_used
from pec_tracker.service.suspension import connected
from pec_tracker.service.verbs import among, verb
from pec_tracker.wire.imap import ImapConnection

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class QuotaReport:
    """The space of one mailbox in bytes; `percent` is None where neither server nor configuration gives a limit."""

    mailbox: str
    used: int
    limit: int | None
    percent: float | None
    level: Level
    at: datetime


@verb(Act.READ)
def quota(asker: Asker, house: House, account: Account, *, warn_percent: int, alarm_percent: int) -> QuotaReport:
    """Ask the server, keep a sample, and raise or settle the mailbox's alert. Raises ServerError and its kin.

    A server without QUOTA (RFC 9208): the sizes of all mails are summed against the configured limit.
    """
    with connected(house, account) as imap:
        used, limit = _used_and_limit(account, imap)
    now = house.clock.now()
    percent = percent_used(used, limit)
    level = level_of(percent, warn_percent=warn_percent, alarm_percent=alarm_percent)
    with writing(house.engine) as connection:
        connection.execute(insert(QuotaSample).values(mailbox_id=account.id, at=now, used=used, limit=limit))
        for kind in (Level.WARNING, Level.ALARM):
            if kind is not level:
                settle_alerts(connection, QUOTA[kind.value], [account.key], at=now)
        if level in (Level.WARNING, Level.ALARM):
            alert = NewAlert(
                QUOTA[level.value],
                account.key,
                severity=level.value,
                mailbox_id=account.id,
                facts={"used": used, "limit": limit, "percent": percent},
            )
            raise_alerts(connection, [alert], at=now)
    log.info("quota.sampled", mailbox=account.key, used=used, limit=limit, level=level.value)
    return QuotaReport(account.name, used, limit, percent, level, now)


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
    """Every dossier's term, the next to expire first, and how many expire in which month (`2029-05`)."""

    dossiers: tuple[DossierTerm, ...]
    months: tuple[tuple[str, int], ...]


@verb(Act.READ)
def retention(asker: Asker, house: House, *, months_of: dict[str, int], default_months: int) -> RetentionReport:
    """What expires when: the last date of each dossier plus its mailbox's term in months. Nothing is purged here."""
    now = house.clock.now()
    columns = select(
        Message.key, Message.subject, Message.case, Message.last_at, Message.created_at, Mailbox.name
    ).join(Mailbox, Mailbox.id == Message.mailbox_id)
    columns = columns.where(among(asker, Message.mailbox_id))
    with reading(house.engine) as connection:
        dossiers = []
        for row in connection.execute(columns):
            last_at = row.last_at or row.created_at
            expires_at = add_months(last_at, months_of.get(row.name, default_months))
            dossiers.append(
                DossierTerm(row.key, row.name, row.subject, row.case, last_at, expires_at, expires_at <= now)
            )
    dossiers.sort(key=lambda term: (term.expires_at, term.key))
    counted = Counter(f"{term.expires_at.astimezone(ROME):%Y-%m}" for term in dossiers)
    return RetentionReport(tuple(dossiers), tuple(sorted(counted.items())))


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


def _used_and_limit(account: Account, imap: ImapConnection) -> tuple[int, int | None]:
    roots = imap.quota()
    if roots:
        fullest = max(roots, key=lambda root: root.used_bytes / root.limit_bytes if root.limit_bytes else 0)
        return fullest.used_bytes, fullest.limit_bytes or account.quota_bytes
    used = 0
    for folder in imap.folders():
        if folder.selectable:
            imap.examine(folder.name)
            used += sum(imap.sizes(imap.all_uids()).values())
    return used, account.quota_bytes


def worst(reports: Sequence[QuotaReport]) -> Level:
    """The worst level of several mailboxes."""
    order = (Level.FINE, Level.UNKNOWN, Level.WARNING, Level.ALARM)
    return max((report.level for report in reports), key=order.index, default=Level.FINE)
