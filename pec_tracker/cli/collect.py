"""`pec-tracker collect`: what has come into the mailboxes, and does anything of it need a person?"""

from functools import partial
from typing import TYPE_CHECKING, Final

import click

from pec_tracker.answers import collected as answers
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.options import Command, json_option, mailbox_option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.rounds import chosen, each
from pec_tracker.errors import Exit, PecTrackerError
from pec_tracker.texts import N_, _, error_text

if TYPE_CHECKING:
    from pec_tracker.service.alerts.open_alerts import OpenAlert
    from pec_tracker.service.collecting.collect import Collected
    from pec_tracker.service.house import Account, House

ALERTS_TOLD: Final = 20


@click.command(
    "collect",
    cls=Command,
    help=N_(
        "Fetch what is new in every folder but Trash, Drafts and Junk; archive, read, verify and link it.\n\n"
        "Nothing is changed on the server. Collecting twice changes nothing. The status is 1 when something that came "
        "needs a person: a message not delivered, evidence that is altered, forged or contradictory, a mail that "
        "could not be fetched. It is 3 when a server could not be reached; the other mailboxes are collected all the "
        "same."
    ),
    epilog="""pec-tracker collect
        pec-tracker collect --mailbox studio --mailbox segreteria
        pec-tracker collect --json | jq .archived""",
)
@mailbox_option
@json_option
@pass_cli
def command(cli: Cli, *, mailboxes: tuple[str, ...], as_json: bool) -> Exit:
    """Each mailbox in turn."""
    app = cli.app()
    output = cli.output(as_json=as_json)
    return each(chosen(app, mailboxes), partial(_collect, app.house, output), partial(_tell_failed, output))


def _collect(house: "House", output: Output, account: "Account") -> Exit:
    from pec_tracker.service.alerts.open_alerts import open_alerts
    from pec_tracker.service.collecting.collect import collect

    since = house.clock.now()
    with output.progress(_("Collecting {mailbox}").format(mailbox=account.name)) as progress:
        collected = collect(OPERATOR, house, account, progress=progress.reach)
    alerts = open_alerts(OPERATOR, house, since=since, account=account)
    if output.json:
        output.record(answers.collected_facts(collected, alerts))
    else:
        _tell(output, collected, alerts)
    if collected.failures or collected.taken.quarantined or alerts:
        return Exit.FINDING
    return Exit.DONE


def _tell_failed(output: Output, account: "Account", error: PecTrackerError) -> None:
    from pec_tracker.service.collecting.collect import Collected

    if output.json:
        output.record(answers.uncollected_facts(Collected(account.name), error))
    else:
        tell_failed(account, error)


def tell_failed(account: "Account", error: PecTrackerError) -> None:
    """One mailbox failed: why, on stderr."""
    text = _("{mailbox}: {problem}").format(mailbox=account.name, problem=clean(error_text(error)))
    click.echo(_("Error: {message}").format(message=text), err=True)


def _tell(output: Output, collected: "Collected", alerts: "list[OpenAlert]") -> None:
    output.say(answers.collected_text(collected))
    if collected.busy:
        return
    for line in answers.kind_lines(collected.taken.kinds):
        output.say(f"  {line}")
    for line in (*answers.failure_lines(collected), *answers.alert_lines(alerts, at_most=ALERTS_TOLD)):
        output.say(clean(line))
