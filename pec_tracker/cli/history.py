"""How is it told what of a mailbox's past is proof, and what is missing?"""

from typing import TYPE_CHECKING, Any, Final

from pec_tracker.answers.plain import clean
from pec_tracker.cli.output import Output
from pec_tracker.texts import _, words

if TYPE_CHECKING:
    from pec_tracker.service.importing.history import Gaps, History

GAPS_TOLD: Final = 10


def history_facts(past: "History") -> dict[str, Any]:
    """A history as a JSON object."""
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


def tell_history(output: Output, past: "History") -> None:
    """What is proof in one line, then a line for each kind of thing that is missing or doubtful."""
    if not (past.messages or past.orphans or past.unreadable or past.verdicts):
        return
    output.say(
        _(
            "The mailbox holds {messages} messages to {recipients} recipients; {proved} with acceptance and delivery."
        ).format(messages=past.messages, recipients=past.recipients, proved=past.proved)
    )
    _tell_gaps(output, _("{count} delivered, without the acceptance receipt:"), past.delivery_without_acceptance)
    _tell_gaps(output, _("{count} accepted, without a delivery receipt:"), past.acceptance_without_delivery)
    for verdict, count in past.verdicts:
        _tell_count(output, _("{count} whose signature is no proof: {verdict}"), count, verdict=verdict)
    if any(verdict == "intact" for verdict, _count in past.verdicts):
        output.say(
            "    "
            + _(
                "If you trust an authority behind them: pec-tracker trust add FILE --reason TEXT, then pec-tracker "
                "trust recheck"
            )
        )
    _tell_count(output, _("{count} trusted receipts that contradict their message"), past.disagreeing)
    _tell_count(output, _("{count} receipts of messages that nobody knows"), past.orphans)
    _tell_count(output, _("{count} mails that cannot be read; see: pec-tracker quarantine list"), past.unreadable)


def _tell_gaps(output: Output, text: str, gaps: "Gaps") -> None:
    if not gaps.count:
        return
    output.say("  " + text.format(count=gaps.count))
    for gap in gaps.named[:GAPS_TOLD]:
        output.say(f"    {gap.message[:8]}  {clean(gap.recipient)}  {clean(gap.subject or '-')}")
    if gaps.count > GAPS_TOLD:
        output.say("    " + _("and {count} more").format(count=gaps.count - GAPS_TOLD))


def _tell_count(output: Output, text: str, count: int, *, verdict: str | None = None) -> None:
    if count:
        output.say("  " + text.format(count=count, verdict=words.word(words.VERDICTS, verdict)))
