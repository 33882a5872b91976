"""How does a draft become a message? Once, in the commit that queues it, however often sending is killed and repeated.

The commit that queues the message says of the draft that it became it: there is no moment in which one is so and the
other is not. The message's key follows from the draft's, so that also a draft of a restored database, or one that a
rebuild carried over, is known to have left.
"""

import base64
import hashlib
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select, update

from pec_tracker import crash
from pec_tracker.askers import Act, Asker
from pec_tracker.db.drafts import Draft as DraftRow
from pec_tracker.db.engine import in_one_transaction, reading
from pec_tracker.db.tables import Message, Recipient
from pec_tracker.errors import PecTrackerError, UsageError
from pec_tracker.pec.sending import SendState
from pec_tracker.service.drafts.kept import letter, row_of
from pec_tracker.service.drafts.write import erase
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending.lint import Linted, lint_draft
from pec_tracker.service.sending.send import Queued, queue
from pec_tracker.service.verbs import verb

_ID_BYTES: Final = 16
# Of a draft that left, the letter is in the archive and nowhere else.
_EMPTIED: Final[dict[str, Any]] = {
    "to": [],
    "cc": [],
    "subject": "",
    "text": "",
    "html": None,
    "case": None,
    "reply_to": None,
    "in_reply_to": None,
}


@dataclass(frozen=True, slots=True)
class Left:
    """The message that a draft became. `known`: it had become it before; `send_state` is where that stands."""

    draft: str
    queued: Queued
    known: bool
    send_state: SendState


class _OvertakenError(PecTrackerError):
    """The draft was changed, sent or deleted by another process while this one composed it."""


@verb(Act.SEND)
def check_draft(asker: Asker, house: House, account: Account, key: str) -> Linted:
    """What would be said of a draft when it is sent. Raises NotFoundError, UsageError for one that left."""
    with reading(house.engine) as connection:
        row = row_of(connection, asker, key)
        if row.message is not None:
            raise UsageError("draft {key} left as message {message}", key=row.key, message=row.message)
        return lint_draft(asker, house, account, letter(connection, row, account))


@verb(Act.SEND)
def send_draft(asker: Asker, house: House, account: Account, key: str) -> Left:
    """Queue a draft as a message; where it had become one already, that one.

    Raises what `sending.send.queue` raises, and the draft is then as it was; NotFoundError, and UsageError where
    another process changed it meanwhile.
    """
    with reading(house.engine) as connection:
        row = row_of(connection, asker, key)
        message = _message(connection, row.message or message_key(row.key))
        draft = letter(connection, row, account) if message is None else None
    if message is not None:
        if row.message is None:
            in_one_transaction(house.engine, lambda connection: note_left(connection, house, row.id, message.key))
        return _known(house, row.key, message)

    assert draft is not None  # there is no message yet

    def leave(connection: Connection) -> None:
        if not note_left(connection, house, row.id, message_key(row.key), version=row.version):
            raise _OvertakenError("draft {key} is another by now", key=row.key)
        crash.at("draft.leaving")

    try:
        queued = queue(asker, house, account, draft, case=row.case, tracker_id=message_key(row.key), also=leave)
    except _OvertakenError:
        with reading(house.engine) as connection:
            now = row_of(connection, asker, row.key)
            message = None if now.message is None else _message(connection, now.message)
        if message is None:
            raise UsageError(
                "draft {key} was changed by another process while it was to be sent; look at it and send it again",
                key=row.key,
            ) from None
        return _known(house, row.key, message)
    return Left(row.key, queued, known=False, send_state=SendState.QUEUED)


def message_key(draft_key: str) -> str:
    """The key of the message that a draft becomes: its own, whatever the letter says by then."""
    digest = hashlib.sha256(f"draft\n{draft_key}".encode()).digest()
    return base64.b32encode(digest[:_ID_BYTES]).decode("ascii").rstrip("=").lower()


def note_left(connection: Connection, house: House, draft_id: int, message: str, *, version: int | None = None) -> bool:
    """Say of a draft that it became *message*, and let go of the letter; False where it is no longer as it was."""
    mine = update(DraftRow).where(DraftRow.id == draft_id, DraftRow.message.is_(None))
    if version is not None:
        mine = mine.where(DraftRow.version == version)
    done = connection.execute(mine.values(_EMPTIED | {"message": message, "sent_at": house.clock.now()}))
    if done.rowcount:
        erase(connection, draft_id)
    return bool(done.rowcount)


def _message(connection: Connection, key: str) -> Any:
    columns = select(Message.id, Message.key, Message.reference, Message.send_state)
    return connection.execute(columns.where(Message.key == key)).one_or_none()


def _known(house: House, draft_key: str, message: Any) -> Left:
    with reading(house.engine) as connection:
        mine = select(Recipient.address).where(Recipient.message_id == message.id).order_by(Recipient.id)
        recipients = tuple(connection.execute(mine).scalars())
    queued = Queued(message.key, message.reference, recipients, advice=())
    return Left(draft_key, queued, known=True, send_state=SendState(message.send_state))
