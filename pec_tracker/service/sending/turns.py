"""When may the next message of a mailbox leave? Not before its time, the provider's pace, a pause, or the fence say so.

What is put off for longer than anything ever is was written by a clock that was ahead: it is due.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, func, or_, select

from pec_tracker.askers import Act, Asker
from pec_tracker.db import leases
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Mailbox, Message
from pec_tracker.pec.sending import WAITING, Priority, SendState, tokens
from pec_tracker.service.house import Account, House
from pec_tracker.service.mailboxes import agreement
from pec_tracker.service.sending import fence, pace
from pec_tracker.service.sending.attempt import LONGEST_RETRY
from pec_tracker.service.sending.pace import PAUSE
from pec_tracker.service.verbs import verb

# Beyond these nothing is ever put off.
_LONGEST = {SendState.QUEUED.value: PAUSE, SendState.DEFERRED.value: LONGEST_RETRY}


def next_message(
    house: House, account: Account, *, began: datetime, only: Sequence[str] | None = None
) -> Row[*tuple[Any, ...]] | None:
    """The message that goes next, the pace aside: by priority the oldest that may go now.

    What was deferred since *began* waits for another round.
    """
    now = house.clock.now()
    due_at = Message.next_attempt_at
    due = {
        state: or_(due_at <= by, due_at > now + _LONGEST[state.value])
        for state, by in ((SendState.QUEUED, now), (SendState.DEFERRED, began))
    }
    columns = (
        select(
            Message.id, Message.key, Message.raw, Message.sender, Message.send_state, Message.attempts,
            Message.created_at, Message.priority,
        )
        .where(Message.mailbox_id == account.id, ~pace.is_paused(now))
        .order_by(Message.priority, Message.created_at, Message.id)
        .limit(1)
    )  # fmt: skip
    if not fence.looked_through(house, account):
        columns = columns.where(Message.id > house.start.newest)
    if account.agreement is not None:
        columns = columns.where(agreement.may_leave(account))
    if only is not None:
        columns = columns.where(Message.key.in_(only))
    # A statement for each state: the index has the oldest of it, and nothing is sorted.
    oldest = [columns.where(Message.send_state == state.value, condition) for state, condition in due.items()]
    with reading(house.engine) as connection:
        found = [row for one in oldest if (row := connection.execute(one).one_or_none()) is not None]
    return min(found, key=lambda row: (row.priority, row.created_at, row.id), default=None)


def held_by_pace(
    house: House, account: Account, *, began: datetime, only: Sequence[str] | None = None, since: datetime | None = None
) -> datetime | None:
    """When the pace lets the next message go that nothing else holds back; None where the pace holds none, or held none
    *since* then (now): what it held a moment ago may go at once."""
    at = pace.turn(house, account, since=since)
    if at is None or at <= (since or house.clock.now()) or next_message(house, account, began=began, only=only) is None:
        return None
    return at


@verb(Act.READ)
def next_turns(asker: Asker, house: House, accounts: Sequence[Account]) -> dict[int, datetime]:
    """By a mailbox's row, when there is next something to send, or a send to recover that its process left behind.

    A time that is past means at once. A mailbox with nothing to do, or held by the fence, is not in it.
    """
    now = house.clock.now()
    mine = {one.id: one for one in accounts if asker.sees(one.id)}
    turns: dict[int, datetime] = {}
    with reading(house.engine) as connection:
        columns = select(Mailbox.id, Mailbox.collected_at, Mailbox.paused_until)
        mailboxes = {row.id: row for row in connection.execute(columns) if row.id in mine}
        unagreed = [one for one in mailboxes if agreement.is_missing(connection, mine[one])]
        looked = [one for one, row in mailboxes.items() if fence.lifted(house, one, row.collected_at)]
        for row in connection.execute(_earliest(house, looked, unagreed)):
            if row.mailbox_id in mine:
                at = now if row.at is None or row.at > now + _LONGEST[row.send_state] else row.at
                turns[row.mailbox_id] = min(at, turns.get(row.mailbox_id, at))
        under_way = select(Message.mailbox_id, Message.lease_owner, Message.lease_until).where(
            Message.send_state == SendState.SENDING.value
        )
        left_behind = [
            row.mailbox_id
            for row in connection.execute(under_way)
            if row.mailbox_id in mine and leases.is_over(house.presence, row.lease_owner, row.lease_until)
        ]
    for number, at in turns.items():
        paused = pace.pause_end(mailboxes[number].paused_until, now)
        turns[number] = max(at, paused or at, pace.turn(house, mine[number]) or at)
    return turns | dict.fromkeys(left_behind, now)


def _earliest(house: House, looked: Sequence[int], unagreed: Sequence[int]) -> Any:
    """By mailbox and state, when what waits is first due; without what the fence keeps, or what wants an agreement."""
    not_fenced: ColumnElement[bool] = or_(Message.mailbox_id.in_(looked), Message.id > house.start.newest)
    return (
        select(Message.mailbox_id, Message.send_state, func.min(Message.next_attempt_at).label("at"))
        .where(Message.send_state.in_(tokens(WAITING)), not_fenced, *_leaving(unagreed))
        .group_by(Message.mailbox_id, Message.send_state)
    )


def _leaving(unagreed: Sequence[int]) -> list[ColumnElement[bool]]:
    if not unagreed:
        return []
    return [or_(Message.mailbox_id.not_in(unagreed), Message.priority == Priority.NORMAL.rank)]
