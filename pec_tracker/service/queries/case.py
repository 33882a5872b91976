"""Who received what in a case, when, and who did not and why? One row a message and recipient, by certified times."""

from dataclasses import dataclass
from datetime import datetime

from pec_tracker.askers import Act, Asker
from pec_tracker.pec.states import State
from pec_tracker.service.house import House
from pec_tracker.service.queries.find import FoundMessage, RecipientState
from pec_tracker.service.queries.lookup import Wanted, look_up
from pec_tracker.service.verbs import verb


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message for one recipient. `received`: a delivery receipt that counts says so, at `at`."""

    case: str | None
    subject: str | None
    recipient: str
    received: bool
    at: datetime | None
    state: str
    error_code: str | None
    error_detail: str | None
    contradictions: tuple[str, ...]
    next_step: str
    reference: str | None
    key: str


@verb(Act.READ)
def contest(asker: Asker, house: House, case: str) -> list[Outcome]:
    """Every outcome of the messages of *case*, the oldest message first; who did not receive comes after who did."""
    messages = sorted(look_up(asker, house, Wanted(case=case)), key=lambda message: (message.created_at, message.key))
    return [
        _outcome(message, recipient)
        for message in messages
        for recipient in sorted(message.recipients, key=lambda one: (one.state != State.DELIVERED, one.address))
    ]


def _outcome(message: FoundMessage, recipient: RecipientState) -> Outcome:
    return Outcome(
        case=message.case,
        subject=message.subject,
        recipient=recipient.address,
        received=recipient.state == State.DELIVERED,
        at=recipient.state_at,
        state=recipient.state,
        error_code=recipient.error_code,
        error_detail=recipient.error_detail,
        contradictions=recipient.contradictions,
        next_step=recipient.next_step,
        reference=message.reference,
        key=message.key,
    )
