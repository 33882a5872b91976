"""What does a proof package show, and what not? Every mail verified and held against the message, as one JSON value.

Pure: from the package's own sources and the trust given. Making a package and verifying it call the same function.
The time at which certificates are said to be valid "now" is that of the newest sealed line, not a clock's.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final

from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.ledger.lines import Line
from pec_tracker.ledger.segments import SealFile
from pec_tracker.pec.agree import encloses
from pec_tracker.pec.contents import contents
from pec_tracker.pec.copies import SentMail
from pec_tracker.pec.evidence import Evidence, Fingerprint, address_key
from pec_tracker.pec.fingerprint import fingerprint
from pec_tracker.pec.headers import headers_of
from pec_tracker.pec.journey import Journey
from pec_tracker.pec.read import Mail, evidence_of, read
from pec_tracker.pec.roles import MessageOrigin
from pec_tracker.pec.signature import Verification, verify
from pec_tracker.pec.standard import ReceiptForm
from pec_tracker.pec.trust import Trust
from pec_tracker.service.journeys.consider import Considered, MessageFacts, consider
from pec_tracker.service.proof.authorities import anchor_entries, verification_entry
from pec_tracker.service.proof.limits import limits
from pec_tracker.service.proof.sources import CERTIFICATES, ORIGINAL, REVOCATION, Frame, Reading, Sources, sealed_until
from pec_tracker.service.proof.stamps import stamps

SCHEMA: Final = 1
TOOL: Final = "pec-tracker"


@dataclass(frozen=True, slots=True)
class Read:
    """One evidence of the package, read and verified."""

    member: str
    mail: Mail  # without its original
    evidence: Evidence
    verification: Verification


@dataclass(frozen=True, slots=True)
class _Held:
    """What evidence is held against: the message as it was considered, and the hashes of its bytes in the package."""

    considered: Considered
    message: Fingerprint | None
    counting: frozenset[str]  # by the evidence's key
    archived: Mapping[str, Line]  # the line of each mail's taking in, by the mail's hash


@dataclass(frozen=True, slots=True)
class Examined:
    """A package's sources, examined: the report, the certificates (DER) of its chains by their SHA-256, and the copy
    (by SHA-256) that a message sent by other means is held to."""

    report: Mapping[str, Any]
    evidence: tuple[Read, ...]
    certificates: Mapping[str, bytes]
    copy: str | None


def examine(sources: Sources, trust: Trust, stamp_roots: Sequence[bytes] = ()) -> Examined:
    """Verify and judge everything. What the package itself carries adds no anchor: see `trust_with`.

    *stamp_roots* (certificates, DER) are where the chain of a time-stamp may end.
    """
    trust = trust_with(sources, trust)
    lines, seals = sources.lines(), sources.seals()
    as_of = max(seals.values(), key=lambda seal: seal.number, default=None)
    now = sealed_until(as_of) if as_of is not None else sealed_until(SealFile(0, None, (), ""))
    acts = sorted(lines.values(), key=lambda line: line.id)
    arrivals = _arrivals(acts)
    found = tuple(
        _read(member, raw, sources.readings.of(raw), trust, arrivals, now=now) for member, raw in sources.evidence
    )
    considered = _considered(sources, acts, found, now=now)
    original = sources.members.get(ORIGINAL)
    held = _Held(
        considered,
        fingerprint(original) if original is not None else None,
        frozenset(one.key for one in considered.counting),
        {str(act.facts.get("mail")): act for act in reversed(acts) if act.act == "mail.archived"},
    )
    # Every receipt lists all recipients: lists that are one and the same are told as one and the same.
    lists = {id(one.evidence.recipients): one.evidence for one in found}
    told = {key: _recipient_entries(one) for key, one in lists.items()}
    entries = [_evidence_entry(one, held, trust, told[id(one.evidence.recipients)]) for one in _in_time(found)]
    report = {
        "schema": SCHEMA,
        "tool": {"name": TOOL, "version": sources.frame.version},
        "language": sources.frame.language,
        "recipient": sources.frame.recipient,
        "pdf": sources.frame.pdf,
        "as_of": {
            "seal": as_of.number if as_of else None,
            "sha256": as_of.sha256 if as_of else None,
            "at": now.isoformat(),
        },
        "message": {**_message_entry(sources, acts, considered), **_sent_entry(sources, found, considered)},
        "journeys": [
            _journey_entry(one) for one in considered.journeys if _concerns(one.recipient, sources.frame.recipient)
        ],
        "proof": [entry for entry in entries if entry["counts"]],
        "not_proof": [entry for entry in entries if not entry["counts"]],
        "anchors": anchor_entries([one.verification for one in found], trust),
        "ledger": _ledger_entry(lines, seals),
        "stamps": list(stamps(sources, seals, trust=trust, stamp_roots=stamp_roots, now=now)),
    }
    report["limits"] = list(limits(report, sources, recipients=[one.recipient for one in considered.journeys]))
    ders = {sha256_of(der): der for one in found for der in one.verification.certificates}
    return Examined(report, found, dict(sorted(ders.items())), considered.copy.sha256 if considered.copy else None)


def trust_with(sources: Sources, trust: Trust) -> Trust:
    """*trust*, and from the package what can prove nothing by itself: intermediates, and answers on revocation."""
    ders = tuple(raw for name, raw in sources.under(CERTIFICATES) if name.endswith(".der"))
    crls = tuple(raw for name, raw in sources.under(REVOCATION) if name.endswith(".crl"))
    answers = tuple(raw for name, raw in sources.under(REVOCATION) if name.endswith(".ocsp"))
    return replace(
        trust,
        intermediates=tuple(dict.fromkeys((*trust.intermediates, *ders))),
        crls=tuple(dict.fromkeys((*trust.crls, *crls))),
        ocsp=tuple(dict.fromkeys((*trust.ocsp, *answers))),
    )


def frame_of(report: Mapping[str, Any]) -> Frame:
    """The frame that a package's report names. KeyError, TypeError where it is no report."""
    return Frame(
        key=str(report["message"]["key"]),
        recipient=report["recipient"],
        language=str(report["language"]),
        version=str(report["tool"]["version"]),
        pdf=bool(report["pdf"]),
    )


def sha256_of(content: bytes) -> str:
    """The SHA-256 of some bytes, in hex."""
    return hashlib.sha256(content).hexdigest()


def _arrivals(acts: Sequence[Line]) -> dict[str, datetime]:
    """When each mail reached the server, by its hash, as the line of its taking in says."""
    archived = [act for act in acts if act.act == LedgerAct.MAIL_ARCHIVED]
    told = {str(act.facts.get("mail")): act.facts.get("internal_at") for act in reversed(archived)}
    return {mail: datetime.fromisoformat(str(at)) for mail, at in told.items() if at is not None}


def _read(
    member: str, raw: bytes, reading: Reading, trust: Trust, arrivals: Mapping[str, datetime], *, now: datetime
) -> Read:
    mail = reading.mail
    verification = verify(raw, mail, trust, now=now)
    key = sha256_of(raw)
    evidence = evidence_of(key, mail, verification.verdict, signer=verification.who, arrived_at=arrivals.get(key))
    return Read(member, mail, replace(evidence, enclosed=reading.enclosed), verification)


def _in_time(found: Sequence[Read]) -> list[Read]:
    return sorted(found, key=lambda one: one.member.rpartition("/")[2])


# --- the message, and what its evidence comes to ---


def _considered(sources: Sources, acts: Sequence[Line], found: Sequence[Read], *, now: datetime) -> Considered:
    message, recipients = _message(sources, acts)
    return consider(
        message,
        recipients,
        [one.evidence for one in found],
        [] if message.origin == MessageOrigin.COMPOSED else [_copy(raw, acts) for _, raw in sources.copies],
        owner=_owner(sources, acts),
        now=now,
        copied=_copied(sources.members.get(ORIGINAL)),
    )


def _message(sources: Sources, acts: Sequence[Line]) -> tuple[MessageFacts, tuple[str, ...]]:
    """What the line that queued the message, its record and its bytes say; without such a line it was found."""
    queued = _queued(sources, acts)
    raw = sources.members.get(ORIGINAL)
    record = sources.record(queued.facts.get("record")) if queued else {}
    if queued is None or raw is None or not record:
        return MessageFacts(MessageOrigin.FOUND), ()
    headers = headers_of(raw)
    message = MessageFacts(
        origin=MessageOrigin.COMPOSED,
        sender=record.get("mail_from"),
        subject=(headers.subject if headers else None) or "",
        reference=record.get("reference"),
        fingerprint=fingerprint(raw),
        submitted_at=_submitted_at(acts),
        created_at=queued.at,
    )
    return message, tuple(record.get("rcpt_to", ()))


def _queued(sources: Sources, acts: Sequence[Line]) -> Line | None:
    own = (act for act in acts if act.act == LedgerAct.MESSAGE_QUEUED and act.facts.get("message") == sources.frame.key)
    return next(own, None)


def _submitted_at(acts: Sequence[Line]) -> datetime | None:
    by_server = (act.at for act in acts if act.act == LedgerAct.MESSAGE_SUBMITTED and act.facts.get("by") == "server")
    return max(by_server, default=None)


def _owner(sources: Sources, acts: Sequence[Line]) -> str | None:
    """The address of the mailbox, as its newest sealed record says it."""
    known = [sources.record(act.facts.get("record")) for act in acts if act.act == LedgerAct.MAILBOX_KNOWN]
    return known[-1].get("address") if known else None


def _copied(raw: bytes | None) -> tuple[str, ...]:
    """The addresses that stand in Cc alone."""
    headers = headers_of(raw) if raw is not None else None
    to = {address_key(address) for address in headers.to_addresses} if headers else set()
    return tuple(one for one in headers.cc_addresses if address_key(one) not in to) if headers else ()


def _copy(raw: bytes, acts: Sequence[Line]) -> SentMail:
    key = sha256_of(raw)
    in_sent = any(act.facts.get("mail") == key and act.facts.get("sent") is True for act in acts)
    headers = headers_of(raw)
    to = [(address, "to") for address in headers.to_addresses] if headers else []
    cc = [(address, "cc") for address in headers.cc_addresses] if headers else []
    return SentMail(key, fingerprint(raw), (*to, *cc), headers.date if headers else None, in_sent)


# --- entries of the report ---


def _message_entry(sources: Sources, acts: Sequence[Line], considered: Considered) -> dict[str, Any]:
    queued = _queued(sources, acts)
    record = sources.record(queued.facts.get("record")) if queued else {}
    known = considered.known
    raw = sources.members.get(ORIGINAL)
    submitted_at = _submitted_at(acts)
    held_to = "composed" if known and known.composed else "copy" if considered.copy else "receipts" if known else None
    return {
        "key": sources.frame.key,
        "held_to": held_to,
        "subject": known.subject if known else None,
        "sender": known.sender if known else None,
        "recipients": list(known.recipients) if known else [],
        "reference": known.reference if known else None,
        "identifier": known.identifier if known else None,
        "receipt_form": record.get("receipt_form"),
        "case": record.get("case"),
        "member": ORIGINAL if raw is not None else None,
        "sha256": sha256_of(raw) if raw is not None else None,
        "copies": [name for name, _ in sources.copies if name != ORIGINAL],
        "queued_at": queued.at.isoformat() if queued else None,
        "submitted_at": submitted_at.isoformat() if submitted_at else None,
        "replies": [
            {"at": act.at.isoformat(), "act": act.act, "code": act.facts.get("code"), "text": text}
            for act in acts
            if act.act.startswith("message.") and (text := sources.record(act.facts.get("record")).get("text"))
        ],
    }


def _sent_entry(sources: Sources, found: Sequence[Read], considered: Considered) -> dict[str, Any]:
    """What was sent: of the bytes of the message or its copy, else of what a complete receipt that counts encloses.
    `contents_of` names the member that it was read from."""
    original = sources.members.get(ORIGINAL)
    member, raw = _enclosed(sources, found, considered) if original is None else (ORIGINAL, original)
    if raw is None:
        return {"contents_of": None, "text": None, "text_cut": False, "attachments": []}
    sent = contents(raw)
    return {
        "contents_of": member,
        "text": sent.text,
        "text_cut": sent.cut,
        "attachments": [asdict(part) for part in sent.attachments],
    }


def _enclosed(sources: Sources, found: Sequence[Read], considered: Considered) -> tuple[str | None, bytes | None]:
    for one in _in_time(found):
        if one.evidence in considered.counting and one.evidence.receipt_form == ReceiptForm.COMPLETE:
            return one.member, read(sources.members[one.member]).original
    return None, None


def _journey_entry(one: Journey) -> dict[str, Any]:
    times = {name: _iso(getattr(one, name)) for name in ("state_at", "accepted_at", "delivered_at")}
    return {
        "recipient": one.recipient,
        "state": one.state.value,
        **times,
        "error_code": one.error_code,
        "error_detail": one.error_detail,
        "contradictions": list(one.contradictions),
        "evidence": list(one.evidence),
    }


def _recipient_entries(evidence: Evidence) -> list[dict[str, Any]]:
    return [{"address": recipient.address, "type": recipient.type} for recipient in evidence.recipients]


def _evidence_entry(one: Read, held: "_Held", trust: Trust, recipients: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    evidence, considered = one.evidence, held.considered
    agreement = considered.agreements.get(evidence.key)
    archived = held.archived.get(evidence.key)
    counts = evidence.key in held.counting
    return {
        "member": one.member,
        "sha256": evidence.key,
        "kind": evidence.kind.value,
        "tipo": evidence.tipo,
        "issued_at": _iso(evidence.issued_at),
        "provider": evidence.provider,
        "sender": evidence.sender,
        "recipients": recipients,
        "recipient": evidence.recipient,
        "subject": evidence.subject,
        "reference": evidence.reference,
        "identifier": evidence.identifier,
        "receipt_form": evidence.receipt_form,
        "error": evidence.error,
        "error_code": evidence.error_code,
        "error_detail": evidence.error_detail,
        "warnings": list(one.mail.warnings),
        "counts": counts,
        "verification": verification_entry(one.verification, trust),
        "agreement": dict(agreement.points) if agreement else None,
        "disagrees": list(agreement.failed) if agreement else [],
        "limits": list(agreement.limits) if agreement else [],
        "arrived_at": archived.facts.get("internal_at") if archived else None,
        "encloses_message": encloses(evidence, held.message, counts=counts),
        "line": archived.id if archived else None,
        "archived_at": archived.at.isoformat() if archived else None,
        "verdict_at_arrival": archived.facts.get("verdict") if archived else None,
    }


def _ledger_entry(lines: Mapping[str, Line], seals: Mapping[str, SealFile]) -> dict[str, Any]:
    places = {entry.line_id: seal.number for seal in seals.values() for entry in seal.entries}
    acts = sorted(lines.values(), key=lambda line: line.id)
    return {
        "lines": [{"id": act.id, "at": act.at.isoformat(), "act": act.act, "seal": places.get(act.id)} for act in acts],
        "seals": [
            {"number": seal.number, "sha256": seal.sha256, "previous": seal.previous, "lines": len(seal.entries)}
            for seal in sorted(seals.values(), key=lambda seal: seal.number)
        ],
    }


def _concerns(address: str, wanted: str | None) -> bool:
    return wanted is None or address_key(address) == address_key(wanted)


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None
