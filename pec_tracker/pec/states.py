"""Which states can a message have towards a recipient, and what should its sender do in each?"""

from enum import StrEnum
from typing import Final

from pec_tracker.pec.evidence import Evidence
from pec_tracker.pec.sending import SendState
from pec_tracker.pec.standard import (
    DELAY_24_HOURS,
    DISABLED_MAILBOX,
    FULL_MAILBOX,
    UNKNOWN_MAILBOX,
    VIRUS_FOUND,
    Errore,
    Kind,
)


class State(StrEnum):
    """The states of a journey, best evidence first (style: the glossary)."""

    DELIVERED = "delivered"
    FAILED = "failed"
    NOT_ACCEPTED = "not_accepted"
    EXTERNAL = "external"
    DELAYED = "delayed"
    ACCEPTED = "accepted"
    AWAITING_ACCEPTANCE = "awaiting_acceptance"


class NextStep(StrEnum):
    """What the user should do, or wait for, next."""

    NOTHING = "nothing"
    WAIT_SENDING = "wait-sending"
    DECIDE = "decide"
    WAIT_ACCEPTANCE = "wait-acceptance"
    WAIT_DELIVERY = "wait-delivery"
    ASK_PROVIDER = "ask-provider"
    CORRECT_AND_RESEND = "correct-and-resend"
    CHECK_ADDRESS = "check-address"
    RESEND_LATER = "resend-later"
    RESEND_OR_OTHER_CHANNEL = "resend-or-other-channel"
    OTHER_CHANNEL = "other-channel"
    REMOVE_VIRUS = "remove-virus"
    LAWYER_DECIDES = "lawyer-decides"


_STEP_OF_CODE: Final = {
    UNKNOWN_MAILBOX: NextStep.CHECK_ADDRESS,
    DISABLED_MAILBOX: NextStep.OTHER_CHANNEL,
    FULL_MAILBOX: NextStep.RESEND_LATER,
    DELAY_24_HOURS: NextStep.RESEND_OR_OTHER_CHANNEL,  # 24 h without an answer: nobody says that the mailbox is full
    VIRUS_FOUND: NextStep.REMOVE_VIRUS,
}
_STEP_OF_ERROR: Final[dict[str, NextStep]] = {
    Errore.NO_DEST: NextStep.CHECK_ADDRESS,
    Errore.NO_DOMINIO: NextStep.CHECK_ADDRESS,
    Errore.VIRUS: NextStep.REMOVE_VIRUS,
}


def of_notification(step: NextStep) -> NextStep:
    """The step after a notification by a lawyer: to a full mailbox it is never simply sent again (art. 3-ter)."""
    return NextStep.LAWYER_DECIDES if step is NextStep.RESEND_LATER else step


def next_step(state: State, deciding: Evidence | None, *, overdue: bool, send_state: SendState) -> NextStep:
    """What the user should do now."""
    match state:
        case State.DELIVERED:
            return NextStep.NOTHING
        case State.FAILED:
            return _after_failure(deciding)
        case State.NOT_ACCEPTED:
            virus = deciding is not None and deciding.error == Errore.VIRUS
            return NextStep.REMOVE_VIRUS if virus else NextStep.CORRECT_AND_RESEND
        case State.EXTERNAL:  # no proof of delivery will ever come from an ordinary mailbox (RFC 6109 2.2.3)
            return NextStep.OTHER_CHANNEL
        case State.AWAITING_ACCEPTANCE:
            return _before_acceptance(send_state, overdue=overdue)
        case State.ACCEPTED | State.DELAYED:
            return NextStep.ASK_PROVIDER if overdue else NextStep.WAIT_DELIVERY


def _before_acceptance(send_state: SendState, *, overdue: bool) -> NextStep:
    """By where the message stands with the server: nothing certifies that it left."""
    match send_state:
        case SendState.QUEUED | SendState.SENDING | SendState.DEFERRED:
            return NextStep.WAIT_SENDING
        case SendState.REFUSED:
            return NextStep.CORRECT_AND_RESEND
        case SendState.UNCERTAIN:
            return NextStep.DECIDE
        case SendState.ABANDONED:
            return NextStep.NOTHING
        case SendState.SUBMITTED:
            return NextStep.ASK_PROVIDER if overdue else NextStep.WAIT_ACCEPTANCE


def _after_failure(failure: Evidence | None) -> NextStep:
    """By the code first, then by the error; a failure that says neither leaves another channel."""
    if failure is None:
        return NextStep.OTHER_CHANNEL
    if failure.error_code in _STEP_OF_CODE:
        return _STEP_OF_CODE[failure.error_code]
    if failure.kind is Kind.DELAY_NOTICE:
        return NextStep.RESEND_OR_OTHER_CHANNEL
    return _STEP_OF_ERROR.get(failure.error or Errore.NESSUNO, NextStep.OTHER_CHANNEL)
