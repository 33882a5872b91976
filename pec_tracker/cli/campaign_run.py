"""`pec-tracker campaign start`, `run`, `pause`, `resume`, `cancel`, `retry-failed`: what is sent, and when?"""

from functools import partial
from typing import TYPE_CHECKING

import click

from pec_tracker.answers import campaign_check as checks
from pec_tracker.answers import campaigns as answers
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.options import Command, argument, json_option, option
from pec_tracker.cli.outbox import steps
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.stopping import until_told, waiting
from pec_tracker.errors import Exit
from pec_tracker.texts import N_, _

if TYPE_CHECKING:
    from pec_tracker.service.campaigns.campaigns import Kept
    from pec_tracker.service.campaigns.report import Report

_queue_option = option(
    "--queue-only", is_flag=True, help=N_("Send nothing now: a running `serve` does, or campaign run.")
)
_name_argument = argument("name", metavar="NAME", help=N_("The campaign, or the beginning of its name."))


@click.command(
    "start",
    cls=Command,
    help=N_(
        "Start a campaign: what was checked by this id is sent, and nothing else.\n\n"
        "Each row gets one letter, whatever happens meanwhile: interrupted or killed, it goes on where it was. Letters "
        "leave at the provider's pace; what else waits in the mailbox goes first. The status is 1 where a letter was "
        "refused or stopped, 3 where letters have not left yet."
    ),
    epilog="""pec-tracker campaign start "Assemblea 2026" --check k3v7zq2mfa""",
)
@_name_argument
@option("--check", "check_id", metavar="TOKEN", required=True, help=N_("The id that `campaign check` said."))
@_queue_option
@json_option
@pass_cli
def start(cli: Cli, *, name: str, check_id: str, queue_only: bool, as_json: bool) -> Exit:
    """Started, then sent."""
    from pec_tracker.service.campaigns.campaigns import campaign_named
    from pec_tracker.service.campaigns.start import start as begin

    app = cli.app()
    campaign = campaign_named(OPERATOR, app.house, name)
    started = begin(OPERATOR, app.house, app.account(campaign.mailbox), campaign.name, check=check_id.strip().lower())
    output = cli.output(as_json=as_json)
    if not as_json:
        for line in checks.change_lines(started.changes):
            output.text(line)
    return _go_on(cli, started.campaign, queue_only=queue_only, as_json=as_json)


@click.command(
    "run",
    cls=Command,
    help=N_(
        "Send the letters of a running campaign that have not left yet, until the last.\n\n"
        "A running `serve` does it by itself. The status is as for start."
    ),
    epilog="""pec-tracker campaign run "Assemblea 2026" """.strip(),
)
@_name_argument
@json_option
@pass_cli
def run(cli: Cli, *, name: str, as_json: bool) -> Exit:
    """Sent until the last."""
    from pec_tracker.service.campaigns.start import running

    return _go_on(cli, running(OPERATOR, cli.app().house, name), queue_only=False, as_json=as_json)


@click.command(
    "pause",
    cls=Command,
    help=N_("Write no more letters of a campaign until it is resumed; those sent are followed as ever."),
    epilog="""pec-tracker campaign pause "Assemblea 2026" """.strip(),
)
@_name_argument
@json_option
@pass_cli
def pause(cli: Cli, *, name: str, as_json: bool) -> None:
    """Paused."""
    from pec_tracker.service.campaigns.start import pause as decide

    _decided(cli, decide(OPERATOR, cli.app().house, name), as_json=as_json)


@click.command(
    "resume",
    cls=Command,
    help=N_("Go on with a campaign that was paused. The status is as for start."),
    epilog="""pec-tracker campaign resume "Assemblea 2026" """.strip(),
)
@_name_argument
@_queue_option
@json_option
@pass_cli
def resume(cli: Cli, *, name: str, queue_only: bool, as_json: bool) -> Exit:
    """Resumed, then sent."""
    from pec_tracker.service.campaigns.start import resume as decide

    campaign = decide(OPERATOR, cli.app().house, name)
    return _go_on(cli, campaign, queue_only=queue_only, as_json=as_json)


@click.command(
    "cancel",
    cls=Command,
    help=N_(
        "End a campaign for good: no other letter is written; those sent are followed as ever. A draft is removed."
    ),
    epilog="""pec-tracker campaign cancel "Assemblea 2026" """.strip(),
)
@_name_argument
@json_option
@pass_cli
def cancel(cli: Cli, *, name: str, as_json: bool) -> None:
    """Cancelled; a draft leaves nothing behind."""
    from pec_tracker.campaign_tokens import CampaignState
    from pec_tracker.service.campaigns.campaigns import campaign_named, remove_draft
    from pec_tracker.service.campaigns.start import cancel as decide

    house = cli.app().house
    campaign = campaign_named(OPERATOR, house, name)
    if campaign.state is not CampaignState.DRAFT:
        _decided(cli, decide(OPERATOR, house, campaign.name), as_json=as_json)
        return
    output = cli.output(as_json=as_json)
    removed = remove_draft(OPERATOR, house, campaign.name)
    if as_json:
        output.record({"campaign": removed, "removed": True})
    else:
        output.text(_("Removed: {name}; nothing of it was sent.").format(name=removed))


@click.command(
    "retry-failed",
    cls=Command,
    help=N_(
        "Send again to those whom their letter, as receipts prove, did not reach. --check only says whom.\n\n"
        "What would fail again (an address that does not exist, a virus) is told of, to be corrected in the list."
    ),
    epilog="""pec-tracker campaign retry-failed "Assemblea 2026" --check
        pec-tracker campaign retry-failed "Assemblea 2026" --row 14""",
)
@_name_argument
@option("--row", "rows", metavar="N", type=int, multiple=True, help=N_("Only this row of the list (repeatable)."))
@option("--check", "dry", is_flag=True, help=N_("Only say what would be sent again."))
@_queue_option
@json_option
@pass_cli
def retry_failed(cli: Cli, *, name: str, rows: tuple[int, ...], dry: bool, queue_only: bool, as_json: bool) -> Exit:
    """Written again, then sent."""
    from pec_tracker.service.campaigns.retry import retry_failed as retry

    output = cli.output(as_json=as_json)
    retried = retry(OPERATOR, cli.app().house, name, rows=rows, dry=dry)
    if as_json:
        output.record(answers.retried_facts(retried, dry=dry))
    else:
        for line in answers.retried_lines(retried, dry=dry):
            output.text(line)
    if dry or not retried.again:
        return Exit.FINDING if retried.to_be_corrected else Exit.DONE
    return _go_on(cli, retried.campaign, queue_only=queue_only, as_json=as_json)


def _decided(cli: Cli, campaign: "Kept", *, as_json: bool) -> None:
    output = cli.output(as_json=as_json)
    report = _report(cli, campaign)
    if as_json:
        output.record(answers.campaign_facts(campaign))
    else:
        output.text(answers.decided_text(campaign, report.in_the_outbox))


def _go_on(cli: Cli, campaign: "Kept", *, queue_only: bool, as_json: bool) -> Exit:
    """Send what is to be sent, and say where the campaign stands then."""
    from pec_tracker.service.rounds.send_waiting import send_campaigns
    from pec_tracker.service.sending.pace import held_now

    app = cli.app()
    output = cli.output(as_json=as_json)
    account = app.account(campaign.mailbox)
    before = _report(cli, campaign)
    if not as_json:
        output.text(answers.started_text(campaign, before.waiting))
    stopped = False
    if not queue_only:
        with until_told(output) as stop:
            wait = waiting(output, app.house.clock, partial(held_now, OPERATOR, app.house, account), stop)
            send_campaigns(OPERATOR, app.house, account, wait=wait, stop=stop, under=steps(output, account))
            stopped = stop()
    after = _report(cli, campaign)
    _tell(cli, after, as_json=as_json)
    if stopped:
        return Exit.INTERRUPTED
    return _status(after, queue_only=queue_only)


def _tell(cli: Cli, report: "Report", *, as_json: bool) -> None:
    from pec_tracker.service.campaigns.report import expected_end

    output = cli.output(as_json=as_json)
    app = cli.app()
    end = expected_end(app.house, app.account(report.campaign.mailbox), report.waiting)
    if as_json:
        output.record(answers.report_facts(report, end))
        return
    for line in answers.status_lines(report, end):
        output.text(line)
    left = report.waiting + report.in_the_outbox
    if left:
        output.note(answers.left_text(left))


def _status(report: "Report", *, queue_only: bool) -> Exit:
    if report.stopped or report.refused:
        return Exit.FINDING
    left = report.waiting + report.in_the_outbox
    return Exit.SERVER if left and not queue_only else Exit.DONE


def _report(cli: Cli, campaign: "Kept") -> "Report":
    from pec_tracker.service.campaigns.report import report

    return report(OPERATOR, cli.app().house, campaign.name)
