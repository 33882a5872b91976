"""What is written of one attempt to send: before its final dot, after the server's answer, and where it ends before."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection, insert, update

from pec_tracker import crash
from pec_tracker.db import leases
from pec_tracker.db.engine import in_one_transaction, writing
from pec_tracker.db.tables import Attempt, Message
from pec_tracker.errors import PecTrackerError, StorageError
from pec_tracker.ledger import lines, records
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.pec.sending import REPLIED, Event, SendState
from pec_tracker.service.alerts.kinds import AlertKind
from pec_tracker.service.alerts.raising import NewAlert, raise_alerts
from pec_tracker.service.house import Account, House
from pec_tracker.service.journeys.reconsider import reconsider
from pec_tracker.service.journeys.send_state_rows import happened
from pec_tracker.service.sending import fence, pace
from pec_tracker.texts import error_facts
from pec_tracker.wire.smtp import SendOutcome, SendResult

log = structlog.get_logger()

FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=1)


class LeaseLostError(PecTrackerError):
    """Another process took the message over while this one was at it: nothing was sent by this one."""


class UnnotedError(StorageError):
    """What became of a message could not be written down: it may have left, and is never sent again by itself."""


@dataclass(frozen=True, slots=True)
class Dispatched:
    """What became of one message in this round."""

    key: str
    send_state: str
    code: int | None
    reply: str  # the server's words
    stage: str
    problem: PecTrackerError | None = None  # ours, where the server said nothing


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that this process has in hand: its row, its attempt's number, and what is handed to the server."""

    id: int
    key: str
    number: int
    mail_from: str
    rcpt_to: tuple[str, ...]
    sha256: str
    owner: str


def release(house: House, claim: Claim, error: PecTrackerError, *, alert: bool) -> None:
    """Nothing left: the message waits again, with the reason in sight."""
    now = house.clock.now()
    problem = error_facts(error)
    with writing(house.engine) as connection:
        happened(
            connection,
            Event.RELEASED,
            claim.id,
            at=now,
            when=(Message.lease_owner == claim.owner,),
            problem=problem,
            next_attempt_at=now + _backoff(claim.number),
        )
        if alert:
            facts = {"reason": str(error), "error": problem}
            waits = NewAlert(AlertKind.SEND_WAITING, claim.key, message_id=claim.id, facts=facts)
            raise_alerts(connection, [waits], at=now)


def commit_attempt(house: House, claim: Claim) -> None:
    """Right before the final dot: from this commit on, a crash leaves an open attempt, and so `uncertain`.

    Then the archive and this computer's mark learn of it too: they tell a database that is restored later.
    """
    now = house.clock.now()
    act = lines.new_line(LedgerAct.MESSAGE_ATTEMPTED, at=now, message=claim.key, number=claim.number)
    with writing(house.engine) as connection:
        still_ours = connection.execute(
            update(Message)
            .where(
                Message.id == claim.id,
                Message.send_state == SendState.SENDING.value,
                Message.lease_owner == claim.owner,
            )
            .values(lease_until=leases.until())
        )
        if still_ours.rowcount != 1:
            raise LeaseLostError("message {key} was taken over by another process; it is sent there", key=claim.key)
        connection.execute(insert(Attempt).values(message_id=claim.id, number=claim.number, started_at=now))
        lines.append(connection, [act])
    crash.at("dispatch.attempt-committed")
    try:
        fence.note_attempt(house, claim.key, claim.number)
    except StorageError:
        _withdraw(house, claim)
        raise
    fence.mark_attempt(house, act.id)
    crash.at("dispatch.attempt-noted")


def _withdraw(house: House, claim: Claim) -> None:
    """The attempt ends before its final dot."""
    now = house.clock.now()
    with writing(house.engine) as connection:
        mine = (Attempt.message_id == claim.id) & (Attempt.number == claim.number)
        connection.execute(update(Attempt).where(mine).values(ended_at=now, outcome="deferred", stage="body"))
        act = lines.new_line(
            LedgerAct.MESSAGE_DEFERRED, at=now, message=claim.key, number=claim.number, stage="body", by="withdrawn"
        )
        lines.append(connection, [act])


def conclude(house: House, account: Account, claim: Claim, result: SendResult) -> Dispatched:
    """Commit the outcome. `submitted` only by the server's 2xx after the dot. Raises UnnotedError."""
    try:
        return _note_outcome(house, account, claim, result)
    except StorageError as error:
        if result.outcome in (SendOutcome.SUBMITTED, SendOutcome.UNCERTAIN):
            raise UnnotedError(
                "message {key} was handed over, and what became of it could not be written down: {reason}. Do not "
                "write it again: make room, then `pec-tracker outbox send` goes on, and a receipt will tell",
                key=claim.key,
                reason=error,
            ) from error
        raise UnnotedError(
            "message {key} has not left, and that could not be written down: {reason}. Do not write it again: it "
            "stays in the outbox; make room, then `pec-tracker outbox send` goes on",
            key=claim.key,
            reason=error,
        ) from error


def _note_outcome(house: House, account: Account, claim: Claim, result: SendResult) -> Dispatched:
    now = house.clock.now()
    state = result.outcome.value
    problem = None if result.problem is None else error_facts(result.problem)
    reply = records.reply(claim.key, number=claim.number, code=result.code, text=result.reply, problem=problem)
    house.archive.put_many([reply])
    crash.at("dispatch.replied")

    def work(connection: Connection) -> bool:
        if result.pause:  # first: who takes a message locks its mailbox before it too
            pace.slow_down(connection, account, result.reply, at=now)
        change = happened(
            connection,
            REPLIED[state],
            claim.id,
            at=now,
            when=(Message.attempts == claim.number,),
            line={
                "number": claim.number,
                "stage": result.stage,
                "code": result.code,
                "record": reply.sha256,
                "by": "server",
            },
            topic=f"{claim.key}/{claim.number}",
            facts={"stage": result.stage, "code": result.code},
            reply=f"{result.code or ''} {result.reply}".strip() or None,
            problem=problem,
            **({"next_attempt_at": now + _wait(claim, result)} if state == SendState.DEFERRED else {}),
        )
        if change is None:
            return False
        _write_attempt(connection, claim, result, now)
        if change.reconsidered:
            reconsider(connection, [claim.id], now=now)
        return True

    if in_one_transaction(house.engine, work):
        log.info(f"message.{state}", message=claim.key, stage=result.stage, code=result.code)
    else:
        log.warning("message.taken_over", message=claim.key, outcome=state)
    crash.at("dispatch.settled")
    return Dispatched(claim.key, state, result.code, result.reply, result.stage, result.problem)


def _write_attempt(connection: Connection, claim: Claim, result: SendResult, now: datetime) -> None:
    """The attempt's end; one that did not come to the final dot has no beginning of its own."""
    end = {
        "ended_at": now,
        "outcome": result.outcome.value,
        "stage": result.stage,
        "code": result.code,
        "reply": result.reply or None,
        "problem": None if result.problem is None else error_facts(result.problem),
    }
    ended = update(Attempt).where(Attempt.message_id == claim.id, Attempt.number == claim.number).values(end)
    if connection.execute(ended).rowcount == 0:
        begun = {"message_id": claim.id, "number": claim.number, "started_at": now}
        connection.execute(insert(Attempt).values(begun | end))


def _wait(claim: Claim, result: SendResult) -> timedelta:
    """How long a message is put off; where the traffic was too much, for no fault of its own."""
    return pace.PAUSE if result.pause else _backoff(claim.number)


def _backoff(number: int) -> timedelta:
    doubled: timedelta = FIRST_RETRY * 2 ** min(number - 1, 10)
    return min(doubled, LONGEST_RETRY)
