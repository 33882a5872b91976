"""What is answered about what leaves? Of a message just sent, of what waits and why, of what was decided."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pec_tracker.answers.messages import (
    dispatched_facts,
    dispatched_said,
    entry_facts,
    entry_reason,
    said,
    send_state_text,
    short,
    short_key,
)
from pec_tracker.answers.quota import MEBIBYTE
from pec_tracker.pec.sending import WAITING, SendState
from pec_tracker.texts import N_, _, error_text, facts_text, findings, ngettext, words
from pec_tracker.texts.times import rome_second, rome_time

if TYPE_CHECKING:
    from datetime import datetime

    from pec_tracker.errors import PecTrackerError
    from pec_tracker.pec.finding import Finding
    from pec_tracker.service.sending.attempt import Dispatched
    from pec_tracker.service.sending.lint import Linted
    from pec_tracker.service.sending.outbox import OutboxEntry
    from pec_tracker.service.sending.send import Queued, RefusedByRulesError
    from pec_tracker.service.sending.send_now import Standing

# What happens now, for each state in which a message can be left.
NEXT: Final = {
    SendState.SUBMITTED: N_("Sent. Receipts come within minutes: pec-tracker collect, then pec-tracker show {key}"),
    SendState.QUEUED: N_("It waits in the outbox: pec-tracker outbox send, or pec-tracker serve, sends it."),
    SendState.SENDING: N_("Another process is sending it: pec-tracker show {key}"),
    SendState.DEFERRED: N_(
        "It stays in the outbox and is tried again from {next} on, by pec-tracker outbox send or serve."
    ),
    SendState.REFUSED: N_("It will not be tried again. Correct what the server refused and send it again."),
    SendState.UNCERTAIN: N_(
        "It may have left, so it is never sent again by itself. A receipt will tell: pec-tracker collect. "
        "Without one, decide: pec-tracker outbox settle {key}, or resend."
    ),
}


# What a message may be beyond a letter: each token, and its word in the language spoken.
PROFILE_WORDS: Final = words.PROFILES

_COUNTED: Final = frozenset({"too-many-recipients"})
_DAYS: Final = frozenset({"assembly-too-late", "assembly-at-the-limit"})

HELD: Final = N_(
    "It waits in the outbox: the provider takes it from {next} on. pec-tracker outbox send, or serve, sends it then."
)


# --- one message, just sent ---


def standing_facts(mailbox: str, queued: "Queued", standing: "Standing") -> dict[str, Any]:
    """A message just queued, and where it stands, as a JSON object (contract of `send`)."""
    return {
        "mailbox": mailbox,
        "key": queued.key,
        "message_id": queued.reference,
        "send_state": standing.send_state,
        "code": standing.code,
        "reply": standing.reply or None,
        "problem": _problem(standing),
        "stage": standing.stage,
        "next_attempt_at": standing.next_attempt_at,
        "recipients": queued.recipients,
        "error": error_text(standing.error) if standing.error else None,
        "findings": list(map(finding_facts, queued.advice)),
    }


def outcome_facts(
    mailbox: str, queued: "Queued", standing: "Standing", *, outcome: Mapping[str, Any]
) -> dict[str, Any]:
    """The same of a message that was followed to its `outcome` (`answers.followed`; contract of `send --wait`)."""
    facts = standing_facts(mailbox, queued, standing)
    return {**facts, "send_state": outcome["send_state"], "outcome": outcome}


def waiting_text(until: "datetime") -> str:
    """That the receipts of a message are waited for."""
    told = _("Waiting for the receipts until {until} at most. Ctrl-C ends the waiting, and nothing else.")
    return told.format(until=rome_second(until))


def refused_facts(mailbox: str, error: "RefusedByRulesError") -> dict[str, Any]:
    """The same of a message that breaks a rule: nothing was queued, so most of it is null."""
    keys = ("key", "message_id", "send_state", "code", "reply", "problem", "stage", "next_attempt_at")
    refused = {"error": error_text(error), "findings": list(map(finding_facts, error.findings))}
    return {"mailbox": mailbox, **dict.fromkeys(keys), "recipients": [], **refused}


def standing_lines(queued: "Queued", standing: "Standing") -> list[tuple[str, str]]:
    """What was sent and where it stands: label and text, which is empty where there is nothing to say."""
    return [
        (_("Key"), queued.key),
        (_("Message-ID"), f"<{queued.reference}>"),
        (_("Recipients"), ", ".join(queued.recipients)),
        (_("State"), send_state_text(standing.send_state)),
        _why(standing),
    ]


def _why(standing: "Standing") -> tuple[str, str]:
    """Why it stands as it does: our error, what happened, or the server's words."""
    if standing.error is not None:
        return _("Error"), error_text(standing.error)
    if standing.problem is not None:
        return _("Reason"), facts_text(standing.problem)
    return _("The server said"), said(standing.reply, None, code=standing.code)


def _problem(standing: "Standing") -> str | None:
    return facts_text(standing.problem) if standing.problem is not None else None


def next_text(queued: "Queued", standing: "Standing") -> str | None:
    """What happens now with the message, or what a person does; None where an error said it."""
    following = NEXT.get(SendState(standing.send_state))
    if following is None or (standing.error is not None and standing.send_state == SendState.SENDING):
        return None
    if standing.send_state == SendState.QUEUED and standing.next_attempt_at is not None:
        following = HELD
    return _(following).format(key=short_key(queued.key), next=rome_time(standing.next_attempt_at))


def finding_text(finding: "Finding") -> str:
    """A rule in words, with the header or address where it is broken."""
    where = f" ({words.word(findings.PLACES, finding.where)})" if finding.where else ""
    return f"{words.word(findings.RULES, finding.rule)}{where}{_figures(finding)}{_before(finding)}{_signed(finding)}"


def _before(finding: "Finding") -> str:
    """Which message of before it is about, and when that arrived or left."""
    if finding.message is None or finding.at is None:
        return ""
    return _(": {key}, {time}").format(key=short_key(finding.message), time=rome_time(finding.at))


def _signed(finding: "Finding") -> str:
    """Who signed, and when by his own clock; or whose rule it is."""
    if finding.who is None:
        return ""
    if finding.at is None:
        return _(": {who}").format(who=finding.who)
    return _(": by {who}, on {time}").format(who=finding.who, time=rome_time(finding.at))


def _figures(finding: "Finding") -> str:
    """What there is and what is allowed, where the rule is about a quantity."""
    if finding.measured is None or finding.limit is None:
        return ""
    if finding.rule in _DAYS:
        return _(": {measured} days").format(measured=finding.measured)
    if finding.rule in _COUNTED:
        return _(": {measured}, the limit is {limit}").format(measured=finding.measured, limit=finding.limit)
    measured, limit = (f"{size / MEBIBYTE:.2f}" for size in (finding.measured, finding.limit))
    return _(": {measured} MB, the limit is {limit} MB").format(measured=measured, limit=limit)


def remedy_text(finding: "Finding") -> str:
    """What to do about it."""
    return words.word(findings.REMEDIES, finding.rule)


def source_text(finding: "Finding") -> str:
    """Which rule says so: the standard, the law with its article, or what we saw."""
    return _(finding.source)


def reason_line(finding: "Finding") -> str:
    """What to do about it, the rule by its name, and which text says so."""
    return f"{remedy_text(finding)} [{finding.rule}; {source_text(finding)}]"


def advice_text(finding: "Finding") -> str:
    """A rule that is no obstacle, but worth knowing."""
    return _("Advice: {finding}").format(finding=finding_text(finding))


def linted_facts(mailbox: str, linted: "Linted") -> dict[str, Any]:
    """What was found in a message as a JSON object (contract of `lint`)."""
    return {
        "mailbox": mailbox,
        "recipients": linted.recipients,
        "bytes": linted.size,
        "receipts_bytes": linted.receipts_bytes,
        "refused": linted.refused,
        "findings": list(map(finding_facts, linted.findings)),
    }


def linted_lines(linted: "Linted") -> Iterator[str]:
    """Each finding with what to do and where the rule stands; then what sending it would cost."""
    for finding in linted.findings:
        severity = _("Refused") if finding.severity == "refuse" else _("Advice")
        yield f"{severity}: {finding_text(finding)}"
        yield f"  {reason_line(finding)}"
    if not linted.findings:
        yield _("Nothing stands in the way.")
    recipients = len(linted.recipients)
    told = ngettext(
        "{count} recipient, {size} MB; about {space} MB of the mailbox with the receipts.",
        "{count} recipients, {size} MB; about {space} MB of the mailbox with the receipts.",
        recipients,
    )
    size, space = (f"{one / MEBIBYTE:.2f}" for one in (linted.size, linted.receipts_bytes))
    yield told.format(count=recipients, size=size, space=space)


def finding_facts(finding: "Finding") -> dict[str, Any]:
    """A finding as a JSON object."""
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "where": finding.where,
        "text": words.word(findings.RULES, finding.rule),
        "remedy": remedy_text(finding),
        "source": source_text(finding),
        "measured": finding.measured,
        "limit": finding.limit,
        "message": finding.message,
        "at": finding.at,
        "who": finding.who,
    }


# --- what waits ---


def table(entries: "Sequence[OutboxEntry]", keys: Mapping[str, str]) -> tuple[list[str], list[tuple[object, ...]]]:
    """Columns and rows, one a message that has not simply left; *keys* are the short ones."""
    columns = [_("Key"), _("Mailbox"), _("Since"), _("State"), _("Attempts"), _("Next attempt")]
    return [*columns, _("Reason"), _("Subject")], [
        (
            short(keys, entry.key),
            entry.mailbox,
            entry.created_at,
            send_state_text(entry.send_state),
            entry.attempts,
            entry.next_attempt_at if entry.send_state in WAITING else None,
            entry_reason(entry),
            entry.subject,
        )
        for entry in entries
    ]


def sent_facts(
    mailbox: str,
    sent: "Sequence[Dispatched]" = (),
    *,
    waiting: "Sequence[OutboxEntry]" = (),
    error: "PecTrackerError | None" = None,
) -> dict[str, Any]:
    """What was tried of one mailbox, and what still waits, as a JSON object (contract of `outbox send`)."""
    return {
        "mailbox": mailbox,
        "sent": list(map(dispatched_facts, sent)),
        "waiting": list(map(entry_facts, waiting)),
        "error": None if error is None else error_text(error),
    }


def sent_lines(mailbox: str, sent: "Sequence[Dispatched]", *, waiting: "Sequence[OutboxEntry]") -> list[str]:
    """The same in words: the counts, then each message that was tried."""
    counts = _("{sent} tried, {waiting} still waiting").format(sent=len(sent), waiting=len(waiting))
    return [
        _("{mailbox}: {counts}").format(mailbox=mailbox, counts=counts),
        *(f"  {short_key(one.key)}  {send_state_text(one.send_state)}  {dispatched_said(one)}" for one in sent),
        *_next_lines(waiting),
    ]


def _next_lines(waiting: "Sequence[OutboxEntry]") -> Iterator[str]:
    """When what still waits is next tried, and why it waits."""
    times = [(entry.next_attempt_at, entry_reason(entry)) for entry in waiting if entry.next_attempt_at]
    if times:
        at, why = min(times, key=lambda one: one[0])
        told = _("  the next attempt is due at {next}: pec-tracker outbox send, or serve, makes it")
        yield told.format(next=rome_time(at))
        if why:
            yield "  " + _("it waits because: {reason}").format(reason=why)


# --- what a person decided ---


def decision_facts(key: str, send_state: SendState) -> dict[str, Any]:
    """A decision as a JSON object (contract of `outbox resend`, `settle` and `cancel`)."""
    return {"key": key, "send_state": send_state}


def decision_text(key: str, send_state: SendState) -> str:
    """The decision in words."""
    return _("Message {key}: {state}").format(key=key, state=send_state_text(send_state))
