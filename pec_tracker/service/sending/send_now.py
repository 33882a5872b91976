"""Where does a message stand after it was queued and tried alone? It is in the outbox by now, whatever happens next."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pec_tracker.askers import Act, Asker
from pec_tracker.errors import PecTrackerError, StorageError
from pec_tracker.pec.sending import SendState
from pec_tracker.service.house import Account, House, Stop
from pec_tracker.service.sending.attempt import UnnotedError
from pec_tracker.service.sending.in_turn import Wait, send_in_turn
from pec_tracker.service.sending.outbox import waiting
from pec_tracker.service.sending.send import Queued
from pec_tracker.service.sending.turns import next_turns
from pec_tracker.service.verbs import verb
from pec_tracker.texts import error_facts


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a queued message stands; `error` is why it was not tried, or what went wrong while it was."""

    send_state: str
    code: int | None = None
    reply: str | None = None  # the server's words
    stage: str | None = None
    next_attempt_at: datetime | None = None
    error: PecTrackerError | None = None
    problem: Mapping[str, Any] | None = None  # ours, where the server said nothing: `texts.facts_text`


@verb(Act.SEND)
def send_now(asker: Asker, house: House, account: Account, queued: Queued, *, stop: Stop, wait: Wait) -> Standing:
    """Send this message alone. No error is raised for what goes wrong: it is part of where the message stands."""
    try:
        sent = send_in_turn(asker, house, account, only=[queued.key], stop=stop, wait=wait)
    except StorageError as error:
        return _as_it_waits(asker, house, account, queued, _not_again(queued, error))
    except PecTrackerError as error:
        return _as_it_waits(asker, house, account, queued, error)
    if not sent:
        return _as_it_waits(asker, house, account, queued, None)
    one = sent[0]
    next_attempt_at = None
    if one.send_state == SendState.DEFERRED:
        next_attempt_at = _as_it_waits(asker, house, account, queued, None).next_attempt_at
    problem = None if one.problem is None else error_facts(one.problem)
    return Standing(one.send_state, one.code, one.reply, one.stage, next_attempt_at=next_attempt_at, problem=problem)


def _not_again(queued: Queued, error: StorageError) -> StorageError:
    """The disk's or the database's error; "run the same command again" would write a second message."""
    if isinstance(error, UnnotedError):
        return error
    return StorageError(
        "message {key} is in the outbox: do not write it again. Once this is mended, `pec-tracker outbox send` goes "
        "on with it: {reason}",
        key=queued.key,
        reason=error,
    )


def _as_it_waits(
    asker: Asker, house: House, account: Account, queued: Queued, error: PecTrackerError | None
) -> Standing:
    """The message as the outbox has it; what the outbox does not list has left, sent by another process."""
    entry = next(iter(waiting(asker, house, account, key=queued.key)), None)
    if entry is None:
        return Standing(SendState.SUBMITTED, error=error)
    next_attempt_at = entry.next_attempt_at if entry.send_state == SendState.DEFERRED else None
    if entry.send_state == SendState.QUEUED and error is None:
        next_attempt_at = _held_until(asker, house, account)
    return Standing(
        entry.send_state, reply=entry.reply, next_attempt_at=next_attempt_at, error=error, problem=entry.problem
    )


def _held_until(asker: Asker, house: House, account: Account) -> datetime | None:
    """Until when the provider's pace, or a pause that it asked for, holds the mailbox; None where neither does."""
    turn = next_turns(asker, house, [account]).get(account.id)
    return turn if turn is not None and turn > house.clock.now() else None
