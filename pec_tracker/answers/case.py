"""What is answered about a case? Who received what, when, and who did not and why: as objects, and as a table."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pec_tracker.answers.messages import contradictions_text, failure_parts, journey_text, next_text
from pec_tracker.answers.plain import certified_text
from pec_tracker.texts import N_, _
from pec_tracker.texts.times import rome_cell, rome_time

if TYPE_CHECKING:
    from pec_tracker.service.queries.case import Outcome

COLUMNS: Final = (
    N_("Case"), N_("Subject"), N_("Recipient"), N_("Received"), N_("Certified time"), N_("State"), N_("Why"),
    N_("Next step"), N_("Message-ID"), N_("Key"),
)  # fmt: skip


def outcome_facts(outcome: "Outcome") -> dict[str, Any]:
    """One outcome as a JSON object (contract of `report case`)."""
    return {
        "case": outcome.case,
        "key": outcome.key,
        "reference": outcome.reference,
        "subject": outcome.subject,
        "recipient": outcome.recipient,
        "received": outcome.received,
        "at": outcome.at,
        "certified_at": certified_text(outcome.at),
        "state": outcome.state,
        "error_code": outcome.error_code,
        "error_detail": outcome.error_detail,
        "contradictions": list(outcome.contradictions),
        "next_step": outcome.next_step,
    }


def columns() -> list[str]:
    """COLUMNS in the language spoken now."""
    return [_(name) for name in COLUMNS]


def rows(outcomes: "Sequence[Outcome]") -> list[list[str]]:
    """The outcomes as text, each with its zone, in the language spoken now; columns as in COLUMNS."""
    return [list(_row(one, rome_time)) for one in outcomes]


def table(outcomes: "Sequence[Outcome]", shown: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Only the columns *shown*, by their English names and in that order: their titles and the rows."""
    places = [COLUMNS.index(name) for name in shown]
    told = [list(_row(one, rome_cell)) for one in outcomes]
    return [_(COLUMNS[at]) for at in places], [[row[at] for at in places] for row in told]


def received_text(outcomes: "Sequence[Outcome]") -> str:
    """How many of all received it."""
    received = sum(outcome.received for outcome in outcomes)
    return _("{received} of {count} received.").format(received=received, count=len(outcomes))


def _row(one: "Outcome", written: Callable[[datetime], str]) -> Iterator[str]:
    yield one.case or ""
    yield one.subject or ""
    yield one.recipient
    yield _("yes") if one.received else _("no")
    yield written(one.at) if one.at else ""
    yield journey_text(one.state)
    yield why(one)
    yield next_text(one.next_step)
    yield f"<{one.reference}>" if one.reference else ""
    yield one.key


def why(one: "Outcome") -> str:
    """Why it was not received: our words where the code is known, then the provider's; and what contradicts itself."""
    odd = [contradictions_text(one.contradictions)] if one.contradictions else []
    return "; ".join([*failure_parts(one.error_code, one.error_detail), *odd])
