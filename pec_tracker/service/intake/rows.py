"""Which rows and ledger lines does a batch of mails leave? Written once each, whatever is repeated."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from cryptography import x509
from sqlalchemy import Connection, insert, select, update

from pec_tracker.db.base import table
from pec_tracker.db.chunks import chunks
from pec_tracker.db.tables import Answer, Certificate, Evidence, Mail, SentCopy, Sighting
from pec_tracker.ledger import lines
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.pec.link import reference_key
from pec_tracker.pec.read import READER_VERSION
from pec_tracker.pec.roles import MailRole
from pec_tracker.pec.standard import Kind
from pec_tracker.service.intake.link import Place, Role
from pec_tracker.service.intake.study import Arrival, Studied
from pec_tracker.service.intake.uids import OWED
from pec_tracker.service.journeys.evidence_rows import evidence_columns, fingerprint_json


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """A certificate's names and validity; `der` is an object of the archive."""

    sha256: str
    der: bytes
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime


@lru_cache(maxsize=512)
def certificate_facts(der: bytes) -> CertificateFacts:
    """The facts of a certificate; one that cannot be read keeps its bytes and empty names."""
    digest = hashlib.sha256(der).hexdigest()
    try:
        certificate = x509.load_der_x509_certificate(der)
        subject, issuer = certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string()
        return CertificateFacts(
            digest, der, subject, issuer, certificate.not_valid_before_utc, certificate.not_valid_after_utc
        )
    except ValueError:
        never = datetime(1970, 1, 1, tzinfo=UTC)
        return CertificateFacts(digest, der, "", "", never, never)


def certificates_of(item: Studied) -> list[CertificateFacts]:
    """The certificates by which the mail's signature was judged, leaf first."""
    return [certificate_facts(der) for der in item.verification.certificates] if item.verification else []


def known_mails(connection: Connection, mailbox_id: int, digests: Sequence[str]) -> dict[str, int]:
    """Which of these mails, by SHA-256, the mailbox has already: their rows' ids."""
    known: dict[str, int] = {}
    for some in chunks(digests):
        rows = connection.execute(
            select(Mail.sha256, Mail.id).where(Mail.mailbox_id == mailbox_id, Mail.sha256.in_(some))
        )
        known |= {row.sha256: row.id for row in rows}
    return known


def insert_mails(
    connection: Connection, place: Place, fresh: Sequence[Studied], roles: Sequence[Role], *, now: datetime
) -> list[int]:
    """The rows of new mails; their ids, in the same order."""
    facts = [
        MailFacts(
            sha256=item.sha256,
            size=item.size,
            kind=item.mail.kind,
            message_id_header=item.mail.headers.message_id if item.mail.headers else None,
            subject=item.mail.subject,
            sender=item.mail.sender,
            warnings=item.mail.warnings,
            reference=item.references[0] if item.references else None,
            identifier=item.identifier,
            internal_at=item.arrival.internal_at,
            role=role,
        )
        for item, role in zip(fresh, roles, strict=True)
    ]
    return write_mails(connection, place.mailbox_id, place.origin, facts, at=now)


@dataclass(frozen=True, slots=True)
class MailFacts:
    """What the row of a mail says, whichever way it came; `reference` is that by which its message is found."""

    sha256: str
    size: int
    kind: Kind
    message_id_header: str | None
    subject: str | None
    sender: str | None
    warnings: tuple[str, ...]
    reference: str | None
    role: Role
    identifier: str | None = None
    internal_at: datetime | None = None


def write_mails(
    connection: Connection, mailbox_id: int, origin: str, mails: Sequence[MailFacts], *, at: datetime
) -> list[int]:
    """The one writer of rows of `mail`; their ids, in the same order."""
    rows = [
        {
            "mailbox_id": mailbox_id,
            "sha256": one.sha256,
            "size": one.size,
            "origin": origin,
            "kind": one.kind.value,
            "header_message_id": one.message_id_header,
            "subject": one.subject,
            "sender": one.sender,
            "reference_key": reference_key(one.reference) if one.reference else None,
            "identifier": one.identifier,
            "internal_at": one.internal_at,
            "archived_at": at,
            "reader_version": READER_VERSION,
            "warnings": list(one.warnings),
            "message_id": one.role.message_id,
            "role": one.role.name,
        }
        for one in mails
    ]
    if rows:
        connection.execute(insert(table(Mail)), rows)
    # Asked for afterwards: to return them, SQLite would insert one by one.
    ids = known_mails(connection, mailbox_id, [one.sha256 for one in mails])
    return [ids[one.sha256] for one in mails]


def insert_evidence(
    connection: Connection, fresh: Sequence[Studied], roles: Sequence[Role], ids: Sequence[int]
) -> None:
    """The rows of what the new mails certify, and of whom it is about."""
    rows = [
        {
            **evidence_columns(item.evidence, item.verification),
            "mail_id": mail_id,
            "ordinal": 0,
            "message_id": role.message_id if role.name == MailRole.EVIDENCE else None,
            "agreement": None,
            "limits": [],
            "counts": False,
        }
        for item, role, mail_id in zip(fresh, roles, ids, strict=True)
        if item.evidence is not None and item.verification is not None
    ]
    if rows:
        connection.execute(insert(table(Evidence)), rows)


def insert_copies(connection: Connection, copies: Mapping[int, Studied]) -> None:
    """What plain mails (by row id) say of the message that they may be copies of."""
    rows = [
        {
            "mail_id": mail_id,
            "reference_key": reference_key(item.copy.reference) if item.copy.reference else None,
            "fingerprint": fingerprint_json(item.copy.fingerprint),
            "recipients": [list(recipient) for recipient in item.copy.recipients],
            "sent_at": item.copy.at,
            "in_sent": item.arrival.sent,
        }
        for mail_id, item in copies.items()
        if item.copy is not None
    ]
    if rows:
        connection.execute(insert(table(SentCopy)), rows)


def insert_answers(connection: Connection, fresh: Sequence[Studied], roles: Sequence[Role], ids: Sequence[int]) -> None:
    """The ids that each mail answers, unless it is about a message of ours in another way."""
    rows = []
    for item, role, mail_id in zip(fresh, roles, ids, strict=True):
        keys: dict[str, int] = {}
        for ordinal, text in enumerate(item.answers if role.name is None else ()):
            keys.setdefault(text, ordinal)
            keys.setdefault(reference_key(text), ordinal)
        rows += [{"mail_id": mail_id, "key": key, "ordinal": ordinal} for key, ordinal in keys.items()]
    if rows:
        connection.execute(insert(table(Answer)), rows)


def copies_seen_late(
    connection: Connection, studied: Sequence[Studied], known: Mapping[str, int]
) -> dict[int, Studied]:
    """Mails known from another folder, now seen among the sent ones: copies after all."""
    seen = {known[item.sha256]: item for item in studied if item.copy is not None and item.sha256 in known}
    late: dict[int, Studied] = {}
    for some in chunks(sorted(seen)):
        plain = select(Mail.id).outerjoin(SentCopy, SentCopy.mail_id == Mail.id)
        unlinked = plain.where(
            Mail.id.in_(some), SentCopy.mail_id.is_(None), Mail.role.is_distinct_from(MailRole.ORIGINAL)
        )
        late |= {mail_id: seen[mail_id] for mail_id in connection.scalars(unlinked)}
    return late


def note_arrivals(connection: Connection, studied: Sequence[Studied], ids: Mapping[str, int]) -> set[int]:
    """Keep what a server says of mails that are there (`ids` by SHA-256): the earliest time of arrival, and whether it
    shows them among the sent ones. So it does not matter which came first, the file or the server. Returns the
    messages that this is about.
    """
    arrived: dict[int, datetime] = {}
    sent: set[int] = set()
    for item in studied:
        mail_id, at = ids[item.sha256], item.arrival.internal_at
        if at is not None:
            arrived[mail_id] = min(at, arrived.get(mail_id, at))
        if item.arrival.sent:
            sent.add(mail_id)
    messages: set[int | None] = set()
    columns = select(Mail.id, Mail.internal_at, Mail.message_id, SentCopy.in_sent)
    for some in chunks(sorted({*arrived, *sent})):
        there = columns.outerjoin(SentCopy, SentCopy.mail_id == Mail.id).where(Mail.id.in_(some))
        for row in connection.execute(there).all():
            at = arrived.get(row.id)
            if at is not None and (row.internal_at is None or at < row.internal_at):
                connection.execute(update(table(Mail)).where(Mail.id == row.id).values(internal_at=at))
                messages.add(row.message_id)
            if row.id in sent and row.in_sent is False:
                connection.execute(update(table(SentCopy)).where(SentCopy.mail_id == row.id).values(in_sent=True))
                messages.add(row.message_id)
    return {message_id for message_id in messages if message_id is not None}


def insert_certificates(connection: Connection, fresh: Sequence[Studied]) -> None:
    """The rows of certificates that no earlier evidence rested on."""
    certificates = {facts.sha256: facts for item in fresh for facts in certificates_of(item)}
    if not certificates:
        return
    known = set(connection.scalars(select(Certificate.sha256).where(Certificate.sha256.in_(certificates))))
    rows = [
        {
            "sha256": facts.sha256,
            "subject": facts.subject,
            "issuer": facts.issuer,
            "not_before": facts.not_before,
            "not_after": facts.not_after,
        }
        for facts in certificates.values()
        if facts.sha256 not in known
    ]
    if rows:
        connection.execute(insert(table(Certificate)), rows)


def insert_sightings(
    connection: Connection,
    studied: Sequence[Studied],
    missing: Sequence[Arrival],
    mail_ids: Mapping[str, int],
    *,
    now: datetime,
) -> set[tuple[int, int]]:
    """One row a UID that has none yet. One that gave no mail gets it, or another reason; one under which a restored
    server shows another mail gets that. Returns what is new of these.
    """
    wanted: dict[tuple[int, int], dict[str, Any]] = {}
    for arrival in missing:
        if arrival.folder_id is not None and arrival.uid is not None:
            wanted[arrival.folder_id, arrival.uid] = {"mail_id": None, "reason": arrival.reason}
    for item in studied:  # after the reasons: a replayed ledger may bring both, and the mail counts
        arrival = item.arrival
        if arrival.folder_id is not None and arrival.uid is not None:
            wanted[arrival.folder_id, arrival.uid] = {"mail_id": mail_ids[item.sha256], "reason": None}
    fresh = dict(wanted)
    released: set[tuple[int, int]] = set()
    for folder_id in {folder_id for folder_id, _ in wanted}:
        for some in chunks(sorted(uid for folder, uid in wanted if folder == folder_id)):
            there = select(Sighting.uid, Sighting.mail_id, Sighting.reason).where(
                Sighting.folder_id == folder_id, Sighting.uid.in_(some)
            )
            for row in connection.execute(there).all():
                values = fresh.pop((folder_id, row.uid))
                another = values["mail_id"] not in (None, row.mail_id)
                # A mail that was there is owed again where the server shows another one under its UID, and keeps it.
                owed = values["mail_id"] is None and row.reason != values["reason"]
                if another or (owed and (row.mail_id is None or values["reason"] in OWED)):
                    released.add((folder_id, row.uid))
                    connection.execute(
                        update(Sighting)
                        .where(Sighting.folder_id == folder_id, Sighting.uid == row.uid)
                        .values(**values, seen_at=now)
                    )
    rows = [
        {"folder_id": folder_id, "uid": uid, **values, "seen_at": now} for (folder_id, uid), values in fresh.items()
    ]
    if rows:
        connection.execute(insert(table(Sighting)), rows)
    return fresh.keys() | released


def write_ledger(
    connection: Connection,
    place: Place,
    fresh: Sequence[Studied],
    studied: Sequence[Studied],
    missing: Sequence[Arrival],
    sighted: set[tuple[int, int]],
    *,
    now: datetime,
) -> None:
    """The ledger's lines: which mails were archived, seen in which folder, or could not be fetched."""
    archived = {id(item) for item in fresh}
    acts, converted = [], []
    for item in studied:
        if id(item) in archived:
            acts.append(_archived(place, item, now))
            if item.arrival.outlook is not None:
                facts = {"mailbox": place.mailbox_key, "mail": item.sha256, "outlook": item.arrival.outlook}
                converted.append(lines.new_line(LedgerAct.MAIL_CONVERTED, at=now, **facts))
        elif _where(place, item.arrival) and (item.arrival.folder_id, item.arrival.uid) in sighted:
            acts.append(lines.new_line(LedgerAct.MAIL_SIGHTED, at=now, **_sighting(place, item)))
    for arrival in missing:
        if (arrival.folder_id, arrival.uid) in sighted:
            where = {"mailbox": place.mailbox_key, **_where(place, arrival)}
            acts.append(lines.new_line(LedgerAct.MAIL_QUARANTINED, at=now, reason=arrival.reason, **where))
    lines.append(connection, acts + converted)


def _archived(place: Place, item: Studied, now: datetime) -> lines.Line:
    return lines.new_line(
        LedgerAct.MAIL_ARCHIVED,
        at=now,
        origin=place.origin,
        verdict=item.verification.verdict.value if item.verification else None,
        certificates=[facts.sha256 for facts in certificates_of(item)],
        **_sighting(place, item),
    )


def _sighting(place: Place, item: Studied) -> dict[str, Any]:
    """A mail, and where and when the server showed it."""
    at = item.arrival.internal_at
    return {
        "mailbox": place.mailbox_key,
        "mail": item.sha256,
        "sent": item.arrival.sent,
        "internal_at": at.isoformat() if at else None,
        **_where(place, item.arrival),
    }


def _where(place: Place, arrival: Arrival) -> dict[str, Any]:
    if arrival.folder_id is None:
        return {}
    return {"folder": place.folder_records[arrival.folder_id], "uid": arrival.uid}
