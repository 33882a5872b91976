"""`pec-tracker send`: is this letter allowed, and did it leave? Queued first, then dispatched alone."""

import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import click

from pec_tracker.answers import outbox as answers
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.following import DEADLINE, deadline_option, facts_of, followed, status_of, tell_ending
from pec_tracker.cli.options import Command, json_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.profiles import profile_options, wanted
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.stopping import until_told, waiting
from pec_tracker.errors import Exit, LoginRefusedError, UsageError
from pec_tracker.pec.sending import FOR_A_PERSON, SendState
from pec_tracker.texts import N_, _, reason_text

if TYPE_CHECKING:
    from pec_tracker.pec.address import Named
    from pec_tracker.pec.compose import Attachment, Draft
    from pec_tracker.service.house import Account, House, Stop
    from pec_tracker.service.sending.send import Queued, RefusedByRulesError
    from pec_tracker.service.sending.send_now import Standing

STDIN: Final = "-"

# The column of the labels, colon and blanks included, where none of them needs more.
_LABEL_WIDTH: Final = 18

_STATUS_OF: Final = {SendState.DEFERRED: Exit.SERVER, **dict.fromkeys(FOR_A_PERSON, Exit.FINDING)}


@click.command(
    "send",
    cls=Command,
    help=N_(
        "Send a PEC: it is checked against the rules, archived, queued and sent at once.\n\n"
        "A message that breaks a rule of PEC is not queued, and each rule is told. The status is 0 when the provider "
        "took the message, 1 when rules or the server refused it or it is uncertain whether it left, 3 when it waits "
        "to be tried again. Bcc does not exist in PEC.\n\n"
        "With --wait its receipts are collected until every recipient has an outcome. The status is 0 when all have "
        "it, 1 when one has not got it or gives no delivery receipt, 3 when the deadline passed first."
    ),
    epilog="""pec-tracker send --to ufficio@pec.example.it --subject "Diffida" --text "Si diffida ..."
        pec-tracker send --to ufficio@pec.example.it --subject "Diffida" --text-file l.txt --wait --deadline 30m
        pec-tracker send --to "Mario Rossi <m@pec.example.it>, b@pec.example.it" --subject "Atti" --text-file l.txt
        pec-tracker send --mailbox studio --to a@pec.example.it --subject "Atti" --text-file l.txt --attach atti.pdf
        pec-tracker send --profile assembly --call 12/12/2026 --to a@pec.example.it --subject "Assemblea" --text "..."
        echo "Buongiorno." | pec-tracker send --to a@pec.example.it --subject "Saluti" --text-file - --case 2026/17""",
)
@option("--mailbox", metavar="NAME", help=N_("The mailbox to send from (may be left out when there is only one)."))
@option(
    "--to",
    metavar="ADDRESS",
    multiple=True,
    help=N_('Recipients: ADDRESS or "Name <ADDRESS>", several with commas between them (may be repeated).'),
)
@option(
    "--cc", metavar="ADDRESS", multiple=True, help=N_("Recipients in copy, written the same way (may be repeated).")
)
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
@profile_options
@option("--reply-to", metavar="ADDRESS", help=N_("Where answers should go (default: the mailbox's setting)."))
@option("--in-reply-to", metavar="MESSAGE-ID", help=N_("The Message-ID of the message that this one answers."))
@option("--queue-only", is_flag=True, help=N_("Put it into the outbox and send nothing now."))
@option("--wait", "to_the_end", is_flag=True, help=N_("Collect its receipts until every recipient has an outcome."))
@deadline_option
@json_option
@pass_cli
def command(
    cli: Cli,
    /,
    *,
    mailbox: str | None,
    queue_only: bool,
    to_the_end: bool,
    deadline: timedelta | None,
    case: str | None,
    as_json: bool,
    **given: Any,
) -> Exit:
    """Queue, then dispatch only this message, and say what the server said; then follow it, if asked to."""
    from pec_tracker.service.sending.send import RefusedByRulesError, queue
    from pec_tracker.service.sending.send_now import Standing

    require_sense(queue_only=queue_only, to_the_end=to_the_end, deadline=deadline)
    text = _text(given["text"], given["text_file"])
    output = cli.output(as_json=as_json)
    app = cli.app()
    account = app.account(mailbox)
    draft = _draft(account, text, given)
    try:
        queued = queue(OPERATOR, app.house, account, draft, case=case, wanted=wanted(given))
    except RefusedByRulesError as error:
        tell_rules(output, account, error)
        return error.status
    if queue_only:
        return told(output, account, queued, Standing(SendState.QUEUED, error=queued.unsealed))
    with until_told(output) as stop:
        return send_queued(
            app.house, output, account, queued, stop, deadline=deadline or DEADLINE if to_the_end else None
        )


def require_sense(*, queue_only: bool, to_the_end: bool, deadline: timedelta | None) -> None:
    """Refuse, by UsageError, options of sending that contradict each other."""
    if queue_only and to_the_end:
        raise UsageError("--queue-only sends nothing now, so there is nothing to wait for; leave --wait out")
    if deadline is not None and not to_the_end:
        raise UsageError("--deadline says how long --wait waits; add --wait")


def send_queued(
    house: "House",
    output: Output,
    account: "Account",
    queued: "Queued",
    stop: "Stop",
    *,
    deadline: timedelta | None,
    beside: Mapping[str, Any] = MappingProxyType({}),
) -> Exit:
    """Send the message; then, with a *deadline*, follow it. *beside* stands in its JSON too."""
    from pec_tracker.service.sending.pace import held_now
    from pec_tracker.service.sending.send_now import send_now

    held = partial(held_now, OPERATOR, house, account)
    wait = waiting(output, house.clock, held, stop)
    standing = send_now(OPERATOR, house, account, queued, stop=stop, wait=wait)
    if deadline is None or stop() or not _worth_following(standing):
        status = told(output, account, queued, standing, beside=beside)
        return Exit.INTERRUPTED if stop() and standing.send_state == SendState.QUEUED else status
    if not output.json:
        _tell(output, queued, standing, follows=True)
    output.note(answers.waiting_text(house.clock.now() + deadline))
    ended = followed(house, output, account, queued.key, deadline=deadline, stop=stop)
    if output.json:
        facts = answers.outcome_facts(account.name, queued, standing, outcome=facts_of(ended))
        output.record({**beside, **facts})
    else:
        tell_ending(output, ended)
    return status_of(ended)


def queue_and_send(house: "House", output: Output, account: "Account", draft: "Draft") -> Exit:
    """Queue a draft and send it alone; what breaks a rule is told."""
    from pec_tracker.service.sending.send import RefusedByRulesError, queue

    try:
        queued = queue(OPERATOR, house, account, draft)
    except RefusedByRulesError as error:
        tell_rules(output, account, error)
        return error.status
    with until_told(output) as stop:
        return send_queued(house, output, account, queued, stop, deadline=None)


def _worth_following(standing: "Standing") -> bool:
    """Whether time may bring an outcome: not of what was refused, nor where sending is refused to us."""
    error = standing.error
    if isinstance(error, LoginRefusedError) or (error is not None and error.status != Exit.SERVER):
        return False
    return standing.send_state != SendState.REFUSED


def told(
    output: Output,
    account: "Account",
    queued: "Queued",
    standing: "Standing",
    *,
    beside: Mapping[str, Any] = MappingProxyType({}),
) -> Exit:
    """Say where the message stands; the status that this means."""
    if output.json:
        output.record({**beside, **answers.standing_facts(account.name, queued, standing)})
    else:
        _tell(output, queued, standing)
    return _status(standing)


def _draft(account: "Account", text: str, given: dict[str, Any]) -> "Draft":
    from pec_tracker.pec.compose import Draft
    from pec_tracker.pec.standard import ReceiptForm

    to, cc = _named(given["to"]), _named(given["cc"])
    return Draft(
        sender=account.address,
        sender_name=account.sender_name,
        to=tuple(one.address for one in to),
        cc=tuple(one.address for one in cc),
        names={one.address: one.name for one in (*cc, *to) if one.name},
        subject=given["subject"],
        text=text,
        html=read_text(given["html_file"]) if given["html_file"] else None,
        attachments=tuple(map(attachment_of, given["attachments"])),
        receipt_form=ReceiptForm(given["receipt"]),
        reply_to=given["reply_to"] or account.reply_to,
        in_reply_to=given["in_reply_to"],
    )


def _named(given: Sequence[str]) -> "list[Named]":
    from pec_tracker.pec.address import typed_in

    return [one for text in given for one in typed_in(text)]


def _text(text: str | None, file: str | None) -> str:
    if (text is None) == (file is None):
        raise UsageError("give the text once: with --text, or with --text-file (- is the standard input)")
    return text if text is not None else read_text(str(file))


def read_text(file: str) -> str:
    """The UTF-8 text in *file*, or on the standard input. UsageError."""
    content = sys.stdin.buffer.read() if file == STDIN else _read(file)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError("{file} is not UTF-8 text; save it as UTF-8, or attach it with --attach", file=file) from error


def attachment_of(file: str) -> "Attachment":
    """The file as an attachment of its name. UsageError."""
    from pec_tracker.pec.compose import Attachment

    return Attachment(name=Path(file).name, content=_read(file))


def _read(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        reason = reason_text(error.strerror or type(error).__name__)
        raise UsageError("{file} cannot be read: {reason}", file=file, reason=reason) from error


def _status(standing: "Standing") -> Exit:
    """What the state says; a message that is only queued is done, unless an error kept it there."""
    waits = standing.error.status if standing.error is not None else Exit.DONE
    return max(_STATUS_OF.get(SendState(standing.send_state), Exit.DONE), waits)


def _tell(output: Output, queued: "Queued", standing: "Standing", *, follows: bool = False) -> None:
    lines = answers.standing_lines(queued, standing)
    width = max(_LABEL_WIDTH, *(len(label) + len(": ") for label, _text in lines))  # Italian labels are longer
    for label, text in lines:
        if text:
            output.say(f"{label + ':':<{width}}{clean(text)}")
    for finding in queued.advice:
        output.note(clean(answers.advice_text(finding)))
    following = answers.next_text(queued, standing)
    if following is not None and not follows:
        output.note(following)


def tell_rules(
    output: Output,
    account: "Account",
    error: "RefusedByRulesError",
    *,
    beside: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """The rules that the message breaks, one a line."""
    if output.json:
        output.record({**beside, **answers.refused_facts(account.name, error)})
        return
    click.echo(_("Nothing was queued and nothing left. The message breaks these rules:"), err=True)
    for finding in error.findings:
        click.echo(f"  {clean(answers.finding_text(finding))}", err=True)
        click.echo(f"    {clean(answers.reason_line(finding))}", err=True)
