"""What becomes of a queued message? It leaves at most once without a person's decision, and says when unsure.

Claim by compare-and-set with a lease; the attempt is committed before the final dot; the outcome after the reply.
A lease that ran out without an attempt: queued again. With one: `uncertain` (see `outbox.recover`).
"""

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Row, exists, insert, or_, select, update

from pec_tracker import crash
from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import Act, Asker
from pec_tracker.db import leases
from pec_tracker.db.engine import in_one_transaction, reading, writing
from pec_tracker.db.tables import Attempt, Mailbox, Message, Recipient
from pec_tracker.errors import (
    LoginRefusedError,
    ObjectDamagedError,
    ObjectMissingError,
    PecTrackerError,
    ServerError,
    StorageError,
)
from pec_tracker.ledger import lines, seals, together
from pec_tracker.service import fence, records
from pec_tracker.service.alerts import NewAlert, raise_alerts
from pec_tracker.service.dossier import reconsider
from pec_tracker.service.house import Account, House, Stop
from pec_tracker.service.outbox import recover
from pec_tracker.service.pace import LOOK_EVERY, PAUSE, pause, wait_for_turn
from pec_tracker.service.suspension import login_of, suspend
from pec_tracker.service.verbs import verb
from pec_tracker.texts import error_facts
from pec_tracker.wire.smtp import SendOutcome, SendResult, Submitter

log = structlog.get_logger()

FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=1)

GRACE_SECONDS = 5.0  # for a dialogue to end once somebody said stop: shorter than what `serve` waits for all to end

# Stages before any message: a fault there is the server's, and the next message would meet it too.
NOT_CONNECTED = frozenset({"connect", "tls", "login"})


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


@verb(Act.SEND)
def dispatch(
    asker: Asker,
    house: House,
    account: Account,
    *,
    only: Sequence[str] | None = None,
    progress: Callable[[int], None] | None = None,
    stop: Stop | None = None,
    grace: float = GRACE_SECONDS,
    waits: Callable[[int], None] | None = None,
) -> list[Dispatched]:
    """Send what waits in the mailbox's outbox (`only` these keys), one after the other, over one connection.

    Messages queued before this process started stay until a full collect of the mailbox has ended since then.
    `stop` ends the round: after the message at hand where its server answers within *grace*, else by cutting the
    connection, and the message is what its stage says. `waits` is told how long the provider's pace asks to wait.
    Raises ApartError, LoginRefusedError (the mailbox is suspended), TlsError, ServerError, UnnotedError.
    """
    together.require(house.engine, house.archive.root)
    recover(asker, house, account)
    fence.recognise(house)
    login = login_of(house, account)
    stopping = stop or _never
    try:
        with Submitter(account.smtp, login) as submitter, _cut_when_told(submitter, stopping, grace):
            round_ = _Round(
                house, account, submitter, only, house.clock.now(), progress or _silent, stopping, waits or _silent
            )
            return round_.send_all()
    except LoginRefusedError as error:
        suspend(house, account, login, error)
        raise
    finally:
        _seal(house)


@dataclass(frozen=True, slots=True)
class _Claim:
    id: int
    key: str
    number: int
    mail_from: str
    rcpt_to: tuple[str, ...]
    sha256: str
    owner: str


@dataclass(frozen=True, slots=True)
class _Round:
    """One round of sending over one connection."""

    house: House
    account: Account
    submitter: Submitter
    only: Sequence[str] | None
    began: datetime
    progress: Callable[[int], None]
    stop: Stop
    waits: Callable[[int], None]

    def send_all(self) -> list[Dispatched]:
        """Message after message, until none may go, the server is in trouble, or somebody says stop."""
        sent: list[Dispatched] = []
        while not self.stop() and self._may_go():
            claim = self._claim()
            if claim is None:
                break
            result = self._send(claim)
            if result is None:
                continue
            sent.append(_settle(self.house, self.account, claim, result))
            self.progress(len(sent))
            if result.pause:
                pause(self.house, self.account, result.reply)
            if result.stage in NOT_CONNECTED:
                break
        return sent

    def _may_go(self) -> bool:
        """Something waits, and the provider's pace allows it now."""
        return self._next() is not None and wait_for_turn(self.house, self.account, stop=self.stop, waits=self.waits)

    def _next(self) -> Row[*tuple[Any, ...]] | None:
        """The oldest message that may go now; what was deferred in this round waits for another.

        What is put off for longer than anything ever is was written by a clock that was ahead: it is due.
        """
        now = self.house.clock.now()
        due_at = Message.next_attempt_at
        paused = exists().where(
            Mailbox.id == Message.mailbox_id, Mailbox.paused_until > now, Mailbox.paused_until <= now + PAUSE
        )
        columns = (
            select(Message.id, Message.key, Message.raw, Message.sender, Message.send_state, Message.attempts)
            .where(
                Message.mailbox_id == self.account.id,
                or_(
                    (Message.send_state == "queued") & or_(due_at <= now, due_at > now + PAUSE),
                    (Message.send_state == "deferred") & or_(due_at <= self.began, due_at > now + LONGEST_RETRY),
                ),
                ~paused,
            )
            .order_by(Message.created_at, Message.id)
            .limit(1)
        )
        if not fence.looked_through(self.house, self.account):
            columns = columns.where(Message.id > self.house.start.newest)
        if self.only is not None:
            columns = columns.where(Message.key.in_(self.only))
        with reading(self.house.engine) as connection:
            return connection.execute(columns).one_or_none()

    def _claim(self) -> _Claim | None:
        """Take the next message, by compare-and-set."""
        owner = self.house.presence.owner()
        while (row := self._next()) is not None:
            with writing(self.house.engine) as connection:
                taken = connection.execute(
                    update(Message)
                    .where(Message.id == row.id, Message.send_state == row.send_state, Message.attempts == row.attempts)
                    .values(
                        send_state="sending",
                        attempts=row.attempts + 1,
                        lease_owner=owner,
                        lease_until=leases.until(),
                    )
                )
                if taken.rowcount != 1:
                    continue
                recipients = connection.scalars(
                    select(Recipient.address).where(Recipient.message_id == row.id).order_by(Recipient.id)
                ).all()
            crash.at("dispatch.claimed")
            return _Claim(row.id, row.key, row.attempts + 1, row.sender, tuple(recipients), row.raw, owner)
        return None

    def _send(self, claim: _Claim) -> SendResult | None:
        """Hand the message to the server; None where it stays with us or went over to another process."""
        try:
            raw = self.house.archive.get(claim.sha256, Suffix.MAIL)  # re-read and re-hashed
            self.submitter.connect()
            crash.at("dispatch.before-submit")
            return self.submitter.submit(
                mail_from=claim.mail_from,
                rcpt_to=claim.rcpt_to,
                raw=raw,
                before_final_dot=lambda: _commit_attempt(self.house, claim),
            )
        except LeaseLostError as error:
            log.warning("message.taken_over", message=claim.key, reason=type(error).__name__)
            return None
        except (ObjectMissingError, ObjectDamagedError) as error:
            _release(self.house, claim, error, alert=True)
            return None
        except ServerError as error:
            _release(self.house, claim, error, alert=False)
            raise
        except StorageError as error:  # before the final dot: nothing has left
            _release(self.house, claim, error, alert=False)
            raise


@contextmanager
def _cut_when_told(submitter: Submitter, stop: Stop, grace: float) -> Iterator[None]:
    """Close the connection when *grace* seconds have passed since `stop` said so: a server may take minutes."""
    if stop is _never:
        yield
        return
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_EVERY):
            if stop() and not over.wait(grace):
                submitter.close()
                return

    watching = threading.Thread(target=watch, name="stop")
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()


def _seal(house: House) -> None:
    """Seal what was done. A disk that is full now hides neither what became of the messages nor another error."""
    erring = sys.exception()
    try:
        seals.seal_pending(house.engine, house.archive.root, now=house.clock.now())
        fence.forget_sealed(house)
    except PecTrackerError as error:
        if erring is None and not isinstance(error, StorageError):
            raise
        log.warning("ledger.unsealed", error=type(error).__name__)


def _release(house: House, claim: _Claim, error: PecTrackerError, *, alert: bool) -> None:
    """Nothing left: the message waits again, with the reason in sight."""
    now = house.clock.now()
    problem = error_facts(error)
    with writing(house.engine) as connection:
        connection.execute(
            update(Message)
            .where(Message.id == claim.id, Message.send_state == "sending", Message.lease_owner == claim.owner)
            .values(
                send_state="deferred",
                reply=None,
                problem=problem,
                lease_owner=None,
                lease_until=None,
                next_attempt_at=now + _backoff(claim.number),
            )
        )
        if alert:
            facts = {"reason": str(error), "error": problem}
            raise_alerts(connection, [NewAlert("send-waiting", claim.key, message_id=claim.id, facts=facts)], at=now)


def _commit_attempt(house: House, claim: _Claim) -> None:
    """Right before the final dot: from this commit on, a crash leaves an open attempt, and so `uncertain`.

    Then the archive and this computer's mark learn of it too: they tell a database that is restored later.
    """
    now = house.clock.now()
    act = lines.new_line("message.attempted", at=now, message=claim.key, number=claim.number)
    with writing(house.engine) as connection:
        still_ours = connection.execute(
            update(Message)
            .where(Message.id == claim.id, Message.send_state == "sending", Message.lease_owner == claim.owner)
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


def _withdraw(house: House, claim: _Claim) -> None:
    """The attempt ends before its final dot."""
    now = house.clock.now()
    with writing(house.engine) as connection:
        mine = (Attempt.message_id == claim.id) & (Attempt.number == claim.number)
        connection.execute(update(Attempt).where(mine).values(ended_at=now, outcome="deferred", stage="body"))
        act = lines.new_line(
            "message.deferred", at=now, message=claim.key, number=claim.number, stage="body", by="withdrawn"
        )
        lines.append(connection, [act])


def _settle(house: House, account: Account, claim: _Claim, result: SendResult) -> Dispatched:
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


def _note_outcome(house: House, account: Account, claim: _Claim, result: SendResult) -> Dispatched:
    now = house.clock.now()
    state = result.outcome.value
    problem = None if result.problem is None else error_facts(result.problem)
    reply = records.reply(claim.key, number=claim.number, code=result.code, text=result.reply, problem=problem)
    house.archive.put_many([reply])
    crash.at("dispatch.replied")

    def work(connection: Connection) -> bool:
        if not _write_state(connection, claim, result, now):
            return False
        _write_attempt(connection, claim, result, now)
        act = lines.new_line(
            f"message.{state}",
            at=now,
            message=claim.key,
            number=claim.number,
            stage=result.stage,
            code=result.code,
            record=reply.sha256,
            by="server",
        )
        lines.append(connection, [act])
        if result.outcome is SendOutcome.SUBMITTED:
            reconsider(connection, [claim.id], now=now)  # from now on its acceptance is due
        if result.outcome in (SendOutcome.REFUSED, SendOutcome.UNCERTAIN):
            alert = NewAlert(
                f"send-{state}",
                f"{claim.key}/{claim.number}",
                mailbox_id=account.id,
                message_id=claim.id,
                facts={"stage": result.stage, "code": result.code},
            )
            raise_alerts(connection, [alert], at=now)
        return True

    if in_one_transaction(house.engine, work):
        log.info(f"message.{state}", message=claim.key, stage=result.stage, code=result.code)
    else:
        log.warning("message.taken_over", message=claim.key, outcome=state)
    crash.at("dispatch.settled")
    return Dispatched(claim.key, state, result.code, result.reply, result.stage, result.problem)


def _write_state(connection: Connection, claim: _Claim, result: SendResult, now: datetime) -> bool:
    """The message's new state, unless it is another's by now.

    A recovery or a receipt may have spoken while we waited for the reply: the server's own word is better than
    `uncertain`, and a receipt has said no less than it.
    """
    submitted = result.outcome is SendOutcome.SUBMITTED
    meanwhile = ("sending", "uncertain", "submitted") if submitted else ("sending", "uncertain")
    changed = connection.execute(
        update(Message)
        .where(Message.id == claim.id, Message.attempts == claim.number, Message.send_state.in_(meanwhile))
        .values(
            send_state=result.outcome.value,
            submitted_at=now if submitted else None,
            reply=f"{result.code or ''} {result.reply}".strip() or None,
            problem=None if result.problem is None else error_facts(result.problem),
            lease_owner=None,
            lease_until=None,
            next_attempt_at=now + _backoff(claim.number) if result.outcome is SendOutcome.DEFERRED else None,
        )
    )
    return changed.rowcount == 1


def _write_attempt(connection: Connection, claim: _Claim, result: SendResult, now: datetime) -> None:
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


def _backoff(number: int) -> timedelta:
    doubled: timedelta = FIRST_RETRY * 2 ** min(number - 1, 10)
    return min(doubled, LONGEST_RETRY)


def _silent(_done: int) -> None:
    """Progress that nobody watches."""


def _never() -> bool:
    return False
