"""How fast may a mailbox send? As fast as its provider wants, however many rounds and processes send from it.

At most so many messages in any minute; and after "too much traffic" nothing at all for a while, for every message of
the mailbox, also those queued meanwhile.
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, Connection, exists, select, update

from pec_tracker.db import leases
from pec_tracker.db.engine import reading, writing
from pec_tracker.db.tables import Attempt, Mailbox, Message
from pec_tracker.pec.sending import WAITING, SendState, tokens
from pec_tracker.service.house import Account, House
from pec_tracker.service.mailboxes.known import lock_mailbox

log = structlog.get_logger()

# No provider says how long it blocks; its limit is counted in messages a minute, so a few minutes are clear of it.
PAUSE = timedelta(minutes=5)

MINUTE = timedelta(minutes=1)


def pause(house: House, account: Account, reply: str) -> None:
    """Nothing leaves this mailbox for PAUSE; what waits shows why."""
    now = house.clock.now()
    until = now + PAUSE
    with writing(house.engine) as connection:
        connection.execute(update(Mailbox).where(Mailbox.id == account.id).values(paused_until=until))
        connection.execute(
            update(Message)
            .where(
                Message.mailbox_id == account.id,
                Message.send_state.in_(tokens(WAITING)),
                Message.next_attempt_at < until,
            )
            .values(next_attempt_at=until, reply=reply, problem=None)
        )
    log.warning("mailbox.paused", mailbox=account.name, minutes=PAUSE / MINUTE)


def pause_end(paused_until: datetime | None, now: datetime) -> datetime | None:
    """When a mailbox's pause ends; None where there is none. One that is longer than any was written by a clock that
    was ahead."""
    return paused_until if paused_until is not None and now < paused_until <= now + PAUSE else None


def is_paused(now: datetime) -> ColumnElement[bool]:
    """The same as a condition on a message: its mailbox is paused now."""
    until = Mailbox.paused_until
    return exists().where(Mailbox.id == Message.mailbox_id, until > now, until <= now + PAUSE)


def turn(house: House, account: Account, *, since: datetime | None = None) -> datetime | None:
    """When the pace lets the next message go: so long after the one that begins the last full window. None: now, or
    before *since* (now)."""
    if account.pace.messages_per_minute is None:
        return None
    with reading(house.engine) as connection:
        return _turn(connection, house, account, since=since)


def may_begin(connection: Connection, house: House, account: Account) -> bool:
    """Whether the pace lets a message begin in this transaction, until whose end nobody else is told so."""
    if account.pace.messages_per_minute is None:
        return True
    lock_mailbox(connection, account.id)
    at = _turn(connection, house, account)
    return at is None or at <= house.clock.now()


def _turn(connection: Connection, house: House, account: Account, *, since: datetime | None = None) -> datetime | None:
    now = house.clock.now()
    burst, window = account.pace.burst, account.pace.window
    in_hand = _in_hand(connection, house, account)
    if in_hand >= burst:
        return now + window
    begins = (
        select(Attempt.started_at)
        .join(Message, Message.id == Attempt.message_id)
        .where(
            Message.mailbox_id == account.id,
            Attempt.started_at > (since or now) - window,
            Attempt.started_at <= now + window,  # further ahead: by a clock that was wrong, long ago perhaps
        )
        .order_by(Attempt.started_at.desc())
        .offset(burst - 1 - in_hand)
        .limit(1)
    )
    first = connection.scalar(begins)
    return None if first is None else min(first, now) + window


def _in_hand(connection: Connection, house: House, account: Account) -> int:
    """How many messages somebody who lives has taken, and not begun yet: each will have begun in a moment."""
    begun = exists().where(Attempt.message_id == Message.id, Attempt.number == Message.attempts)
    taken = select(Message.lease_owner, Message.lease_until).where(
        Message.mailbox_id == account.id, Message.send_state == SendState.SENDING.value, ~begun
    )
    rows = connection.execute(taken).all()
    return sum(not leases.is_over(house.presence, row.lease_owner, row.lease_until) for row in rows)
