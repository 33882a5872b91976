"""What does the summary of a package say? The report's facts in the reader's words, block by block; nothing decided.

First the outcome in a sentence, then who, what, when and by whose signature; seals and hashes stand at the end.
"""

import gettext
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pec_tracker.ledger.lines import Line
from pec_tracker.pec import standard
from pec_tracker.render.readme import reasons
from pec_tracker.render.wording import plain, section
from pec_tracker.service.proof.sentences import Speak, leaving, moment, now_utc, sentences
from pec_tracker.texts import findings, words
from pec_tracker.texts.language import DOMAIN, LOCALE_DIR

MAX_TEXT: Final = 1_200  # characters of the message's text on the page; the report has more, the mail all
MAX_LINES: Final = 14
MAX_ATTACHMENTS: Final = 100
MAX_MOMENTS: Final = 4  # of one kind, one by one; more of them are told together

_SHOWN_ACTS: Final = frozenset(section("en", "acts"))
_FAILURES: Final = frozenset({"non-acceptance", "non-delivery", "virus-notice"})
_MOMENT: Final = re.compile(r"\d{2}/\d{2}/\d{4}\u00a0[0-9:]{8}(\u00a0\([+-]\d{4}\))?")
_LONG_WORD: Final = re.compile(r"\S{25,}")
_BREAKS: Final = re.compile(r"(?<=[./_])(?=\w)|(?=@)|(?<=\w{16})(?=\w{8})")
_HASH: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class _Moment:
    """One mark of the journey: `own`, `certified` or `bad`; `rank` orders those of one second."""

    at: datetime
    rank: int
    mark: str
    what: str


def facts(report: Mapping[str, Any], acts: Sequence[Line], report_sha256: str) -> dict[str, Any]:
    """What `render.pdf.summary` is given: blocks of text in the report's language, in the order of the page.

    `report_sha256` is that of the report as its member holds it: it stands on the page, as text and as a code.
    """
    language = report["language"]
    said, speak = section(language, "summary"), _speaker(language)
    return {
        "schema": 1,
        "language": language,
        "title": said["title"],
        "tool": f"{report['tool']['name']} {report['tool']['version']}",
        "date": now_utc(report["as_of"]["at"]),
        "code": report_sha256,
        "blocks": [
            {"kind": "title", "text": said["title"]},
            {"kind": "lead", "texts": [_broken(one) for one in sentences(report, acts, speak)]},
            {"kind": "note", "texts": [f"{said['zone']} {said['law']}"]},
            *_outcome(report, acts, said, speak),
            *_sent(report, acts, said),
            *_journey(report, acts, said, speak),
            *_evidence(report, said, speak),
            *_rejected(report, said, speak),
            *_limits(report, said),
            *_numbers(report, said, report_sha256),
        ],
    }


def _speaker(language: str) -> Speak:
    """The glossary's words in the reader's language, whatever the process speaks."""
    return gettext.translation(DOMAIN, LOCALE_DIR, languages=[language], fallback=True).gettext


def _broken(text: object) -> str:
    """Words longer than a column may break, at their joints first, without a sign that was never written."""
    return _LONG_WORD.sub(lambda word: _joints(word[0]), str(text))


def _joints(word: str) -> str:
    if _HASH.fullmatch(word):
        return f"{word[:32]}\u200b{word[32:]}"
    return _BREAKS.sub("\u200b", word)


def _cells(*texts: str) -> list[str]:
    # What `plain` would take for a blank keeps a date whole.
    return [text if _is_moment(text) else _broken(plain(text)) for text in texts]


def _is_moment(text: str) -> bool:
    return _MOMENT.fullmatch(text) is not None


def _word(table: Mapping[str, str], token: str | None, speak: Speak) -> str:
    return "-" if token is None else speak(table[token]) if token in table else plain(token)


# --- who, and what ---


def _outcome(
    report: Mapping[str, Any], acts: Sequence[Line], said: Mapping[str, str], speak: Speak
) -> Iterator[dict[str, Any]]:
    unsent, _ = leaving(acts) if not _left(report, acts) else (None, None)
    rows = [
        _cells(one["recipient"], _state(one, unsent, speak), moment(one["accepted_at"]), moment(one["delivered_at"]))
        for one in report["journeys"]
    ]
    if rows:
        yield {"kind": "heading", "text": said["outcome"]}
        yield _table(said, {"recipient": "2.2", "state": "1", "accepted": "auto", "delivered": "auto"}, rows)


def _table(said: Mapping[str, str], columns: Mapping[str, str], rows: Sequence[Sequence[str]]) -> dict[str, Any]:
    heads = [said[name] for name in columns]
    return {"kind": "table", "widths": list(columns.values()), "heads": heads, "rows": [list(row) for row in rows]}


def _left(report: Mapping[str, Any], acts: Sequence[Line]) -> bool:
    """Whether the message was sent, by a receipt or by the sender's own ledger; a found one was."""
    return any(one["accepted_at"] for one in report["journeys"]) or leaving(acts)[0] in ("submitted", None)


def _state(one: Mapping[str, Any], unsent: str | None, speak: Speak) -> str:
    """The state in words; of what never left, how far it came."""
    state = _word(words.STATES, one["state"], speak)
    if unsent and one["state"] == "awaiting_acceptance":
        state = _word(words.SEND_STATES, unsent, speak)
    code = one["error_code"]
    if code:
        state += f": {_word(words.FAILURE_CODES, code, speak)}"
    odd = ", ".join(_word(findings.CONTRADICTIONS, name, speak) for name in one["contradictions"])
    return f"{state} ({odd})" if odd else state


def _sent(report: Mapping[str, Any], acts: Sequence[Line], said: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    message = report["message"]
    yield {"kind": "heading", "text": said["sent" if _left(report, acts) else "contains"]}
    told = [(said[name], message[name]) for name in ("subject", "case") if message[name]]
    yield {"kind": "pairs", "lines": [[label, _broken(plain(value))] for label, value in told]}
    if message["contents_of"] is None:
        yield {"kind": "note", "texts": [said["contents_unknown"]]}
        return
    lines, cut = _text(message["text"] or "")
    if lines:
        yield {"kind": "quoted", "lines": lines}
    if cut or message["text_cut"]:
        yield {"kind": "note", "texts": [said["text_cut"]]}
    elif not lines:
        yield {"kind": "note", "texts": [said["no_text"]]}
    yield from _attachments(message["attachments"], said)


def _text(text: str) -> tuple[list[str], bool]:
    """The lines of a text as far as the page takes them, and whether there is more."""
    lines = [plain(line) for line in text[:MAX_TEXT].splitlines() if line.strip()]
    cut = len(text) > MAX_TEXT or len(lines) > MAX_LINES
    return [_broken(line) for line in lines[:MAX_LINES]], cut


def _attachments(parts: Sequence[Mapping[str, Any]], said: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    rows = [_cells(*_attachment(part, said)) for part in parts[:MAX_ATTACHMENTS]]
    if rows:
        yield _table(said, {"attachment": "1", "size": "auto", "sha256": "1.5"}, rows)
    else:
        yield {"kind": "note", "texts": [said["no_attachments"]]}
    if len(parts) > len(rows):
        yield {"kind": "note", "texts": [said["more_attachments"].format(count=len(parts) - len(rows))]}


def _attachment(part: Mapping[str, Any], said: Mapping[str, str]) -> list[str]:
    size = f"{part['size']:,}".replace(",", said["thousands"])
    return [part["name"] or f"{said['unnamed']} ({part['type']})", size, part["sha256"]]


# --- when ---


def _journey(
    report: Mapping[str, Any], acts: Sequence[Line], said: Mapping[str, str], speak: Speak
) -> Iterator[dict[str, Any]]:
    told = section(report["language"], "acts")
    moments = [_Moment(act.at, -1, "own", told[act.act]) for act in acts
               if act.act in _SHOWN_ACTS and act.facts.get("by") != "receipt"]  # fmt: skip
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for entry in report["proof"]:
        if entry["issued_at"]:
            groups.setdefault(entry["kind"], []).append(entry)
    for kind, entries in groups.items():
        moments += _certified(kind, entries, said, speak)
    if moments:
        drawn = [{"at": moment(one.at), "mark": one.mark, "what": one.what} for one in sorted(moments, key=_order)]
        yield {"kind": "heading", "text": said["journey"]}
        yield {"kind": "journey", "moments": drawn}
        yield {"kind": "note", "texts": [said["dots"]]}


def _order(one: "_Moment") -> tuple[datetime, int, datetime]:
    """By second: certified times have no finer, and what the sender did comes before what it brought about."""
    return one.at.replace(microsecond=0), one.rank, one.at


def _certified(
    kind: str, entries: Sequence[Mapping[str, Any]], said: Mapping[str, str], speak: Speak
) -> Iterator["_Moment"]:
    """Each by itself, or many of a kind together."""
    rank, word = standard.rank(kind), _word(words.KINDS, kind, speak)
    mark = "bad" if kind in _FAILURES else "certified"
    ordered = sorted(entries, key=lambda entry: datetime.fromisoformat(entry["issued_at"]))
    if len(ordered) > MAX_MOMENTS:
        until = said["until"].format(time=moment(ordered[-1]["issued_at"]))
        first = datetime.fromisoformat(ordered[0]["issued_at"])
        yield _Moment(first, rank, mark, f"{word}: {len(ordered)}{until}")
        return
    for entry in ordered:
        about = f": {plain(entry['recipient'])}" if entry["recipient"] else ""
        yield _Moment(datetime.fromisoformat(entry["issued_at"]), rank, mark, _broken(f"{word}{about}"))


# --- what counts, and what does not ---


def _evidence(report: Mapping[str, Any], said: Mapping[str, str], speak: Speak) -> Iterator[dict[str, Any]]:
    yield {"kind": "heading", "text": said["evidence"]}
    rows = [_cells(*_proof(entry, said, speak)) for entry in report["proof"]]
    if rows:
        yield _table(said, {"document": "1.35", "recipient": "1", "time": "auto", "signed_by": "1.55"}, rows)
    else:
        yield {"kind": "note", "texts": [said["nothing"]]}


def _proof(entry: Mapping[str, Any], said: Mapping[str, str], speak: Speak) -> list[str]:
    kind = _word(words.KINDS, entry["kind"], speak)
    if entry["receipt_form"]:
        kind += f" ({_word(words.FORMS, entry['receipt_form'], speak)})"
    done = entry["verification"]
    signers = [done["signer"], done["signer_address"], said["for_provider"].format(provider=plain(entry["provider"]))]
    return [
        f"{kind}, {entry['member']}",
        plain(entry["recipient"]) if entry["recipient"] else said["about_all"],
        moment(entry["issued_at"]),
        ", ".join(plain(one) for one in signers if one),
    ]


def _rejected(report: Mapping[str, Any], said: Mapping[str, str], speak: Speak) -> Iterator[dict[str, Any]]:
    """Of a message that was delivered they change nothing: one line. Else each with its reason."""
    others = report["not_proof"]
    if not others:
        return
    if all(one["state"] == "delivered" and not one["contradictions"] for one in report["journeys"]):
        yield {"kind": "note", "texts": [said["others"].format(count=len(others))]}
        return
    yield {"kind": "heading", "text": said["rejected"]}
    rows = [_cells(*_not_proof(entry, speak)) for entry in others]
    yield _table(said, {"document": "1.2", "verdict": "1", "why": "2"}, rows)


def _not_proof(entry: Mapping[str, Any], speak: Speak) -> list[str]:
    points = {f"disagrees:{name}": word for name, word in words.POINTS.items()}
    table = {**findings.WARNINGS, **points}
    why = ", ".join(_word(table, one, speak) for one in reasons(entry) if one not in words.VERDICTS)
    why = why or _word(words.KINDS, entry["kind"], speak)
    return [entry["member"], _word(words.VERDICTS, entry["verification"]["verdict"], speak), why]


# --- the small print ---


def _limits(report: Mapping[str, Any], said: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    limits = section(report["language"], "limits")
    yield {"kind": "heading", "text": said["limits"]}
    yield {"kind": "list", "texts": [limits.get(limit, limit) for limit in (*report["limits"], "contents")]}


def _numbers(report: Mapping[str, Any], said: Mapping[str, str], digest: str) -> Iterator[dict[str, Any]]:
    message, as_of = report["message"], report["as_of"]
    told = [
        (said["reference"], message["reference"]),
        (said["identifier"], message["identifier"]),
        (said["message_sha256"], message["sha256"]),
        (said["held_to"], said.get(f"by_{message['held_to']}")),
        (said["as_of"], said["as_of_is"].format(number=as_of["seal"], at=moment(as_of["at"]))),
        (said["seal_sha256"], as_of["sha256"]),
        (said["made_by"], f"{report['tool']['name']} {report['tool']['version']}"),
    ]
    yield {"kind": "heading", "text": said["numbers"]}
    yield {"kind": "pairs", "lines": [[label, _broken(plain(value))] for label, value in told if value]}
    yield {"kind": "note", "texts": [said["seal_is"]]}
    yield {"kind": "code", "texts": [said["code_is"], _broken(digest), said["attached"]]}
