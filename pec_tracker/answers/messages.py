"""How is a message told, in a list and as JSON? Shared by every answer that names messages."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pec_tracker.answers.plain import certified_text
from pec_tracker.pec.sending import SendState
from pec_tracker.pec.states import State
from pec_tracker.settings import Why
from pec_tracker.texts import _, error_text, facts_text, findings, ngettext, notices, words
from pec_tracker.texts.times import rome_second

if TYPE_CHECKING:
    from pec_tracker.service.alerts.open_alerts import OpenAlert
    from pec_tracker.service.queries.find import FoundMessage, RecipientState
    from pec_tracker.service.sending.attempt import Dispatched
    from pec_tracker.service.sending.outbox import OutboxEntry
    from pec_tracker.service.sending.pace import Held

KEY_SHOWN: Final = 8  # letters of a key that was just made

# What a filter takes: each token, and its word in the language spoken.
STATE_WORDS: Final = words.STATES
SEND_STATE_WORDS: Final = words.SEND_STATES


def message_facts(message: "FoundMessage") -> dict[str, Any]:
    """A message and its recipients as a JSON object (contract of `find` and `show`)."""
    return {
        "key": message.key,
        "mailbox": message.mailbox,
        "origin": message.origin,
        "message_id": message.reference,
        "identifier": message.identifier,
        "subject": message.subject,
        "sender": message.sender,
        "case": message.case,
        "send_state": message.send_state,
        "state": message.state,
        "created_at": message.created_at,
        "recipients": [_recipient_facts(recipient) for recipient in message.recipients],
    }


def _recipient_facts(recipient: "RecipientState") -> dict[str, Any]:
    return {
        "address": recipient.address,
        "role": recipient.role,
        "type": recipient.type,
        "state": recipient.state,
        "state_at": recipient.state_at,
        "certified_at": certified_text(recipient.state_at),
        "error_code": recipient.error_code,
        "error_detail": recipient.error_detail,
        "due_at": recipient.due_at,
        "overdue": recipient.overdue,
        "next_step": recipient.next_step,
        "contradictions": recipient.contradictions,
    }


def entry_facts(entry: "OutboxEntry") -> dict[str, Any]:
    """A message that has not simply left, as a JSON object."""
    return {
        "key": entry.key,
        "mailbox": entry.mailbox,
        "subject": entry.subject,
        "send_state": entry.send_state,
        "created_at": entry.created_at,
        "next_attempt_at": entry.next_attempt_at,
        "attempts": entry.attempts,
        "reply": entry.reply,
        "problem": said(None, entry.problem) or None,
        "held": held_facts(entry.held),
        "priority": entry.priority,
    }


def said(reply: str | None, problem: Mapping[str, Any] | None, *, code: int | None = None) -> str:
    """What the server said, or in our words what happened where it said nothing."""
    if problem is not None:
        return facts_text(problem)
    return " ".join(str(part) for part in (code, reply) if part)


def held_text(held: "Held") -> str:
    """Why the provider's pace keeps a mailbox's messages back."""
    count = held.count or 0
    number = 1 if count == 1 else 2
    match held.why:
        case Why.AGREEMENT:
            text = _("the provider allows automatic programs only by agreement, and none is acknowledged")
        case Why.TRAFFIC if not count:
            text = _("the provider said that the traffic is too much")
        case Why.TRAFFIC:
            text = ngettext(
                "the provider said that the traffic is too much: {count} message a minute now",
                "the provider said that the traffic is too much: {count} messages a minute now",
                number,
            )
        case Why.MINUTE:
            text = ngettext(
                "the provider takes {count} message a minute", "the provider takes {count} messages a minute", number
            )
        case Why.HOUR:
            text = ngettext(
                "the provider takes {count} message an hour", "the provider takes {count} messages an hour", number
            )
        case Why.DAY:
            text = ngettext(
                "the provider takes {count} message a day", "the provider takes {count} messages a day", number
            )
    return text.format(count=f"{count:g}")


def held_facts(held: "Held | None") -> dict[str, Any] | None:
    """The same as a JSON object; null where nothing keeps it back."""
    if held is None:
        return None
    return {"why": held.why, "until": held.until, "count": held.count, "per": held.per, "text": held_text(held)}


def entry_reason(entry: "OutboxEntry") -> str:
    """Why a message waits: the provider's pace first, for nothing else counts before its end; else what was said."""
    if entry.held is None:
        return said(entry.reply, entry.problem)
    if entry.held.until is None:
        return f"{held_text(entry.held)}: pec-tracker mailbox acknowledge {entry.mailbox}"
    return _("waits until {until}: {why}").format(until=rome_second(entry.held.until), why=held_text(entry.held))


def dispatched_said(one: "Dispatched") -> str:
    """The same of a message that was just tried."""
    if one.problem is not None:
        return error_text(one.problem)
    return said(one.reply, None, code=one.code)


def dispatched_facts(one: "Dispatched") -> dict[str, Any]:
    """A message that was just tried, as a JSON object."""
    return {
        "key": one.key,
        "send_state": one.send_state,
        "code": one.code,
        "reply": one.reply,
        "problem": None if one.problem is None else error_text(one.problem),
        "stage": one.stage,
    }


def alert_facts(alert: "OpenAlert") -> dict[str, Any]:
    """An alert as a JSON object."""
    return {
        "kind": alert.kind,
        "severity": alert.severity,
        "topic": alert.topic,
        "at": alert.at,
        "mailbox": alert.mailbox,
        "message": alert.message,
        "facts": alert.facts,
    }


def state_text(message: "FoundMessage", recipient: "RecipientState") -> str:
    """THE state towards one recipient in words: before anything left, the state of sending; then the journey's."""
    if message.send_state != SendState.SUBMITTED and recipient.state == State.AWAITING_ACCEPTANCE:
        return send_state_text(message.send_state)
    text = journey_text(recipient.state)
    if recipient.overdue:
        text += _(", overdue")
    if recipient.contradictions:
        text += _(", contradicted")
    return text


def alert_text(alert: "OpenAlert") -> str:
    """What an alert says, in words."""
    return notices.alert_text(alert.kind, alert.facts)


def send_state_text(send_state: str) -> str:
    """How far the message has come on its way out, in words."""
    return words.word(words.SEND_STATES, send_state)


def journey_text(state: str) -> str:
    """Where a message stands with a recipient by its receipts alone, in words."""
    return words.word(words.STATES, state)


def journey_rows(journeys: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, datetime | None]]:
    """The journeys of a proof package's report: recipient, state in words, certified time."""
    return [(one["recipient"], journey_text(one["state"]), _moment(one["state_at"])) for one in journeys]


def _moment(written: str | None) -> datetime | None:
    return datetime.fromisoformat(written) if written else None


def next_text(next_step: str) -> str:
    """What there is to do for a recipient, in words."""
    return words.word(words.NEXT_STEPS, next_step)


def failure_meaning(code: str | None) -> str | None:
    """What a provider's error code means, in our words; None where we do not know it."""
    return words.word(words.FAILURE_CODES, code) if code in words.FAILURE_CODES else None


def failure_parts(code: str | None, detail: str | None) -> list[str]:
    """Why it was not delivered: our words where the code is known, then the provider's."""
    return [part for part in (failure_meaning(code), detail) if part]


def failure_text(code: str | None, detail: str | None) -> str:
    """The same on one line; the code itself where the provider has no words."""
    return ": ".join(failure_parts(code, detail or code))


def coded_text(code: str) -> str:
    """A provider's error code with our words for it."""
    return ": ".join(part for part in (code, failure_meaning(code)) if part)


def contradictions_text(contradictions: Sequence[str]) -> str:
    """What in the evidence contradicts itself, in words."""
    return words.words(findings.CONTRADICTIONS, list(contradictions))


def short_key(key: str) -> str:
    """The beginning of a key that was just made, by which a person names it."""
    return key[:KEY_SHOWN]


def short(keys: Mapping[str, str], key: str | None) -> str:
    """The short form of *key*; `-` for none."""
    return "-" if key is None else keys.get(key, key)
