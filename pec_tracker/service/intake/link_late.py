"""Which mails waited for a message that is there now? Evidence, copies of sent mail and replies, linked late.

Each is linked as it would have been, had the message been there first: the statements find the messages that its keys
name, and the same `pec.link.home` decides.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, func, literal, or_, select

from pec_tracker.db.chunks import chunks
from pec_tracker.db.engine import in_one_transaction, reading
from pec_tracker.db.tables import Answer, Mail, Message, SentCopy
from pec_tracker.pec.link import KnownMessages, Ties, home
from pec_tracker.pec.roles import MailRole
from pec_tracker.service.intake.link import MESSAGE_KEYS, Role, attach, message_keys
from pec_tracker.service.journeys.reconsider import reconsider
from pec_tracker.service.mailboxes.known import lock_mailbox

_Row = Row[*tuple[Any, ...]]
_Select = Select[*tuple[Any, ...]]

# A mail, the message that it has, and one that its keys find.
_FOUND: tuple[ColumnElement[Any], ...] = (
    Mail.id.label("mail_id"),
    Mail.message_id.label("before"),
    Message.id.label("found"),
    *MESSAGE_KEYS,
)

_BY_REFERENCE = (Message.mailbox_id == Mail.mailbox_id) & (Message.reference_key == Mail.reference_key)
_BY_IDENTIFIER = (
    (Message.mailbox_id == Mail.mailbox_id) & (Message.identifier == Mail.identifier) & Mail.reference_key.is_(None)
)


@dataclass(frozen=True, slots=True)
class Mark:
    """How far mails and messages went at some moment: what has a larger row id came after it."""

    mail_id: int
    message_id: int


def mark(engine: Engine) -> Mark:
    """How far mails and messages go now."""
    with reading(engine) as connection:
        newest = select(select(func.max(Mail.id)).scalar_subquery(), select(func.max(Message.id)).scalar_subquery())
        mail_id, message_id = connection.execute(newest).one()
    return Mark(mail_id or 0, message_id or 0)


def relink(engine: Engine, mailbox_id: int, *, now: datetime, since: Mark | None = None) -> int:
    """Link whatever of the mailbox still waits for a message which is there now; returns how many mails that were.

    After every batch nothing should: this is for what two processes brought at the same moment. With *since* only the
    mails and messages that came after it are looked at, which costs what is new and not what is kept. Nothing is
    written, and nobody is kept waiting, where nothing waits.
    """
    with reading(engine) as connection:
        narrowings = _narrowings(connection, mailbox_id, since)
        if not any(_is_linkable(connection, narrowed) for narrowed in narrowings):
            return 0

    def work(connection: Connection) -> int:
        lock_mailbox(connection, mailbox_id)
        linked: dict[int, int] = {}
        for narrowed in narrowings:
            linked |= _evidence(connection, narrowed) | _copies(connection, narrowed)
        reconsider(connection, sorted(set(linked.values())), now=now)
        learned: dict[int, int] = {}
        for narrowed in narrowings:
            learned |= _evidence(connection, narrowed)
        reconsider(connection, sorted(set(learned.values())), now=now)
        for narrowed in narrowings:
            learned |= _replies(connection, narrowed)
        return len(linked | learned)

    return in_one_transaction(engine, work)


def _narrowings(connection: Connection, mailbox_id: int, since: Mark | None) -> list[list[ColumnElement[bool]]]:
    """Conditions that narrow the statements to the mailbox, or to what of it came *since*."""
    if since is None:
        return [[Mail.mailbox_id == mailbox_id]]
    # By row id alone: with the mailbox in the condition SQLite would walk through all that the mailbox holds.
    mails = connection.execute(select(Mail.id, Mail.mailbox_id).where(Mail.id > since.mail_id))
    mail_ids = [row.id for row in mails if row.mailbox_id == mailbox_id]
    messages = connection.execute(select(Message.id, Message.mailbox_id).where(Message.id > since.message_id))
    message_ids = [row.id for row in messages if row.mailbox_id == mailbox_id]
    return [*_each(Mail.id, mail_ids), *_each(Message.id, message_ids)]


def _is_linkable(connection: Connection, narrowed: Sequence[ColumnElement[bool]]) -> bool:
    """Whether a mail waits whose message is there: to be asked without writing."""
    for statement in (*_waiting_evidence(), _uncopied()):
        if connection.execute(statement.where(*narrowed).limit(1)).first() is not None:
            return True
    return bool(_unanswered(connection, narrowed))


def link_late(
    connection: Connection, *, made: Collection[int], touched: Collection[int], mail_ids: Collection[int], now: datetime
) -> None:
    """Link what waited for the messages *made*, what of the new *mail_ids* finds its message only by its own
    Message-ID or by what it answers, and decide these and the *touched* messages again.
    """
    linked: dict[int, int] = {}
    for some in _each(Message.id, made):
        linked |= _evidence(connection, some) | _copies(connection, some)
    for some in _each(SentCopy.mail_id, mail_ids):
        linked |= _copies(connection, some)
    learned = reconsider(connection, sorted({*touched, *made, *linked.values()}), now=now)
    late: dict[int, int] = {}
    for some in _each(Message.id, {*learned, *made}):
        late |= _evidence(connection, some)
    reconsider(connection, sorted(set(late.values())), now=now)
    for some in (*_each(Message.id, {*learned, *made}), *_each(Answer.mail_id, mail_ids)):
        _replies(connection, some)


def _each(column: Any, ids: Collection[int]) -> Iterator[list[ColumnElement[bool]]]:
    """Conditions that narrow a statement to *ids*, some at a time."""
    return ([column.in_(some)] for some in chunks(sorted(ids)))


def _evidence(connection: Connection, narrowed: Iterable[ColumnElement[bool]]) -> dict[int, int]:
    """Give waiting evidence its message; mails (by row id) to messages (by row id)."""
    rows = [row for waiting in _waiting_evidence() for row in connection.execute(waiting.where(*narrowed))]
    return _link(connection, rows, _evidence_ties)


def _waiting_evidence() -> tuple[_Select, _Select]:
    """Evidence that waits, and the message that is there: by identifier, by reference.

    Each begins at the waiting mails, through their partial index, for which the role must stand in the statement.
    """
    waits = (Mail.message_id.is_(None), Mail.role == literal(MailRole.WAITING.value, literal_execute=True))
    by_identifier, by_reference = (
        select(*_FOUND, Mail.reference_key.label("key"), Mail.identifier.label("provider_key"))
        .select_from(Mail)
        .join(Message, link)
        .where(*waits)
        for link in (_BY_IDENTIFIER, _BY_REFERENCE)
    )
    return by_identifier, by_reference


def _copies(connection: Connection, narrowed: Iterable[ColumnElement[bool]]) -> dict[int, int]:
    """Give plain mails the message that they are the sender's copy of; that they also answer another counts less."""
    return _link(connection, connection.execute(_uncopied().where(*narrowed)), lambda some: Ties(copy_of=some[0].key))


def _uncopied() -> _Select:
    """Plain mails, and the message that they are the sender's copy of."""
    return (
        select(*_FOUND, SentCopy.reference_key.label("key"))
        .select_from(SentCopy)
        .join(Mail, Mail.id == SentCopy.mail_id)
        .join(Message, (Message.mailbox_id == Mail.mailbox_id) & (Message.reference_key == SentCopy.reference_key))
        .where(or_(Mail.role.is_(None), Mail.role == MailRole.REPLY))
    )


def _answers() -> tuple[_Select, _Select]:
    """Mails that answer one of our messages: by reference, by identifier.

    The mailbox is compared as an expression: by its index SQLite would go through all messages of the mailbox for each
    mail, instead of to the one that the answer names.
    """
    same_mailbox = func.coalesce(Message.mailbox_id, 0) == Mail.mailbox_id
    by_reference, by_identifier = (
        select(Answer.mail_id.label("mail_id"))
        .select_from(Answer)
        .join(Mail, Mail.id == Answer.mail_id)
        .join(Message, column == Answer.key)
        .where(or_(Mail.role.is_(None), Mail.role == MailRole.REPLY), same_mailbox)
        for column in (Message.reference_key, Message.identifier)
    )
    return by_reference, by_identifier


def _replies(connection: Connection, narrowed: Sequence[ColumnElement[bool]]) -> dict[int, int]:
    """Give mails the nearest of our messages that they answer; returns those that changed."""
    roles = _unanswered(connection, narrowed)
    attach(connection, roles)
    return _messages(roles)


def _unanswered(connection: Connection, narrowed: Sequence[ColumnElement[bool]]) -> dict[int, Role]:
    """Mails with the nearest of our messages that they answer, where that is another than they have."""
    statements = _answers()
    touched = {row.mail_id for one in statements for row in connection.execute(one.where(*narrowed))}
    wider = [one.add_columns(*_FOUND[1:], Answer.key.label("key"), Answer.ordinal) for one in statements]
    rows: list[_Row] = []
    for some in _each(Answer.mail_id, touched):
        for one in wider:
            rows += connection.execute(one.where(*some))
    before = {row.mail_id: row.before for row in rows}
    decided = _decided(rows, _answer_ties)
    return {mail_id: role for mail_id, role in decided.items() if role.message_id != before[mail_id]}


def _link(connection: Connection, rows: Iterable[_Row], ties_of: Callable[[Sequence[_Row]], Ties]) -> dict[int, int]:
    """Link the mails of these rows; mails (by row id) to messages (by row id)."""
    roles = _decided(rows, ties_of)
    attach(connection, roles)
    return _messages(roles)


def _decided(rows: Iterable[_Row], ties_of: Callable[[Sequence[_Row]], Ties]) -> dict[int, Role]:
    """What each mail is, of the messages that its keys found: a row for each pair."""
    found: dict[int, list[_Row]] = defaultdict(list)
    for row in rows:
        found[row.mail_id].append(row)
    roles = {}
    for mail_id, some in found.items():
        known = KnownMessages()
        for row in some:
            known.add(message_keys(row))
        there = home(ties_of(some), known)
        if there.message is not None:
            roles[mail_id] = Role(there.role, next(row.found for row in some if row.name == there.message))
    return roles


def _evidence_ties(some: Sequence[_Row]) -> Ties:
    key = some[0].key
    return Ties(is_evidence=True, references=() if key is None else (key,), identifier=some[0].provider_key)


def _answer_ties(some: Sequence[_Row]) -> Ties:
    return Ties(answers=tuple(row.key for row in sorted(some, key=lambda row: (row.ordinal, row.key))))


def _messages(roles: Mapping[int, Role]) -> dict[int, int]:
    return {mail_id: role.message_id for mail_id, role in roles.items() if role.message_id is not None}
