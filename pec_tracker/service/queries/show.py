"""What happened to this message? Its facts, where it stands with each recipient, and its timeline with verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import Act, Asker
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Attempt, Evidence, Mail, Message
from pec_tracker.errors import NotFoundError, StorageError, UsageError
from pec_tracker.pec.agree import SOFT, encloses
from pec_tracker.pec.contents import Contents, contents
from pec_tracker.pec.evidence import Fingerprint, bare_id, time_key
from pec_tracker.pec.read import read
from pec_tracker.pec.roles import MailRole
from pec_tracker.pec.standard import ReceiptForm
from pec_tracker.service.house import House
from pec_tracker.service.journeys.evidence_rows import REPEATED, evidence_value, fingerprint_value, with_offset
from pec_tracker.service.queries.find import FoundMessage, messages, named
from pec_tracker.service.verbs import among, verb

_KEY_LENGTH: Final = 26


@dataclass(frozen=True, slots=True)
class EvidenceShown:
    """One evidence of the timeline. `at` is its certified time; `counts` says that it is proof, `disagrees` why not."""

    at: datetime | None
    kind: str
    tipo: str | None  # the provider's token; of REM evidence its event
    sha256: str
    recipient: str | None
    verdict: str
    counts: bool
    disagrees: tuple[str, ...]
    agreement: dict[str, bool | None] | None
    provider: str | None
    identifier: str | None
    error_code: str | None
    error_detail: str | None
    receipt_form: str | None
    encloses_message: bool | None  # see `pec.agree.encloses`
    verification: dict[str, Any]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AttemptShown:
    """One try to send, by our clock."""

    number: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    stage: str | None
    code: int | None
    reply: str | None  # the server's words
    problem: Mapping[str, Any] | None  # ours, where it said nothing: `texts.facts_text`


@dataclass(frozen=True, slots=True)
class MailShown:
    """Another mail of the dossier: the copy in Sent, a reply."""

    role: str
    kind: str
    sha256: str
    subject: str | None
    sender: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Dossier:
    """A message and everything that belongs to it; evidence in the order of certified time."""

    message: FoundMessage
    raw: str | None
    submitted_at: datetime | None
    reply: str | None
    problem: Mapping[str, Any] | None
    evidence: tuple[EvidenceShown, ...]
    attempts: tuple[AttemptShown, ...]
    mails: tuple[MailShown, ...]
    contents: Contents | None  # of the message, its copy, or what a complete receipt that counts encloses
    profile: Mapping[str, Any] | None = None  # what it is beyond a letter: `sending.profiles`


@verb(Act.READ)
def show(asker: Asker, house: House, name: str) -> Dossier:
    """The dossier of the message whose key (or its beginning), Message-ID or identifier is *name*.

    Raises NotFoundError; UsageError where a beginning fits several messages.
    """
    with reading(house.engine) as connection:
        message_id = message_named(connection, asker, name)
        row = connection.execute(
            select(
                Message.raw,
                Message.fingerprint,
                Message.submitted_at,
                Message.reply,
                Message.problem,
                Message.profile,
            ).where(Message.id == message_id)
        ).one()
        evidence = _evidence(connection, message_id, fingerprint_value(row.fingerprint))
        mails = _mails(connection, message_id)
        message = messages(connection, [message_id], now=house.clock.now())[0]
        attempts = _attempts(connection, message_id)
    return Dossier(
        message=message,
        raw=row.raw,
        submitted_at=row.submitted_at,
        reply=row.reply,
        problem=row.problem,
        evidence=evidence,
        attempts=attempts,
        mails=mails,
        profile=row.profile,
        contents=_contents(house, row.raw, evidence, mails),
    )


def _contents(
    house: House, raw: str | None, evidence: Sequence[EvidenceShown], mails: Sequence[MailShown]
) -> Contents | None:
    """What was sent, from the archive; None where it is in no mail that may say so, or that mail is missing there."""
    copies = [mail.sha256 for mail in mails if mail.role == MailRole.SENT_COPY]
    complete = [one.sha256 for one in evidence if one.counts and one.receipt_form == ReceiptForm.COMPLETE]
    try:
        if raw is not None or (len(copies) == 1 and not complete):
            return contents(house.archive.get(raw or copies[0], Suffix.MAIL))
        enclosed = read(house.archive.get(complete[0], Suffix.MAIL)).original if complete else None
    except StorageError:
        return None  # `check` names it; the rest of the dossier is worth showing
    return contents(enclosed) if enclosed is not None else None


def message_named(connection: Connection, asker: Asker, name: str) -> int:
    """The row id of the message that *name* names."""
    bare = bare_id(name) or ""
    mine = among(asker, Message.mailbox_id)
    exact = select(Message.id).where(Message.id.in_(named(bare)), mine)
    ids: Sequence[int] = connection.scalars(exact.limit(2)).all()
    if not ids and len(bare) >= 4:
        begins = bare.lower()
        # A range of the key's index, in whatever order the database sorts letters (keys are a-z and digits).
        near = select(Message.id).where(
            Message.key.between(begins, begins + "z" * _KEY_LENGTH),
            Message.key.startswith(begins, autoescape=True),
            mine,
        )
        ids = connection.scalars(near.order_by(Message.key).limit(2)).all()
    if not ids:
        raise NotFoundError("no message is called {name}; `pec-tracker find` shows the keys", name=name)
    if len(ids) > 1:
        raise UsageError("more than one message is called {name}; give more of its key", name=name)
    return ids[0]


def _evidence(connection: Connection, message_id: int, message: Fingerprint | None) -> tuple[EvidenceShown, ...]:
    rows = connection.execute(
        select(Evidence, *REPEATED, Mail.sha256, Mail.internal_at, Mail.warnings)
        .join(Mail, Mail.id == Evidence.mail_id)
        .where(Evidence.message_id == message_id)
    )
    return tuple(
        EvidenceShown(
            at=with_offset(row.issued_at, row.issued_offset),
            kind=row.kind,
            tipo=row.tipo,
            sha256=row.sha256,
            recipient=row.recipient,
            verdict=row.verdict,
            counts=row.counts,
            disagrees=tuple(
                name for name, holds in (row.agreement or {}).items() if holds is False and name not in SOFT
            ),
            agreement=row.agreement,
            provider=row.provider,
            identifier=row.identifier,
            error_code=row.error_code,
            error_detail=row.error_detail,
            receipt_form=row.receipt_form,
            encloses_message=encloses(evidence_value(row), message, counts=row.counts),
            verification=row.verification,
            warnings=tuple(row.warnings),
        )
        for row in sorted(rows, key=lambda row: time_key(evidence_value(row)))
    )


def _attempts(connection: Connection, message_id: int) -> tuple[AttemptShown, ...]:
    rows = connection.execute(select(Attempt).where(Attempt.message_id == message_id).order_by(Attempt.number))
    return tuple(
        AttemptShown(row.number, row.started_at, row.ended_at, row.outcome, row.stage, row.code, row.reply, row.problem)
        for row in rows
    )


def _mails(connection: Connection, message_id: int) -> tuple[MailShown, ...]:
    rows = connection.execute(
        select(Mail)
        .where(Mail.message_id == message_id, Mail.role.in_((MailRole.SENT_COPY, MailRole.REPLY)))
        .order_by(Mail.id)
    )
    return tuple(
        MailShown(row.role, row.kind, row.sha256, row.subject, row.sender, row.internal_at or row.archived_at)
        for row in rows
    )
