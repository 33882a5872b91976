"""Of which messages is a person told, that have not left or of which nobody knows? Those that are so for long."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, func, or_, select

from pec_tracker.db.tables import Attempt, Mailbox, Message
from pec_tracker.errors import ServerError
from pec_tracker.pec.sending import WAITING, Priority, SendState, tokens
from pec_tracker.service.alerts.kinds import AlertKind
from pec_tracker.service.alerts.raising import NewAlert, raise_alerts
from pec_tracker.service.house import Account, House
from pec_tracker.service.mailboxes import agreement
from pec_tracker.service.sending import pace
from pec_tracker.service.sending.pace import Held
from pec_tracker.settings import Why
from pec_tracker.texts import N_, error_again, error_facts

NOT_TRIED: Final = N_("it was not tried yet: `pec-tracker outbox send`, or a running `serve`, sends it")
_HELD: Final[Mapping[Why, str]] = {
    Why.TRAFFIC: N_("the provider said that the traffic is too much; it goes when its turn comes"),
    Why.MINUTE: N_("the provider takes no more than {count} a minute; it goes when its turn comes"),
    Why.HOUR: N_("the provider takes no more than {count} an hour; it goes when its turn comes"),
    Why.DAY: N_("the provider takes no more than {count} a day; it goes when its turn comes"),
}


def of_uncertain(connection: Connection, account: Account, before: datetime, now: datetime) -> None:
    """An uncertain message of which no receipt has told for so long; after a rebuild it may have no attempt."""
    since = func.coalesce(Attempt.started_at, Message.created_at)
    rows = connection.execute(
        select(Message.id, Message.key, Message.attempts)
        .outerjoin(Attempt, (Attempt.message_id == Message.id) & (Attempt.number == Message.attempts))
        .where(
            Message.mailbox_id == account.id,
            Message.send_state == SendState.UNCERTAIN.value,
            or_(since < before, since > now + (now - before)),
        )
    ).all()
    alerts = [
        NewAlert(AlertKind.UNCERTAIN_UNRESOLVED, f"{row.key}/{row.attempts}", mailbox_id=account.id, message_id=row.id)
        for row in rows
    ]
    raise_alerts(connection, alerts, at=now)


def of_waiting(connection: Connection, house: House, account: Account, before: datetime, now: datetime) -> None:
    """A message that ought to have left long ago: whatever holds it up, somebody should know.

    One of many that only waits for its turn, as the provider's pace gives it, is no news: the outbox shows until when.
    """
    rows = connection.execute(
        select(Message.id, Message.key, Message.reply, Message.problem, Message.priority, Mailbox.suspended_problem)
        .join(Mailbox, Mailbox.id == Message.mailbox_id)
        .where(
            Message.mailbox_id == account.id,
            Message.send_state.in_(tokens(WAITING)),
            or_(Message.created_at < before, Message.created_at > now + (now - before)),  # a clock that was ahead
            *(() if account.agreement is None else (agreement.may_leave(account),)),  # told of once, for all
        )
    ).all()
    held = pace.holding(connection, house, account) if rows else None
    alerts = [
        NewAlert(
            AlertKind.SEND_WAITING,
            row.key,
            severity="warning",
            mailbox_id=account.id,
            message_id=row.id,
            facts=_why(row, held),
        )
        for row in rows
        if held is None or row.priority != Priority.BULK.rank or row.reply or row.problem or row.suspended_problem
    ]
    raise_alerts(connection, alerts, at=now)


def _why(row: Row[*tuple[Any, ...]], held: Held | None) -> dict[str, Any]:
    """Why a message waits, in the server's words or in ours."""
    if row.reply:
        return {"reason": row.reply}
    problem = row.problem or row.suspended_problem or error_facts(_of_pace(held))
    return {"reason": str(error_again(problem)), "error": problem}


def _of_pace(held: Held | None) -> ServerError:
    if held is None:
        return ServerError(NOT_TRIED)
    return ServerError(_HELD[held.why], count=f"{held.count or 0:g}")
