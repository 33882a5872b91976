"""What is answered about one message that waits? All that was tried, what was looked for, and what happens now."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from pec_tracker.answers.messages import entry_facts, entry_reason, said, send_state_text, short_key
from pec_tracker.answers.outbox import HELD, NEXT
from pec_tracker.pec.sending import WAITING, SendState
from pec_tracker.texts import N_, _, ngettext, words
from pec_tracker.texts.times import rome_second, rome_time

if TYPE_CHECKING:
    from pec_tracker.service.sending.resume import Resumed
    from pec_tracker.service.sending.waits import SearchedFor, Waits


def waits_facts(found: "Waits") -> dict[str, Any]:
    """Everything about a message that has not simply left, as a JSON object (contract of `outbox show`)."""
    searched = found.searched
    return {
        **entry_facts(found.entry),
        "recipients": found.recipients,
        "tried": [
            {
                "number": one.number,
                "started_at": one.started_at,
                "outcome": one.outcome,
                "code": one.code,
                "reply": one.reply,
                "problem": said(None, one.problem) or None,
            }
            for one in found.tried
        ],
        "copies": found.copies,
        "searched": None
        if searched is None
        else {
            "at": searched.at,
            "folders": searched.folders,
            "unable": searched.unable,
            "problem": said(None, searched.problem) or None,
        },
        "next": waits_next(found),
    }


def waits_lines(found: "Waits") -> Iterator[tuple[str, str]]:
    """The same in words: label and text."""
    entry = found.entry
    yield _("Key"), entry.key
    yield _("Mailbox"), entry.mailbox
    yield _("Subject"), entry.subject or "-"
    yield _("Recipients"), ", ".join(found.recipients)
    yield _("Since"), rome_second(entry.created_at)
    yield _("State"), send_state_text(entry.send_state)
    yield _("Priority"), words.word(_PRIORITIES, entry.priority)
    if reason := entry_reason(entry):
        yield _("Reason"), reason
    if entry.next_attempt_at is not None and entry.send_state in WAITING:
        yield _("Next attempt"), rome_second(entry.next_attempt_at)
    for one in found.tried:
        told = send_state_text(one.outcome) if one.outcome else _("under way, or broken off")
        why = said(one.reply, one.problem, code=None if one.problem else one.code)
        yield _("Attempt {number}").format(number=one.number), f"{rome_second(one.started_at)}  {told}  {why}".rstrip()
    if found.copies:
        text = _("in {folders}: no proof that it left, any program may have put it there")
        yield _("Copy"), text.format(folders=", ".join(found.copies))
    if found.searched is not None:
        yield _("Searched for"), _searched_text(found.searched)


_PRIORITIES: Final = {
    "normal": N_("a single letter: passes the others"),
    "program": N_("handed over by a program"),
    "bulk": N_("one of many, from a list"),
}


def _searched_text(searched: "SearchedFor") -> str:
    text = ngettext(
        "on the server in {count} folder, {at}", "on the server in {count} folders, {at}", searched.folders
    ).format(count=searched.folders, at=rome_second(searched.at))
    if searched.unable:
        text += "; " + _("{count} of them cannot be searched by header").format(count=searched.unable)
    if searched.problem is not None:
        text += f" ({said(None, searched.problem)})"
    return text


def waits_next(found: "Waits") -> str:
    """What happens now with the message, or what a person does."""
    entry = found.entry
    following = NEXT.get(SendState(entry.send_state))
    if following is None:
        return _("It was given up and is never sent. To send it all the same: pec-tracker outbox resend {key}").format(
            key=short_key(entry.key)
        )
    if entry.held is not None and entry.held.until is None:
        return entry_reason(entry)
    if entry.held is not None and entry.send_state == SendState.QUEUED:
        following = HELD
    return _(following).format(key=short_key(entry.key), next=rome_time(entry.next_attempt_at))


def resumed_facts(resumed: "Resumed") -> dict[str, Any]:
    """What is held no longer, as a JSON object (contract of `outbox resume`)."""
    return {"mailbox": resumed.mailbox, "due": resumed.due, "usual_pace": resumed.faster}


def resumed_text(resumed: "Resumed") -> str:
    """The same in words."""
    text = ngettext(
        "{mailbox}: {count} message is due now", "{mailbox}: {count} messages are due now", resumed.due
    ).format(mailbox=resumed.mailbox, count=resumed.due)
    return f"{text}; {_('it goes at its usual pace again')}" if resumed.faster else text
