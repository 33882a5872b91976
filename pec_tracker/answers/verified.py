"""What is answered about a proof package that was verified? Whether it holds, what does not, and what it then shows."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pec_tracker import texts
from pec_tracker.answers.messages import journey_rows
from pec_tracker.answers.trust import fingerprint_text
from pec_tracker.texts import _
from pec_tracker.texts.times import rome_second

if TYPE_CHECKING:
    from pathlib import Path

    from pec_tracker.service.proof.verify import PackageCheck, PackageFinding

# What follows from an authority that is not known here, and needs no line of its own.
_CONSEQUENCES: Final = frozenset({"report-differs", "folder-differs"})


def check_facts(file: "Path", check: "PackageCheck") -> dict[str, Any]:
    """What was found as a JSON object (contract of `verify`)."""
    return {
        "file": file,
        "outcome": check.outcome,
        "sound": check.sound,
        "findings": [
            {"kind": one.kind, "member": one.member, "detail": one.detail or None, "text": _text(one)}
            for one in check.findings
        ],
        "notes": [{"kind": kind, "detail": detail or None} for kind, detail in check.notes],
        "unknown_authorities": [{"name": one.name, "sha256": one.sha256} for one in check.unknown],
        "report": check.report,
    }


def outcome_lines(file: "Path", check: "PackageCheck") -> Iterator[str]:
    """Whether it holds, and what could not be compared."""
    from pec_tracker.service.proof.verify import NOTES, Outcome  # slow to import, and not needed for --help

    match check.outcome:
        case Outcome.HOLDS:
            yield _("{file}: everything holds.").format(file=file)
        case Outcome.NOT_COMPARED:
            yield _(
                "{file}: what was compared holds, but what a person reads was NOT compared: "
                "rely on what is said here, not on the README, the summary or the verifier in the package."
            ).format(file=file)
        case Outcome.DOES_NOT_HOLD:
            yield _("{file}: it does NOT hold.").format(file=file)
    if check.notes:
        yield _("Not compared:")
    for kind, detail in check.notes:
        yield f"- {_(NOTES[kind]).format(detail=detail)}"


def finding_lines(check: "PackageCheck", *, details: bool) -> Iterator[str]:
    """What does not hold; with *details* also what only follows from an authority that is not known here."""
    for one in check.unknown:
        yield _(
            "Its receipts are signed by an authority that this computer does not know ({name}). If you hold it to be "
            "trustworthy, get its certificate from a source of your own and verify again with --trust FILE."
        ).format(name=one.name)
        if one.sha256:
            fingerprint = fingerprint_text(one.sha256)
            yield _("The one in the package has the SHA-256 fingerprint {fingerprint}").format(fingerprint=fingerprint)
    hidden = _CONSEQUENCES if check.unknown and not details else frozenset()
    for found in (one for one in check.findings if one.kind not in hidden):
        beside = f" [{found.detail}]" if details and found.detail and found.detail not in _text(found) else ""
        yield f"{found.member} ({found.kind}): {_text(found)}{beside}"
    yield _("Findings: {count}").format(count=len(check.findings))
    if not details and any(one.kind == "report-differs" for one in check.findings):
        yield _("--details shows every difference.")


def _text(one: "PackageFinding") -> str:
    from pec_tracker.service.proof.verify import FINDINGS

    return _(FINDINGS[one.kind]).format(detail=one.detail)


def message_text(report: Mapping[str, Any]) -> str:
    """Which message the package is about."""
    about = {name: report["message"][name] or "-" for name in ("reference", "sender", "subject")}
    return _("Message {reference}, sent by {sender}: {subject}").format(**about)


def table(report: Mapping[str, Any]) -> tuple[list[str], list[tuple[object, ...]]]:
    """Columns and rows, one a recipient."""
    rows = [(recipient, state, rome_second(at)) for recipient, state, at in journey_rows(report["journeys"])]
    return [_("Recipient"), _("State"), _("Certified time")], [*rows]


def package_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Who signed what counts, what does not, when it was made, and what it does not show."""
    signers = dict.fromkeys(map(_signer, report["proof"]))
    yield _("Signatures verified of what counts as proof: {count}, by {signers}").format(
        count=len(report["proof"]), signers="; ".join(signers) or "-"
    )
    yield _("What does not count as proof: {count}").format(count=len(report["not_proof"]))
    at = report["as_of"]["at"]
    yield _("Made from seal {seal} of the sender's ledger, written by {time}").format(
        seal=report["as_of"]["seal"], time=rome_second(datetime.fromisoformat(at) if at else None)
    )
    yield _("Keep in mind:")
    yield from limit_lines((*report["limits"], "contents"))


def limit_lines(limits: tuple[str, ...] | list[str]) -> list[str]:
    """What a package does not show, in the language spoken now."""
    from pec_tracker.service.proof.sentences import limit_sentences

    return [f"- {sentence}" for sentence in limit_sentences(limits, texts.current())]


def _signer(entry: Mapping[str, Any]) -> str:
    done = entry["verification"]
    who = f"{done['signer'] or '-'} <{done['signer_address'] or '-'}>"
    return _("{signer}, certified by {authority}").format(signer=who, authority=done["issuer"] or "-")
