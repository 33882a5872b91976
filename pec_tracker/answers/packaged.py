"""What is answered when a message's proof was made? The package and what is in it, or the folder for a court."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pec_tracker.answers.messages import journey_rows, short_key
from pec_tracker.answers.verified import limit_lines
from pec_tracker.clock import ROME
from pec_tracker.pec.folding import fold
from pec_tracker.texts import _

if TYPE_CHECKING:
    from pathlib import Path

    from pec_tracker.service.proof.court_folder import Filing
    from pec_tracker.service.proof.make import Package, Weighed
    from pec_tracker.service.queries.find import FoundMessage

# In a file's name every system takes these; nobody reads names that are longer.
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9@._]+")
_LONGEST_WORD: Final = 40  # letters

# --- several messages answer ---


def candidate_facts(message: "FoundMessage") -> dict[str, Any]:
    """A message that answers to the conditions, among others, as a JSON object."""
    return {
        "key": message.key,
        "subject": message.subject,
        "case": message.case,
        "created_at": message.created_at,
    }


def candidates_text(found: "Sequence[FoundMessage]") -> str:
    """That one of several must be named."""
    return _("{count} messages answer; name one by its key:").format(count=len(found))


def candidates_table(found: "Sequence[FoundMessage]") -> tuple[list[str], list[tuple[object, ...]]]:
    """Columns and rows, one a message."""
    return [_("Key"), _("Date"), _("Recipient"), _("Subject")], [
        (one.key, one.created_at, ", ".join(who.address for who in one.recipients), one.subject) for one in found
    ]


# --- the package ---


def file_name(package: "Package") -> str:
    """What a package is called where nobody said it: the day on which the message left, to whom where it is about one
    alone, its subject, its key; of letters and signs that every system takes."""
    message, journeys = package.report["message"], package.report["journeys"]
    accepted = min(filter(None, (one.get("accepted_at") for one in journeys)), default=None)
    left = message.get("submitted_at") or message.get("queued_at") or accepted
    day = None if left is None else f"{datetime.fromisoformat(left).astimezone(ROME):%Y-%m-%d}"
    to = journeys[0]["recipient"] if len(journeys) == 1 else None
    words = [_word(text) for text in (day, to, message.get("subject"), short_key(message["key"])) if text]
    return _("proof-{words}.zip").format(words="-".join(filter(None, words)))


def _word(text: str) -> str:
    return _NOT_IN_NAMES.sub("-", fold(text))[:_LONGEST_WORD].strip("-.")


def package_facts(file: "Path", package: "Package", written: "Weighed") -> dict[str, Any]:
    """A package as a JSON object (contract of `proof`)."""
    report = package.report
    return {
        "file": file,
        "sha256": written.sha256,
        "report_sha256": package.report_sha256,
        "size": written.size,
        "key": report["message"]["key"],
        "as_of": report["as_of"],
        "journeys": report["journeys"],
        "proof": [entry["member"] for entry in report["proof"]],
        "not_proof": [entry["member"] for entry in report["not_proof"]],
        "limits": report["limits"],
        "pdf": report["pdf"],
        "members": package.members,
    }


def package_lines(file: "Path", package: "Package", written: "Weighed") -> list[str]:
    """The same in words, without the journeys."""
    report = package.report
    size, seal = written.size, report["as_of"]["seal"]
    proof, other = len(report["proof"]), len(report["not_proof"])
    return [
        _("{file}: {size} bytes, as of seal {seal}").format(file=file, size=size, seal=seal),
        f"SHA-256: {written.sha256}",
        f"SHA-256 (report.json): {package.report_sha256}",
        _("Proof: {proof} receipts; not proof: {other}").format(proof=proof, other=other),
    ]


def table(package: "Package") -> tuple[list[str], list[tuple[object, ...]]]:
    """Columns and rows, one a recipient."""
    return [_("Recipient"), _("State"), _("Certified time")], [*journey_rows(package.report["journeys"])]


def package_notes(package: "Package") -> Iterator[str]:
    """What the package does not show, and how it would show more."""
    yield from limit_lines(package.report["limits"])
    if not package.report["pdf"]:
        yield _("For the summary as PDF install pec-tracker with its extra: pec-tracker[pdf]")


# --- the folder for a court ---


def filing_facts(folder: "Path", made: "Filing") -> dict[str, Any]:
    """A folder for a court as a JSON object (contract of `proof --for`)."""
    problems = [{"recipient": one.recipient, "kind": one.kind} for one in made.problems]
    return {"folder": folder, "court": made.court.name, "files": list(made.files), "problems": problems}


def filing_lines(folder: "Path", made: "Filing") -> Iterator[str]:
    """The same in words: its files, then what is missing."""
    from pec_tracker.service.proof.court_folder import PROBLEMS  # slow to import, and not needed for --help

    yield _("{folder}: {count} files for {court}").format(folder=folder, count=len(made.files), court=made.court.title)
    for name in made.files:
        yield f"  {name}"
    for one in made.problems:
        yield f"{one.recipient}: {_(PROBLEMS[one.kind])}"
