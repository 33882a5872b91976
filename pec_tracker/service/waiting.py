"""Which mails waited for a message that is there now? Evidence, copies of sent mail and replies, linked late.

Each is linked as it would have been, had the message been there first.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, bindparam, or_, select, update

from pec_tracker.db.engine import in_one_transaction
from pec_tracker.db.tables import Answer, Evidence, Mail, Mailbox, Message, SentCopy, table
from pec_tracker.pec.roles import MailRole
from pec_tracker.service.dossier import reconsider
from pec_tracker.service.evidence_rows import chunks

_BY_REFERENCE = (Message.mailbox_id == Mail.mailbox_id) & (Message.reference_key == Mail.reference_key)
_BY_IDENTIFIER = (
    (Message.mailbox_id == Mail.mailbox_id) & (Message.identifier == Mail.identifier) & Mail.reference_key.is_(None)
)


def wait_for_turn(connection: Connection, mailbox_id: int) -> None:
    """One process at a time brings mail to a mailbox: two would make the same rows, and the one with the larger batch
    would begin again and again. SQLite lets one write at a time anyway.
    """
    connection.execute(select(Mailbox.id).where(Mailbox.id == mailbox_id).with_for_update(key_share=True))


def relink(engine: Engine, mailbox_id: int, *, now: datetime) -> int:
    """Link whatever of the mailbox still waits for a message which is there now; returns how many mails that were.

    After every batch nothing should: this is for what two processes brought at the same moment.
    """

    def work(connection: Connection) -> int:
        wait_for_turn(connection, mailbox_id)
        mine = [Mail.mailbox_id == mailbox_id]
        linked = _evidence(connection, mine) | _copies(connection, mine)
        reconsider(connection, sorted(set(linked.values())), now=now)
        learned = _evidence(connection, mine)
        reconsider(connection, sorted(set(learned.values())), now=now)
        replies = _replies(connection, mine)
        return len(linked | learned | replies)

    return in_one_transaction(engine, work)


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
    rows: dict[int, int] = {}
    for link in (_BY_IDENTIFIER, _BY_REFERENCE):
        found = select(Mail.id, Message.id.label("found")).join(Message, link)
        waiting = found.where(Mail.message_id.is_(None), Mail.role == MailRole.WAITING, *narrowed)
        rows |= {row.id: row.found for row in connection.execute(waiting)}
    _attach(connection, rows, role=MailRole.EVIDENCE)
    if rows:
        linked = update(table(Evidence)).where(Evidence.mail_id == bindparam("b_mail"))
        connection.execute(
            linked.values(message_id=bindparam("b_message")),
            [{"b_mail": mail_id, "b_message": message_id} for mail_id, message_id in rows.items()],
        )
    return rows


def _copies(connection: Connection, narrowed: Iterable[ColumnElement[bool]]) -> dict[int, int]:
    """Give plain mails the message that they are the sender's copy of; that they also answer another counts less."""
    found = (
        select(Mail.id, Message.id.label("found"))
        .select_from(SentCopy)
        .join(Mail, Mail.id == SentCopy.mail_id)
        .join(Message, (Message.mailbox_id == Mail.mailbox_id) & (Message.reference_key == SentCopy.reference_key))
        .where(or_(Mail.role.is_(None), Mail.role == MailRole.REPLY), *narrowed)
    )
    rows = {row.id: row.found for row in connection.execute(found)}
    _attach(connection, rows, role=MailRole.SENT_COPY)
    return rows


def _replies(connection: Connection, narrowed: Sequence[ColumnElement[bool]]) -> dict[int, int]:
    """Give mails the nearest of our messages that they answer; returns those that changed."""
    by_reference, by_identifier = (
        select(Answer.mail_id)
        .select_from(Answer)
        .join(Mail, Mail.id == Answer.mail_id)
        .join(Message, (Message.mailbox_id == Mail.mailbox_id) & (column == Answer.key))
        .where(or_(Mail.role.is_(None), Mail.role == MailRole.REPLY))
        for column in (Message.reference_key, Message.identifier)
    )
    touched = {row.mail_id for one in (by_reference, by_identifier) for row in connection.execute(one.where(*narrowed))}
    nearest: dict[int, tuple[int, int]] = {}
    before: dict[int, int | None] = {}
    for some in _each(Answer.mail_id, touched):
        for one in (by_reference, by_identifier):
            for row in connection.execute(_ranked(one).where(*some)):
                before[row.mail_id] = row.before
                rank = (row.ordinal, row.found)
                nearest[row.mail_id] = min(nearest.get(row.mail_id, rank), rank)
    rows = {mail_id: found for mail_id, (_, found) in nearest.items() if before[mail_id] != found}
    _attach(connection, rows, role=MailRole.REPLY)
    return rows


def _ranked(statement: Select[Any]) -> Select[Any]:
    return statement.add_columns(Answer.ordinal, Message.id.label("found"), Mail.message_id.label("before"))


def _attach(connection: Connection, rows: Mapping[int, int], *, role: str) -> None:
    if rows:
        linked = update(table(Mail)).where(Mail.id == bindparam("b_mail"))
        connection.execute(
            linked.values(message_id=bindparam("b_message"), role=role),
            [{"b_mail": mail_id, "b_message": message_id} for mail_id, message_id in rows.items()],
        )
