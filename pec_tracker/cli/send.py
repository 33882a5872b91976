"""`pec-tracker send`: is this letter allowed, and did it leave? Queued first, then dispatched alone."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pec_tracker.answers.messages import said
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.options import Command, json_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.stopping import until_told, waiting
from pec_tracker.errors import Exit, PecTrackerError, StorageError, UsageError
from pec_tracker.pec.sending import FOR_A_PERSON, SendState
from pec_tracker.texts import N_, _, error_text, findings, words
from pec_tracker.texts.times import rome_time

if TYPE_CHECKING:
    from pec_tracker.pec.compose import Attachment, Draft
    from pec_tracker.pec.rules import Finding
    from pec_tracker.service.house import Account, House, Stop
    from pec_tracker.service.send import Queued

STDIN: Final = "-"

# The column of the labels, colon and blanks included, where none of them needs more.
_LABEL_WIDTH: Final = 18

_STATUS_OF: Final = {SendState.DEFERRED: Exit.SERVER, **dict.fromkeys(FOR_A_PERSON, Exit.FINDING)}

# What happens now, for each state in which a message can be left.
_NEXT: Final = {
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


@dataclass(frozen=True, slots=True)
class _Outcome:
    """Where a queued message stands after dispatch; `error` is why there was none."""

    send_state: str
    code: int | None = None
    reply: str | None = None
    stage: str | None = None
    next_attempt_at: datetime | None = None
    error: PecTrackerError | None = None
    problem: str | None = None  # what happened, in our words, where the server said nothing

    @property
    def status(self) -> Exit:
        """What the state says; a message that is only queued is done, unless an error kept it there."""
        waits = self.error.status if self.error is not None else Exit.DONE
        return max(_STATUS_OF.get(SendState(self.send_state), Exit.DONE), waits)


@click.command(
    "send",
    cls=Command,
    help=N_(
        "Send a PEC: it is checked against the rules, archived, queued and sent at once.\n\n"
        "A message that breaks a rule of PEC is not queued, and each rule is told. The status is 0 when the provider "
        "took the message, 1 when rules or the server refused it or it is uncertain whether it left, 3 when it waits "
        "to be tried again. Bcc does not exist in PEC."
    ),
    epilog="""pec-tracker send --to ufficio@pec.example.it --subject "Diffida" --text "Si diffida ..."
        pec-tracker send --mailbox studio --to a@pec.example.it --subject "Atti" --text-file l.txt --attach atti.pdf
        echo "Buongiorno." | pec-tracker send --to a@pec.example.it --subject "Saluti" --text-file - --case 2026/17""",
)
@option("--mailbox", metavar="NAME", help=N_("The mailbox to send from (may be left out when there is only one)."))
@option("--to", metavar="ADDRESS", multiple=True, help=N_("A recipient (may be repeated)."))
@option("--cc", metavar="ADDRESS", multiple=True, help=N_("A recipient in copy (may be repeated)."))
@option("--subject", metavar="TEXT", required=True, help=N_("The subject."))
@option("--text", metavar="TEXT", help=N_("The text of the message."))
@option(
    "--text-file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help=N_("The text from a UTF-8 file, or from the standard input with -."),
)
@option(
    "--html-file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help=N_("The same text as HTML, from a UTF-8 file."),
)
@option(
    "--attach",
    "attachments",
    metavar="FILE",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    help=N_("A file to attach (may be repeated)."),
)
@option("--case", metavar="TEXT", help=N_("Your own reference, to find it again with find --case."))
@option(
    "--receipt",
    type=click.Choice(["completa", "breve", "sintetica"]),
    default="completa",
    help=N_("The delivery receipt to ask for; only the complete one (completa, the default) proves the content."),
)
@option("--reply-to", metavar="ADDRESS", help=N_("Where answers should go (default: the mailbox's setting)."))
@option("--in-reply-to", metavar="MESSAGE-ID", help=N_("The Message-ID of the message that this one answers."))
@option("--queue-only", is_flag=True, help=N_("Put it into the outbox and send nothing now."))
@json_option
@pass_cli
def command(
    cli: Cli, /, *, mailbox: str | None, queue_only: bool, case: str | None, as_json: bool, **given: Any
) -> Exit:
    """Queue, then dispatch only this message, and say what the server said."""
    from pec_tracker.service.send import RefusedByRulesError, queue

    text = _text(given["text"], given["text_file"])
    output = cli.output(as_json=as_json)
    app = cli.app()
    account = app.account(mailbox)
    draft = _draft(account, text, given)
    try:
        queued = queue(OPERATOR, app.house, account, draft, case=case)
    except RefusedByRulesError as error:
        _tell_rules(output, account, error)
        return error.status
    interrupted = False
    if queue_only:
        outcome = _Outcome("queued", error=queued.unsealed)
    else:
        with until_told(output) as stop:
            outcome = _dispatched(app.house, account, queued, stop, waiting(output))
            interrupted = stop() and outcome.send_state == SendState.QUEUED
    if as_json:
        output.record(_facts(account, queued, outcome))
    else:
        _tell(output, queued, outcome)
    return Exit.INTERRUPTED if interrupted else outcome.status


def _draft(account: "Account", text: str, given: dict[str, Any]) -> "Draft":
    from pec_tracker.pec.compose import Draft
    from pec_tracker.pec.standard import ReceiptForm

    return Draft(
        sender=account.address,
        sender_name=account.sender_name,
        to=given["to"],
        cc=given["cc"],
        subject=given["subject"],
        text=text,
        html=_read_text(given["html_file"]) if given["html_file"] else None,
        attachments=tuple(map(_attachment, given["attachments"])),
        receipt_form=ReceiptForm(given["receipt"]),
        reply_to=given["reply_to"] or account.reply_to,
        in_reply_to=given["in_reply_to"],
    )


def _text(text: str | None, file: str | None) -> str:
    if (text is None) == (file is None):
        raise UsageError("give the text once: with --text, or with --text-file (- is the standard input)")
    return text if text is not None else _read_text(str(file))


def _read_text(file: str) -> str:
    content = sys.stdin.buffer.read() if file == STDIN else _read(file)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError("{file} is not UTF-8 text; save it as UTF-8, or attach it with --attach", file=file) from error


def _attachment(file: str) -> "Attachment":
    from pec_tracker.pec.compose import Attachment

    return Attachment(name=Path(file).name, content=_read(file))


def _read(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError("{file} cannot be read: {reason}", file=file, reason=reason) from error


def _dispatched(
    house: "House", account: "Account", queued: "Queued", stop: "Stop", waits: Callable[[int], None]
) -> _Outcome:
    """Send this message alone. Whatever happens, it is queued by now: an error is part of the outcome."""
    from pec_tracker.service.dispatch import dispatch

    try:
        sent = dispatch(OPERATOR, house, account, only=[queued.key], stop=stop, waits=waits)
    except StorageError as error:
        return _as_it_waits(house, account, queued, _not_again(queued, error))
    except PecTrackerError as error:
        return _as_it_waits(house, account, queued, error)
    if not sent:
        return _as_it_waits(house, account, queued, None)
    one = sent[0]
    next_attempt_at = None
    if one.send_state == SendState.DEFERRED:
        next_attempt_at = _as_it_waits(house, account, queued, None).next_attempt_at
    problem = None if one.problem is None else error_text(one.problem)
    return _Outcome(one.send_state, one.code, one.reply, one.stage, next_attempt_at=next_attempt_at, problem=problem)


def _not_again(queued: "Queued", error: StorageError) -> StorageError:
    """The disk's or the database's error; "run the same command again" would write a second message."""
    from pec_tracker.service.attempt import UnnotedError

    if isinstance(error, UnnotedError):
        return error
    return StorageError(
        "message {key} is in the outbox: do not write it again. Once this is mended, `pec-tracker outbox send` goes "
        "on with it: {reason}",
        key=queued.key,
        reason=error,
    )


def _as_it_waits(house: "House", account: "Account", queued: "Queued", error: PecTrackerError | None) -> _Outcome:
    """The message as the outbox has it; what the outbox does not list has left, sent by another process."""
    from pec_tracker.service.outbox import waiting

    entry = next((entry for entry in waiting(OPERATOR, house, account) if entry.key == queued.key), None)
    if entry is None:
        return _Outcome("submitted", error=error)
    next_attempt_at = entry.next_attempt_at if entry.send_state == SendState.DEFERRED else None
    problem = said(None, entry.problem) or None
    return _Outcome(entry.send_state, reply=entry.reply, next_attempt_at=next_attempt_at, error=error, problem=problem)


def _tell(output: Output, queued: "Queued", outcome: _Outcome) -> None:
    lines = [
        (_("Key"), queued.key),
        (_("Message-ID"), f"<{queued.reference}>"),
        (_("Recipients"), ", ".join(queued.recipients)),
        (_("State"), words.word(words.SEND_STATES, outcome.send_state)),
        _said(outcome),
    ]
    width = max(_LABEL_WIDTH, *(len(label) + len(": ") for label, _said in lines))  # Italian labels are longer
    for label, text in lines:
        if text:
            output.say(f"{label + ':':<{width}}{clean(text)}")
    for finding in queued.advice:
        output.note(_("Advice: {finding}").format(finding=_sentence(finding)))
    following = _NEXT.get(SendState(outcome.send_state))
    if following and not (outcome.error is not None and outcome.send_state == SendState.SENDING):
        output.note(_(following).format(key=queued.key[:8], next=rome_time(outcome.next_attempt_at)))


def _said(outcome: _Outcome) -> tuple[str, str]:
    """Why it stands as it does: our error, what happened, or the server's words."""
    if outcome.error is not None:
        return _("Error"), error_text(outcome.error)
    if outcome.problem is not None:
        return _("Reason"), outcome.problem
    return _("The server said"), said(outcome.reply, None, code=outcome.code)


def _tell_rules(output: Output, account: "Account", error: Any) -> None:
    """The rules that the message breaks, one a line."""
    if output.json:
        keys = ("key", "message_id", "send_state", "code", "reply", "problem", "stage", "next_attempt_at")
        nothing = dict.fromkeys(keys)
        refused = {"error": error_text(error), "findings": list(map(_finding_facts, error.findings))}
        output.record({"mailbox": account.name, **nothing, "recipients": [], **refused})
        return
    click.echo(_("Nothing was queued and nothing left. The message breaks these rules:"), err=True)
    for finding in error.findings:
        click.echo(f"  {_sentence(finding)}", err=True)


def _sentence(finding: "Finding") -> str:
    """A rule in words, with the header or address where it is broken."""
    where = f" ({clean(finding.where)})" if finding.where else ""
    return f"{words.word(findings.RULES, finding.rule)}{where}"


def _finding_facts(finding: "Finding") -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "where": finding.where,
        "text": words.word(findings.RULES, finding.rule),
        "source": finding.source,
    }


def _facts(account: "Account", queued: "Queued", outcome: _Outcome) -> dict[str, Any]:
    return {
        "mailbox": account.name,
        "key": queued.key,
        "message_id": queued.reference,
        "send_state": outcome.send_state,
        "code": outcome.code,
        "reply": outcome.reply or None,
        "problem": outcome.problem,
        "stage": outcome.stage,
        "next_attempt_at": outcome.next_attempt_at,
        "recipients": queued.recipients,
        "error": error_text(outcome.error) if outcome.error else None,
        "findings": list(map(_finding_facts, queued.advice)),
    }
