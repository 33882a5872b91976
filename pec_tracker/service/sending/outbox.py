"""Which messages wait, why, and what does a person decide about them?

`uncertain` is never resent by itself: receipts resolve it, or a person does, in writing, in the ledger.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, Row, exists, literal, select

from pec_tracker.askers import Act, Asker, signature
from pec_tracker.db import leases
from pec_tracker.db.engine import in_one_transaction, reading
from pec_tracker.db.tables import Attempt, Evidence, Mailbox, Message
from pec_tracker.errors import NotFoundError, UsageError
from pec_tracker.ledger import records, seals, together
from pec_tracker.pec.roles import MessageOrigin
from pec_tracker.pec.sending import (
    FOR_A_PERSON,
    HELD_BACK,
    RESENDABLE,
    RESOLVED_BY_RECEIPT,
    WAITING,
    Event,
    Priority,
    SendState,
    change_of,
    possible,
    tokens,
)  # fmt: skip
from pec_tracker.service.house import Account, House
from pec_tracker.service.journeys.reconsider import reconsider
from pec_tracker.service.journeys.send_state_rows import happened
from pec_tracker.service.mailboxes import agreement
from pec_tracker.service.sending import pace, telling
from pec_tracker.service.sending.doubt import COLUMNS, Doubt, make_uncertain
from pec_tracker.service.sending.fence import copies_of, hold_back
from pec_tracker.service.sending.pace import Held, pause_end
from pec_tracker.service.verbs import among, verb
from pec_tracker.settings import Why
from pec_tracker.texts import N_

log = structlog.get_logger()

# Why nothing can be decided about a message, for each state.
_UNDECIDABLE = {
    "found": N_("message {key} was found in the mailbox and not composed here: it cannot be sent from here"),
    "queued": N_("message {key} waits in the outbox and goes by itself; only giving it up can be decided"),
    "deferred": N_("message {key} is put off and is tried again by itself; only giving it up can be decided"),
    "sending": N_("message {key} is being sent at this moment: nothing can be decided about it now"),
    "submitted": N_(
        "message {key} was taken by the provider: there is nothing to decide about it. To send it once more all the "
        "same: outbox resend --again"
    ),
    "refused": N_("message {key} was refused by the server: it can be sent again, or given up"),
    "uncertain": N_("message {key} is uncertain: it can be settled, or sent again"),
    "abandoned": N_("message {key} was given up: it can only be sent again"),
}
_RECEIVED = N_(
    "receipts prove that message {key} left: sent again, its recipients would get it twice. If that is wanted: --again"
)
_SPOKEN_OF = N_(
    "receipts that are no proof speak of message {key}, so it has probably left (see show): sent again, its "
    "recipients would get it twice. If that is wanted: --again"
)
_COPIED = N_(
    "a copy of message {key} lies in the mailbox, so it has probably left: sent again, its recipients would get it "
    "twice. If that is wanted: --again"
)


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One message of the outbox."""

    key: str
    mailbox: str
    send_state: str
    subject: str | None
    created_at: datetime
    next_attempt_at: datetime | None
    attempts: int
    reply: str | None  # the server's words
    problem: dict[str, Any] | None  # ours, where the server said nothing: `texts.facts_text`
    lease_until: datetime | None
    held: Held | None = None  # what keeps it back beside its own time, where something does
    priority: Priority = Priority.NORMAL


@verb(Act.SEND)
def recover(asker: Asker, house: House, account: Account) -> None:
    """Messages whose sender vanished: queued again where nothing can have left, `uncertain` where it may have.

    So is what waits although something in the mailbox or in the archive says that it left. Where nothing is under way,
    nothing is written.
    """
    now = house.clock.now()
    if not _is_any(house, account, HELD_BACK):
        return

    def work(connection: Connection) -> None:
        sending = select(*COLUMNS, Message.lease_owner, Message.lease_until).where(
            Message.mailbox_id == account.id, Message.send_state == SendState.SENDING.value
        )
        for row in connection.execute(sending).all():
            if leases.is_over(house.presence, row.lease_owner, row.lease_until):
                _recover_one(connection, row, now)
        _resolve_by_receipts(connection, account, now)  # the stronger word goes first
        hold_back(connection, account, now)

    in_one_transaction(house.engine, work)


def _recover_one(connection: Connection, row: Row[*tuple[Any, ...]], now: datetime) -> None:
    opened = select(Attempt.number).where(Attempt.message_id == row.id, Attempt.ended_at.is_(None))
    number = connection.scalar(opened)
    if number is not None:
        make_uncertain(connection, row, Doubt.CRASH, at=now, number=number)
        return
    mine = (Message.lease_owner == row.lease_owner,)
    if change := happened(connection, Event.RECOVERED, row.id, at=now, when=mine):
        log.warning("message.recovered", message=row.key, state=change.state.value)


@verb(Act.TAKE_IN)
def follow_up(asker: Asker, house: House, account: Account) -> None:
    """After a collect: what receipts have resolved, and what a person must now be asked or told about. Where every
    message has simply left, nothing is written."""
    now = house.clock.now()
    if not _is_any(house, account, HELD_BACK | FOR_A_PERSON):
        return

    def work(connection: Connection) -> None:
        _resolve_by_receipts(connection, account, now)
        telling.of_uncertain(connection, account, now - house.uncertain_after, now)
        telling.of_waiting(connection, house, account, now - house.uncertain_after, now)

    in_one_transaction(house.engine, work)


def _is_any(house: House, account: Account, states: Iterable[SendState]) -> bool:
    """Whether a message of the mailbox stands in one of these states."""
    mine = select(Message.id).where(Message.mailbox_id == account.id)
    standing = mine.where(Message.send_state.in_(tokens(states))).limit(1)
    with reading(house.engine) as connection:
        return connection.execute(standing).first() is not None


@verb(Act.READ)
def waiting(
    asker: Asker,
    house: House,
    account: Account | None = None,
    *,
    key: str | None = None,
    accounts: Sequence[Account] = (),
) -> list[OutboxEntry]:
    """Every message that is not simply submitted, with the reason why it waits; of *account*, of *key* only.

    What the provider's pace holds back is told of *account*, and of *accounts*: their configuration knows the pace.
    """
    now = house.clock.now()
    columns = (
        select(
            Message.key, Message.send_state, Message.subject, Message.created_at, Message.next_attempt_at,
            Message.attempts, Message.reply, Message.problem, Mailbox.name, Message.lease_until,
            Mailbox.suspended_problem, Mailbox.paused_until, Message.mailbox_id, Message.priority,
        )
        # Outer, so that SQLite begins with the messages, not with the few mailboxes and all of theirs.
        .outerjoin(Mailbox, Mailbox.id == Message.mailbox_id)
        # As its partial index says it.
        .where(
            Message.send_state != literal(SendState.SUBMITTED.value, literal_execute=True),
            among(asker, Message.mailbox_id),
        )
        .order_by(Message.created_at, Message.id)
    )  # fmt: skip
    if account is not None:
        columns = columns.where(Message.mailbox_id == account.id)
    if key is not None:
        columns = columns.where(Message.key == key)
    with reading(house.engine) as connection:
        rows = connection.execute(columns).all()
        waits = {row.mailbox_id for row in rows if row.send_state in WAITING}
        asked = [one for one in (*accounts, *([] if account is None else [account])) if one.id in waits]
        held = {one.id: pace.holding(connection, house, one) for one in asked}
        unagreed = {one.id for one in asked if agreement.is_missing(connection, one)}
    return [_entry(row, _held(row, held, unagreed), now) for row in rows]


def _held(row: Row[*tuple[Any, ...]], held: Mapping[int, Held | None], unagreed: set[int]) -> Held | None:
    if row.send_state not in WAITING:
        return None
    if row.mailbox_id in unagreed and row.priority != Priority.NORMAL.rank:
        return Held(Why.AGREEMENT)
    return held.get(row.mailbox_id)


def _entry(row: Row[*tuple[Any, ...]], held: Held | None, now: datetime) -> OutboxEntry:
    due = _next_attempt(row, now)
    if held is not None:
        due = None if held.until is None else max(held.until, due or held.until)
    return OutboxEntry(
        row.key, row.name, row.send_state, row.subject, row.created_at,
        due, row.attempts,
        row.reply, row.problem or (None if row.reply else row.suspended_problem), row.lease_until, held,
        Priority.of(row.priority),
    )  # fmt: skip


@verb(Act.READ)
def require_none_waiting(asker: Asker, house: House, account: Account) -> None:
    """UsageError where a message of *account* is on its way out, or nobody knows whether it left."""
    unsettled = HELD_BACK | {SendState.UNCERTAIN}
    held = [one.key for one in waiting(asker, house, account) if one.send_state in unsettled]
    if held:
        raise UsageError(
            "{count} messages of {name} have not surely left; send or settle them first: pec-tracker outbox list",
            count=len(held),
            name=account.name,
        )


def _next_attempt(row: Row[*tuple[Any, ...]], now: datetime) -> datetime | None:
    """When the message may go, a pause of its mailbox considered."""
    due: datetime | None = row.next_attempt_at
    paused = pause_end(row.paused_until, now)
    if row.send_state in WAITING and paused is not None:
        return max(paused, due or paused)
    return due


@verb(Act.DECIDE)
def resend(asker: Asker, house: House, key: str, *, reason: str, again: bool = False) -> None:
    """A person decides that an uncertain or refused message goes again; the decision is in the ledger, in writing.

    Where a receipt or a copy tells that it left, only *again* sends it once more: also one that was submitted.
    Raises UsageError where that cannot be decided, NotFoundError, ApartError; then nothing was written.
    """
    what = "resend again" if again else "resend"
    _decide(asker, house, key, Event.RESENT, what=what, reason=reason, again=again)


@verb(Act.DECIDE)
def settle(asker: Asker, house: House, key: str, *, sent: bool, reason: str) -> None:
    """A person decides what became of an uncertain message: it was sent, or it is given up."""
    event = Event.SETTLED_SENT if sent else Event.SETTLED_ABANDONED
    _decide(asker, house, key, event, what=f"settle {change_of(event).state}", reason=reason)


@verb(Act.DECIDE)
def cancel(asker: Asker, house: House, key: str, *, reason: str) -> None:
    """A person decides that a message which has not left never does; in the ledger, with the reason.

    Raises UsageError where it may have left, is being sent, or was decided about; then nothing was written.
    """
    _decide(asker, house, key, Event.SETTLED_ABANDONED, what="cancel", reason=reason, only=WAITING)


def _resolve_by_receipts(connection: Connection, account: Account, now: datetime) -> None:
    """A receipt that counts says that the message went, whatever we were unsure of (`journeys.rows` decides that)."""
    unsure = connection.scalars(
        select(Message.id).where(
            Message.mailbox_id == account.id,
            Message.send_state.in_(tokens(RESOLVED_BY_RECEIPT)),
            ~(Message.again & Message.send_state.in_(tokens(WAITING))),
            exists().where(Evidence.message_id == Message.id, Evidence.counts.is_(True)),
        )
    ).all()
    if unsure:
        reconsider(connection, unsure, now=now)


def _decide(
    asker: Asker,
    house: House,
    key: str,
    event: Event,
    *,
    what: str,
    reason: str,
    again: bool = False,
    only: Set[SendState] = frozenset(SendState),
) -> None:
    """Ask first, then keep the record, then write: a decision that is refused leaves nothing behind."""
    if not reason.strip():
        raise UsageError("say why, with --reason: the decision is kept in the ledger")
    together.require(house.engine, house.archive)
    with reading(house.engine) as connection:
        _decidable(connection, asker, key, event, again=again, only=only)
    record = records.decision(key, what=what, reason=reason, by=signature(asker))
    house.archive.put_many([record])
    now = house.clock.now()

    def work(connection: Connection) -> None:
        message_id = _decidable(connection, asker, key, event, again=again, only=only, locked=True)
        knowing = {"again": True} if again else {}
        line = {"record": record.sha256, "by": "person", **knowing}
        change = happened(connection, event, message_id, at=now, line=line, again=again)
        if change is not None and change.reconsidered:
            reconsider(connection, [message_id], now=now)

    in_one_transaction(house.engine, work)
    seals.seal_pending(house.engine, house.archive, now=now)


def _decidable(
    connection: Connection,
    asker: Asker,
    key: str,
    event: Event,
    *,
    again: bool,
    only: Set[SendState],
    locked: bool = False,
) -> int:
    """The number of the message, where this may be decided about it. Raises UsageError, NotFoundError."""
    columns = select(Message.id, Message.send_state, Message.origin)
    wanted = columns.where(Message.key == key, among(asker, Message.mailbox_id))
    row = connection.execute(wanted.with_for_update() if locked else wanted).one_or_none()
    if row is None:
        raise NotFoundError("no message has the key {key}; `pec-tracker outbox list` shows them", key=key)
    allowed = RESENDABLE if event is Event.RESENT and not again else possible(event)
    if row.origin != MessageOrigin.COMPOSED or row.send_state not in allowed & only:
        raise UsageError(_UNDECIDABLE[row.send_state if row.origin == MessageOrigin.COMPOSED else "found"], key=key)
    if event is Event.RESENT and not again:
        _require_no_trace(connection, row.id, key)
    return int(row.id)


def _require_no_trace(connection: Connection, message_id: int, key: str) -> None:
    """Nothing in the mailbox says that it left. Raises UsageError."""
    traces = ((Evidence.counts.is_(True), _RECEIVED), (Evidence.counts.is_(False), _SPOKEN_OF))
    for condition, words in traces:
        if connection.scalar(select(Evidence.id).where(Evidence.message_id == message_id, condition).limit(1)):
            raise UsageError(words, key=key)
    if connection.scalar(select(Message.id).where(Message.id == message_id, copies_of().exists())):
        raise UsageError(_COPIED, key=key)
