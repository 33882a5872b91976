"""Everything about one message that has not simply left: what was tried, what it waits for, which traces it left."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select

from pec_tracker.askers import Act, Asker
from pec_tracker.db.engine import reading
from pec_tracker.db.passing import Searched
from pec_tracker.db.tables import Attempt, Folder, Mail, Message, Recipient, Sighting
from pec_tracker.errors import NotFoundError
from pec_tracker.pec.roles import MailRole
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending.outbox import OutboxEntry, waiting
from pec_tracker.service.verbs import verb


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt: how it ended, in the server's words (`reply`), or in ours where it said nothing (`problem`)."""

    number: int
    started_at: datetime
    outcome: str | None
    code: int | None
    reply: str | None
    problem: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class SearchedFor:
    """When it was last searched for on the server, in how many folders; `unable` of them could not tell, and why."""

    at: datetime
    folders: int
    unable: int
    problem: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Waits:
    """A message that has not simply left. `copies`: the folders in which a copy of it lies, which is no proof."""

    entry: OutboxEntry
    recipients: tuple[str, ...]
    tried: tuple[Tried, ...]
    copies: tuple[str, ...]
    searched: SearchedFor | None


@verb(Act.READ)
def waits(asker: Asker, house: House, account: Account | None, key: str) -> Waits:
    """What is known of the message *key*, whole; *account* is its mailbox, where it is still configured.

    Raises NotFoundError where no message of the outbox has the key: it left, or there is none.
    """
    entry = next(iter(waiting(asker, house, account, key=key)), None)
    if entry is None:
        raise NotFoundError(
            "message {key} does not wait in the outbox: it left, or is another mailbox's; see: pec-tracker show {key}",
            key=key,
        )
    with reading(house.engine) as connection:
        message_id = connection.scalars(select(Message.id).where(Message.key == key)).one()
        return Waits(
            entry,
            tuple(
                connection.scalars(
                    select(Recipient.address).where(Recipient.message_id == message_id).order_by(Recipient.id)
                )
            ),
            _tried(connection, message_id),
            _copies(connection, message_id),
            _searched(connection, message_id),
        )


def _tried(connection: Connection, message_id: int) -> tuple[Tried, ...]:
    columns = select(
        Attempt.number, Attempt.started_at, Attempt.outcome, Attempt.code, Attempt.reply, Attempt.problem
    ).where(Attempt.message_id == message_id)
    return tuple(Tried(*row) for row in connection.execute(columns.order_by(Attempt.number)))


def _copies(connection: Connection, message_id: int) -> tuple[str, ...]:
    """The folders where a server showed a copy: other bytes of the message, or the very ones."""
    copies = (
        select(Folder.name)
        .join(Sighting, Sighting.folder_id == Folder.id)
        .join(Mail, Mail.id == Sighting.mail_id)
        .where(Mail.message_id == message_id, or_(Mail.role == MailRole.SENT_COPY, Mail.role == MailRole.ORIGINAL))
        .order_by(Folder.name)
        .distinct()
    )
    return tuple(connection.scalars(copies))


def _searched(connection: Connection, message_id: int) -> SearchedFor | None:
    columns = select(Searched.at, Searched.folders, Searched.unable, Searched.problem)
    row = connection.execute(columns.where(Searched.message_id == message_id)).one_or_none()
    return None if row is None else SearchedFor(*row)
