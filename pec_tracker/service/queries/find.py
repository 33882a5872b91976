"""Which messages answer to this? By recipient, subject, identifier, case, date, state and free text.

What a list costs is its page and not the mailbox: the newest first through an index, from there on what follows. What
few messages have leads to them; what many have is asked of each in turn. Nothing is written: what is overdue is
computed from the clock.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, exists, func, or_, select, tuple_, union

from pec_tracker.askers import Act, Asker
from pec_tracker.clock import ROME
from pec_tracker.db import search
from pec_tracker.db.chunks import chunks
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Mailbox, Message, Recipient
from pec_tracker.db.types import EARLIEST, LATEST
from pec_tracker.pec.evidence import address_key, bare_id
from pec_tracker.pec.fields import storable
from pec_tracker.pec.folding import fold
from pec_tracker.pec.journey import SECOND_NOTICE, due
from pec_tracker.pec.roles import MessageOrigin
from pec_tracker.pec.sending import SendState
from pec_tracker.pec.states import NextStep, State
from pec_tracker.service.alerts.raising import HISTORY_AFTER
from pec_tracker.service.contacts.named_in import to_people_called
from pec_tracker.service.house import House
from pec_tracker.service.journeys.evidence_rows import with_offset
from pec_tracker.service.queries import holders
from pec_tracker.service.verbs import among, verb

# So many messages are counted; of more a list says that there are more.
COUNTED = 10_000
# A condition that so many rows fulfil, or fewer, leads to its messages.
FEW = 1_000

# Where in the list a message stands: its date, and its row.
Place = tuple[datetime, int]


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for; every condition given must hold. Days are Europe/Rome, both included."""

    text: str | None = None
    recipient: str | None = None
    subject: str | None = None
    message_id: str | None = None
    case: str | None = None
    mailbox: str | None = None
    since: date | None = None
    until: date | None = None
    state: tuple[str, ...] = ()
    send_state: tuple[str, ...] = ()
    overdue: bool = False
    recent: bool = False  # without messages found in old mail whose newest evidence is long past
    limit: int = 100
    offset: int = 0
    after: "Place | None" = None  # only what follows there: `Found.last` of the page before


@dataclass(frozen=True, slots=True)
class RecipientState:
    """Where a message stands with one recipient; `state_at` with the provider's offset."""

    address: str
    role: str | None
    type: str | None
    state: str
    state_at: datetime | None
    error_code: str | None
    error_detail: str | None
    due_at: datetime | None
    overdue: bool
    next_step: str
    contradictions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FoundMessage:
    """One message in a list."""

    key: str
    mailbox: str
    origin: str
    reference: str | None
    identifier: str | None
    subject: str | None
    sender: str | None
    case: str | None
    send_state: str
    state: str
    created_at: datetime
    recipients: tuple[RecipientState, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A page of messages, newest first, and how many there are in all; `more`: there are more than so many.

    `last` is where the page ends: a query *after* it finds what follows. None where the page is empty.
    """

    messages: tuple[FoundMessage, ...]
    total: int
    more: bool = False
    last: Place | None = None


@verb(Act.READ)
def find(asker: Asker, house: House, query: Query) -> Found:
    """The messages that answer to *query*."""
    now = house.clock.now()
    with reading(house.engine) as connection:
        wanted = _conditions(connection, asker, query, now)
        holding = search.mails_with(connection, query.text) if query.text else None
        called = None if holding is None else to_people_called(connection, query.text or "")
        few = None if holding is None else holders.few(connection, holding)
        if few is not None:
            by_words = Message.id.in_(few)
            wanted = wanted.where(by_words if called is None else or_(by_words, Message.id.in_(called)))
        if holding is None or few is not None:
            counted = connection.execute(select(func.count()).select_from(wanted.limit(COUNTED + 1).subquery()))
            total = counted.scalar_one()
            rows = connection.execute(_listed(wanted, query).limit(query.limit).offset(query.offset)).all()
            more = total > COUNTED
        else:
            end = query.offset + query.limit
            found = holders.newest(connection, holding, _listed(wanted, query), end + 1, called=called)
            rows = found[query.offset : end]
            more = len(found) > end or query.after is not None
            total = max(end, holders.more_than(connection, holding, wanted)) if more else len(found)
        return Found(
            tuple(messages(connection, [row.id for row in rows], now=now)),
            min(total, COUNTED),
            more=more,
            last=(rows[-1].created_at, rows[-1].id) if rows else None,
        )


def _listed(wanted: Select[int], query: Query) -> Select[int, datetime]:
    """*wanted* with their dates, newest first, from where the page before ended."""
    page = wanted.add_columns(Message.created_at).order_by(Message.created_at.desc(), Message.id.desc())
    return page if query.after is None else page.where(tuple_(Message.created_at, Message.id) < query.after)


def messages(connection: Connection, ids: Sequence[int], *, now: datetime) -> list[FoundMessage]:
    """The messages with these row ids, in the same order, with their recipients as they stand *now*."""
    rows: dict[int, Row[*tuple[Any, ...]]] = {}
    recipients: dict[int, list[RecipientState]] = defaultdict(list)
    for some in chunks(ids):
        # An outer join begins with the message: with few mailboxes SQLite would begin there, and walk all of theirs.
        columns = select(Message, Mailbox.name.label("mailbox_name")).outerjoin(
            Mailbox, Mailbox.id == Message.mailbox_id
        )
        rows |= {row.id: row for row in connection.execute(columns.where(Message.id.in_(some)))}
        listed = connection.execute(select(Recipient).where(Recipient.message_id.in_(some)))
        for one in sorted(listed, key=lambda row: row.id):
            recipients[one.message_id].append(_recipient_state(one, now))
    return [
        FoundMessage(
            key=row.key,
            mailbox=row.mailbox_name,
            origin=row.origin,
            reference=row.reference,
            identifier=row.identifier,
            subject=row.subject,
            sender=row.sender,
            case=row.case,
            send_state=row.send_state,
            state=row.state,
            created_at=row.created_at,
            recipients=tuple(recipients[row.id]),
        )
        for row in (rows[message_id] for message_id in ids)
    ]


def _recipient_state(row: Row[*tuple[Any, ...]], now: datetime) -> RecipientState:
    """The recipient as its row says, and as the clock has moved it on since."""
    by_now = due(
        State(row.state),
        accepted_at=row.accepted_at,
        due_at=row.due_at,
        next_step=NextStep(row.next_step),
        now=now,
    )
    return RecipientState(
        address=row.address,
        role=row.role,
        type=row.type,
        state=row.state,
        state_at=with_offset(row.state_at, row.state_offset),
        error_code=row.error_code,
        error_detail=row.error_detail,
        due_at=by_now.due_at,
        overdue=by_now.overdue,
        next_step=by_now.next_step.value,
        contradictions=tuple(row.contradictions),
    )


def named(name: str) -> Select[int]:
    """The row ids of the messages whose key, Message-ID or identifier is *name*: three look-ups, each by its index."""
    exact = (Message.key == name, Message.reference_key == name.lower(), Message.identifier == name)
    return select(union(*(select(Message.id).where(one) for one in exact)).subquery().c.id)


def _conditions(connection: Connection, asker: Asker, query: Query, now: datetime) -> Select[int]:
    wanted = select(Message.id).where(among(asker, Message.mailbox_id))
    for condition in (*_of_messages(query, now), *_of_recipients(connection, query, now)):
        wanted = wanted.where(condition)
    if query.mailbox is not None:
        called = select(Mailbox.id).where(or_(Mailbox.name == query.mailbox, Mailbox.address == query.mailbox))
        wanted = wanted.where(Message.mailbox_id.in_(connection.scalars(called).all()))
    return wanted


def _of_messages(query: Query, now: datetime) -> Iterator[ColumnElement[bool]]:
    for word in fold(query.subject or "").split():
        yield Message.subject_key.contains(word, autoescape=True)
    if query.message_id is not None:
        yield Message.id.in_(named(bare_id(query.message_id) or ""))
    if query.case is not None:
        yield Message.case_key == fold(storable(query.case))
    if query.since is not None:
        yield Message.created_at >= _midnight(query.since)
    if query.until is not None:
        following = query.until + timedelta(days=1) if query.until < date.max else date.max
        yield Message.created_at < _midnight(following)
    if query.send_state:  # what has simply left is most of the list, and no index should lead to it
        usual = SendState.SUBMITTED in query.send_state
        yield (func.coalesce(Message.send_state, "") if usual else Message.send_state).in_(query.send_state)
    if query.recent:
        yield or_(Message.origin != MessageOrigin.FOUND, Message.last_at >= now - HISTORY_AFTER)


def _of_recipients(connection: Connection, query: Query, now: datetime) -> Iterator[ColumnElement[bool]]:
    if query.recipient is not None:
        yield _has_recipient(connection, _called(connection, address_key(query.recipient)))
    if query.state:
        yield _has_recipient(connection, Recipient.state.in_(query.state))
    if query.overdue:
        yield _has_recipient(connection, _is_overdue(now))


def _called(connection: Connection, address: str) -> ColumnElement[bool]:
    """Recipients with this address; where nobody has it, those whose address holds it: for that all are looked at."""
    exactly = Recipient.address_key == address
    known = connection.execute(select(Recipient.id).where(exactly).limit(1)).first() is not None
    return exactly if known else Recipient.address_key.contains(address, autoescape=True)


def _is_overdue(now: datetime) -> ColumnElement[bool]:
    """As `pec.journey.due` says it: what was accepted has until 24 h after that."""
    has_time = (Recipient.state == State.ACCEPTED.value) & (Recipient.accepted_at >= now - SECOND_NOTICE)
    return (Recipient.due_at < now) & or_(Recipient.accepted_at.is_(None), ~has_time)


def _has_recipient(connection: Connection, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Messages with a recipient for whom *condition* holds: led to by them where they are few."""
    ids = connection.scalars(select(Recipient.message_id).where(condition).limit(FEW + 1)).all()
    if len(ids) <= FEW:
        return Message.id.in_(sorted(set(ids)))
    return exists().where(Recipient.message_id == Message.id, condition)


def _midnight(day: date) -> datetime:
    """When the day begins in Rome; the ends of the calendar, which no zone can hold, are moved inside."""
    inside = min(max(day, EARLIEST.date()), LATEST.date())
    return datetime.combine(inside, time(), tzinfo=ROME)
