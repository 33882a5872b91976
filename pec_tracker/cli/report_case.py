"""`pec-tracker report case`: in this case, who received what, when, and who did not and why?"""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pec_tracker.answers import case as answers
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.options import Command, argument, json_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.written import export, force_option, refuse_existing
from pec_tracker.errors import Exit, NotFoundError
from pec_tracker.texts import N_, _

if TYPE_CHECKING:
    from pec_tracker.service.queries.case import Outcome

# What a table on a screen has room for, in its order: columns of answers.case by their English name.
SHOWN: Final = ("Recipient", "Received", "Certified time", "State", "Why", "Subject")


@click.command(
    "case",
    cls=Command,
    help=N_(
        "List for every message of a case and every recipient who received it and when, who did not and why.\n\n"
        "Times are the certified ones. Received means that a delivery receipt that is proof says so. The status is 1 "
        "when somebody has not received something, or when there is no such case."
    ),
    epilog="""pec-tracker report case 2026/114
        pec-tracker report case 2026/114 --xlsx esito.xlsx --csv esito.csv
        pec-tracker report case 2026/114 --json | jq 'select(.received | not)'""",
)
@argument("case", metavar="CASE", help=N_("Your own reference, as given when the messages were sent."))
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
def case(cli: Cli, *, case: str, csv_file: Path | None, xlsx_file: Path | None, force: bool, as_json: bool) -> Exit:
    """One row a message and recipient."""
    from pec_tracker.service.queries.case import contest

    app = cli.app()
    output = cli.output(as_json=as_json)
    for file in (csv_file, xlsx_file):
        if file is not None:
            refuse_existing(file, force=force)
    outcomes = contest(OPERATOR, app.house, case)
    if not outcomes:
        raise NotFoundError(
            "no message belongs to the case {case}; `pec-tracker find --case` looks for others", case=case
        )
    _export(output, outcomes, csv_file, xlsx_file, force=force)
    if as_json:
        for outcome in outcomes:
            output.record(answers.outcome_facts(outcome))
    else:
        output.table(*answers.table(outcomes, SHOWN))
        output.note(answers.received_text(outcomes))
    return Exit.DONE if all(outcome.received for outcome in outcomes) else Exit.FINDING


def _export(
    output: Output, outcomes: "list[Outcome]", csv_file: Path | None, xlsx_file: Path | None, *, force: bool
) -> None:
    from pec_tracker.render.tables import to_csv, to_xlsx

    columns, cells = answers.columns(), answers.rows(outcomes)
    if csv_file is not None:
        _write(output, csv_file, to_csv(columns, cells), force=force)
    if xlsx_file is not None:
        _write(output, xlsx_file, to_xlsx(columns, cells, sheet=_("Outcome")), force=force)


def _write(output: Output, file: Path, content: bytes, *, force: bool) -> None:
    export(file, content, force=force)
    output.note(_("Written: {file}").format(file=file))
