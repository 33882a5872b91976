"""`pec-tracker import`: what do the mails of years hold, and what of it is proof?"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pec_tracker.answers import imported as answers
from pec_tracker.answers.history import history_lines
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.options import Command, argument, json_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.errors import Exit
from pec_tracker.texts import N_, _

if TYPE_CHECKING:
    from pec_tracker.app import App
    from pec_tracker.service.house import Account
    from pec_tracker.service.importing.import_ import Imported


@click.command(
    "import",
    cls=Command,
    help=N_(
        "Import mails into the archive and the index: .eml and Outlook's .msg files, mbox, Maildir, folders and .zip "
        "of these.\n\n"
        "They are read, verified and linked like collected ones. The same input twice changes nothing. With --mailbox "
        "they are taken as mail of that mailbox; without it as mail of the only one, and of several each goes to the "
        "one that its receipt or its sender names. At the end it says what of the mailbox's past is proof and what is "
        "missing. The status is 1 when a file could not be read or a signature does not hold, 2 when a path does not "
        "exist or a mail names none of the mailboxes."
    ),
    epilog="""pec-tracker import ricevute/
        pec-tracker import archivio-2019.zip posta.mbox --mailbox studio
        pec-tracker import --json Maildir/ | jq .verdicts""",
)
@option("--mailbox", metavar="NAME", help=N_("The mailbox that the mails belong to."))
@json_option
@argument(
    "paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path), help=N_("What to import.")
)
@pass_cli
def command(cli: Cli, *, mailbox: str | None, as_json: bool, paths: tuple[Path, ...]) -> Exit:
    """Import everything, and count."""
    from pec_tracker.service.importing.history import history

    app = cli.app()
    account = app.account(mailbox) if mailbox is not None else None
    output = cli.output(as_json=as_json)
    imported = _bring_in(app, output, paths, account)
    past = history(OPERATOR, app.house, sorted(imported.archived))
    if as_json:
        output.record(answers.imported_facts(imported, app.accounts(), past))
    else:
        _tell(output, app, imported)
        for line in history_lines(past):
            output.say(clean(line))
    if imported.homeless:
        left_out = answers.homeless_text(imported, tuple(app.config.mailboxes))
        click.echo(_("Error: {message}").format(message=clean(left_out)), err=True)
    if imported.unnamed:
        return Exit.USAGE
    return Exit.FINDING if imported.unread or imported.unproven else Exit.DONE


def _bring_in(app: "App", output: Output, paths: Sequence[Path], account: "Account | None") -> "Imported":
    """Import; what belongs to no mailbox is asked about on a terminal, once for all of it."""
    from pec_tracker.service.importing.import_ import bring_in

    accounts = app.accounts()
    with output.progress(_("Importing")) as progress:
        imported = bring_in(OPERATOR, app.house, paths, accounts=accounts, account=account, progress=progress.reach)
    chosen = _ask(imported, [one.name for one in accounts]) if imported.homeless and not output.json else ""
    if not chosen:
        return imported
    said, left = app.account(chosen), {one.sha256 for one in imported.homeless}
    with output.progress(_("Importing")) as progress:
        rest = bring_in(OPERATOR, app.house, paths, accounts=accounts, account=said, only=left, progress=progress.reach)
    return imported.joined(rest)


def _ask(imported: "Imported", names: Sequence[str]) -> str:
    """The mailbox for what names none; empty: leave it out, as where there is no terminal."""
    if not sys.stdin.isatty():
        return ""
    answer: str = click.prompt(
        answers.homeless_question(imported, names),
        default="",
        show_default=False,
        type=click.Choice([*names, ""]),
        show_choices=False,
        err=True,
    )
    return answer


def _tell(output: Output, app: "App", imported: "Imported") -> None:
    for line in answers.imported_lines(imported, app.accounts()):
        output.say(clean(line))
    for line in answers.unread_lines(imported):
        click.echo(clean(line), err=True)
