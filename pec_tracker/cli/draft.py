"""`pec-tracker draft`: a letter that is written in several goes, and leaves when it is sent."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pec_tracker.answers import drafts as answers
from pec_tracker.answers import outbox as sending_answers
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.following import DEADLINE, deadline_option
from pec_tracker.cli.options import Group, argument, json_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.send import attachment_of, read_text, require_sense, send_queued, tell_rules, told
from pec_tracker.cli.stopping import until_told
from pec_tracker.errors import Exit, UsageError
from pec_tracker.texts import N_, _

if TYPE_CHECKING:
    from pec_tracker.service.drafts.kept import KeptDraft
    from pec_tracker.service.drafts.write import Said

F = TypeVar("F", bound=Callable[..., Any])

_LETTER = (
    option("--to", metavar="ADDRESS", multiple=True, help=N_("A recipient (may be repeated).")),
    option("--cc", metavar="ADDRESS", multiple=True, help=N_("A recipient in copy (may be repeated).")),
    option("--subject", metavar="TEXT", help=N_("The subject.")),
    option("--text", metavar="TEXT", help=N_("The text of the message.")),
    option(
        "--text-file",
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False, allow_dash=True),
        help=N_("The text from a UTF-8 file, or from the standard input with -."),
    ),
    option(
        "--html-file",
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False),
        help=N_("The same text as HTML, from a UTF-8 file."),
    ),
    option("--case", metavar="TEXT", help=N_("Your own reference, to find it again with find --case.")),
    option(
        "--receipt",
        type=click.Choice(["completa", "breve", "sintetica"]),
        help=N_("The delivery receipt to ask for; only the complete one (completa, the default) proves the content."),
    ),
    option("--reply-to", metavar="ADDRESS", help=N_("Where answers should go (default: the mailbox's setting).")),
    option("--in-reply-to", metavar="MESSAGE-ID", help=N_("The Message-ID of the message that this one answers.")),
)
_MAILBOX = N_("The mailbox to send from (may be left out when there is only one).")
_KEY = N_("The draft's key, or its beginning.")


def _letter_options(command: F) -> F:
    """What may be said of a draft."""
    for each in reversed(_LETTER):
        command = each(command)
    return command


@click.group("draft", cls=Group, help=N_("Letters in the making: documents can be added until they are sent."))
def command() -> None:
    """Only the group: each subcommand says what it does."""


@command.command(
    "new",
    help=N_("Begin a draft; whatever is left out can be said later, by edit and attach."),
    epilog="""pec-tracker draft new --to ufficio@pec.example.it --subject "Diffida" --text "Si diffida ..."
        pec-tracker draft new --mailbox studio --case 2026/17 --attach contratto.pdf""",
)
@option("--mailbox", metavar="NAME", help=_MAILBOX)
@_letter_options
@option(
    "--attach",
    "attachments",
    metavar="FILE",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    help=N_("A file to attach (may be repeated)."),
)
@json_option
@pass_cli
def new(cli: Cli, /, *, mailbox: str | None, attachments: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """One draft more."""
    from pec_tracker.service.drafts.write import new_draft

    said = _said(given)
    app = cli.app()
    files = tuple(map(attachment_of, attachments))
    _tell(cli.output(as_json=as_json), new_draft(OPERATOR, app.house, app.account(mailbox), said, files))


@command.command(
    "edit",
    help=N_(
        "Change a draft. Recipients that are given take the place of all before; an empty text takes a value away."
    ),
    epilog="""pec-tracker draft edit k7f3qv2m --to ufficio@pec.example.it --to sindaco@pec.example.it
        pec-tracker draft edit k7f3qv2m --text-file lettera.txt --case "" """,
)
@argument("key", metavar="KEY", help=_KEY)
@option("--mailbox", metavar="NAME", help=N_("Another mailbox to send from."))
@_letter_options
@json_option
@pass_cli
def edit(cli: Cli, /, *, key: str, mailbox: str | None, as_json: bool, **given: Any) -> None:
    """One draft."""
    from pec_tracker.service.drafts.write import edit_draft

    said = _said(given)
    app = cli.app()
    account = None if mailbox is None else app.account(mailbox)
    _tell(cli.output(as_json=as_json), edit_draft(OPERATOR, app.house, key, said, account))


@command.command(
    "attach",
    help=N_("Attach files to a draft: their bytes are kept, the files may go."),
    epilog="""pec-tracker draft attach k7f3qv2m contratto.pdf allegato.pdf
        pec-tracker draft attach k7f3qv2m contratto.pdf --replace""",
)
@argument("key", metavar="KEY", help=_KEY)
@argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False),
    help=N_("The files."),
)
@option("--replace", is_flag=True, help=N_("In the place of those of the same names."))
@json_option
@pass_cli
def attach_(cli: Cli, /, *, key: str, files: tuple[str, ...], replace: bool, as_json: bool) -> None:
    """Some files more."""
    from pec_tracker.service.drafts.write import attach

    app = cli.app()
    draft = attach(OPERATOR, app.house, key, tuple(map(attachment_of, files)), replace=replace)
    _tell(cli.output(as_json=as_json), draft)


@command.command(
    "detach",
    help=N_("Take attachments away from a draft, by their names."),
    epilog="pec-tracker draft detach k7f3qv2m contratto.pdf",
)
@argument("key", metavar="KEY", help=_KEY)
@argument("names", metavar="NAME...", nargs=-1, required=True, help=N_("The names, as show tells them."))
@json_option
@pass_cli
def detach_(cli: Cli, /, *, key: str, names: tuple[str, ...], as_json: bool) -> None:
    """Some files less."""
    from pec_tracker.service.drafts.write import detach

    _tell(cli.output(as_json=as_json), detach(OPERATOR, cli.app().house, key, names))


@command.command(
    "show",
    help=N_("Show a draft with its text, or the message that it became."),
    epilog="""pec-tracker draft show k7f3qv2m
        pec-tracker draft show k7f3qv2m --json""",
)
@argument("key", metavar="KEY", help=_KEY)
@json_option
@pass_cli
def show(cli: Cli, /, *, key: str, as_json: bool) -> None:
    """One draft, and what it says."""
    from pec_tracker.service.drafts.kept import show_draft

    output = cli.output(as_json=as_json)
    draft = show_draft(OPERATOR, cli.app().house, key)
    _tell(output, draft)
    if not as_json and draft.text:
        output.say()
        for line in draft.text.splitlines():
            output.say(clean(line))


@command.command(
    "list",
    help=N_("List the drafts that have not been sent, the one that was changed last first."),
    epilog="""pec-tracker draft list
        pec-tracker draft list --mailbox studio --json""",
)
@option("--mailbox", metavar="NAME", help=N_("Of this mailbox."))
@json_option
@pass_cli
def list_(cli: Cli, /, *, mailbox: str | None, as_json: bool) -> None:
    """One row a draft."""
    from pec_tracker.service.drafts.kept import list_drafts

    output = cli.output(as_json=as_json)
    app = cli.app()
    drafts = list_drafts(OPERATOR, app.house, None if mailbox is None else app.account(mailbox))
    if as_json:
        for draft in drafts:
            output.record(answers.draft_facts(draft))
        return
    output.table(*answers.table(drafts), breaks=(4,))
    if not drafts:
        output.note(_("There are no drafts."))


@command.command(
    "check",
    help=N_(
        "Check a draft by the rules of PEC and by what the archive knows, and send nothing.\n\n"
        "Each finding says what it is, what to do, and which rule says so. The status is 0 when nothing stands in the "
        "way, 1 when the message would be refused."
    ),
    epilog="""pec-tracker draft check k7f3qv2m
        pec-tracker draft check k7f3qv2m --json""",
)
@argument("key", metavar="KEY", help=_KEY)
@json_option
@pass_cli
def check(cli: Cli, /, *, key: str, as_json: bool) -> Exit:
    """One line a finding, then what it would cost."""
    from pec_tracker.service.drafts.kept import show_draft
    from pec_tracker.service.drafts.send import check_draft

    app = cli.app()
    draft = show_draft(OPERATOR, app.house, key)
    linted = check_draft(OPERATOR, app.house, app.account(draft.mailbox), draft.key)
    output = cli.output(as_json=as_json)
    if as_json:
        output.record(answers.checked_facts(draft.key, draft.mailbox, linted))
    else:
        for line in sending_answers.linted_lines(linted):
            output.say(clean(line))
    return Exit.FINDING if linted.refused else Exit.DONE


@command.command(
    "send",
    help=N_(
        "Send a draft: it is checked against the rules, archived, queued and sent at once.\n\n"
        "It becomes one message, however often this is repeated. One that breaks a rule of PEC stays a draft, and each "
        "rule is told. The status is that of send."
    ),
    epilog="""pec-tracker draft send k7f3qv2m
        pec-tracker draft send k7f3qv2m --wait --deadline 30m""",
)
@argument("key", metavar="KEY", help=_KEY)
@option("--queue-only", is_flag=True, help=N_("Put it into the outbox and send nothing now."))
@option("--wait", "to_the_end", is_flag=True, help=N_("Collect its receipts until every recipient has an outcome."))
@deadline_option
@json_option
@pass_cli
def send(
    cli: Cli, /, *, key: str, queue_only: bool, to_the_end: bool, deadline: timedelta | None, as_json: bool
) -> Exit:
    """Queue, then dispatch only this message; one that had left before is told of."""
    from pec_tracker.pec.sending import HELD_BACK
    from pec_tracker.service.drafts.kept import show_draft
    from pec_tracker.service.drafts.send import send_draft
    from pec_tracker.service.sending.send import RefusedByRulesError
    from pec_tracker.service.sending.send_now import Standing

    require_sense(queue_only=queue_only, to_the_end=to_the_end, deadline=deadline)
    output = cli.output(as_json=as_json)
    app = cli.app()
    draft = show_draft(OPERATOR, app.house, key)
    account = app.account(draft.mailbox)
    beside: Mapping[str, Any] = {"draft": draft.key}
    try:
        left = send_draft(OPERATOR, app.house, account, draft.key)
    except RefusedByRulesError as error:
        tell_rules(output, account, error, beside=beside)
        return error.status
    if left.known:
        output.note(answers.known_text(left.draft[: answers.KEY_SHOWN]))
    if queue_only or (left.send_state not in HELD_BACK and not to_the_end):
        return told(output, account, left.queued, Standing(left.send_state, error=left.queued.unsealed), beside=beside)
    until = deadline or DEADLINE if to_the_end else None
    with until_told(output) as stop:
        return send_queued(app.house, output, account, left.queued, stop, deadline=until, beside=beside)


@command.command(
    "delete",
    help=N_("Throw a draft away, with what is attached to it; a message that it became stays."),
    epilog="pec-tracker draft delete k7f3qv2m",
)
@argument("key", metavar="KEY", help=_KEY)
@json_option
@pass_cli
def delete(cli: Cli, /, *, key: str, as_json: bool) -> None:
    """One draft less."""
    from pec_tracker.service.drafts.write import delete_draft

    output = cli.output(as_json=as_json)
    deleted = delete_draft(OPERATOR, cli.app().house, key)
    if as_json:
        output.record(answers.deleted_facts(deleted))
    else:
        output.text(answers.deleted_text(deleted))


def _said(given: dict[str, Any]) -> "Said":
    """What the options say of the letter."""
    from pec_tracker.pec.standard import ReceiptForm
    from pec_tracker.service.drafts.write import Said

    text, file = given["text"], given["text_file"]
    if text is not None and file is not None:
        raise UsageError("give the text once: with --text, or with --text-file (- is the standard input)")
    return Said(
        to=given["to"] or None,
        cc=given["cc"] or None,
        subject=given["subject"],
        text=text if file is None else read_text(file),
        html=read_text(given["html_file"]) if given["html_file"] else None,
        case=given["case"],
        receipt_form=None if given["receipt"] is None else ReceiptForm(given["receipt"]),
        reply_to=given["reply_to"],
        in_reply_to=given["in_reply_to"],
    )


def _tell(output: Output, draft: "KeptDraft") -> None:
    if output.json:
        output.record(answers.draft_facts(draft))
        return
    lines = answers.draft_lines(draft)
    output.pairs(lines, width=max(len(label) for label, _text in lines) + 3)
    output.note(answers.next_text(draft))
