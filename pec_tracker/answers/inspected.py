"""What is answered about a mail? What it says, and whether its signature holds: as one object, and as lines.

The object is a contract: scripts rely on its keys. Absent is null.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pec_tracker.answers.messages import failure_meaning
from pec_tracker.pec.evidence import CHECKS
from pec_tracker.pec.standard import Kind
from pec_tracker.texts import _, findings, words
from pec_tracker.texts.times import rome_time

if TYPE_CHECKING:
    from pec_tracker.pec.daticert import Daticert
    from pec_tracker.pec.signature import Verification
    from pec_tracker.service.inspect import Inspected


def inspected_facts(file: str, inspected: "Inspected") -> dict[str, Any]:
    """One mail as a JSON object (contract of `inspect`); `file` is named in it as given.

    Where a mail has REM evidence, `rem` is one key more.
    """
    mail, said = inspected.mail, inspected.mail.daticert
    return {
        "file": file,
        "kind": mail.kind.value,
        "tipo": said.tipo if said else None,
        "error": said.error if said else None,
        "error_code": said.error_code if said else None,
        "error_detail": said.error_detail if said else None,
        "reference": mail.reference,
        "identifier": said.identifier if said else None,
        "issued_at": _written(said.issued_at if said else None),
        "provider": said.provider if said else None,
        "sender": mail.sender,
        "recipients": [{"address": one.address, "type": one.type} for one in said.recipients] if said else [],
        "recipient": said.recipient if said else None,
        "receipt_form": said.receipt_form if said else None,
        "subject": mail.subject,
        "has_original": mail.original is not None,
        "signature": _signature_facts(inspected.verification),
        "warnings": list(inspected.warnings),
        **_rem_facts(inspected),
    }


def _signature_facts(verification: "Verification") -> dict[str, Any]:
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


def _rem_facts(inspected: "Inspected") -> Mapping[str, Any]:
    """What a mail says in the terms of REM (ETSI), which nothing here verifies: its evidence, and X-REM-Subject."""
    if not inspected.mail.rem:
        return {}
    evidence = [
        {
            "format": one.format,
            "event": one.event,
            "time": _written(one.issued_at),
            "identifier": one.identifier,
            "message_identifier": one.message_identifier,
        }
        for one in inspected.mail.rem
    ]
    return {"rem": {"verified": False, "subject": _rem_subject(inspected), "evidence": evidence}}


def _written(moment: datetime | None) -> str | None:
    """A time with the offset that the mail gave it."""
    return moment.isoformat() if moment else None


def inspected_lines(inspected: "Inspected") -> list[tuple[str, str]]:
    """Label and text of each thing that the mail says, the absent ones left out."""
    lines = [*_certified(inspected), *_signature(inspected.verification)]
    if inspected.warnings:
        lines.append((_("Warnings"), words.words(findings.WARNINGS, inspected.warnings)))
    return [(label, text) for label, text in (*lines, *_rem(inspected)) if text]


def _certified(inspected: "Inspected") -> list[tuple[str, str | None]]:
    mail, said = inspected.mail, inspected.mail.daticert
    recipient = said.recipient if said else None
    return [
        (_("Kind"), words.word(words.KINDS, mail.kind.value)),
        (_("Certified time"), _time(said.issued_at if said else None)),
        (_("Provider"), said.provider if said else None),
        (_("Sender"), mail.sender),
        (_("Recipients"), _recipients(said)),
        (_("Delivered to"), recipient if mail.kind is Kind.DELIVERY else None),
        (_("About"), recipient if mail.kind is not Kind.DELIVERY else None),
        (_("Subject"), mail.subject),
        (_("Receipt"), words.word(words.FORMS, said.receipt_form) if said and said.receipt_form else None),
        (_("Failure"), _failure(said)),
        (_("Reference"), mail.reference),
        (_("Identifier"), said.identifier if said else None),
    ]


def _rem(inspected: "Inspected") -> list[tuple[str, str | None]]:
    """What is said in the terms of REM, with the warning that nothing here has verified it."""
    lines: list[tuple[str, str | None]] = [("X-REM-Subject", _rem_subject(inspected))]
    for one in inspected.mail.rem:
        lines += [
            (_("REM evidence"), _("{event}; not verified here").format(event=words.rem_event(one.event))),
            (_("Its time"), _time(one.issued_at)),
            (_("Its identifier"), one.identifier),
            (_("Of the message"), one.message_identifier),
        ]
    return lines


def _rem_subject(inspected: "Inspected") -> str | None:
    headers = inspected.mail.headers
    return headers.rem_subject if headers else None


def _time(moment: datetime | None) -> str | None:
    return rome_time(moment) if moment else None


def _recipients(said: "Daticert | None") -> str:
    return ", ".join(
        f"{one.address} ({words.word(words.RECIPIENT_TYPES, one.type)})" for one in (said.recipients if said else ())
    )


def _failure(said: "Daticert | None") -> str | None:
    if said is None or (said.error == "nessuno" and not said.error_code):
        return None
    meaning = failure_meaning(said.error_code) or words.word(words.ERRORS, said.error)
    return f"{meaning}: {said.error_detail}" if said.error_detail else meaning


def _signature(verification: "Verification") -> list[tuple[str, str | None]]:
    """The verdict, who signed, and which checks failed or could not be made."""
    verdict = words.word(words.VERDICTS, verification.verdict.value)
    if verification.verdict == "unsigned":
        return [(_("Signature"), verdict)]
    results = {name: verification.checks.get(name) for name in CHECKS}
    failed = [name for name, result in results.items() if result is False]
    unknown = [name for name, result in results.items() if result is None]
    return [
        (_("Signature"), verdict),
        (_("Signed by"), _signer(verification)),
        (_("Signing time"), _time(verification.signed_at)),
        (_("Does not hold"), words.words(words.CHECKS, failed) if failed else None),
        (_("Could not be checked"), words.words(words.CHECKS, unknown) if unknown else None),
    ]


def _signer(verification: "Verification") -> str | None:
    if not verification.signer:
        return None
    address = f" <{verification.signer_address}>" if verification.signer_address else ""
    issuer = _(", certified by {issuer}").format(issuer=verification.issuer) if verification.issuer else ""
    return f"{verification.signer}{address}{issuer}"
