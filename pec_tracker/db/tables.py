"""Which facts does the index hold, and which constraints keep them true?

Everything here can be made again from the archive and the sealed ledger, which are the truth; what can not is in
`passing`.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Float, ForeignKey, Index, UniqueConstraint

from pec_tracker.db.base import Base, Holds, closed, column, partial_index
from pec_tracker.db.types import Id, PackedJson, Sha256
from pec_tracker.pec.evidence import Verdict
from pec_tracker.pec.roles import MailOrigin, MailRole, MessageOrigin
from pec_tracker.pec.sending import SendState
from pec_tracker.pec.standard import Kind
from pec_tracker.pec.states import State


class Mailbox(Base):
    """A PEC account that we send from and collect from; its settings live in the configuration file.

    `key` names it in ledger lines, which name nobody. `collected_at` is when a collect of all its folders last ended:
    the restore fence asks for it.
    """

    __tablename__ = "mailbox"

    id: Holds[int] = column(Id, primary_key=True)
    key: Holds[str] = column(unique=True)
    name: Holds[str] = column(unique=True)
    address: Holds[str | None]
    known_at: Holds[datetime]
    collected_at: Holds[datetime | None]
    suspended_at: Holds[datetime | None]
    suspended_reason: Holds[str | None]
    suspended_problem: Holds[dict[str, Any] | None] = column(JSON(none_as_null=True))  # `texts.error_facts`
    suspended_login: Holds[str | None]  # digest of the refused credentials: other ones resume the mailbox
    paused_until: Holds[datetime | None]  # the provider found the traffic too much: nothing is sent before
    slowed_to: Holds[float | None] = column(
        Float
    )  # then, so many messages a minute; doubled as time passes (`service/sending/pace`)
    slowed_at: Holds[datetime | None]
    agreed_with: Holds[str | None]  # the provider that agreed to automatic programs, as a person acknowledged
    agreed_at: Holds[datetime | None]
    issuers: Holds[list[Any]] = column(
        default=list
    )  # [domain, organisation] of the providers whose acceptances counted so far


class Folder(Base):
    """One folder of a mailbox under one UIDVALIDITY, and how far it was collected (RFC 3501 2.3.1.1)."""

    __tablename__ = "folder"
    __table_args__ = (UniqueConstraint("mailbox_id", "name", "uidvalidity"),)

    id: Holds[int] = column(Id, primary_key=True)
    mailbox_id: Holds[int] = column(ForeignKey("mailbox.id"))
    name: Holds[str]
    uidvalidity: Holds[int] = column(Id)
    last_uid: Holds[int] = column(Id, default=0)
    seen_messages: Holds[int | None]  # as STATUS said when the folder was last collected to its end
    seen_uidnext: Holds[int | None] = column(Id)


class Mail(Base):
    """One raw mail in the archive, once for each mailbox that it was found in, and the message that it belongs to."""

    __tablename__ = "mail"
    __table_args__ = (
        UniqueConstraint("mailbox_id", "sha256"),
        Index("ix_mail_sha256", "sha256"),
        Index("ix_mail_message_id", "message_id"),
        partial_index("ix_mail_waiting_reference", "reference_key", where="message_id IS NULL"),
        partial_index("ix_mail_waiting_identifier", "identifier", where="message_id IS NULL"),
        partial_index("ix_mail_waiting", "mailbox_id", where="role = 'waiting'"),
        closed("origin", MailOrigin),
        closed("kind", Kind),
        closed("role", MailRole),
    )  # fmt: skip

    id: Holds[int] = column(Id, primary_key=True)
    mailbox_id: Holds[int] = column(ForeignKey("mailbox.id"))
    sha256: Holds[str] = column(Sha256)
    size: Holds[int]
    origin: Holds[str]  # `pec.roles.MailOrigin`
    kind: Holds[str]
    header_message_id: Holds[str | None]
    subject: Holds[str | None]
    sender: Holds[str | None]
    reference_key: Holds[str | None]  # lower-case, by which a waiting mail is found when its message appears
    identifier: Holds[str | None]
    internal_at: Holds[datetime | None]
    archived_at: Holds[datetime]
    reader_version: Holds[int]
    warnings: Holds[list[Any]]
    message_id: Holds[int | None] = column(ForeignKey("message.id"))
    role: Holds[str | None]  # `pec.roles.MailRole`; None: it is nothing to any message


class SentCopy(Base):
    """What a plain mail says of the message that it may be the sender's copy of; linked or not yet.

    A `found` message is made of its evidence and of these, so that their order of arrival does not matter.
    """

    __tablename__ = "sent_copy"
    __table_args__ = (Index("ix_sent_copy_reference_key", "reference_key"),)

    mail_id: Holds[int] = column(ForeignKey("mail.id"), primary_key=True, autoincrement=False)
    reference_key: Holds[str | None]
    fingerprint: Holds[dict[str, Any]]
    recipients: Holds[list[Any]]  # [address, "to" or "cc"]
    sent_at: Holds[datetime | None]
    in_sent: Holds[bool]  # a server showed it in its folder of sent mails; else it was imported


class Answer(Base):
    """An id that a mail answers, the nearest first: by it the mail is linked as a reply when its message appears."""

    __tablename__ = "answer"
    __table_args__ = (Index("ix_answer_key", "key"),)

    mail_id: Holds[int] = column(ForeignKey("mail.id"), primary_key=True, autoincrement=False)
    key: Holds[str] = column(primary_key=True)  # as written, and again in lower case where that differs
    ordinal: Holds[int]


class Sighting(Base):
    """One UID in one folder: it has a mail, or a reason why not. None is passed over in silence."""

    __tablename__ = "sighting"
    __table_args__ = (
        CheckConstraint("(mail_id IS NULL) <> (reason IS NULL)", name="mail_or_reason"),
        Index("ix_sighting_mail_id", "mail_id"),
        partial_index("ix_sighting_reason", "folder_id", "reason", where="reason IS NOT NULL"),
    )  # fmt: skip

    folder_id: Holds[int] = column(ForeignKey("folder.id"), primary_key=True)
    uid: Holds[int] = column(Id, primary_key=True, autoincrement=False)
    mail_id: Holds[int | None] = column(ForeignKey("mail.id"))
    reason: Holds[str | None]
    seen_at: Holds[datetime]


class Message(Base):
    """A PEC that we composed (`composed`), or that left the mailbox by other means (`found`).

    `fingerprint` holds the sent parts in hashes, so that agreement needs no disk. `lease_*` keep two dispatchers from
    working on the same message; the promises rest on `send_state` changed by compare-and-set, not on the lease.
    """

    __tablename__ = "message"
    __table_args__ = (
        partial_index("uq_message_mailbox_id_reference_key", "mailbox_id", "reference_key",
                 where="reference_key IS NOT NULL", unique=True),
        Index("ix_message_mailbox_id_identifier", "mailbox_id", "identifier"),
        Index("ix_message_send_state", "send_state", "next_attempt_at"),
        Index("ix_message_case_key", "case_key"),
        Index("ix_message_created_at", "created_at", "id"),
        Index("ix_message_of_mailbox", "mailbox_id", "created_at", "id"),
        Index("ix_message_turn", "mailbox_id", "send_state", "priority", "created_at", "id"),
        Index("ix_message_reference_key", "reference_key"),
        Index("ix_message_identifier", "identifier"),
        partial_index("ix_message_not_submitted", "created_at", "id", where="send_state != 'submitted'"),
        closed("origin", MessageOrigin),
        closed("state", State),
        closed("send_state", SendState),
        CheckConstraint("origin = 'found' OR (raw IS NOT NULL AND reference_key IS NOT NULL)", name="composed"),
    )  # fmt: skip

    id: Holds[int] = column(Id, primary_key=True)
    mailbox_id: Holds[int] = column(ForeignKey("mailbox.id"))
    key: Holds[str] = column(unique=True)  # the tracker id that we gave it, or one derived for `found`
    origin: Holds[str]
    reference: Holds[str | None]
    reference_key: Holds[str | None]
    identifier: Holds[str | None]
    raw: Holds[str | None] = column(Sha256)  # the mail as sent, or the copy that a `found` one is held to
    copy_kind: Holds[str | None]  # of a `found` one: how that copy came to us (`pec.copies.CopyKind`)
    record: Holds[str | None] = column(Sha256)
    fingerprint: Holds[dict[str, Any] | None] = column(JSON(none_as_null=True))
    sender: Holds[str | None]
    subject: Holds[str | None]
    subject_key: Holds[str]  # without case and accents
    case: Holds[str | None]
    case_key: Holds[str | None]  # without case and accents
    receipt_form: Holds[str | None]
    profile: Holds[dict[str, Any] | None] = column(
        JSON(none_as_null=True)
    )  # what it is to be beyond a letter, and what was known of its addresses then: `service.sending.profiles`
    state: Holds[str]  # of its recipients' journeys the one that most needs a person (`pec.journey.summary`)
    send_state: Holds[str]
    created_at: Holds[datetime]
    submitted_at: Holds[datetime | None]
    copied_at: Holds[datetime | None]  # when a copy of it was seen in, or put into, the folder of sent mails
    last_at: Holds[datetime | None]  # the last certified date of the dossier: retention counts from it
    next_attempt_at: Holds[datetime | None]
    attempts: Holds[int] = column(default=0)
    reply: Holds[str | None]  # the server's last words
    problem: Holds[dict[str, Any] | None] = column(
        JSON(none_as_null=True)
    )  # where the server said nothing, ours: `texts.error_facts`
    again: Holds[bool] = column(default=False)  # a person had it sent again, knowing what tells that it left
    priority: Holds[int] = column(default=0)  # `pec.sending.Priority`, by its rank
    lease_owner: Holds[str | None]
    lease_until: Holds[datetime | None]


class Recipient(Base):
    """One addressee of a message, with its journey as last computed."""

    __tablename__ = "recipient"
    __table_args__ = (
        UniqueConstraint("message_id", "address_key"),
        Index("ix_recipient_address_key", "address_key", "message_id"),
        Index("ix_recipient_due_at", "due_at"),
        Index("ix_recipient_state", "state", "message_id"),
        partial_index("ix_recipient_not_overdue", "due_at", where="overdue IS 0", postgresql="overdue IS false"),
        closed("state", State),
    )  # fmt: skip

    id: Holds[int] = column(Id, primary_key=True)
    message_id: Holds[int] = column(ForeignKey("message.id"))
    address: Holds[str]
    address_key: Holds[str]
    role: Holds[str | None]  # to, cc; None when only the receipts tell
    type: Holds[str | None]
    state: Holds[str]
    state_at: Holds[datetime | None]
    state_offset: Holds[int | None]  # minutes east of UTC, as the provider wrote
    accepted_at: Holds[datetime | None]
    delivered_at: Holds[datetime | None]
    error_code: Holds[str | None]
    error_detail: Holds[str | None]
    due_at: Holds[datetime | None]
    overdue: Holds[bool] = column(default=False)  # as of the last look; `reconsider.refresh` looks again
    next_step: Holds[str]
    contradictions: Holds[list[Any]]


class Attempt(Base):
    """One time that a message's bytes went towards the server; open until its outcome is known.

    It is committed before the final dot: an attempt without an outcome after a crash means `uncertain`.
    """

    __tablename__ = "attempt"
    __table_args__ = (
        UniqueConstraint("message_id", "number"),
        Index("ix_attempt_started_at", "started_at"),
    )

    id: Holds[int] = column(Id, primary_key=True)
    message_id: Holds[int] = column(ForeignKey("message.id"))
    number: Holds[int]
    started_at: Holds[datetime]
    ended_at: Holds[datetime | None]
    outcome: Holds[str | None]
    stage: Holds[str | None]
    code: Holds[int | None]
    reply: Holds[str | None]  # the server's words
    problem: Holds[dict[str, Any] | None] = column(JSON(none_as_null=True))  # ours: `texts.error_facts`


class Evidence(Base):
    """What one mail certifies, its verification now and at arrival, and its agreement. `counts`: it is proof."""

    __tablename__ = "evidence"
    __table_args__ = (
        UniqueConstraint("mail_id", "ordinal"),
        Index("ix_evidence_message_id", "message_id"),
        partial_index(
            "ix_evidence_not_counting", "verdict", "issued_at", where="counts IS 0", postgresql="counts IS false"
        ),
        closed("kind", Kind),
        closed("verdict", Verdict),
        closed("verdict_at_arrival", Verdict),
    )  # fmt: skip

    id: Holds[int] = column(Id, primary_key=True)
    mail_id: Holds[int] = column(ForeignKey("mail.id"))
    ordinal: Holds[int]
    message_id: Holds[int | None] = column(ForeignKey("message.id"))
    kind: Holds[str]
    tipo: Holds[str | None]
    error: Holds[str | None]
    error_code: Holds[str | None]
    error_detail: Holds[str | None]
    issued_at: Holds[datetime | None]
    issued_offset: Holds[int | None]
    provider: Holds[str | None]
    sender: Holds[str | None]
    recipients: Holds[list[Any]]  # [address, type], in the order of the certification data
    recipient: Holds[str | None]
    receipt_form: Holds[str | None]
    subject: Holds[str | None]
    reference: Holds[str | None]
    identifier: Holds[str | None]
    enclosed: Holds[dict[str, Any] | None] = column(PackedJson)
    signer: Holds[dict[str, Any] | None] = column(PackedJson)
    faults: Holds[list[Any]]  # what in the certification data forbids that it certifies
    verdict: Holds[str]
    verdict_at_arrival: Holds[str]
    verification: Holds[dict[str, Any]] = column(PackedJson)  # checks, reasons, weak points, signer, times
    certificate: Holds[str | None] = column(Sha256)
    agreement: Holds[dict[str, Any] | None] = column(PackedJson)
    limits: Holds[list[Any]] = column(default=list)  # names of what is shown beside it and takes no proof away
    counts: Holds[bool]


class Certificate(Base):
    """A certificate that came with a signature; its bytes are an object (.der) of the archive."""

    __tablename__ = "certificate"

    sha256: Holds[str] = column(Sha256, primary_key=True)
    subject: Holds[str]
    issuer: Holds[str]
    not_before: Holds[datetime]
    not_after: Holds[datetime]


class Ledger(Base):
    """One act, as a line that names nobody; numbered only when sealed, because commits end out of order."""

    __tablename__ = "ledger"
    __table_args__ = (
        UniqueConstraint("seal_number", "position"),
        partial_index("ix_ledger_unsealed", "id", where="seal_number IS NULL"),
        Index("ix_ledger_act", "act"),
    )  # fmt: skip

    id: Holds[int] = column(Id, primary_key=True)
    line_id: Holds[str] = column(unique=True)
    act: Holds[str]
    at: Holds[datetime]
    line: Holds[str]  # the canonical JSON that is sealed, with its line feed
    seal_number: Holds[int | None] = column(ForeignKey("seal.number"))
    position: Holds[int | None]


class Seal(Base):
    """A sealed segment of the ledger: SHA-256 of its seal file, chained to the one before."""

    __tablename__ = "seal"

    number: Holds[int] = column(Id, primary_key=True, autoincrement=False)
    sha256: Holds[str] = column(Sha256, unique=True)
    previous: Holds[str | None] = column(Sha256, unique=True)
    count: Holds[int]
    sealed_at: Holds[datetime]


class ArchiveRow(Base):
    """Which archive this database is the index of: the identity in its folder. One row, none before they met."""

    __tablename__ = "archive"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: Holds[int] = column(Id, primary_key=True, autoincrement=False)
    identity: Holds[str]
    marked: Holds[bool] = column(default=False)  # a mark outside tells of its attempts (`fence`)


class Stamp(Base):
    """What dates a seal from outside: a time-stamp token, or a PEC acceptance that quotes its hash."""

    __tablename__ = "stamp"
    __table_args__ = (UniqueConstraint("seal_number", "kind", "source"),)

    id: Holds[int] = column(Id, primary_key=True)
    seal_number: Holds[int] = column(ForeignKey("seal.number"))
    kind: Holds[str]  # rfc3161, pec
    source: Holds[str]  # the authority's name, or the mail that carries the acceptance
    sha256: Holds[str] = column(Sha256)  # of the token, or of the acceptance
    stamped_at: Holds[datetime]
