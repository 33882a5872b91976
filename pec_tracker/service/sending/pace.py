"""How fast may a mailbox send? As fast as its provider wants, however many rounds and processes send from it.

At most so many messages in any minute; and after "too much traffic" nothing at all for a while, for every message of
the mailbox, also those queued meanwhile.
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, exists, select, update

from pec_tracker.db.engine import reading, writing
from pec_tracker.db.tables import Attempt, Mailbox, Message
from pec_tracker.pec.sending import WAITING, tokens
from pec_tracker.service.house import Account, House

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


def turn(house: House, account: Account) -> datetime | None:
    """When the pace lets the next message go: so long after the one that begins the last full window. None: now."""
    if account.messages_per_minute is None:
        return None
    now = house.clock.now()
    burst = max(1, int(account.messages_per_minute))
    window = MINUTE * (burst / account.messages_per_minute)
    begins = (
        select(Attempt.started_at)
        .join(Message, Message.id == Attempt.message_id)
        .where(
            Message.mailbox_id == account.id,
            Attempt.started_at > now - window,
            Attempt.started_at <= now + window,  # further ahead: by a clock that was wrong, long ago perhaps
        )
        .order_by(Attempt.started_at.desc())
        .offset(burst - 1)
        .limit(1)
    )
    with reading(house.engine) as connection:
        first = connection.scalar(begins)
    return None if first is None else min(first, now) + window
