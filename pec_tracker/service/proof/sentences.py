"""What happened, in one sentence for each outcome? As a judge would have it told, and no more than receipts carry."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from pec_tracker.ledger.lines import Line
from pec_tracker.pec.evidence import address_key
from pec_tracker.render.wording import plain, section
from pec_tracker.texts import findings, words
from pec_tracker.texts.times import rome_prose

Speak = Callable[[str], str]

# The kinds of evidence that show a state; the first at its certified time is the one that the sentence cites.
_SHOWN_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "delivered": ("delivery",),
    "failed": ("non-delivery", "virus-notice", "delay-notice"),
    "not_accepted": ("non-acceptance", "virus-notice"),
    "external": ("acceptance",),
    "accepted": ("acceptance",),
    "delayed": ("acceptance",),
}
_LEAVING: Final = ("queued", "submitted", "refused", "deferred", "uncertain", "abandoned")


def limit_sentences(limits: Sequence[str], language: str) -> list[str]:
    """What a package does not show (`limits`), a sentence each."""
    said = section(language, "limits")
    return [said[name] for name in limits]


def sentences(report: Mapping[str, Any], acts: Sequence[Line], speak: Speak) -> Iterator[str]:
    """The outcome in full sentences, in the report's language."""
    said = section(report["language"], "sentences")
    journeys = report["journeys"]
    if len(journeys) == 1:
        yield _one(report, journeys[0], acts, said, speak)
    else:
        yield _several(report, said, speak)
    for journey in journeys:
        if journey["contradictions"]:
            table = findings.CONTRADICTIONS
            what = ", ".join(speak(table[name]) if name in table else plain(name) for name in journey["contradictions"])
            yield said["contradiction"].format(recipient=plain(journey["recipient"]), what=what)
    yield from _enclosing(report, said)


def moment(at: str | datetime | None) -> str:
    """A time as Italian law reads it, `20/11/2023 17:59:57`; with its offset only in the hour that autumn repeats."""
    if at is None:
        return "-"
    read = datetime.fromisoformat(at) if isinstance(at, str) else at
    return rome_prose(read)


def leaving(acts: Sequence[Line]) -> tuple[str | None, datetime | None]:
    """How far the message came by the sender's own ledger, and when; None where it says nothing."""
    told = [(act.act.removeprefix("message."), act.at) for act in acts if act.act.startswith("message.")]
    told = [(name, at) for name, at in told if name in _LEAVING]
    return told[-1] if told else (None, None)


def _one(report: Mapping[str, Any], journey: Mapping[str, Any], acts: Sequence[Line], said: Mapping[str, str],
         speak: Speak) -> str:  # fmt: skip
    state = journey["state"]
    entry = _shown_by(report, journey)
    if entry is None:
        return _without_evidence(report, journey, acts, said, speak)
    reason = _reason(journey, speak)
    return said[state].format(
        message=_message(report, said, sent=state != "not_accepted", at=journey["accepted_at"]),
        recipient=plain(journey["recipient"]),
        at=_told(entry["issued_at"], said),
        reason=f": {reason}" if reason else "",
        signer=_signer(entry, said),
    )


def _reason(journey: Mapping[str, Any], speak: Speak) -> str:
    """In our words where the provider's code is known, else in the provider's."""
    known = words.FAILURE_CODES.get(journey["error_code"] or "")
    told = journey["error_detail"] or journey["error_code"]
    return speak(known) if known else plain(told) if told else ""


def _without_evidence(report: Mapping[str, Any], journey: Mapping[str, Any], acts: Sequence[Line],
                      said: Mapping[str, str], speak: Speak) -> str:  # fmt: skip
    state, at = leaving(acts)
    known = state if state in ("submitted", "uncertain") else "unsent"
    return said[known].format(
        message=_message(report, said, sent=False, at=None),
        recipient=plain(journey["recipient"]),
        at=_told(at, said),
        state=speak(words.SEND_STATES[state]) if state else "-",
    )


def _several(report: Mapping[str, Any], said: Mapping[str, str], speak: Speak) -> str:
    journeys = report["journeys"]
    accepted = min((one["accepted_at"] for one in journeys if one["accepted_at"]), default=None)
    message = _message(report, said, sent=accepted is not None, at=accepted)
    counts = []
    for state, word in words.STATES.items():
        count = sum(one["state"] == state for one in journeys)
        if count:
            counts.append(said["of_all"].format(state=speak(word), count=count, all=len(journeys)))
    return said["several"].format(message=message, all=len(journeys), counts="; ".join(counts) or "-")


def _enclosing(report: Mapping[str, Any], said: Mapping[str, str]) -> Iterator[str]:
    delivered = [one for one in report["journeys"] if one["state"] == "delivered"]
    exact = {address_key(entry["recipient"] or "") for entry in report["proof"] if entry.get("encloses_message")}
    count = sum(address_key(one["recipient"]) in exact for one in delivered)
    if count and len(report["journeys"]) == 1:
        yield said["encloses"]
    elif count:
        yield said["enclose"].format(count=count, all=len(delivered))


def _shown_by(report: Mapping[str, Any], journey: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The evidence that shows the state of a journey."""
    kinds = _SHOWN_BY.get(journey["state"], ())
    own = [one for one in report["proof"] if one["sha256"] in journey["evidence"] and one["kind"] in kinds]
    at = [one for one in own if one["issued_at"] == journey["state_at"]]
    return next(iter((*at, *own)), None)


def _message(report: Mapping[str, Any], said: Mapping[str, str], *, sent: bool, at: str | None) -> str:
    message = report["message"]
    template = said["message_sent"] if sent and at else said["message_of"]
    subject = plain(message["subject"]) if message["subject"] else said["no_subject"]
    return template.format(subject=subject, sender=plain(message["sender"]), at=_told(at, said))


def _told(at: str | datetime | None, said: Mapping[str, str]) -> str:
    """`il 20/11/2023 alle 17:59:57`."""
    if at is None:
        return said["unknown_time"]
    day, _, time = moment(at).partition("\u00a0")
    return said["at"].format(day=day, time=time)


def _signer(entry: Mapping[str, Any], said: Mapping[str, str]) -> str:
    done = entry["verification"]
    address = plain(done["signer_address"] or done["signer"])
    return said["signer"].format(provider=plain(entry["provider"] or done["signer"]), address=address)


def now_utc(at: str) -> list[int]:
    """A time as the numbers that a document's date has, in UTC."""
    read = datetime.fromisoformat(at).astimezone(UTC)
    return [read.year, read.month, read.day, read.hour, read.minute, read.second]
