"""How full are the mailboxes? What the servers say of their space."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import insert

from pec_tracker.askers import Act, Asker
from pec_tracker.db.engine import writing
from pec_tracker.db.passing import QuotaSample
from pec_tracker.service.alerts.kinds import QUOTA
from pec_tracker.service.alerts.raising import NewAlert, raise_alerts, settle_alerts
from pec_tracker.service.house import Account, House
from pec_tracker.service.mailboxes.login import connected
from pec_tracker.service.quota.space import Level, level_of, percent_used
from pec_tracker.service.verbs import verb
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
def quota(asker: Asker, house: House, account: Account) -> QuotaReport:
    """Ask the server, keep a sample, and raise or settle the mailbox's alert. Raises ServerError and its kin.

    A server without QUOTA (RFC 9208): the sizes of all mails are summed against the configured limit.
    """
    with connected(house, account) as imap:
        used, limit = _used_and_limit(account, imap)
    now = house.clock.now()
    percent = percent_used(used, limit)
    level = level_of(percent, account.quota)
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
    log.info("quota.sampled", mailbox=account.name, used=used, limit=limit, level=level.value)
    return QuotaReport(account.name, used, limit, percent, level, now)


def _used_and_limit(account: Account, imap: ImapConnection) -> tuple[int, int | None]:
    roots = imap.quota()
    if roots:
        fullest = max(roots, key=lambda root: root.used_bytes / root.limit_bytes if root.limit_bytes else 0)
        return fullest.used_bytes, fullest.limit_bytes or account.quota.limit_bytes
    used = 0
    for folder in imap.folders():
        if folder.selectable:
            imap.examine(folder.name)
            used += sum(imap.sizes(imap.all_uids()).values())
    return used, account.quota.limit_bytes


def worst(reports: Sequence[QuotaReport]) -> Level:
    """The worst level of several mailboxes."""
    order = (Level.FINE, Level.UNKNOWN, Level.WARNING, Level.ALARM)
    return max((report.level for report in reports), key=order.index, default=Level.FINE)
