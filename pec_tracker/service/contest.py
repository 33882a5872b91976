"""Who received what in a case, when, and who did not and why? One row a message and recipient, by certified times."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pec_tracker.askers import Act, Asker
from pec_tracker.clock import ROME
from pec_tracker.service.find import FoundMessage, RecipientState
from pec_tracker.service.house import House
from pec_tracker.service.lookup import Wanted, look_up
from pec_tracker.service.verbs import verb
from pec_tracker.texts import N_, _, findings, words

COLUMNS: Final = (
    N_("Case"), N_("Subject"), N_("Recipient"), N_("Received"), N_("Certified time"), N_("State"), N_("Why"),
    N_("Next step"), N_("Message-ID"), N_("Key"),
)  # fmt: skip


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
        for recipient in sorted(message.recipients, key=lambda one: (one.state != "delivered", one.address))
    ]


def rows(outcomes: Sequence[Outcome]) -> list[list[str]]:
    """The outcomes as text, in the language spoken now; columns as in COLUMNS."""
    return [list(_row(one)) for one in outcomes]


def _outcome(message: FoundMessage, recipient: RecipientState) -> Outcome:
    return Outcome(
        case=message.case,
        subject=message.subject,
        recipient=recipient.address,
        received=recipient.state == "delivered",
        at=recipient.state_at,
        state=recipient.state,
        error_code=recipient.error_code,
        error_detail=recipient.error_detail,
        contradictions=recipient.contradictions,
        next_step=recipient.next_step,
        reference=message.reference,
        key=message.key,
    )


def _row(one: Outcome) -> Iterator[str]:
    yield one.case or ""
    yield one.subject or ""
    yield one.recipient
    yield _("yes") if one.received else _("no")
    yield one.at.astimezone(ROME).strftime("%d/%m/%Y %H:%M:%S (%z)") if one.at else ""
    yield words.word(words.STATES, one.state)
    yield _why(one)
    yield words.word(words.NEXT_STEPS, one.next_step)
    yield f"<{one.reference}>" if one.reference else ""
    yield one.key


def _why(one: Outcome) -> str:
    """Why it was not received: our words where the code is known, then the provider's; and what contradicts itself."""
    known = [words.word(words.FAILURE_CODES, one.error_code)] if one.error_code in words.FAILURE_CODES else []
    odd = [words.words(findings.CONTRADICTIONS, list(one.contradictions))] if one.contradictions else []
    return "; ".join([*known, *([one.error_detail] if one.error_detail else []), *odd])
