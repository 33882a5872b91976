"""`pec-tracker show`: what happened to this message, with each recipient and in order of time, and what is proof?"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from pec_tracker.askers import OPERATOR
from pec_tracker.cli.messages import message_facts, said, state_text
from pec_tracker.cli.options import Command, argument, json_option
from pec_tracker.cli.output import Output, clean, rome_time
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.pec.roles import MailRole
from pec_tracker.texts import N_, _, findings, words

if TYPE_CHECKING:
    from pec_tracker.service.show import AttemptShown, Dossier, EvidenceShown, MailShown

_ORIGINS: Final = {"composed": N_("sent with pec-tracker"), "found": N_("sent by other means, found by its receipts")}
_ROLES: Final = {"to": N_("To"), "cc": N_("Cc")}
_STAGES: Final = {
    "connect": N_("connecting"),
    "tls": N_("encryption"),
    "login": N_("login"),
    "mail": N_("naming the sender"),
    "rcpt": N_("naming the recipients"),
    "data": N_("announcing the message"),
    "body": N_("sending the message"),
    "dot": N_("ending the message"),
    "reply": N_("the server's answer"),
    "crash": N_("the process ended in the middle"),
}

_MAX_LINES: Final = 20  # of the message's text

_LAST: Final = datetime.max.replace(tzinfo=UTC)  # what has no time stands at the end


@dataclass(frozen=True, slots=True)
class _Moment:
    """One entry of the timeline; `rank` orders those of the same second."""

    at: datetime | None
    rank: int
    what: str
    beside: list[str]


@click.command(
    "show",
    cls=Command,
    help=N_(
        "Show one message: its facts, where it stands with each recipient, and its timeline.\n\n"
        "MESSAGE is a key or its beginning, as find shows it, a Message-ID or the provider's identifier. Receipts "
        "stand at their certified time, attempts to send at our own clock's. Evidence that is no proof is shown with "
        "the reason; it moves nothing."
    ),
    epilog="""pec-tracker show k7f3qv2m
        pec-tracker show "<pt.k7f3qv2mx5a1@pec.example.it>"
        pec-tracker show k7f3qv2m --json | jq '.evidence[] | select(.counts)'""",
)
@argument("message", metavar="MESSAGE", help=N_("Key, Message-ID or identifier."))
@json_option
@pass_cli
def command(cli: Cli, *, message: str, as_json: bool) -> None:
    """Everything that belongs to one message."""
    from pec_tracker.service.show import show

    output = cli.output(as_json=as_json)
    dossier = show(OPERATOR, cli.app().house, message)
    if as_json:
        output.record(_facts(dossier))
        return
    _tell_message(output, dossier)
    output.say()
    _tell_contents(output, dossier)
    output.say()
    _tell_recipients(output, dossier)
    output.say()
    _tell_timeline(output, dossier)


def _facts(dossier: "Dossier") -> dict[str, Any]:
    return {
        **message_facts(dossier.message),
        "sha256": dossier.raw,
        "submitted_at": dossier.submitted_at,
        "reply": dossier.reply,
        "problem": said(None, dossier.problem) or None,
        "evidence": [_evidence_facts(one) for one in dossier.evidence],
        "attempts": list(map(_attempt_facts, dossier.attempts)),
        "mails": list(dossier.mails),
        "contents": dossier.contents,
    }


def _attempt_facts(attempt: "AttemptShown") -> dict[str, Any]:
    return {**dataclasses.asdict(attempt), "problem": said(None, attempt.problem) or None}


def _evidence_facts(one: "EvidenceShown") -> dict[str, Any]:
    return {
        "at": one.at,
        "kind": one.kind,
        "tipo": one.tipo,
        "sha256": one.sha256,
        "recipient": one.recipient,
        "provider": one.provider,
        "identifier": one.identifier,
        "error_code": one.error_code,
        "error_detail": one.error_detail,
        "receipt_form": one.receipt_form,
        "encloses_message": one.encloses_message,
        "verdict": one.verdict,
        "counts": one.counts,
        "agreement": one.agreement,
        "disagrees": one.disagrees,
        "verification": one.verification,
        "warnings": one.warnings,
    }


def _tell_message(output: Output, dossier: "Dossier") -> None:
    message = dossier.message
    lines = [
        (_("Key"), message.key),
        (_("Subject"), message.subject),
        (_("Mailbox"), message.mailbox),
        (_("Sender"), message.sender),
        (_("Message-ID"), f"<{message.reference}>" if message.reference else None),
        (_("Identifier"), message.identifier),
        (_("Case"), message.case),
        (_("Origin"), words.word(_ORIGINS, message.origin)),
        (_("Sending"), words.word(words.SEND_STATES, message.send_state)),
        (_("Server's words"), dossier.reply),
        (_("Reason"), said(None, dossier.problem)),
        (_("Archived as"), f"{dossier.raw}.eml" if dossier.raw else None),
    ]
    for label, text in lines:
        if text:
            output.say(f"{label + ':':<20}{clean(text)}")


def _tell_contents(output: Output, dossier: "Dossier") -> None:
    sent = dossier.contents
    output.say(_("What was sent:"))
    if sent is None:
        output.say(_("  the message itself is not in the archive"))
        return
    lines = [line for line in (sent.text or "").splitlines() if line.strip()]
    for line in lines[:_MAX_LINES]:
        output.say(f"  | {clean(line)}")
    if sent.cut or len(lines) > _MAX_LINES:
        output.say(_("  (the text goes on; --json has more of it, the archived mail all)"))
    if not lines:
        output.say(_("  no plain text"))
    for part in sent.attachments:
        name = part.name or _("part without a name ({type})").format(type=part.type)
        output.say(clean(_("  attachment {name}, {size} bytes").format(name=name, size=part.size)))
        output.say(f"    SHA-256 {part.sha256}")


def _tell_recipients(output: Output, dossier: "Dossier") -> None:
    message = dossier.message
    output.table(
        [_("Recipient"), _("As"), _("Type"), _("State"), _("Certified time"), _("Next step")],
        [
            (
                recipient.address,
                words.word(_ROLES, recipient.role),
                words.word(words.RECIPIENT_TYPES, recipient.type),
                state_text(message, recipient),
                recipient.state_at,
                words.word(words.NEXT_STEPS, recipient.next_step),
            )
            for recipient in message.recipients
        ],
    )
    for recipient in message.recipients:
        if recipient.error_code or recipient.error_detail:
            said = _failure(recipient.error_code, recipient.error_detail)
            output.say(_("{address}: {problem}").format(address=clean(recipient.address), problem=clean(said)))
        if recipient.contradictions:
            said = words.words(findings.CONTRADICTIONS, list(recipient.contradictions))
            output.say(_("{address}: contradiction: {what}").format(address=clean(recipient.address), what=said))


def _failure(code: str | None, detail: str | None) -> str:
    """The failure in our words where its code is known, then in the provider's."""
    meaning = words.word(words.FAILURE_CODES, code) if code in words.FAILURE_CODES else None
    return ": ".join(text for text in (meaning, detail or code) if text)


def _tell_timeline(output: Output, dossier: "Dossier") -> None:
    moments = [_Moment(attempt.started_at, -1, *_attempt(attempt)) for attempt in dossier.attempts]
    moments += [_Moment(one.at, _rank(one.kind), *_evidence(one)) for one in dossier.evidence]
    moments += [_Moment(mail.at, len(words.KINDS), *_mail(mail)) for mail in dossier.mails]
    output.say(_("Timeline (Europe/Rome):"))
    if not moments:
        output.say(_("  nothing has happened yet"))
    for moment in sorted(moments, key=_order):
        output.say(f"  {rome_time(moment.at) if moment.at else _('time not known'):<29}{clean(moment.what)}")
        for line in moment.beside:
            output.say(f"  {'':<29}  {clean(line)}")


def _order(moment: _Moment) -> tuple[datetime, int, datetime]:
    """By second: certified times have no finer, and an acceptance comes after what we did in its second."""
    at = moment.at or _LAST
    return at.replace(microsecond=0), moment.rank, at


def _rank(kind: str) -> int:
    """The glossary's order: an acceptance stands before the delivery of the same second."""
    order = list(words.KINDS)
    return order.index(kind) if kind in order else len(order)


def _attempt(attempt: "AttemptShown") -> tuple[str, list[str]]:
    outcome = words.word(words.SEND_STATES, attempt.outcome) if attempt.outcome else _("no outcome yet")
    what = _("attempt {number} to send (our clock): {outcome}").format(number=attempt.number, outcome=outcome)
    words_of = said(attempt.reply, attempt.problem, code=attempt.code)
    by_server = _("the server said: {text}").format(text=words_of) if attempt.problem is None else words_of
    beside = [by_server] if words_of else []
    if attempt.stage and attempt.outcome != "submitted":
        beside.append(_("it had come to: {stage}").format(stage=words.word(_STAGES, attempt.stage)))
    return what, beside


def _mail(mail: "MailShown") -> tuple[str, list[str]]:
    if mail.role == MailRole.SENT_COPY:
        return _("copy in the folder of sent messages"), []
    what = _("reply from {sender}: {subject}").format(sender=mail.sender or "-", subject=mail.subject or "-")
    return what, [f"{words.word(words.KINDS, mail.kind)}, {mail.sha256}.eml"]


def _evidence(one: "EvidenceShown") -> tuple[str, list[str]]:
    """What one evidence says, its verdict, and exactly why it is no proof where it is none."""
    what = words.word(words.KINDS, one.kind)
    if one.kind == "rem-evidence":
        return f"{what}: {words.rem_event(one.tipo)}", _unverified(one)
    if one.recipient:
        what += f", {one.recipient}"
    if one.receipt_form:
        what += f" ({words.word(words.FORMS, one.receipt_form)})"
    beside = [_("proof: {provider}").format(provider=one.provider or "-")] if one.counts else _no_proof(one)
    if one.encloses_message:
        beside.append(_("the complete receipt encloses exactly this message"))
    if one.error_code or one.error_detail:
        beside.insert(0, _failure(one.error_code, one.error_detail))
    if one.warnings:
        beside.append(_("odd: {warnings}").format(warnings=words.words(findings.WARNINGS, list(one.warnings))))
    return what, beside


def _unverified(one: "EvidenceShown") -> list[str]:
    """REM evidence is kept whole and moves nothing: nobody can verify it here yet."""
    lines = [_("not verified here; it moves no state")]
    if one.identifier:
        lines.append(_("identifier: {identifier}").format(identifier=one.identifier))
    return [*lines, f"{one.sha256}.eml"]


def _no_proof(one: "EvidenceShown") -> list[str]:
    verification = one.verification
    lines = [_("NOT PROOF; signature: {verdict}").format(verdict=words.word(words.VERDICTS, one.verdict))]
    if one.verdict != "trusted":
        lines += _said(_("because: {reasons}"), findings.WARNINGS, verification.get("reasons") or ())
        failed = [name for name, holds in (verification.get("checks") or {}).items() if holds is False]
        lines += _said(_("does not hold: {reasons}"), words.CHECKS, failed)
    lines += _said(_("disagrees with the message on: {reasons}"), words.POINTS, one.disagrees)
    if one.verdict == "trusted" and not one.disagrees:
        lines[0] = _("trusted, but of a kind that moves no state")
        if one.agreement is None:
            lines[0] = _("NOT PROOF; trusted, but nothing is known of the message to hold it against")
    return lines


def _said(template: str, table: dict[str, str] | Any, tokens: Sequence[str]) -> list[str]:
    return [template.format(reasons=words.words(table, list(tokens)))] if tokens else []
