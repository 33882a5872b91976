"""What is written and has not left? Drafts with their attachments, in the database alone until they become messages.

No mail and no ledger line holds a draft, so that one that is thrown away is gone; a rebuild carries drafts over from
the database before (decision 39).
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint

from pec_tracker.db.base import Base, Holds, closed, column
from pec_tracker.db.types import Id, Sha256
from pec_tracker.pec.standard import ReceiptForm


class Draft(Base):
    """A letter as somebody left it. Each change counts `version` up.

    `message` is the key of the message that it became, in the commit that queued it; the letter is no more here then.
    """

    __tablename__ = "draft"
    __table_args__ = (closed("receipt_form", ReceiptForm), Index("ix_draft_mailbox_id", "mailbox_id"))

    id: Holds[int] = column(Id, primary_key=True)
    key: Holds[str] = column(unique=True)
    mailbox_id: Holds[int] = column(ForeignKey("mailbox.id"))
    version: Holds[int]
    created_at: Holds[datetime]
    changed_at: Holds[datetime]
    to: Holds[list[Any]]
    cc: Holds[list[Any]]
    subject: Holds[str]
    text: Holds[str]
    html: Holds[str | None]
    case: Holds[str | None]
    receipt_form: Holds[str]
    reply_to: Holds[str | None]
    in_reply_to: Holds[str | None]
    message: Holds[str | None]
    sent_at: Holds[datetime | None]


class DraftAttachment(Base):
    """A file attached to a draft, its bytes included; each name once."""

    __tablename__ = "draft_attachment"
    __table_args__ = (UniqueConstraint("draft_id", "name"),)

    id: Holds[int] = column(Id, primary_key=True)
    draft_id: Holds[int] = column(ForeignKey("draft.id"))
    name: Holds[str]
    size: Holds[int] = column(Id)
    sha256: Holds[str] = column(Sha256)
    content: Holds[bytes] = column(LargeBinary)
