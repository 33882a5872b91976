"""How fast may a mailbox send? As fast as its provider wants, however many rounds and processes send from it.

At most so many messages in any minute, hour and day. After "too much traffic" nothing at all leaves for a while, also
of what is queued meanwhile; then it goes at half the pace, and at twice that again after each while without a refusal,
never above what is configured. All of it stands in the database: two processes, and one that starts anew, agree.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import ColumnElement, Connection, exists, select, update

from pec_tracker.askers import Act, Asker
from pec_tracker.db import leases
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Attempt, Mailbox, Message
from pec_tracker.pec.sending import WAITING, SendState, tokens
from pec_tracker.service.house import Account, House
from pec_tracker.service.mailboxes.known import lock_mailbox
from pec_tracker.service.verbs import verb
from pec_tracker.settings import Pace, Per, Why, Window

log = structlog.get_logger()

MINUTE: Final = timedelta(minutes=1)

# No provider says how long it blocks; Legalmail counts in messages a minute, so a minute is clear of it.
PAUSE: Final = MINUTE
# After so long without a refusal the pace is doubled.
CLEAN: Final = timedelta(minutes=10)
# No pace falls below this, in messages a minute: a provider that goes on refusing is asked every five minutes.
SLOWEST: Final = 0.2


@dataclass(frozen=True, slots=True)
class Held:
    """Why a message does not leave, and until when where that is known: the provider takes `count` a `per` now."""

    why: Why
    until: datetime | None = None
    count: float | None = None
    per: Per | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    """What the mailbox's row says of too much traffic."""

    paused_until: datetime | None
    slowed_to: float | None
    slowed_at: datetime | None


def slow_down(connection: Connection, account: Account, reply: str, *, at: datetime) -> None:
    """The provider said "too much traffic": nothing leaves this mailbox for PAUSE, then half as much as before.

    What waits shows why. A refusal within a pause, of what was under way, slows it no further.
    """
    lock_mailbox(connection, account.id)
    row = _row(connection, account.id)
    until = at + PAUSE
    values: dict[str, object] = {"paused_until": until}
    before = _pace(row, account.pace, at).messages_per_minute
    if before is not None and pause_end(row.paused_until, at) is None:
        values |= {"slowed_to": max(before / 2, min(SLOWEST, before)), "slowed_at": at}
    connection.execute(update(Mailbox).where(Mailbox.id == account.id).values(values))
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
    if not account.pace.windows:
        return None
    with reading(house.engine) as connection:
        held = _turn(connection, house, account, since=since)
    return None if held is None else held.until


def holding(connection: Connection, house: House, account: Account) -> Held | None:
    """What keeps every message of the mailbox back now, longest; None: nothing does."""
    now = house.clock.now()
    row = _row(connection, account.id)
    paused = pause_end(row.paused_until, now)
    held = _turn(connection, house, account)
    if paused is not None and (held is None or held.until is None or held.until < paused):
        return Held(Why.TRAFFIC, paused, _pace(row, account.pace, now).messages_per_minute, Per.MINUTE)
    return held if held is not None and held.until is not None and held.until > now else None


def may_begin(connection: Connection, house: House, account: Account) -> bool:
    """Whether the pace lets a message begin in this transaction, until whose end nobody else is told so."""
    if not account.pace.windows:
        return True
    lock_mailbox(connection, account.id)
    held = _turn(connection, house, account)
    return held is None or held.until is None or held.until <= house.clock.now()


@verb(Act.READ)
def held_now(asker: Asker, house: House, account: Account) -> Held | None:
    """What keeps every message of the mailbox back now; None: nothing does."""
    return held_back(house, account)


def held_back(house: House, account: Account) -> Held | None:
    """As `held_now`, for a verb that has asked already."""
    with reading(house.engine) as connection:
        return holding(connection, house, account)


def _row(connection: Connection, mailbox_id: int) -> _Row:
    columns = select(Mailbox.paused_until, Mailbox.slowed_to, Mailbox.slowed_at).where(Mailbox.id == mailbox_id)
    return _Row(*connection.execute(columns).one())


def _pace(row: _Row, usual: Pace, now: datetime) -> Pace:
    """*usual*, as far as it was slowed down and not yet doubled back. A time ahead of now is of a clock that was."""
    most = usual.messages_per_minute
    if most is None or row.slowed_to is None or row.slowed_at is None or row.slowed_at > now:
        return usual
    doubled = row.slowed_to * 2.0 ** min(30, (now - row.slowed_at) // CLEAN)
    return replace(usual, messages_per_minute=min(most, doubled))


def _turn(connection: Connection, house: House, account: Account, *, since: datetime | None = None) -> Held | None:
    """The limit that lets the next message go last, of those that hold it."""
    now = house.clock.now()
    pace = _pace(_row(connection, account.id), account.pace, now)
    in_hand = _in_hand(connection, house, account)
    slowed = pace != account.pace
    found: list[tuple[datetime, Window]] = []
    for window in pace.windows:
        at = _window_turn(connection, account, window, in_hand=in_hand, since=since or now, now=now)
        if at is not None:
            found.append((at, window))
    if not found:
        return None
    at, window = max(found, key=lambda one: one[0])
    why = Why.TRAFFIC if slowed and window.per is Per.MINUTE else Why(window.per.value)
    return Held(why, at, window.said, window.per)


def _window_turn(
    connection: Connection, account: Account, window: Window, *, in_hand: int, since: datetime, now: datetime
) -> datetime | None:
    if in_hand >= window.count:
        return now + window.span
    begins = (
        select(Attempt.started_at)
        .join(Message, Message.id == Attempt.message_id)
        .where(
            Message.mailbox_id == account.id,
            Attempt.started_at > since - window.span,
            Attempt.started_at <= now + window.span,  # further ahead: by a clock that was wrong, long ago perhaps
        )
        .order_by(Attempt.started_at.desc())
        .offset(window.count - 1 - in_hand)
        .limit(1)
    )
    first = connection.scalar(begins)
    return None if first is None else min(first, now) + window.span


def _in_hand(connection: Connection, house: House, account: Account) -> int:
    """How many messages somebody who lives has taken, and not begun yet: each will have begun in a moment."""
    begun = exists().where(Attempt.message_id == Message.id, Attempt.number == Message.attempts)
    taken = select(Message.lease_owner, Message.lease_until).where(
        Message.mailbox_id == account.id, Message.send_state == SendState.SENDING.value, ~begun
    )
    rows = connection.execute(taken).all()
    return sum(not leases.is_over(house.presence, row.lease_owner, row.lease_until) for row in rows)
