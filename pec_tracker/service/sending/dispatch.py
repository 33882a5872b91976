"""What becomes of a queued message? It leaves at most once without a person's decision, and says when unsure.

Claim by compare-and-set with a lease; the attempt is committed before the final dot; the outcome after the reply.
A lease that ran out without an attempt: queued again. With one: `uncertain` (see `outbox.recover`).
"""

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, Row, select

from pec_tracker import crash
from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import Act, Asker
from pec_tracker.db import leases
from pec_tracker.db.engine import in_one_transaction
from pec_tracker.db.tables import Message, Recipient
from pec_tracker.errors import (
    LoginRefusedError,
    ObjectDamagedError,
    ObjectMissingError,
    PecTrackerError,
    ServerError,
    StorageError,
)
from pec_tracker.ledger import together
from pec_tracker.pec.sending import Event
from pec_tracker.service.house import Account, House, Stop
from pec_tracker.service.journeys.send_state_rows import happened
from pec_tracker.service.mailboxes.login import login_of, suspend
from pec_tracker.service.sealing import seal
from pec_tracker.service.sending import fence, pace
from pec_tracker.service.sending.attempt import Claim, Dispatched, LeaseLostError, commit_attempt, conclude, release
from pec_tracker.service.sending.outbox import recover
from pec_tracker.service.sending.turns import next_message
from pec_tracker.service.verbs import verb
from pec_tracker.wire.smtp import SendResult, Submitter

log = structlog.get_logger()


LOOK_EVERY = 0.25  # seconds of real time between looks at `stop`
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
    began: datetime | None = None,
    refill: Callable[[], bool] | None = None,
) -> list[Dispatched]:
    """Send what may leave the mailbox's outbox now (`only` these keys), one after the other, over one connection.

    Messages queued before this process started stay until a full collect of the mailbox has ended since then; what
    was deferred since *began* (now) waits for another round, and what the provider's pace holds back stays too:
    nothing sleeps here, `turns` says when the next may go. Where nothing may go any more, *refill* says whether it
    queued more.
    `stop` ends the round: after the message at hand where its server answers within *grace*, else by cutting the
    connection, and the message is what its stage says.
    Raises ApartError, LoginRefusedError (the mailbox is suspended), TlsError, ServerError, UnnotedError.
    """
    together.require(house.engine, house.archive)
    recover(asker, house, account)
    fence.recognise(house)
    login = login_of(house, account)
    stopping = stop or _never
    try:
        with Submitter(account.smtp, login) as submitter, _cut_when_told(submitter, stopping, grace):
            began = began or house.clock.now()
            more = refill or _never
            return _Round(house, account, submitter, only, began, progress or _silent, stopping, more).send_all()
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
    refill: Callable[[], bool] = lambda: False

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
            sent.append(conclude(self.house, self.account, claim, result))
            self.progress(len(sent))
            if result.stage in NOT_CONNECTED:
                break
        return sent

    def _may_go(self) -> Row[*tuple[Any, ...]] | None:
        """What goes next, where the provider's pace allows it; None where nothing may go now."""
        turn = pace.turn(self.house, self.account)
        if turn is not None and self.house.clock.now() < turn:
            return None
        found = self._next()
        return self._next() if found is None and self.refill() else found

    def _next(self) -> Row[*tuple[Any, ...]] | None:
        return next_message(self.house, self.account, began=self.began, only=self.only)

    def _claim(self, oldest: Row[*tuple[Any, ...]]) -> Claim | None:
        """Take *oldest*, or what may go next where somebody else was quicker."""
        owner = self.house.presence.owner()
        row: Row[*tuple[Any, ...]] | None = oldest
        while row is not None:
            claim = in_one_transaction(self.house.engine, partial(self._take, row=row, owner=owner))
            if claim is not None:
                crash.at("dispatch.claimed")
                return claim
            row = self._may_go()
        return None

    def _take(self, connection: Connection, *, row: Row[*tuple[Any, ...]], owner: str) -> Claim | None:
        """By compare-and-set; and only where the pace lets it go still, which nobody else is told meanwhile."""
        if not pace.may_begin(connection, self.house, self.account):
            return None
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
            return None
        listed = select(Recipient.address).where(Recipient.message_id == row.id).order_by(Recipient.id)
        recipients = tuple(connection.scalars(listed))
        return Claim(row.id, row.key, row.attempts + 1, row.sender, recipients, row.raw, owner)

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
