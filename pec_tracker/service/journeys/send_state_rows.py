"""The one writer of a message's send state: by compare-and-set, with everything that `pec.sending` says follows.

All in the caller's transaction. Who is told by the returned `Change` that journeys are to be reconsidered does that
(`service/journeys/reconsider.py`): deciding them again may in turn prove that a message left.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, select, update

from pec_tracker.db.passing import Alert
from pec_tracker.db.tables import Message
from pec_tracker.ledger import lines
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.pec.sending import REPLIED, Change, Event, SendState, change_of, possible, tokens
from pec_tracker.service.alerts.kinds import AlertKind
from pec_tracker.service.alerts.raising import NewAlert, raise_alerts, settle_alerts

_NOTHING: Final[Mapping[str, Any]] = {}


def happened(
    connection: Connection,
    event: Event,
    row_id: int,
    *,
    at: datetime,
    when: tuple[ColumnElement[bool], ...] = (),
    line: Mapping[str, Any] = _NOTHING,
    topic: str | None = None,
    facts: Mapping[str, Any] = _NOTHING,
    **columns: Any,
) -> Change | None:
    """*event* happened to the message at *at*, if it may in the state in which it is, and *when* holds: else None, and
    nothing is written.

    *columns* are what the event brings (`reply`, `problem`, `next_attempt_at`, lease, attempts); *line* are the facts
    of its ledger line. *topic* and *facts* belong to the alert that it raises.
    """
    change = change_of(event)
    changed = connection.execute(
        update(Message)
        .where(Message.id == row_id, Message.send_state.in_(tokens(possible(event))), *when)
        .values(columns_of(change, at) | columns)
    )
    if changed.rowcount != 1:
        return None
    message = connection.execute(select(Message.key, Message.mailbox_id).where(Message.id == row_id)).one()
    if change.act is not None:
        lines.append(connection, [lines.new_line(LedgerAct(change.act), at=at, message=message.key, **line)])
    _settle(connection, change, row_id, at)
    if change.raises is not None:
        alert = NewAlert(
            AlertKind(change.raises.value),
            topic or message.key,
            mailbox_id=message.mailbox_id,
            message_id=row_id,
            facts=dict(facts),
        )
        raise_alerts(connection, [alert], at=at)
    return change


def columns_of(change: Change, at: datetime) -> dict[str, Any]:
    """The columns that a change sets by itself; the ledger's replay sets the same."""
    columns: dict[str, Any] = {"send_state": change.state.value, "lease_owner": None, "lease_until": None}
    columns["next_attempt_at"] = at if change.waits else None
    if not change.keeps_reason:
        columns |= {"reply": None, "problem": None}
    if change.left is not None:
        columns["submitted_at"] = at if change.left else None
    return columns


def replayed(act: lines.Line) -> Event | None:
    """The event that wrote a ledger line; None for a line that tells of no change of state."""
    by = act.facts.get("by")
    name = act.act.removeprefix("message.")
    if name in REPLIED and by in ("server", None):
        return REPLIED[name]
    return {
        ("deferred", "withdrawn"): Event.RELEASED,
        ("submitted", "receipt"): Event.PROVEN,
        ("submitted", "person"): Event.SETTLED_SENT,
        ("requeued", "person"): Event.RESENT,
        ("abandoned", "person"): Event.SETTLED_ABANDONED,
    }.get((name, str(by)), Event.DOUBTED if name == SendState.UNCERTAIN else None)


def _settle(connection: Connection, change: Change, row_id: int, at: datetime) -> None:
    """Close the alerts that ask about what is answered now."""
    if not change.settles:
        return
    kinds = [kind.value for kind in change.settles]
    asked = select(Alert.kind, Alert.topic).where(
        Alert.message_id == row_id, Alert.kind.in_(kinds), Alert.settled_at.is_(None)
    )
    for alert in connection.execute(asked).all():
        settle_alerts(connection, AlertKind(alert.kind), [alert.topic], at=at)
