"""What is answered about the past of a mailbox? What of it is proof, and what is missing."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from pec_tracker.texts import _, words

if TYPE_CHECKING:
    from pec_tracker.service.importing.history import Gaps, History

GAPS_TOLD: Final = 10
KEY_SHOWN: Final = 8


def history_facts(past: "History") -> dict[str, Any]:
    """A history as a JSON object (part of what `import` answers)."""
    return {
        "messages": past.messages,
        "recipients": past.recipients,
        "proved": past.proved,
        "delivery_without_acceptance": _gap_facts(past.delivery_without_acceptance),
        "acceptance_without_delivery": _gap_facts(past.acceptance_without_delivery),
        "signatures_not_trusted": dict(past.verdicts),
        "disagreeing": past.disagreeing,
        "receipts_of_unknown_messages": past.orphans,
        "unreadable": past.unreadable,
    }


def _gap_facts(gaps: "Gaps") -> dict[str, Any]:
    named = [{"message": gap.message, "recipient": gap.recipient, "subject": gap.subject} for gap in gaps.named]
    return {"count": gaps.count, "first": named}


def history_lines(past: "History") -> Iterator[str]:
    """What is proof in one line, then a line for each kind of thing that is missing or doubtful."""
    if not (past.messages or past.orphans or past.unreadable or past.verdicts):
        return
    yield _(
        "The mailbox holds {messages} messages to {recipients} recipients; {proved} with acceptance and delivery."
    ).format(messages=past.messages, recipients=past.recipients, proved=past.proved)
    yield from _gap_lines(_("{count} delivered, without the acceptance receipt:"), past.delivery_without_acceptance)
    yield from _gap_lines(_("{count} accepted, without a delivery receipt:"), past.acceptance_without_delivery)
    for verdict, count in past.verdicts:
        yield from _counted(_("{count} whose signature is no proof: {verdict}"), count, verdict=verdict)
    if any(verdict == "intact" for verdict, _count in past.verdicts):
        yield "    " + _(
            "If you trust an authority behind them: pec-tracker trust add FILE --reason TEXT, then pec-tracker trust "
            "recheck"
        )
    yield from _counted(_("{count} trusted receipts that contradict their message"), past.disagreeing)
    yield from _counted(_("{count} receipts of messages that nobody knows"), past.orphans)
    yield from _counted(_("{count} mails that cannot be read; see: pec-tracker quarantine list"), past.unreadable)


def _gap_lines(text: str, gaps: "Gaps") -> Iterator[str]:
    if not gaps.count:
        return
    yield "  " + text.format(count=gaps.count)
    for gap in gaps.named[:GAPS_TOLD]:
        yield f"    {gap.message[:KEY_SHOWN]}  {gap.recipient}  {gap.subject or '-'}"
    if gaps.count > GAPS_TOLD:
        yield "    " + _("and {count} more").format(count=gaps.count - GAPS_TOLD)


def _counted(text: str, count: int, *, verdict: str | None = None) -> Iterator[str]:
    if count:
        yield "  " + text.format(count=count, verdict=words.word(words.VERDICTS, verdict))
