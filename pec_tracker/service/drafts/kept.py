"""Which drafts are there, and how does each stand? Those of the mailboxes that who asks may see."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from pec_tracker.askers import Act, Asker
from pec_tracker.db.drafts import Draft as DraftRow
from pec_tracker.db.drafts import DraftAttachment
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Mailbox
from pec_tracker.errors import NotFoundError, UsageError
from pec_tracker.pec.compose import Attachment, Draft
from pec_tracker.pec.standard import ReceiptForm
from pec_tracker.service.house import Account, House
from pec_tracker.service.verbs import among, verb

_KEY: Final = re.compile(r"[a-z2-7]{1,32}")


@dataclass(frozen=True, slots=True)
class KeptAttachment:
    """A file that is attached: its name, its size in bytes, its SHA-256 (hex)."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class KeptDraft:
    """A draft as it stands. `message` is the key of the message that it became; nothing of the letter is here then."""

    key: str
    mailbox: str
    version: int
    created_at: datetime
    changed_at: datetime
    to: tuple[str, ...]
    cc: tuple[str, ...]
    subject: str
    text: str
    html: str | None
    case: str | None
    receipt_form: str
    reply_to: str | None
    in_reply_to: str | None
    message: str | None
    sent_at: datetime | None
    attachments: tuple[KeptAttachment, ...] = ()


@verb(Act.READ)
def list_drafts(asker: Asker, house: House, account: Account | None = None) -> list[KeptDraft]:
    """The drafts that have not become messages, of one mailbox or of all, the one that was changed last first."""
    with reading(house.engine) as connection:
        columns = select(DraftRow, Mailbox.name.label("mailbox")).join(Mailbox, Mailbox.id == DraftRow.mailbox_id)
        wanted = columns.where(DraftRow.message.is_(None), among(asker, DraftRow.mailbox_id))
        if account is not None:
            wanted = wanted.where(DraftRow.mailbox_id == account.id)
        rows = connection.execute(wanted.order_by(DraftRow.changed_at.desc(), DraftRow.id.desc())).all()
        return [kept_draft(row, attached(connection, row.id)) for row in rows]


@verb(Act.READ)
def show_draft(asker: Asker, house: House, key: str) -> KeptDraft:
    """The draft whose key begins with *key*. Raises NotFoundError, UsageError where several do."""
    with reading(house.engine) as connection:
        row = row_of(connection, asker, key)
        return kept_draft(row, attached(connection, row.id))


def row_of(connection: Connection, asker: Asker, key: str, *, to_change: bool = False) -> Any:
    """The row of the draft whose key begins with *key*, with its mailbox's name; locked where it is *to_change*."""
    if not _KEY.fullmatch(key):
        raise _unknown(key)
    columns = select(DraftRow, Mailbox.name.label("mailbox")).join(Mailbox, Mailbox.id == DraftRow.mailbox_id)
    wanted = columns.where(DraftRow.key.startswith(key), among(asker, DraftRow.mailbox_id)).limit(2)
    rows = connection.execute(wanted.with_for_update(of=DraftRow.__table__) if to_change else wanted).all()
    if len(rows) > 1:
        raise UsageError("more than one draft begins with {key}; write more of its key", key=key)
    if not rows:
        raise _unknown(key)
    return rows[0]


def attached(connection: Connection, draft_id: int) -> tuple[KeptAttachment, ...]:
    """What is attached, in the order in which it was."""
    columns = select(DraftAttachment.name, DraftAttachment.size, DraftAttachment.sha256)
    mine = columns.where(DraftAttachment.draft_id == draft_id).order_by(DraftAttachment.id)
    return tuple(KeptAttachment(row.name, row.size, row.sha256) for row in connection.execute(mine))


def kept_draft(row: Any, attachments: Sequence[KeptAttachment]) -> KeptDraft:
    """A row of `row_of` as a value."""
    return KeptDraft(
        key=row.key,
        mailbox=row.mailbox,
        version=row.version,
        created_at=row.created_at,
        changed_at=row.changed_at,
        to=tuple(row.to),
        cc=tuple(row.cc),
        subject=row.subject,
        text=row.text,
        html=row.html,
        case=row.case,
        receipt_form=row.receipt_form,
        reply_to=row.reply_to,
        in_reply_to=row.in_reply_to,
        message=row.message,
        sent_at=row.sent_at,
        attachments=tuple(attachments),
    )


def letter(connection: Connection, row: Any, account: Account) -> Draft:
    """What is to be composed of a draft's row, with the bytes of what is attached."""
    files = select(DraftAttachment.name, DraftAttachment.content).where(DraftAttachment.draft_id == row.id)
    return Draft(
        sender=account.address,
        sender_name=account.sender_name,
        to=tuple(row.to),
        cc=tuple(row.cc),
        subject=row.subject,
        text=row.text,
        html=row.html,
        attachments=tuple(
            Attachment(file.name, bytes(file.content))
            for file in connection.execute(files.order_by(DraftAttachment.id))
        ),
        receipt_form=ReceiptForm(row.receipt_form),
        reply_to=row.reply_to or account.reply_to,
        in_reply_to=row.in_reply_to,
    )


def _unknown(key: str) -> NotFoundError:
    return NotFoundError("there is no draft {key}; `pec-tracker draft list` shows them", key=key)
