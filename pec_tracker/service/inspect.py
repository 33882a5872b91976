"""What is this mail, and what does its signature say? One mail in, one JSON object out, without a database.

The object is a contract (design: "Contracts that stay"): scripts rely on its keys. Absent is null.
"""

from datetime import UTC, datetime
from typing import Any, Final

from pec_tracker.pec.evidence import CHECKS, Verdict
from pec_tracker.pec.read import Mail, read
from pec_tracker.pec.signature import Verification, verify
from pec_tracker.pec.trust import Trust

SCHEMA: Final = 1


def report(file: str, raw: bytes, *, trust: Trust, at: datetime | None, now: datetime) -> dict[str, Any]:
    """The facts of one mail as a JSON object; `file` is named in it as given.

    `at` is the time at which the signature is judged (default: the daticert's own time, else the signing time),
    `now` the time of the check `valid_now`; both aware. Raises nothing, whatever `raw` is.
    """
    mail = read(raw)
    verification = verify(raw, mail, trust, at=at, now=now)
    said = mail.daticert
    return {
        "schema": SCHEMA,
        "file": file,
        "kind": mail.kind.value,
        "tipo": said.tipo if said else None,
        "error": said.error if said else None,
        "error_code": said.error_code if said else None,
        "error_detail": said.error_detail if said else None,
        "reference": mail.reference,
        "identifier": said.identifier if said else None,
        "issued_at": said.issued_at.isoformat() if said and said.issued_at else None,
        "provider": said.provider if said else None,
        "sender": mail.sender,
        "recipients": [{"address": one.address, "type": one.type} for one in said.recipients] if said else [],
        "recipient": said.recipient if said else None,
        "receipt_form": said.receipt_form if said else None,
        "subject": mail.subject,
        "has_original": mail.original is not None,
        "signature": _signature(verification),
        "warnings": _warnings(mail, verification),
    }


def rem_facts(raw: bytes) -> dict[str, Any]:
    """What a mail says in the terms of REM (ETSI), which nothing here verifies: its evidence, and X-REM-Subject.

    Beside the report's object, whose keys stay: `evidence` holds format, event, time and identifiers of each.
    """
    mail = read(raw)
    return {
        "verified": False,
        "subject": mail.headers.rem_subject if mail.headers else None,
        "evidence": [
            {
                "format": one.format,
                "event": one.event,
                "time": one.issued_at.isoformat() if one.issued_at else None,
                "identifier": one.identifier,
                "message_identifier": one.message_identifier,
            }
            for one in mail.rem
        ],
    }


def _signature(verification: Verification) -> dict[str, Any]:
    signed_at = verification.signed_at
    return {
        "verdict": verification.verdict.value,
        "digest_algorithm": verification.digest_algorithm,
        "signer": verification.signer,
        "signer_address": verification.signer_address,
        "issuer": verification.issuer,
        "signed_at": signed_at.astimezone(UTC).isoformat() if signed_at else None,
        "checks": {name: verification.checks.get(name) for name in CHECKS},
    }


def _warnings(mail: Mail, verification: Verification) -> list[str]:
    """What is odd about the mail, and why its signature is no more than it is; that there is none is the verdict."""
    reasons = () if verification.verdict is Verdict.UNSIGNED else verification.reasons
    return list(dict.fromkeys((*mail.warnings, *reasons, *verification.weak)))
