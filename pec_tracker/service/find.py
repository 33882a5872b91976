"""Which messages answer to this? By recipient, subject, identifier, case, date, state and free text."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Exists, Row, Select, exists, func, or_, select

from pec_tracker.askers import Act, Asker
from pec_tracker.clock import ROME
from pec_tracker.db import search
from pec_tracker.db.engine import read_only, reading
from pec_tracker.db.tables import Mail, Mailbox, Message, Recipient
from pec_tracker.db.types import EARLIEST, LATEST
from pec_tracker.pec.evidence import address_key, bare_id
from pec_tracker.pec.fields import storable
from pec_tracker.pec.folding import fold
from pec_tracker.pec.roles import MessageOrigin
from pec_tracker.service.alerts import HISTORY_AFTER
from pec_tracker.service.dossier import refresh
from pec_tracker.service.evidence_rows import chunks, with_offset
from pec_tracker.service.house import House
from pec_tracker.service.verbs import among, verb


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
    """A page of messages, newest first, and how many there are in all."""

    messages: tuple[FoundMessage, ...]
    total: int


@verb(Act.READ)
def find(asker: Asker, house: House, query: Query) -> Found:
    """The messages that answer to *query*."""
    if not read_only(house.engine):
        refresh(house.engine, now=house.clock.now())
    with reading(house.engine) as connection:
        wanted = _conditions(connection, asker, query)
        if query.recent:
            begin = house.clock.now() - HISTORY_AFTER
            wanted = wanted.where(or_(Message.origin != MessageOrigin.FOUND, Message.last_at >= begin))
        total = connection.execute(select(func.count()).select_from(wanted.subquery())).scalar_one()
        page = wanted.order_by(Message.created_at.desc(), Message.id.desc()).limit(query.limit).offset(query.offset)
        ids = list(connection.scalars(page))
        return Found(tuple(messages(connection, ids)), total)


def messages(connection: Connection, ids: Sequence[int]) -> list[FoundMessage]:
    """The messages with these row ids, in the same order, with their recipients."""
    rows: dict[int, Row[*tuple[Any, ...]]] = {}
    recipients: dict[int, list[RecipientState]] = defaultdict(list)
    for some in chunks(ids):
        columns = select(Message, Mailbox.name.label("mailbox_name")).join(Mailbox, Mailbox.id == Message.mailbox_id)
        rows |= {row.id: row for row in connection.execute(columns.where(Message.id.in_(some)))}
        listed = select(Recipient).where(Recipient.message_id.in_(some)).order_by(Recipient.id)
        for one in connection.execute(listed):
            recipients[one.message_id].append(
                RecipientState(
                    address=one.address,
                    role=one.role,
                    type=one.type,
                    state=one.state,
                    state_at=with_offset(one.state_at, one.state_offset),
                    error_code=one.error_code,
                    error_detail=one.error_detail,
                    due_at=one.due_at,
                    overdue=one.overdue,
                    next_step=one.next_step,
                    contradictions=tuple(one.contradictions),
                )
            )
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


def _conditions(connection: Connection, asker: Asker, query: Query) -> Select[int]:
    wanted = select(Message.id).where(among(asker, Message.mailbox_id))
    if query.mailbox is not None:
        named = select(Mailbox.id).where(or_(Mailbox.name == query.mailbox, Mailbox.address == query.mailbox))
        wanted = wanted.where(Message.mailbox_id.in_(named))
    if query.recipient is not None:
        part = Recipient.address_key.contains(address_key(query.recipient), autoescape=True)
        wanted = wanted.where(_has_recipient(part))
    for word in fold(query.subject or "").split():
        wanted = wanted.where(Message.subject_key.contains(word, autoescape=True))
    if query.message_id is not None:
        bare = bare_id(query.message_id) or ""
        wanted = wanted.where(
            or_(Message.reference_key == bare.lower(), Message.identifier == bare, Message.key == bare)
        )
    if query.case is not None:
        wanted = wanted.where(Message.case_key == fold(storable(query.case)))
    if query.since is not None:
        wanted = wanted.where(Message.created_at >= _midnight(query.since))
    if query.until is not None:
        following = query.until + timedelta(days=1) if query.until < date.max else date.max
        wanted = wanted.where(Message.created_at < _midnight(following))
    if query.state:
        wanted = wanted.where(_has_recipient(Recipient.state.in_(query.state)))
    if query.send_state:
        wanted = wanted.where(Message.send_state.in_(query.send_state))
    if query.overdue:
        wanted = wanted.where(_has_recipient(Recipient.overdue.is_(True)))
    if query.text:
        holding = search.mails_with(connection, query.text)
        if holding is not None:
            linked = select(Mail.message_id).where(Mail.id.in_(holding), Mail.message_id.is_not(None))
            wanted = wanted.where(Message.id.in_(linked))
    return wanted


def _has_recipient(condition: ColumnElement[bool]) -> Exists:
    return exists().where(Recipient.message_id == Message.id, condition)


def _midnight(day: date) -> datetime:
    """When the day begins in Rome; the ends of the calendar, which no zone can hold, are moved inside."""
    inside = min(max(day, EARLIEST.date()), LATEST.date())
    return datetime.combine(inside, time(), tzinfo=ROME)
