"""Which messages wait, why, and what does a person decide about them?

`uncertain` is never resent by itself: receipts resolve it, or a person does, in writing, in the ledger.
"""

import getpass
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import Connection, Row, exists, func, select, update

from pec_tracker.db.engine import in_one_transaction, reading
from pec_tracker.db.tables import Alert, Attempt, Evidence, Mailbox, Message
from pec_tracker.errors import NotFoundError, UsageError
from pec_tracker.ledger import lines
from pec_tracker.service import records
from pec_tracker.service.alerts import NewAlert, raise_alerts, settle_alerts
from pec_tracker.service.dossier import reconsider
from pec_tracker.service.house import Account, House

log = structlog.get_logger()

WAITING = ("queued", "deferred")  # these go by themselves

# Kinds of alerts about a message that has not simply left.
UNCERTAIN, UNRESOLVED, REFUSED, WAITS = "send-uncertain", "uncertain-unresolved", "send-refused", "send-waiting"
ABOUT_DECISIONS = (UNCERTAIN, UNRESOLVED, REFUSED, WAITS)


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One message of the outbox."""

    key: str
    mailbox: str
    send_state: str
    subject: str | None
    created_at: datetime
    next_attempt_at: datetime | None
    attempts: int
    reply: str | None
    lease_until: datetime | None


def recover(house: House, account: Account) -> None:
    """Messages whose sender vanished: queued again where nothing can have left, `uncertain` where it may have."""
    now = house.clock.now()

    def work(connection: Connection) -> None:
        stale = connection.execute(
            select(Message.id, Message.key, Message.lease_until).where(
                Message.mailbox_id == account.id,
                Message.send_state == "sending",
                Message.lease_until < datetime.now(UTC),
            )
        ).all()
        for row in stale:
            attempt = connection.execute(
                select(Attempt.id, Attempt.number).where(Attempt.message_id == row.id, Attempt.ended_at.is_(None))
            ).one_or_none()
            state = "queued" if attempt is None else "uncertain"
            changed = connection.execute(
                update(Message)
                .where(Message.id == row.id, Message.send_state == "sending", Message.lease_until == row.lease_until)
                .values(send_state=state, lease_owner=None, lease_until=None, next_attempt_at=now)
            )
            if changed.rowcount != 1:
                continue
            if attempt is not None:
                connection.execute(
                    update(Attempt)
                    .where(Attempt.id == attempt.id)
                    .values(ended_at=now, outcome="uncertain", stage="crash")
                )
                act = lines.new_line(
                    "message.uncertain", at=now, message=row.key, number=attempt.number, stage="crash", by="crash"
                )
                lines.append(connection, [act])
                connection.execute(update(Message).where(Message.id == row.id).values(reply=None))
            log.warning("message.recovered", message=row.key, state=state)

    in_one_transaction(house.engine, work)


def follow_up(house: House, account: Account) -> None:
    """After a collect: what receipts have resolved, and what a person must now be asked or told about."""
    now = house.clock.now()

    def work(connection: Connection) -> None:
        _settle_by_receipts(connection, account, now)
        _ask_about_uncertain(connection, account, now - house.uncertain_after, now)
        _tell_of_waiting(connection, account, now - house.uncertain_after, now)
        _settle_answered(connection, account, now)

    in_one_transaction(house.engine, work)


def waiting(house: House, account: Account | None = None) -> list[OutboxEntry]:
    """Every message that is not simply submitted, with the reason why it waits."""
    now = house.clock.now()
    columns = (
        select(
            Message.key, Message.send_state, Message.subject, Message.created_at, Message.next_attempt_at,
            Message.attempts, Message.reply, Mailbox.name, Message.lease_until, Mailbox.suspended_reason,
            Mailbox.paused_until,
        )
        .join(Mailbox, Mailbox.id == Message.mailbox_id)
        .where(Message.send_state != "submitted")
        .order_by(Message.created_at, Message.id)
    )  # fmt: skip
    if account is not None:
        columns = columns.where(Message.mailbox_id == account.id)
    with reading(house.engine) as connection:
        return [
            OutboxEntry(
                row.key, row.name, row.send_state, row.subject, row.created_at, _next_attempt(row, now), row.attempts,
                row.reply or row.suspended_reason, row.lease_until,
            )
            for row in connection.execute(columns)
        ]  # fmt: skip


def _next_attempt(row: Row[*tuple[Any, ...]], now: datetime) -> datetime | None:
    """When the message may go, a pause of its mailbox considered."""
    due: datetime | None = row.next_attempt_at
    paused: datetime | None = row.paused_until
    if row.send_state in WAITING and paused is not None and paused > now:
        return max(paused, due or paused)
    return due


def resend(house: House, key: str, *, reason: str) -> None:
    """A person decides that an uncertain or refused message goes again; the decision is in the ledger, in writing."""
    _decide(house, key, ("uncertain", "refused", "abandoned"), to="queued", what="resend", reason=reason)


def settle(house: House, key: str, *, sent: bool, reason: str) -> None:
    """A person decides what became of an uncertain message: it was sent, or it is given up."""
    state = "submitted" if sent else "abandoned"
    _decide(
        house,
        key,
        ("uncertain",) if sent else ("uncertain", "refused", *WAITING),
        to=state,
        what=f"settle {state}",
        reason=reason,
    )


def _settle_by_receipts(connection: Connection, account: Account, now: datetime) -> None:
    """A receipt that counts says that the message went, whatever we were unsure of."""
    unsure = connection.execute(
        select(Message.id, Message.key).where(
            Message.mailbox_id == account.id,
            Message.send_state == "uncertain",
            exists().where(Evidence.message_id == Message.id, Evidence.counts.is_(True)),
        )
    ).all()
    for row in unsure:
        connection.execute(update(Message).where(Message.id == row.id).values(send_state="submitted", reply=None))
        lines.append(connection, [lines.new_line("message.submitted", at=now, message=row.key, by="receipt")])
    reconsider(connection, [row.id for row in unsure], now=now)


def _ask_about_uncertain(connection: Connection, account: Account, before: datetime, now: datetime) -> None:
    """An uncertain message of which no receipt has told for so long; after a rebuild it may have no attempt."""
    since = func.coalesce(Attempt.started_at, Message.created_at)
    rows = connection.execute(
        select(Message.id, Message.key, Message.attempts)
        .outerjoin(Attempt, (Attempt.message_id == Message.id) & (Attempt.number == Message.attempts))
        .where(Message.mailbox_id == account.id, Message.send_state == "uncertain", since < before)
    ).all()
    alerts = [
        NewAlert(UNRESOLVED, f"{row.key}/{row.attempts}", mailbox_id=account.id, message_id=row.id) for row in rows
    ]
    raise_alerts(connection, alerts, at=now)


def _tell_of_waiting(connection: Connection, account: Account, before: datetime, now: datetime) -> None:
    """A message that ought to have left long ago: whatever holds it up, somebody should know."""
    rows = connection.execute(
        select(Message.id, Message.key, Message.reply).where(
            Message.mailbox_id == account.id, Message.send_state.in_(WAITING), Message.created_at < before
        )
    ).all()
    alerts = [
        NewAlert(
            WAITS, row.key, severity="warning", mailbox_id=account.id, message_id=row.id, facts={"reason": row.reply}
        )
        for row in rows
    ]
    raise_alerts(connection, alerts, at=now)


def _settle_answered(connection: Connection, account: Account, now: datetime) -> None:
    """Close the alerts that asked about messages of which nothing is left to ask."""
    for kinds, states in (((UNCERTAIN, UNRESOLVED), ("uncertain",)), ((WAITS,), WAITING)):
        for kind in kinds:
            topics = connection.scalars(
                select(Alert.topic)
                .join(Message, Message.id == Alert.message_id)
                .where(
                    Alert.kind == kind,
                    Alert.settled_at.is_(None),
                    Message.mailbox_id == account.id,
                    Message.send_state.not_in(states),
                )
            ).all()
            settle_alerts(connection, kind, topics, at=now)


def _decide(house: House, key: str, allowed: Sequence[str], *, to: str, what: str, reason: str) -> None:
    if not reason.strip():
        raise UsageError("say why, with --reason: the decision is kept in the ledger")
    record = records.decision(key, what=what, reason=reason, by=_who())
    house.archive.put_many([record])
    now = house.clock.now()

    def work(connection: Connection) -> None:
        row = connection.execute(
            select(Message.id, Message.send_state).where(Message.key == key).with_for_update()
        ).one_or_none()
        if row is None:
            raise NotFoundError("no message has the key {key}; `pec-tracker outbox list` shows them", key=key)
        if row.send_state not in allowed:
            raise UsageError(
                "message {key} is {state}: there is nothing to decide about it", key=key, state=row.send_state
            )
        connection.execute(
            update(Message).where(Message.id == row.id).values(send_state=to, next_attempt_at=now, reply=None)
        )
        name = "message.requeued" if to == "queued" else f"message.{to}"
        act = lines.new_line(name, at=now, message=key, record=record.sha256, by="person")
        lines.append(connection, [act])
        if to == "submitted":
            reconsider(connection, [row.id], now=now)  # from now on its acceptance is due
        for kind in ABOUT_DECISIONS:
            asked = select(Alert.topic).where(Alert.kind == kind, Alert.message_id == row.id)
            settle_alerts(connection, kind, connection.scalars(asked).all(), at=now)

    in_one_transaction(house.engine, work)


def _who() -> str:
    """Who decides: the name of the user logged in, where the system knows one (a container may not)."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
