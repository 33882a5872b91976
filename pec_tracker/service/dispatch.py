"""What becomes of a queued message? It leaves at most once without a person's decision, and says when unsure.

Claim by compare-and-set with a lease; the attempt is committed before the final dot; the outcome after the reply.
A lease that ran out without an attempt: queued again. With one: `uncertain` (see `outbox.recover`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Row, exists, insert, or_, select, update

from pec_tracker import crash
from pec_tracker.archive.objects import Suffix
from pec_tracker.db import leases
from pec_tracker.db.engine import in_one_transaction, reading, writing
from pec_tracker.db.tables import Attempt, Mailbox, Message, Recipient
from pec_tracker.errors import LoginRefusedError, ObjectDamagedError, ObjectMissingError, PecTrackerError, ServerError
from pec_tracker.ledger import lines, seals, together
from pec_tracker.service import records
from pec_tracker.service.alerts import NewAlert, raise_alerts
from pec_tracker.service.dossier import reconsider
from pec_tracker.service.house import Account, House, Stop
from pec_tracker.service.outbox import WAITING, recover
from pec_tracker.service.pace import pause, wait_for_turn
from pec_tracker.service.suspension import login_of, suspend
from pec_tracker.wire.smtp import SendOutcome, SendResult, Submitter

log = structlog.get_logger()

FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=1)

# Stages before any message: a fault there is the server's, and the next message would meet it too.
NOT_CONNECTED = frozenset({"connect", "tls", "login"})


class LeaseLostError(PecTrackerError):
    """Another process took the message over while this one was at it: nothing was sent by this one."""


class FencedError(PecTrackerError):
    """The database may be older than what was sent: nothing leaves before it has caught up."""


@dataclass(frozen=True, slots=True)
class Dispatched:
    """What became of one message in this round."""

    key: str
    send_state: str
    code: int | None
    reply: str
    stage: str


def dispatch(
    house: House,
    account: Account,
    *,
    only: Sequence[str] | None = None,
    progress: Callable[[int], None] | None = None,
    stop: Stop | None = None,
) -> list[Dispatched]:
    """Send what waits in the mailbox's outbox (`only` these keys), one after the other, over one connection.

    Messages queued before this process started stay until a full collect of the mailbox has ended since then.
    `stop` ends the round after the message at hand.
    Raises FencedError, ApartError, LoginRefusedError (the mailbox is suspended), TlsError, ServerError.
    """
    if seals.database_is_older(house.engine, house.archive.root):
        raise FencedError(
            "the database is older than the archive (a restored backup?): nothing is sent before `pec-tracker rebuild`"
        )
    together.require(house.engine, house.archive.root)
    recover(house, account)
    login = login_of(house, account)
    try:
        with Submitter(account.smtp, login) as submitter:
            began = house.clock.now()
            return _Round(house, account, submitter, only, began, progress or _silent, stop or _never).send_all()
    except LoginRefusedError as error:
        suspend(house, account, login, str(error))
        raise
    finally:
        seals.seal_pending(house.engine, house.archive.root, now=house.clock.now())


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
            if result.pause or result.stage in NOT_CONNECTED:
                break
        return sent

    def _may_go(self) -> bool:
        """Something waits, and the provider's pace allows it now."""
        return self._next() is not None and wait_for_turn(self.house, self.account, stop=self.stop)

    def _next(self) -> Row[*tuple[Any, ...]] | None:
        """The oldest message that may go now; what was deferred in this round waits for another."""
        now = self.house.clock.now()
        fenced = Message.created_at < self.house.started_at
        collected = exists().where(Mailbox.id == Message.mailbox_id, Mailbox.collected_at >= self.house.started_at)
        paused = exists().where(Mailbox.id == Message.mailbox_id, Mailbox.paused_until > now)
        columns = (
            select(Message.id, Message.key, Message.raw, Message.sender, Message.send_state, Message.attempts)
            .where(
                Message.mailbox_id == self.account.id,
                Message.send_state.in_(WAITING),
                Message.next_attempt_at <= now,
                or_(Message.send_state == "queued", Message.next_attempt_at <= self.began),
                or_(~fenced, collected),
                ~paused,
            )
            .order_by(Message.created_at, Message.id)
            .limit(1)
        )
        if self.only is not None:
            columns = columns.where(Message.key.in_(self.only))
        with reading(self.house.engine) as connection:
            return connection.execute(columns).one_or_none()

    def _claim(self) -> _Claim | None:
        """Take the next message, by compare-and-set."""
        owner = leases.new_owner()
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
            _release(self.house, claim, str(error), alert=True)
            return None
        except ServerError as error:
            _release(self.house, claim, str(error), alert=False)
            raise


def _release(house: House, claim: _Claim, reply: str, *, alert: bool) -> None:
    """Nothing left: the message waits again, with the reason in sight."""
    now = house.clock.now()
    with writing(house.engine) as connection:
        connection.execute(
            update(Message)
            .where(Message.id == claim.id, Message.send_state == "sending", Message.lease_owner == claim.owner)
            .values(
                send_state="deferred",
                reply=reply,
                lease_owner=None,
                lease_until=None,
                next_attempt_at=now + _backoff(claim.number),
            )
        )
        if alert:
            waits = NewAlert("send-waiting", claim.key, message_id=claim.id, facts={"reason": reply})
            raise_alerts(connection, [waits], at=now)


def _commit_attempt(house: House, claim: _Claim) -> None:
    """Right before the final dot: from this commit on, a crash leaves an open attempt, and so `uncertain`."""
    now = house.clock.now()
    with writing(house.engine) as connection:
        still_ours = connection.execute(
            update(Message)
            .where(Message.id == claim.id, Message.send_state == "sending", Message.lease_owner == claim.owner)
            .values(lease_until=leases.until())
        )
        if still_ours.rowcount != 1:
            raise LeaseLostError("message {key} was taken over by another process; it is sent there", key=claim.key)
        connection.execute(insert(Attempt).values(message_id=claim.id, number=claim.number, started_at=now))
        act = lines.new_line("message.attempted", at=now, message=claim.key, number=claim.number)
        lines.append(connection, [act])
    crash.at("dispatch.attempt-committed")


def _settle(house: House, account: Account, claim: _Claim, result: SendResult) -> Dispatched:
    """Commit the outcome. `submitted` only by the server's 2xx after the dot."""
    now = house.clock.now()
    state = result.outcome.value
    reply = records.record("reply", message=claim.key, number=claim.number, code=result.code, text=result.reply)
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
    return Dispatched(claim.key, state, result.code, result.reply, result.stage)


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
        "reply": result.reply,
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
