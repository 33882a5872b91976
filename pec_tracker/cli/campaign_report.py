"""`pec-tracker campaign list`, `status` and `report`: who has received it, and who has not?"""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pec_tracker.answers import campaigns as answers
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.options import Command, argument, json_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.written import export, force_option, refuse_existing
from pec_tracker.errors import Exit
from pec_tracker.texts import N_, _

if TYPE_CHECKING:
    from pec_tracker.service.campaigns.report import Report

# What a table on a screen has room for: columns of answers.campaigns by their English name.
SHOWN: Final = ("Row", "Unit", "Name", "State", "Certified time", "Why")


@click.command(
    "list",
    cls=Command,
    help=N_("List the campaigns, the newest first."),
    epilog="""pec-tracker campaign list
        pec-tracker campaign list --json""",
)
@json_option
@pass_cli
def list_(cli: Cli, *, as_json: bool) -> None:
    """One row a campaign."""
    from pec_tracker.service.campaigns.campaigns import list_campaigns

    output = cli.output(as_json=as_json)
    found = list_campaigns(OPERATOR, cli.app().house)
    if as_json:
        for one in found:
            output.record(answers.overview_facts(one))
        return
    output.table(*answers.table(found))
    if not found:
        output.note(_("There is no campaign: campaign new makes one."))


@click.command(
    "status",
    cls=Command,
    help=N_(
        "Say where a campaign stands, and what needs a person.\n\n"
        "The status is 1 when somebody has not received it for sure, or a row is left out or stopped."
    ),
    epilog="""pec-tracker campaign status "Assemblea 2026"
        pec-tracker campaign status "Assemblea 2026" --json""",
)
@argument("name", metavar="NAME", help=N_("The campaign, or the beginning of its name."))
@json_option
@pass_cli
def status(cli: Cli, *, name: str, as_json: bool) -> Exit:
    """One sentence, then the rows that need a person."""
    from pec_tracker.service.campaigns.report import expected_end, report

    app = cli.app()
    output = cli.output(as_json=as_json)
    found = report(OPERATOR, app.house, name)
    end = expected_end(app.house, app.account(found.campaign.mailbox), found.waiting)
    if as_json:
        output.record(answers.report_facts(found, end))
    else:
        for line in answers.status_lines(found, end):
            output.text(line)
    return Exit.FINDING if found.to_be_seen_to else Exit.DONE


@click.command(
    "report",
    cls=Command,
    help=N_(
        "List every row of a campaign: who received it and when, who did not and why.\n\n"
        "Times are the certified ones. The status is 1 when somebody has not received it."
    ),
    epilog="""pec-tracker campaign report "Assemblea 2026"
        pec-tracker campaign report "Assemblea 2026" --xlsx esito.xlsx --csv esito.csv""",
)
@argument("name", metavar="NAME", help=N_("The campaign, or the beginning of its name."))
@option(
    "--csv",
    "csv_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help=N_("Write the list as CSV too, for spreadsheets."),
)
@option(
    "--xlsx",
    "xlsx_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help=N_("Write the list as an Excel workbook too."),
)
@force_option
@json_option
@pass_cli
def report(cli: Cli, *, name: str, csv_file: Path | None, xlsx_file: Path | None, force: bool, as_json: bool) -> Exit:
    """One row a row."""
    from pec_tracker.service.campaigns.report import report as told

    output = cli.output(as_json=as_json)
    for file in (csv_file, xlsx_file):
        if file is not None:
            refuse_existing(file, force=force)
    found = told(OPERATOR, cli.app().house, name)
    _export(output, found, csv_file, xlsx_file, force=force)
    if as_json:
        for one in found.rows:
            output.record({**answers.campaign_facts(found.campaign), **answers.row_facts(one)})
    else:
        output.table(*answers.rows_table(found, SHOWN))
        output.note(answers.received_text(found))
    return Exit.DONE if found.all_received else Exit.FINDING


def _export(output: Output, found: "Report", csv_file: Path | None, xlsx_file: Path | None, *, force: bool) -> None:
    from pec_tracker.render.tables import to_csv, to_xlsx

    columns, cells = answers.columns(), answers.rows(found)
    if csv_file is not None:
        _write(output, csv_file, to_csv(columns, cells), force=force)
    if xlsx_file is not None:
        _write(output, xlsx_file, to_xlsx(columns, cells, sheet=_("Outcome")), force=force)


def _write(output: Output, file: Path, content: bytes, *, force: bool) -> None:
    export(file, content, force=force)
    output.note(_("Written: {file}").format(file=file))
