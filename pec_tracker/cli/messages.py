"""How is a message told, in a list and as JSON? Shared by every command that names messages."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pec_tracker.pec.sending import SendState
from pec_tracker.texts import _, error_text, facts_text, words

if TYPE_CHECKING:
    from pec_tracker.service.attempt import Dispatched
    from pec_tracker.service.find import FoundMessage, RecipientState
    from pec_tracker.service.outbox import OutboxEntry
    from pec_tracker.service.status import OpenAlert


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
    }


def said(reply: str | None, problem: Mapping[str, Any] | None, *, code: int | None = None) -> str:
    """What the server said, or in our words what happened where it said nothing."""
    if problem is not None:
        return facts_text(problem)
    return " ".join(str(part) for part in (code, reply) if part)


def dispatched_said(one: "Dispatched") -> str:
    """The same of a message that was just tried."""
    if one.problem is not None:
        return error_text(one.problem)
    return said(one.reply, None, code=one.code)


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
    """The state towards one recipient in words: before anything left, that is what is to be told."""
    if message.send_state != SendState.SUBMITTED and recipient.state == "awaiting_acceptance":
        return words.word(words.SEND_STATES, message.send_state)
    text = words.word(words.STATES, recipient.state)
    if recipient.overdue:
        text += _(", overdue")
    if recipient.contradictions:
        text += _(", contradicted")
    return text


def short(keys: Mapping[str, str], key: str | None) -> str:
    """The short form of *key*; `-` for none."""
    return "-" if key is None else keys.get(key, key)
