"""How does evidence lie in the database? Values to columns and back, nothing decided."""

import dataclasses
import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import LargeBinary, Row, Text, cast, type_coerce

from pec_tracker.db import tables
from pec_tracker.db.types import unpacked
from pec_tracker.pec.evidence import (
    CertifiedRecipient,
    Evidence,
    Fingerprint,
    Head,
    Multipart,
    Part,
    Signer,
    Verdict,
    certified_recipients,
)
from pec_tracker.pec.standard import Kind

if TYPE_CHECKING:  # it brings all that verifies a signature, and whoever only reads rows waits for it
    from pec_tracker.pec.signature import Verification


_PART_FIELDS = tuple(field.name for field in dataclasses.fields(Part))
_FINGERPRINT_FIELDS = tuple(field.name for field in dataclasses.fields(Fingerprint))

# All evidence of a message lists the same recipients and encloses the same original: whoever makes values of its rows
# (`evidence_value`) asks for these as they are stored, so that what was read a moment ago is known again.
REPEATED = (
    cast(tables.Evidence.recipients, Text).label("recipients_stored"),
    type_coerce(tables.Evidence.enclosed, LargeBinary).label("enclosed_stored"),
    type_coerce(tables.Evidence.signer, LargeBinary).label("signer_stored"),
)

T = TypeVar("T")


def evidence_columns(evidence: Evidence, verification: "Verification") -> dict[str, Any]:
    """The columns of `evidence` that the mail itself decides; links and agreement are written later."""
    offset = evidence.issued_at.utcoffset() if evidence.issued_at else None
    return {
        "kind": evidence.kind.value,
        "tipo": evidence.tipo,
        "error": evidence.error,
        "error_code": evidence.error_code,
        "error_detail": evidence.error_detail,
        "issued_at": evidence.issued_at,
        "issued_offset": None if offset is None else int(offset.total_seconds() // 60),
        "provider": evidence.provider,
        "sender": evidence.sender,
        "recipients": [[recipient.address, recipient.type] for recipient in evidence.recipients],
        "recipient": evidence.recipient,
        "receipt_form": evidence.receipt_form,
        "subject": evidence.subject,
        "reference": evidence.reference,
        "identifier": evidence.identifier,
        "enclosed": fingerprint_json(evidence.enclosed),
        "signer": signer_json(evidence.signer),
        "faults": list(evidence.faults),
        "verdict": verification.verdict.value,
        "verdict_at_arrival": verification.verdict.value,
        "verification": verification_json(verification),
        "certificate": hashlib.sha256(verification.certificates[0]).hexdigest() if verification.certificates else None,
    }


def evidence_value(row: Row[*tuple[Any, ...]]) -> Evidence:
    """The evidence that a row holds: the columns of `evidence`, the REPEATED ones as they are stored, and of its mail
    `sha256` and `internal_at`."""
    return Evidence(
        key=row.sha256,
        kind=Kind(row.kind),
        verdict=Verdict(row.verdict),
        tipo=row.tipo,
        error=row.error,
        error_code=row.error_code,
        error_detail=row.error_detail,
        issued_at=with_offset(row.issued_at, row.issued_offset),
        provider=row.provider,
        sender=row.sender,
        recipients=_recipients_of(row.recipients_stored),
        recipient=row.recipient,
        receipt_form=row.receipt_form,
        subject=row.subject,
        reference=row.reference,
        identifier=row.identifier,
        enclosed=_fingerprint_of(row.enclosed_stored),
        signer=_signer_of(row.signer_stored),
        arrived_at=row.internal_at,
        faults=tuple(row.faults),
    )


@lru_cache(maxsize=16)
def _recipients_of(text: str) -> tuple[CertifiedRecipient, ...]:
    return certified_recipients(tuple((address, type_) for address, type_ in json.loads(text)))


@lru_cache(maxsize=16)
def _fingerprint_of(stored: bytes | None) -> Fingerprint | None:
    return None if stored is None else fingerprint_value(json.loads(unpacked(stored)))


@lru_cache(maxsize=16)
def _signer_of(stored: bytes | None) -> Signer | None:
    return None if stored is None else signer_value(json.loads(unpacked(stored)))


def signer_json(signer: Signer | None) -> dict[str, Any] | None:
    """A signer as JSON; times in UTC."""
    if signer is None:
        return None
    return {
        "address": signer.address,
        "organization": signer.organization,
        "expires_at": signer.expires_at.isoformat() if signer.expires_at else None,
        "weak": list(signer.weak),
    }


def signer_value(written: dict[str, Any] | None) -> Signer | None:
    """The signer that `signer_json` wrote."""
    if written is None:
        return None
    ends = written["expires_at"]
    return Signer(
        address=written["address"],
        organization=written["organization"],
        expires_at=datetime.fromisoformat(ends) if ends else None,
        weak=tuple(written["weak"]),
    )


def with_offset(at: datetime | None, minutes: int | None) -> datetime | None:
    """A time as the provider wrote it: UTC in the column, its offset beside it."""
    if at is None:
        return None
    return at.astimezone(timezone(timedelta(minutes=minutes)) if minutes is not None else UTC)


def offset_minutes(at: datetime | None) -> int | None:
    """Minutes east of UTC of an aware time."""
    offset = at.utcoffset() if at is not None else None
    return None if offset is None else int(offset.total_seconds() // 60)


def fingerprint_json(fingerprint: Fingerprint | None) -> dict[str, Any] | None:
    """A fingerprint as JSON."""
    if fingerprint is None:
        return None
    parts = [
        {**{name: getattr(part, name) for name in _PART_FIELDS}, "head": _head_json(part.head)}
        for part in fingerprint.parts
    ]
    multiparts = [
        {"path": node.path, "head": _head_json(node.head), "around": node.around} for node in fingerprint.multiparts
    ]
    return {
        **{name: getattr(fingerprint, name) for name in _FINGERPRINT_FIELDS},
        "parts": parts,
        "head": _head_json(fingerprint.head),
        "multiparts": multiparts,
        "date": fingerprint.date.isoformat() if fingerprint.date else None,
    }


def fingerprint_value(written: dict[str, Any] | None) -> Fingerprint | None:
    """The fingerprint that `fingerprint_json` wrote; one of an earlier release knows nothing of the header."""
    if written is None:
        return None
    date = written.get("date")
    return Fingerprint(
        **{
            **written,
            "parts": tuple(Part(**{**part, "head": _head_value(part.get("head"))}) for part in written["parts"]),
            "head": _head_value(written.get("head")),
            "multiparts": tuple(
                Multipart(node["path"], _head_value(node["head"]) or (), node["around"])
                for node in written.get("multiparts", ())
            ),
            "date": datetime.fromisoformat(date) if date else None,
        }
    )


def _head_json(head: Head | None) -> list[list[str]] | None:
    return None if head is None else [list(one) for one in head]


def _head_value(written: list[list[str]] | None) -> Head | None:
    return None if written is None else tuple((name, value) for name, value in written)


def verification_json(verification: "Verification") -> dict[str, Any]:
    """What was verified, for a person and for the proof; certificates stand in the archive, named by their hash."""
    return {
        "verdict": verification.verdict.value,
        "checks": dict(verification.checks),
        "at": verification.at.isoformat() if verification.at else None,
        "digest_algorithm": verification.digest_algorithm,
        "signer": verification.signer,
        "signer_address": verification.signer_address,
        "issuer": verification.issuer,
        "signed_at": verification.signed_at.isoformat() if verification.signed_at else None,
        "form": verification.form,
        "certificates": [hashlib.sha256(der).hexdigest() for der in verification.certificates],
        "anchor": verification.anchor_source,
        "reasons": list(verification.reasons),
        "weak": list(verification.weak),
    }
