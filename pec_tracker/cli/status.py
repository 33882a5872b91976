"""`pec-tracker status`: does anything need me? One screen."""

from typing import TYPE_CHECKING, Final

import click

from pec_tracker.answers import status as answers
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.layout import WIDTH, wrap
from pec_tracker.cli.options import Command, json_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.errors import ApartError, Exit, StorageError
from pec_tracker.texts import N_, _, error_text, ngettext
from pec_tracker.texts.times import rome_cell

if TYPE_CHECKING:
    from pec_tracker.app import App
    from pec_tracker.service.house import Account
    from pec_tracker.service.queries.status import Status

ROWS: Final = 10  # of each table: one screen


@click.command(
    "status",
    cls=Command,
    help=N_(
        "Show on one screen how everything stands: mailboxes, alerts, outbox and what is overdue.\n\n"
        "Asks no server. The status is 1 when something needs a person: an open alert, a suspended mailbox, a message "
        "refused, uncertain or waiting for too long, a receipt that should have come."
    ),
    epilog="""pec-tracker status
        pec-tracker status --acknowledge
        pec-tracker status --json | jq .needs_person""",
)
@option("--acknowledge", is_flag=True, help=N_("Mark the alerts shown as read; what happens again is told again."))
@json_option
@pass_cli
def command(cli: Cli, *, acknowledge: bool, as_json: bool) -> Exit:
    """The screen, then the alerts marked as read where asked."""
    from pec_tracker.service.alerts import open_alerts
    from pec_tracker.service.queries import status as service
    from pec_tracker.service.queries.short_keys import short_keys

    app = cli.app()
    output = cli.output(as_json=as_json)
    status = service.status(OPERATOR, app.house, _known_accounts(app))
    if as_json:
        output.record(answers.status_facts(status))
    else:
        _tell(output, status, short_keys(OPERATOR, app.house, answers.keys_shown(status, ROWS)))
    if acknowledge:
        open_alerts.acknowledge(OPERATOR, app.house, status.alerts)
        count = len(status.alerts)
        told = ngettext("{count} alert marked as read.", "{count} alerts marked as read.", count)
        output.note(told.format(count=count))
    return Exit.FINDING if status.needs_person else Exit.DONE


def _known_accounts(app: "App") -> list["Account"]:
    """The mailboxes; where nothing may be written, those that the database knows already."""
    from pec_tracker.db.engine import read_only

    accounts = []
    for name in app.config.mailboxes:
        try:
            accounts.append(app.account(name))
        except StorageError:
            if not read_only(app.house.engine):
                raise
        except ApartError:
            continue  # `needs` says it
    return accounts


def _tell(output: Output, status: "Status", keys: dict[str, str]) -> None:
    output.say(_("As of {time} (all times: Europe/Rome)").format(time=rome_cell(status.at)))
    output.say(answers.recipients_text(status))
    output.say()
    output.table(*answers.mailbox_table(status), zone=False)
    for need in status.needs:
        output.say()
        for line in wrap(clean(error_text(need.error)), WIDTH):
            output.say(line)
    if _heading(output, _("Alerts: {count}"), len(status.alerts)):
        output.table(*answers.alert_table(status, keys, ROWS), zone=False)
    if _heading(output, _("Outbox: {count}"), len(status.outbox)):
        output.table(*answers.outbox_table(status, keys, ROWS), zone=False)
    if _heading(output, _("Overdue: {count}"), status.overdue.total):
        output.table(*answers.overdue_table(status, keys, ROWS), zone=False)
    output.say()
    output.say(answers.needs_text(status))


def _heading(output: Output, text: str, count: int) -> bool:
    """Say how many there are, and that not all are shown; whether there are any."""
    if count == 0:
        return False
    output.say()
    more = _(" (the first {shown}; all with --json)").format(shown=ROWS) if count > ROWS else ""
    output.say(clean(text.format(count=count) + more))
    return True
