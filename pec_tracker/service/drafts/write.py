"""How is a draft written, changed and thrown away? Each change is one commit; what is thrown away is gone."""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select, update

from pec_tracker.askers import Act, Asker
from pec_tracker.db.base import table
from pec_tracker.db.drafts import Draft as DraftRow
from pec_tracker.db.drafts import DraftAttachment
from pec_tracker.db.engine import erasing, in_one_transaction
from pec_tracker.errors import NotFoundError, UsageError
from pec_tracker.ledger import together
from pec_tracker.pec.compose import Attachment, new_tracker_id
from pec_tracker.pec.fields import storable
from pec_tracker.pec.standard import ReceiptForm
from pec_tracker.service.drafts.kept import KeptDraft, attached, kept_draft, row_of
from pec_tracker.service.house import Account, House
from pec_tracker.service.verbs import verb

LARGEST: Final = 100 * 1024 * 1024  # bytes of an attachment; no provider takes as much


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of a draft; None where nothing is. An empty text, or no address, takes a value away."""

    to: tuple[str, ...] | None = None
    cc: tuple[str, ...] | None = None
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    case: str | None = None
    receipt_form: ReceiptForm | None = None
    reply_to: str | None = None
    in_reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class Deleted:
    """The draft that is gone; `message` is the message that it had become, which stays."""

    key: str
    message: str | None


@verb(Act.SEND)
def new_draft(
    asker: Asker, house: House, account: Account, said: Said, attachments: Sequence[Attachment] = ()
) -> KeptDraft:
    """Begin a draft. Raises UsageError for two attachments of one name or one that is too large, StorageError."""
    _require_distinct(attachments)
    now = house.clock.now()
    empty = {"to": [], "cc": [], "subject": "", "text": "", "receipt_form": ReceiptForm.COMPLETE.value}
    values = {
        **empty,
        **_columns(said),
        "key": new_tracker_id(secrets.token_bytes(16)),
        "mailbox_id": account.id,
        "version": 1,
        "created_at": now,
        "changed_at": now,
    }

    def work(connection: Connection) -> KeptDraft:
        number = connection.execute(insert(table(DraftRow)).values(values).returning(DraftRow.id)).scalar_one()
        _attach(connection, number, attachments)
        return _as_it_stands(connection, asker, str(values["key"]))

    together.require(house.engine, house.archive)
    return in_one_transaction(house.engine, work)


@verb(Act.SEND)
def edit_draft(asker: Asker, house: House, key: str, said: Said, account: Account | None = None) -> KeptDraft:
    """Change what is *said*, and the mailbox to that of *account*. NotFoundError; UsageError for one that left."""
    columns = _columns(said)
    if account is not None:
        columns["mailbox_id"] = account.id

    def work(connection: Connection, row: Any) -> None:
        if columns:
            connection.execute(update(DraftRow).where(DraftRow.id == row.id).values(columns))

    return _changed(asker, house, key, work)


@verb(Act.SEND)
def attach(
    asker: Asker, house: House, key: str, attachments: Sequence[Attachment], *, replace: bool = False
) -> KeptDraft:
    """Attach files. One of a name that is there already takes its place with *replace*, and is refused without it."""
    _require_distinct(attachments)

    def work(connection: Connection, row: Any) -> None:
        names = {storable(one.name) for one in attachments}
        there = sorted(names & {one.name for one in attached(connection, row.id)})
        if there and not replace:
            raise UsageError("{name} is attached already; --replace puts the new file in its place", name=there[0])
        _detach(connection, row.id, there)
        _attach(connection, row.id, attachments)

    return _changed(asker, house, key, work)


@verb(Act.SEND)
def detach(asker: Asker, house: House, key: str, names: Sequence[str]) -> KeptDraft:
    """Take attachments away by their names. Raises NotFoundError for a name that none has."""

    def work(connection: Connection, row: Any) -> None:
        there = {one.name for one in attached(connection, row.id)}
        for name in names:
            if name not in there:
                raise NotFoundError("nothing called {name} is attached to the draft", name=name)
        _detach(connection, row.id, names)

    return _changed(asker, house, key, work)


@verb(Act.SEND)
def delete_draft(asker: Asker, house: House, key: str) -> Deleted:
    """Throw a draft away with what is attached to it; a message that it became stays."""

    def work(connection: Connection) -> Deleted:
        row = row_of(connection, asker, key, to_change=True)
        erase(connection, row.id)
        connection.execute(delete(DraftRow).where(DraftRow.id == row.id))
        return Deleted(row.key, row.message)

    together.require(house.engine, house.archive)
    return in_one_transaction(house.engine, work)


def erase(connection: Connection, draft_id: int) -> None:
    """Delete all that is attached to a draft."""
    erasing(connection)
    connection.execute(delete(DraftAttachment).where(DraftAttachment.draft_id == draft_id))


def _changed(asker: Asker, house: House, key: str, work: Callable[[Connection, Any], None]) -> KeptDraft:
    """Change a draft that has not left, in one transaction."""

    def alone(connection: Connection) -> KeptDraft:
        row = row_of(connection, asker, key, to_change=True)
        if row.message is not None:
            raise UsageError(
                "draft {key} left as message {message} and cannot be changed any more; begin a new one",
                key=row.key,
                message=row.message,
            )
        erasing(connection)
        work(connection, row)
        counted = {"version": row.version + 1, "changed_at": house.clock.now()}
        connection.execute(update(DraftRow).where(DraftRow.id == row.id).values(counted))
        return _as_it_stands(connection, asker, row.key)

    together.require(house.engine, house.archive)
    return in_one_transaction(house.engine, alone)


def _as_it_stands(connection: Connection, asker: Asker, key: str) -> KeptDraft:
    row = row_of(connection, asker, key)
    return kept_draft(row, attached(connection, row.id))


def _columns(said: Said) -> dict[str, Any]:
    """The columns that what is said means."""
    columns: dict[str, Any] = {}
    for one in fields(said):
        value = getattr(said, one.name)
        if value is None:
            continue
        if one.name in ("to", "cc"):
            columns[one.name] = [storable(address) for address in value if address.strip()]
        elif one.name in ("subject", "text", "receipt_form"):
            columns[one.name] = str(value)
        else:
            columns[one.name] = value or None
    return columns


def _attach(connection: Connection, draft_id: int, attachments: Sequence[Attachment]) -> None:
    for one in attachments:  # one at a time: each may be large
        row = {
            "draft_id": draft_id,
            "name": one.name,
            "size": len(one.content),
            "sha256": hashlib.sha256(one.content).hexdigest(),
            "content": one.content,
        }
        connection.execute(insert(table(DraftAttachment)), [row])


def _detach(connection: Connection, draft_id: int, names: Sequence[str]) -> None:
    for name in names:
        mine = select(DraftAttachment.id).where(DraftAttachment.draft_id == draft_id, DraftAttachment.name == name)
        connection.execute(delete(DraftAttachment).where(DraftAttachment.id.in_(mine)))


def _require_distinct(attachments: Sequence[Attachment]) -> None:
    seen: set[str] = set()
    for one in attachments:
        if one.name in seen:
            raise UsageError("two files are called {name}; rename one, the recipient could not tell them apart",
                             name=one.name)  # fmt: skip
        if len(one.content) > LARGEST:
            raise UsageError("{name} is too large for PEC ({size} MB)", name=one.name, size=len(one.content) >> 20)
        seen.add(one.name)
