"""`pec-tracker quarantine`: which mails could not be fetched or read, and do they come now?"""

from functools import partial
from typing import TYPE_CHECKING

import click

from pec_tracker.answers import quarantine as answers
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.collect import tell_failed
from pec_tracker.cli.options import Group, json_option, mailbox_option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.rounds import chosen, each
from pec_tracker.errors import Exit, PecTrackerError
from pec_tracker.texts import N_, _

if TYPE_CHECKING:
    from pec_tracker.service.house import Account, House


@click.group("quarantine", cls=Group, help=N_("See and retry mails that could not be fetched or read."))
def command() -> None:
    """Only the group: each subcommand says what it does."""


@command.command(
    "list",
    help=N_(
        "List the mails that the server named and did not give, and those that could not be read, each with why.\n\n"
        "A mail that could not be read is in the archive, whole, under its SHA-256."
    ),
    epilog="pec-tracker quarantine list --json",
)
@mailbox_option
@json_option
@pass_cli
def list_quarantined(cli: Cli, *, mailboxes: tuple[str, ...], as_json: bool) -> None:
    """The oldest first."""
    from pec_tracker.service.collecting.quarantine import quarantined

    app = cli.app()
    output = cli.output(as_json=as_json)
    names = {app.account(name).name for name in mailboxes}
    entries = quarantined(OPERATOR, app.house, names)
    if as_json:
        for entry in entries:
            output.record(answers.entry_facts(entry))
        return
    output.table(*answers.table(entries))
    if not entries:
        output.note(_("Nothing is in quarantine."))


@command.command(
    "retry",
    help=N_(
        "Ask the server once more for the mails that it named and did not give, or gives under old numbers.\n\n"
        "The status is 1 when some still did not come, 3 when a server could not be reached."
    ),
    epilog="pec-tracker quarantine retry --mailbox studio",
)
@mailbox_option
@json_option
@pass_cli
def retry(cli: Cli, *, mailboxes: tuple[str, ...], as_json: bool) -> Exit:
    """What comes now is taken in like any mail."""
    app = cli.app()
    output = cli.output(as_json=as_json)
    return each(chosen(app, mailboxes), partial(_retry, app.house, output), partial(_tell_failed, output))


def _retry(house: "House", output: Output, account: "Account") -> Exit:
    from pec_tracker.service.collecting.collect import retry_quarantined

    taken = retry_quarantined(OPERATOR, house, account)
    if output.json:
        output.record(answers.retried_facts(account.name, taken))
    else:
        for line in answers.retried_lines(account.name, taken):
            output.say(clean(line))
    return Exit.FINDING if taken.quarantined else Exit.DONE


def _tell_failed(output: Output, account: "Account", error: PecTrackerError) -> None:
    from pec_tracker.service.intake.taken import Taken

    if output.json:
        output.record(answers.retried_facts(account.name, Taken(), error))
    else:
        tell_failed(account, error)
