"""What becomes of a queued message? It leaves at most once without a person's decision, and says when unsure.

Claim by compare-and-set with a lease; the attempt is committed before the final dot; the outcome after the reply.
A lease that ran out without an attempt: queued again. With one: `uncertain` (see `outbox.recover`).
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Row, exists, or_, select

from pec_tracker import crash
from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import Act, Asker
from pec_tracker.db import leases
from pec_tracker.db.engine import reading, writing
from pec_tracker.db.tables import Mailbox, Message, Recipient
from pec_tracker.errors import (
    LoginRefusedError,
    ObjectDamagedError,
    ObjectMissingError,
    PecTrackerError,
    ServerError,
    StorageError,
)
from pec_tracker.ledger import together
from pec_tracker.pec.sending import Event, SendState
from pec_tracker.service import fence
from pec_tracker.service.attempt import (
    LONGEST_RETRY,
    Claim,
    Dispatched,
    LeaseLostError,
    commit_attempt,
    release,
    settle,
)
from pec_tracker.service.house import Account, House, Stop
from pec_tracker.service.outbox import recover
from pec_tracker.service.outbox_rows import happened
from pec_tracker.service.pace import LOOK_EVERY, PAUSE, pause, wait_for_turn
from pec_tracker.service.sealing import seal
from pec_tracker.service.suspension import login_of, suspend
from pec_tracker.service.verbs import verb
from pec_tracker.wire.smtp import SendResult, Submitter

log = structlog.get_logger()


GRACE_SECONDS = 5.0  # for a dialogue to end once somebody said stop: shorter than what `serve` waits for all to end

# Stages before any message: a fault there is the server's, and the next message would meet it too.
NOT_CONNECTED = frozenset({"connect", "tls", "login"})


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
        while not self.stop() and (row := self._may_go()) is not None:
            claim = self._claim(row)
            if claim is None:
                break
            result = self._send(claim)
            if result is None:
                continue
            sent.append(settle(self.house, self.account, claim, result))
            self.progress(len(sent))
            if result.pause:
                pause(self.house, self.account, result.reply)
            if result.stage in NOT_CONNECTED:
                break
        return sent

    def _may_go(self) -> Row[*tuple[Any, ...]] | None:
        """What goes next, once the provider's pace allows it; None where nothing may go."""
        row, asked_at = self._next(), time.monotonic()
        if row is None or not wait_for_turn(self.house, self.account, stop=self.stop, waits=self.waits):
            return None
        return row if time.monotonic() - asked_at < LOOK_EVERY else self._next()  # what was true before a wait

    def _next(self) -> Row[*tuple[Any, ...]] | None:
        """The oldest message that may go now; what was deferred in this round waits for another.

        What is put off for longer than anything ever is was written by a clock that was ahead: it is due.
        """
        now = self.house.clock.now()
        due_at = Message.next_attempt_at
        paused = exists().where(
            Mailbox.id == Message.mailbox_id, Mailbox.paused_until > now, Mailbox.paused_until <= now + PAUSE
        )
        due = {
            SendState.QUEUED: or_(due_at <= now, due_at > now + PAUSE),
            SendState.DEFERRED: or_(due_at <= self.began, due_at > now + LONGEST_RETRY),
        }
        columns = (
            select(
                Message.id, Message.key, Message.raw, Message.sender, Message.send_state, Message.attempts,
                Message.created_at,
            )
            .where(Message.mailbox_id == self.account.id, ~paused)
            .order_by(Message.created_at, Message.id)
            .limit(1)
        )  # fmt: skip
        if not fence.looked_through(self.house, self.account):
            columns = columns.where(Message.id > self.house.start.newest)
        if self.only is not None:
            columns = columns.where(Message.key.in_(self.only))
        # A statement for each state: the index has the oldest of it, and nothing is sorted.
        oldest = [columns.where(Message.send_state == state.value, condition) for state, condition in due.items()]
        with reading(self.house.engine) as connection:
            found = [row for one in oldest if (row := connection.execute(one).one_or_none()) is not None]
        return min(found, key=lambda row: (row.created_at, row.id), default=None)

    def _claim(self, oldest: Row[*tuple[Any, ...]]) -> Claim | None:
        """Take *oldest*, or what comes next where somebody else was quicker, by compare-and-set."""
        owner = self.house.presence.owner()
        row: Row[*tuple[Any, ...]] | None = oldest
        while row is not None:
            with writing(self.house.engine) as connection:
                taken = happened(
                    connection,
                    Event.CLAIMED,
                    row.id,
                    at=self.house.clock.now(),
                    when=(Message.send_state == row.send_state, Message.attempts == row.attempts),
                    attempts=row.attempts + 1,
                    lease_owner=owner,
                    lease_until=leases.until(),
                )
                if taken is None:
                    row = self._next()
                    continue
                recipients = connection.scalars(
                    select(Recipient.address).where(Recipient.message_id == row.id).order_by(Recipient.id)
                ).all()
            crash.at("dispatch.claimed")
            return Claim(row.id, row.key, row.attempts + 1, row.sender, tuple(recipients), row.raw, owner)
        return None

    def _send(self, claim: Claim) -> SendResult | None:
        """Hand the message to the server; None where it stays with us or went over to another process."""
        try:
            raw = self.house.archive.get(claim.sha256, Suffix.MAIL)  # re-read and re-hashed
            self.submitter.connect()
            crash.at("dispatch.before-submit")
            return self.submitter.submit(
                mail_from=claim.mail_from,
                rcpt_to=claim.rcpt_to,
                raw=raw,
                before_final_dot=lambda: commit_attempt(self.house, claim),
            )
        except LeaseLostError as error:
            log.warning("message.taken_over", message=claim.key, reason=type(error).__name__)
            return None
        except (ObjectMissingError, ObjectDamagedError) as error:
            release(self.house, claim, error, alert=True)
            return None
        except ServerError as error:
            release(self.house, claim, error, alert=False)
            raise
        except StorageError as error:  # before the final dot: nothing has left
            release(self.house, claim, error, alert=False)
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
        seal(house)
    except PecTrackerError as error:
        if erring is None and not isinstance(error, StorageError):
            raise
        log.warning("ledger.unsealed", error=type(error).__name__)


def _silent(_done: int) -> None:
    """Progress that nobody watches."""


def _never() -> bool:
    return False
