"""What is answered about one message? Its facts, where it stands, its timeline, and why evidence is no proof."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from pec_tracker.answers.messages import (
    contradictions_text,
    failure_text,
    message_facts,
    next_text,
    said,
    send_state_text,
    state_text,
)
from pec_tracker.answers.plain import certified_text
from pec_tracker.pec.evidence import Verdict
from pec_tracker.pec.roles import MailRole
from pec_tracker.pec.sending import SendState
from pec_tracker.pec.standard import Kind, rank
from pec_tracker.pec.states import NextStep
from pec_tracker.texts import N_, _, contacts, findings, words
from pec_tracker.texts.times import rome_cell

if TYPE_CHECKING:
    from pec_tracker.pec.contents import PartSent
    from pec_tracker.service.queries.find import FoundMessage
    from pec_tracker.service.queries.show import AttemptShown, Dossier, EvidenceShown, MailShown

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

_BEFORE_ALL: Final = -1  # what we did comes before what it brought about in the same second
_LAST: Final = datetime.max.replace(tzinfo=UTC)  # what has no time stands at the end


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry of the timeline, in words; `rank` orders those of the same second."""

    at: datetime | None
    rank: int
    what: str
    beside: list[str]

    @property
    def when(self) -> str:
        """Its time as it is read in Rome."""
        return rome_cell(self.at) if self.at else _("time not known")


def dossier_facts(dossier: "Dossier") -> dict[str, Any]:
    """Everything about one message as a JSON object (contract of `show`)."""
    return {
        **message_facts(dossier.message),
        "sha256": dossier.raw,
        "submitted_at": dossier.submitted_at,
        "reply": dossier.reply,
        "problem": said(None, dossier.problem) or None,
        "evidence": [_evidence_facts(one) for one in dossier.evidence],
        "attempts": list(map(_attempt_facts, dossier.attempts)),
        "mails": list(dossier.mails),
        "profile": dossier.profile,
        "contents": dossier.contents,
    }


def _attempt_facts(attempt: "AttemptShown") -> dict[str, Any]:
    return {**dataclasses.asdict(attempt), "problem": said(None, attempt.problem) or None}


def _evidence_facts(one: "EvidenceShown") -> dict[str, Any]:
    return {
        "at": one.at,
        "certified_at": certified_text(one.at),
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
        "verification": _verification(one.verification),
        "warnings": one.warnings,
    }


def _verification(kept: Mapping[str, Any]) -> dict[str, Any]:
    """As it is kept, its times in UTC as all others of the object."""
    times = {name: datetime.fromisoformat(kept[name]) for name in ("at", "signed_at") if kept.get(name)}
    return {**kept, **times}


def heading(dossier: "Dossier") -> list[tuple[str, str]]:
    """What the message is: label and text, for all that is known of it."""
    message = dossier.message
    lines = [
        (_("Key"), message.key),
        (_("Subject"), message.subject),
        (_("Mailbox"), message.mailbox),
        (_("Sender"), message.sender),
        (_("Message-ID"), f"<{message.reference}>" if message.reference else None),
        (_("Identifier"), message.identifier),
        (_("Case"), message.case),
        (_("Profile"), words.word(words.PROFILES, dossier.profile["name"]) if dossier.profile else None),
        (_("Origin"), words.word(_ORIGINS, message.origin)),
        (_("Sending"), send_state_text(message.send_state)),
        (_("Server's words"), dossier.reply),
        (_("Reason"), said(None, dossier.problem)),
        (_("Archived as"), f"{dossier.raw}.eml" if dossier.raw else None),
    ]
    return [(label, text) for label, text in lines if text]


def profile_lines(dossier: "Dossier") -> Iterator[str]:
    """What was known of the addresses of a notification when it was sent; what was disregarded in a convocation."""
    profile = dossier.profile or {}
    for one in profile.get("origins", ()):
        day = date.fromisoformat(one["looked_up_on"]) if one["looked_up_on"] else None
        yield _("{address}: {register}, looked up on {day}").format(
            address=one["address"],
            register=words.word(contacts.REGISTERS, one["register"]),
            day="-" if day is None else f"{day:%d/%m/%Y}",
        )
        if one["file"]:
            yield "  " + _("kept: {name}, archived as {file}").format(name=one["name"], file=one["file"])
    for rule in profile.get("confirmed", ()):
        yield _("confirmed by who sent it: {rule}").format(rule=words.word(findings.RULES, rule))


def advice(message: "FoundMessage") -> Iterator[str]:
    """What a lawyer has to ask himself about a notification that came to a full mailbox."""
    full = [one.address for one in message.recipients if one.next_step == NextStep.LAWYER_DECIDES]
    if full:
        yield _("The mailbox of {addresses} is full. The lawyer decides, by two questions:").format(
            addresses=", ".join(full)
        )
        yield _("  1. Must the addressee have a digital domicile, or has he elected one?")
        yield _("  2. Is the full mailbox his own fault?")
        yield _("  Yes to both: the notification goes into the web area of the Ministry of Justice (art. 3-ter(2)).")
        yield _("  Else: by post or bailiff (art. 3-ter(3)).")
        yield _("  Source: L. 53/1994 art. 3-ter, as of November 2026. This is information, no legal advice.")


def attachment_text(part: "PartSent") -> str:
    """An attachment by its name and size."""
    name = part.name or _("part without a name ({type})").format(type=part.type)
    return _("attachment {name}, {size} bytes").format(name=name, size=part.size)


def recipient_table(message: "FoundMessage") -> tuple[list[str], list[tuple[object, ...]]]:
    """Where the message stands with each recipient: columns and rows."""
    columns = [_("Recipient"), _("As"), _("Type"), _("State"), _("Certified time"), _("Next step")]
    return columns, [
        (
            recipient.address,
            words.word(_ROLES, recipient.role),
            words.word(words.RECIPIENT_TYPES, recipient.type),
            state_text(message, recipient),
            recipient.state_at,
            next_text(recipient.next_step),
        )
        for recipient in message.recipients
    ]


def remarks(message: "FoundMessage") -> list[str]:
    """What else is to be told of the recipients: why not delivered, and what contradicts itself."""
    told = []
    for one in message.recipients:
        if one.error_code or one.error_detail:
            problem = failure_text(one.error_code, one.error_detail)
            told.append(_("{address}: {problem}").format(address=one.address, problem=problem))
        if one.contradictions:
            what = contradictions_text(one.contradictions)
            told.append(_("{address}: contradiction: {what}").format(address=one.address, what=what))
    return told


def timeline(dossier: "Dossier") -> list[Moment]:
    """What happened, in order of time: attempts, evidence at its certified time, and the other mails."""
    moments = [Moment(attempt.started_at, _BEFORE_ALL, *_attempt(attempt)) for attempt in dossier.attempts]
    moments += [Moment(one.at, rank(one.kind), *_evidence(one)) for one in dossier.evidence]
    moments += [Moment(mail.at, len(Kind), *_mail(mail)) for mail in dossier.mails]
    return sorted(moments, key=order)


def order(moment: Moment) -> tuple[datetime, int, datetime]:
    """By second: certified times have no finer, and an acceptance comes after what we did in its second."""
    at = moment.at or _LAST
    return at.replace(microsecond=0), moment.rank, at


def _attempt(attempt: "AttemptShown") -> tuple[str, list[str]]:
    outcome = send_state_text(attempt.outcome) if attempt.outcome else _("no outcome yet")
    what = _("attempt {number} to send (our clock): {outcome}").format(number=attempt.number, outcome=outcome)
    words_of = said(attempt.reply, attempt.problem, code=attempt.code)
    by_server = _("the server said: {text}").format(text=words_of) if attempt.problem is None else words_of
    beside = [by_server] if words_of else []
    if attempt.stage and attempt.outcome != SendState.SUBMITTED:
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
    if one.kind == Kind.REM_EVIDENCE:
        return f"{what}: {words.rem_event(one.tipo)}", _unverified(one)
    if one.recipient:
        what += f", {one.recipient}"
    if one.receipt_form:
        what += f" ({words.word(words.FORMS, one.receipt_form)})"
    beside = [_("proof: {provider}").format(provider=one.provider or "-")] if one.counts else no_proof(one)
    if one.encloses_message:
        beside.append(_("the complete receipt encloses exactly this message"))
    if one.error_code or one.error_detail:
        beside.insert(0, failure_text(one.error_code, one.error_detail))
    if one.warnings:
        beside.append(_("odd: {warnings}").format(warnings=words.words(findings.WARNINGS, list(one.warnings))))
    return what, beside


def _unverified(one: "EvidenceShown") -> list[str]:
    """REM evidence is kept whole and moves nothing: nobody can verify it here yet."""
    lines = [_("not verified here; it moves no state")]
    if one.identifier:
        lines.append(_("identifier: {identifier}").format(identifier=one.identifier))
    return [*lines, f"{one.sha256}.eml"]


def no_proof(one: "EvidenceShown") -> list[str]:
    """Why evidence is no proof: its signature, what does not hold, what it disagrees on."""
    verification = one.verification
    lines = [_("NOT PROOF; signature: {verdict}").format(verdict=words.word(words.VERDICTS, one.verdict))]
    if one.verdict != Verdict.TRUSTED:
        lines += _because(_("because: {reasons}"), findings.WARNINGS, verification.get("reasons") or ())
        failed = [name for name, holds in (verification.get("checks") or {}).items() if holds is False]
        lines += _because(_("does not hold: {reasons}"), words.CHECKS, failed)
    lines += _because(_("disagrees with the message on: {reasons}"), words.POINTS, one.disagrees)
    if one.verdict == Verdict.TRUSTED and not one.disagrees:
        lines[0] = _("trusted, but of a kind that moves no state")
        if one.agreement is None:
            lines[0] = _("NOT PROOF; trusted, but nothing is known of the message to hold it against")
    return lines


def _because(template: str, table: Mapping[str, str], tokens: Sequence[str]) -> list[str]:
    return [template.format(reasons=words.words(table, list(tokens)))] if tokens else []
