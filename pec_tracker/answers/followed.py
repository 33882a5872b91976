"""What is answered while a message is followed to its outcome, and at the end? What came, and where it stands."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pec_tracker.answers.messages import (
    failure_text,
    message_facts,
    next_text,
    send_state_text,
    short_key,
    state_text,
)
from pec_tracker.pec.sending import SendState
from pec_tracker.pec.standard import Kind
from pec_tracker.pec.states import State
from pec_tracker.texts import N_, _, error_text, ngettext, words
from pec_tracker.texts.times import rome_second

if TYPE_CHECKING:
    from pec_tracker.errors import PecTrackerError
    from pec_tracker.service.queries.show import EvidenceShown
    from pec_tracker.service.rounds.follow import Followed

# What came, in a sentence: of the whole message, or of one recipient.
_CAME: Final[Mapping[str, str]] = {
    Kind.ACCEPTANCE: N_("Accepted by your provider: {at}."),
    Kind.NON_ACCEPTANCE: N_("Not accepted by your provider ({why}): {at}. Nothing was delivered."),
    Kind.DELIVERY: N_("Delivered to {recipient}: {at}."),
    Kind.NON_DELIVERY: N_("Not delivered to {recipient} ({why}): {at}."),
    Kind.DELAY_NOTICE: N_("Not delivered to {recipient} yet, says a notice: {at}."),
}


def evidence_text(one: "EvidenceShown") -> str:
    """What a receipt says, with its certified time; of one that is no proof only that it came."""
    kind = words.word(words.KINDS, one.kind)
    if not one.counts:
        return _("There came, and is no proof: {kind}. See: pec-tracker show").format(kind=kind)
    sentence = _CAME.get(one.kind)
    at, recipient = rome_second(one.at), one.recipient or "-"
    if sentence is None:
        return _("{kind}, {recipient}: {at}.").format(kind=kind, recipient=recipient, at=at)
    why = failure_text(one.error_code, one.error_detail) if one.error_code or one.error_detail else kind
    return _(sentence).format(recipient=recipient, at=at, why=why)


def trouble_text(error: "PecTrackerError") -> str:
    """A server's error that another look may mend."""
    return _("{problem} We go on trying until the deadline.").format(problem=_ended(error_text(error)))


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def followed_facts(followed: "Followed") -> dict[str, Any]:
    """How a following ended as a JSON object (part of what `send --wait` and `setup` answer): the message's state, and
    where it stands with each recipient."""
    facts = message_facts(followed.message)
    return {
        "ending": followed.ending,
        "send_state": followed.message.send_state,
        "state": followed.message.state,
        "journeys": facts["recipients"],
        "error": None if followed.error is None else error_text(followed.error),
    }


def outcome_lines(followed: "Followed") -> list[str]:
    """Of each recipient who has not got it, where it stands and what to do."""
    message = followed.message
    return [
        f"{one.address}: {state_text(message, one)}; {next_text(one.next_step)}"
        for one in message.recipients
        if one.state != State.DELIVERED
    ]


def ending_text(followed: "Followed") -> str:
    """How it ended, in a sentence, and the command that goes on from there."""
    message = followed.message
    key = short_key(message.key)
    if followed.error is not None:
        return error_text(followed.error)
    if followed.delivered:
        return _("Delivered to everyone. Its proof: pec-tracker proof {key}").format(key=key)
    waiting = len(followed.open)
    if waiting and message.send_state not in (SendState.REFUSED, SendState.ABANDONED):
        told = ngettext(
            "{count} recipient has no outcome yet. It comes within 24 hours: pec-tracker collect, then pec-tracker "
            "show {key}",
            "{count} recipients have no outcome yet. It comes within 24 hours: pec-tracker collect, then pec-tracker "
            "show {key}",
            waiting,
        )
        return told.format(count=waiting, key=key)
    if message.send_state != SendState.SUBMITTED:
        return _("It has not left: {state}. See: pec-tracker show {key}").format(
            state=send_state_text(message.send_state), key=key
        )
    return _("Not everyone has got it. See: pec-tracker show {key}").format(key=key)
