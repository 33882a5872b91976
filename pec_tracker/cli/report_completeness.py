"""`pec-tracker report completeness`: does the archive hold every mail that the servers have?"""

from functools import partial
from typing import TYPE_CHECKING

import click

from pec_tracker.answers import completeness as answers
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.collect import tell_failed
from pec_tracker.cli.options import Command, json_option, mailbox_option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.rounds import chosen, each
from pec_tracker.errors import Exit, PecTrackerError
from pec_tracker.texts import N_

if TYPE_CHECKING:
    from pec_tracker.app import App
    from pec_tracker.service.collecting.completeness import Completeness
    from pec_tracker.service.house import Account


@click.command(
    "completeness",
    cls=Command,
    help=N_(
        "Compare the mails on the servers with the archive, folder by folder, mail by mail.\n\n"
        "Nothing is fetched, and nothing is changed on the server or in the archive. Folders that are not collected "
        "(Trash, Drafts and Junk, or as configured) are counted and judged no further. The status is 1 when a "
        "collected folder holds a mail that is not archived, 3 when a server could not be reached. Compared are the "
        "numbers (UIDs) of the mails, and their size and arrival as the server says them."
    ),
    epilog="""pec-tracker report completeness
        pec-tracker report completeness --mailbox studio
        pec-tracker report completeness --json | jq '.folders[] | select(.missing != [])'""",
)
@mailbox_option
@json_option
@pass_cli
def completeness(cli: Cli, *, mailboxes: tuple[str, ...], as_json: bool) -> Exit:
    """One table, a row a folder; those that cannot be asked are told on stderr."""
    app = cli.app()
    output = cli.output(as_json=as_json)
    reports: list[Completeness] = []
    status = each(chosen(app, mailboxes), partial(_compare, app, output, reports), partial(_tell_failed, output))
    if not as_json:
        _tell(output, reports)
    return status


def _compare(app: "App", output: Output, reports: "list[Completeness]", account: "Account") -> Exit:
    from pec_tracker.service.collecting.completeness import completeness

    report = completeness(OPERATOR, app.house, account)
    reports.append(report)
    if output.json:
        output.record(answers.completeness_facts(report))
    return Exit.DONE if report.complete else Exit.FINDING


def _tell_failed(output: Output, account: "Account", error: PecTrackerError) -> None:
    if output.json:
        output.record(answers.unasked_facts(account.name, error))
    else:
        tell_failed(account, error)


def _tell(output: Output, reports: "list[Completeness]") -> None:
    output.table(*answers.table(reports))
    for report in reports:
        for line in answers.more_lines(report):
            output.say(clean(line))
    for note in answers.notes(reports):
        output.note(note)
