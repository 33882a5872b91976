"""What has a person still to be told? The alerts that nothing and nobody settled."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from pec_tracker.askers import Act, Asker
from pec_tracker.db.engine import reading, writing
from pec_tracker.db.passing import Alert
from pec_tracker.db.tables import Mailbox, Message
from pec_tracker.errors import NotFoundError
from pec_tracker.service.house import Account, House
from pec_tracker.service.verbs import among, verb


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """One thing to tell a person: `facts` fill the text of its `kind`; `mailbox` is a name, `message` a key."""

    id: int
    kind: str
    severity: str
    topic: str
    at: datetime
    mailbox: str | None
    message: str | None
    facts: dict[str, Any]


@verb(Act.READ)
def open_alerts(
    asker: Asker, house: House, *, since: datetime | None = None, account: Account | None = None
) -> list[OpenAlert]:
    """The alerts that nobody settled, alarms first, the newest first; of *account* only, raised from *since* on."""
    columns = (
        select(Alert, Mailbox.name.label("mailbox"), Message.key.label("message"))
        .outerjoin(Message, Message.id == Alert.message_id)
        .outerjoin(Mailbox, Mailbox.id == func.coalesce(Alert.mailbox_id, Message.mailbox_id))
        .where(Alert.settled_at.is_(None), among(asker, func.coalesce(Alert.mailbox_id, Message.mailbox_id)))
        .order_by(Alert.severity, Alert.at.desc(), Alert.id.desc())  # "alarm" stands before "warning"
    )
    if since is not None:
        columns = columns.where(Alert.at >= since)
    if account is not None:
        columns = columns.where(Mailbox.id == account.id)
    with reading(house.engine) as connection:
        return [
            OpenAlert(row.id, row.kind, row.severity, row.topic, row.at, row.mailbox, row.message, row.facts)
            for row in connection.execute(columns)
        ]


@verb(Act.SEND)
def acknowledge(asker: Asker, house: House, alerts: Sequence[OpenAlert]) -> None:
    """A person has read these alerts. What happens again is raised again; states and outbox stay as they are.

    Raises NotFoundError where one of them does not exist for who asks.
    """
    now = house.clock.now()
    if asker.mailboxes is not None and not {one.id for one in alerts} <= {one.id for one in open_alerts(asker, house)}:
        raise NotFoundError("an alert that is to be acknowledged does not exist, or is no longer open")
    with writing(house.engine) as connection:
        for alert in alerts:
            read = update(Alert).where(Alert.id == alert.id, Alert.at == alert.at, Alert.settled_at.is_(None))
            connection.execute(read.values(settled_at=now))
