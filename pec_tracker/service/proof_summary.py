"""What does the summary of a package say? The report's facts in the reader's words; nothing decided."""

import gettext
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from pec_tracker.clock import ROME
from pec_tracker.ledger.lines import Line
from pec_tracker.render.readme import reasons
from pec_tracker.render.wording import plain, section
from pec_tracker.texts import findings, words
from pec_tracker.texts.language import DOMAIN, LOCALE_DIR

_SHOWN_ACTS: Final = frozenset(section("en", "acts"))

_LONG_WORD: Final = re.compile(r"\S{24}(?=\S)")

Speak = Callable[[str], str]


def facts(report: Mapping[str, Any], acts: Sequence[Line]) -> dict[str, Any]:
    """What `render.pdf.summary` is given: rows of text, in the report's language."""
    language = report["language"]
    said, speak = section(language, "summary"), _speaker(language)
    limits = section(language, "limits")
    at = datetime.fromisoformat(report["as_of"]["at"]).astimezone(UTC)
    return {
        "language": language,
        "words": dict(said),
        "tool": f"{report['tool']['name']} {report['tool']['version']}",
        "date": [at.year, at.month, at.day, at.hour, at.minute, at.second],
        "message": [[said[label], plain(value)] for label, value in _message(report, said) if value],
        "journeys": [
            _cells(one["recipient"], _state(one, speak), _rome(one["accepted_at"]), _rome(one["delivered_at"]))
            for one in report["journeys"]
        ],
        "proof": [_cells(*_proof(entry, said, speak)) for entry in report["proof"]],
        "not_proof": [_cells(*_not_proof(entry, speak)) for entry in report["not_proof"]],
        "timeline": [[_rome(at), what] for at, what in sorted(_moments(report, acts, language, speak))],
        "limits": [limits[limit] for limit in (*report["limits"], "contents")],
    }


def _cells(*texts: str) -> list[str]:
    """The cells of a row; words longer than a column may break anywhere, without a sign that was never written."""
    return [_LONG_WORD.sub(lambda run: f"{run[0]}\u200b", plain(text)) for text in texts]


def _speaker(language: str) -> Speak:
    """The glossary's words in the reader's language, whatever the process speaks."""
    return gettext.translation(DOMAIN, LOCALE_DIR, languages=[language], fallback=True).gettext


def _word(table: Mapping[str, str], token: str | None, speak: Speak) -> str:
    return "-" if token is None else speak(table[token]) if token in table else plain(token)


def _message(report: Mapping[str, Any], said: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    message, as_of = report["message"], report["as_of"]
    yield "subject", message["subject"]
    yield "sender", message["sender"]
    yield "reference", message["reference"]
    yield "identifier", message["identifier"]
    yield "sha256", message["sha256"]
    yield "held_to", said.get(f"by_{message['held_to']}")
    yield "as_of", f"{as_of['seal']} ({_rome(as_of['at'])}), SHA-256 {as_of['sha256']}"


def _state(one: Mapping[str, Any], speak: Speak) -> str:
    state = _word(words.STATES, one["state"], speak)
    code = one["error_code"]
    if code:
        state += f": {_word(words.FAILURE_CODES, code, speak)}"
    odd = ", ".join(_word(findings.CONTRADICTIONS, name, speak) for name in one["contradictions"])
    return f"{state} ({odd})" if odd else state


def _proof(entry: Mapping[str, Any], said: Mapping[str, str], speak: Speak) -> list[str]:
    kind = _word(words.KINDS, entry["kind"], speak)
    if entry["receipt_form"]:
        kind += f" ({_word(words.FORMS, entry['receipt_form'], speak)})"
    return [
        f"{kind}, {entry['member']}",
        plain(entry["recipient"]) if entry["recipient"] else said["about_all"],
        _rome(entry["issued_at"]),
        plain(entry["provider"]),
    ]


def _not_proof(entry: Mapping[str, Any], speak: Speak) -> list[str]:
    points = {f"disagrees:{name}": word for name, word in words.POINTS.items()}
    table = {**words.VERDICTS, **findings.WARNINGS, **points}
    why = ", ".join(_word(table, reason, speak) for reason in reasons(entry))
    why = why or _word(words.KINDS, entry["kind"], speak)
    return [entry["member"], _word(words.VERDICTS, entry["verification"]["verdict"], speak), why]


def _moments(
    report: Mapping[str, Any], acts: Sequence[Line], language: str, speak: Speak
) -> Iterator[tuple[datetime, str]]:
    told = section(language, "acts")
    for act in acts:
        if act.act in _SHOWN_ACTS and act.facts.get("by") != "receipt":
            yield act.at, told[act.act]
    for entry in report["proof"]:
        if entry["issued_at"]:
            about = f": {plain(entry['recipient'])}" if entry["recipient"] else ""
            what = f"{_word(words.KINDS, entry['kind'], speak)}{about} ({plain(entry['provider'])})"
            yield datetime.fromisoformat(entry["issued_at"]), what


def _rome(at: str | datetime | None) -> str:
    """A time as Italian law reads it."""
    if at is None:
        return "-"
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return moment.astimezone(ROME).strftime("%d/%m/%Y %H:%M:%S (%z)")
