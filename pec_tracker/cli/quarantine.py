"""`pec-tracker quarantine`: which mails could not be fetched or read, and do they come now?"""

from functools import partial
from typing import TYPE_CHECKING

import click

from pec_tracker.answers.collected import kind_lines, taken_facts
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.collect import tell_failed
from pec_tracker.cli.options import Group, json_option, mailbox_option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.rounds import chosen, each
from pec_tracker.errors import Exit, PecTrackerError
from pec_tracker.texts import N_, _, error_text, notices

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
    entries = [entry for entry in quarantined(OPERATOR, app.house) if not names or entry.mailbox in names]
    if as_json:
        for entry in entries:
            place = {"mailbox": entry.mailbox, "folder": entry.folder, "uid": entry.uid}
            output.record({**place, "reason": entry.reason, "seen_at": entry.seen_at, "sha256": entry.sha256})
        return
    output.table(
        [_("Mailbox"), _("Folder"), "UID", _("Seen"), _("Reason"), "SHA-256"],
        [
            (
                entry.mailbox,
                entry.folder,
                entry.uid,
                entry.seen_at,
                notices.reasons(notices.QUARANTINE, entry.reason),
                entry.sha256,
            )
            for entry in entries
        ],
    )
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
        output.record({"mailbox": account.name, **taken_facts(taken), "error": None})
    else:
        counts = _("{came} came, {missing} did not").format(
            came=taken.archived + taken.known, missing=taken.quarantined
        )
        output.say(_("{mailbox}: {counts}").format(mailbox=account.name, counts=counts))
        for line in kind_lines(taken.kinds):
            output.say(f"  {line}")
    return Exit.FINDING if taken.quarantined else Exit.DONE


def _tell_failed(output: Output, account: "Account", error: PecTrackerError) -> None:
    from pec_tracker.service.intake.take_in import Taken

    if output.json:
        output.record({"mailbox": account.name, **taken_facts(Taken()), "error": error_text(error)})
    else:
        tell_failed(account, error)
