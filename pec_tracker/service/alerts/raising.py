"""What should a person know, once? Alerts are rows, unique by kind and topic; channels read them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, insert, select, update

from pec_tracker.db.chunks import chunks
from pec_tracker.db.passing import Alert
from pec_tracker.pec.roles import MessageOrigin
from pec_tracker.service.alerts.kinds import AlertKind

log = structlog.get_logger()


# What happened so long ago was found, not met: it is shown, and alarms nobody today.
HISTORY_AFTER = timedelta(days=30)


def is_history(origin: str, last_at: datetime, *, now: datetime) -> bool:
    """Whether a message was found in old mail: we did not compose it, and its newest evidence is long past."""
    return origin == MessageOrigin.FOUND and now - last_at > HISTORY_AFTER


@dataclass(frozen=True, slots=True)
class NewAlert:
    """One alert to raise: `topic` names what it is about (a hash, a key), `facts` fill its text."""

    kind: AlertKind
    topic: str
    severity: str = "alarm"
    mailbox_id: int | None = None
    message_id: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def mail_topic(mailbox_id: int, sha256: str) -> str:
    """What an alert about one mail is about: the same mail may lie in several mailboxes."""
    return f"{sha256}/{mailbox_id}"


def raise_alerts(connection: Connection, alerts: Sequence[NewAlert], *, at: datetime) -> int:
    """Keep those of *alerts* that are not open yet, and open settled ones again; returns how many that were."""
    wanted = {(alert.kind.value, alert.topic): alert for alert in alerts}
    again: dict[int, NewAlert] = {}
    for some in chunks(sorted({topic for _, topic in wanted})):
        known = select(Alert.id, Alert.kind, Alert.topic, Alert.settled_at).where(Alert.topic.in_(some))
        for row in connection.execute(known).all():
            alert = wanted.pop((row.kind, row.topic), None)
            if alert is not None and row.settled_at is not None:
                again[row.id] = alert
    for alert_id, alert in again.items():
        reopened = update(Alert).where(Alert.id == alert_id)
        connection.execute(reopened.values(settled_at=None, at=at, facts=alert.facts))
    rows = [
        {
            "kind": alert.kind.value,
            "topic": alert.topic,
            "severity": alert.severity,
            "at": at,
            "mailbox_id": alert.mailbox_id,
            "message_id": alert.message_id,
            "facts": alert.facts,
        }
        for alert in wanted.values()
    ]
    if rows:
        connection.execute(insert(Alert), rows)
    for alert in (*wanted.values(), *again.values()):
        log.info("alert.raised", kind=alert.kind, severity=alert.severity, message=alert.message_id)
    return len(rows) + len(again)


def settle_alerts(connection: Connection, kind: AlertKind, topics: Sequence[str], *, at: datetime) -> None:
    """The reason is gone: close the alerts of this kind about *topics*."""
    for some in chunks(topics):
        settled = update(Alert).where(Alert.kind == kind.value, Alert.topic.in_(some), Alert.settled_at.is_(None))
        connection.execute(settled.values(settled_at=at))


def alerts_open(connection: Connection, kind: AlertKind, topics: Sequence[str]) -> bool:
    """Whether an alert of this kind about one of *topics* is open: asked before anything is written."""
    is_open = select(Alert.id).where(Alert.kind == kind.value, Alert.topic.in_(topics), Alert.settled_at.is_(None))
    return connection.execute(is_open.limit(1)).first() is not None
