"""`pec-tracker campaign outcome` and `chair`: letters on paper and by hand, and the sheet for the chair."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from pec_tracker.answers import campaigns as answers
from pec_tracker.answers import chair as sheets
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.options import Command, Moment, argument, json_option, option
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.written import export, force_option, refuse_existing
from pec_tracker.errors import Exit, UsageError
from pec_tracker.texts import N_, _

_name_argument = argument("name", metavar="NAME", help=N_("The campaign, or the beginning of its name."))


@click.command(
    "outcome",
    cls=Command,
    help=N_(
        "Note what came of a letter on paper or by hand: what happened, and on which day.\n\n"
        "It is kept with your name, and told as noted, never as certified. A later note does not take an earlier one "
        "away."
    ),
    epilog="""pec-tracker campaign outcome "Assemblea 2026" --row 14 --posted 20/04/2026 --number 15234567890
        pec-tracker campaign outcome "Assemblea 2026" --row 14 --notice-left 23/04/2026
        pec-tracker campaign outcome "Assemblea 2026" --row 15 --note "al portiere" --handed 21/04/2026""",
)
@_name_argument
@option("--row", metavar="N", type=int, required=True, help=N_("The row of the list."))
@option("--posted", metavar="DAY", type=Moment(), help=N_("It was posted."))
@option("--delivered", metavar="DAY", type=Moment(), help=N_("It was delivered."))
@option("--notice-left", metavar="DAY", type=Moment(), help=N_("A notice was left: it waits at the post office."))
@option("--returned", metavar="DAY", type=Moment(), help=N_("It came back."))
@option("--handed", metavar="DAY", type=Moment(), help=N_("It was handed over, against a signature."))
@option("--number", metavar="TEXT", default="", help=N_("The number of the registered letter."))
@option("--note", metavar="TEXT", default="", help=N_("Anything else to be kept."))
@json_option
@pass_cli
def outcome(cli: Cli, /, *, name: str, row: int, number: str, note: str, as_json: bool, **days: Any) -> None:
    """Noted."""
    from pec_tracker.campaign_tokens import Noted
    from pec_tracker.service.campaigns.outcomes_noted import Note, note_outcome

    said = [(what, day) for what, day in days.items() if day is not None]
    if len(said) != 1:
        raise UsageError("say what happened once: --posted, --delivered, --notice-left, --returned or --handed DAY")
    what, day = said[0]
    noted = Note(Noted(what.replace("_", "-")), day.date(), number.strip(), note.strip())
    found = note_outcome(OPERATOR, cli.app().house, name, row, noted)
    output = cli.output(as_json=as_json)
    if as_json:
        output.record(answers.row_facts(found))
    else:
        output.text(f"{clean(found.letter.name)}: {answers.state_text(found)}")


@click.command(
    "chair",
    cls=Command,
    help=N_(
        "The sheet for the chair of an assembly: each owner, how and when he was convened, and whether in time.\n\n"
        "At least 5 days before the first call; the day of receipt counts, that of the call does not; exactly 5 are at "
        "the limit. The status is 1 when somebody was convened late, or not at all."
    ),
    epilog="""pec-tracker campaign chair "Assemblea 2026" --call 03/05/2026
        pec-tracker campaign chair "Assemblea 2026" --call 03/05/2026 --xlsx foglio.xlsx""",
)
@_name_argument
@option("--call", metavar="DAY", type=Moment(), required=True, help=N_("The day of the first call."))
@option(
    "--csv",
    "csv_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help=N_("Write it as CSV too."),
)
@option(
    "--xlsx",
    "xlsx_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help=N_("Write it as an Excel workbook too, to be printed."),
)
@force_option
@json_option
@pass_cli
def chair(
    cli: Cli, *, name: str, call: datetime, csv_file: Path | None, xlsx_file: Path | None, force: bool, as_json: bool
) -> Exit:
    """One row an owner."""
    from pec_tracker.campaign_tokens import Timely
    from pec_tracker.render.tables import to_csv, to_xlsx
    from pec_tracker.service.campaigns.chair import chair as sheet_of

    output = cli.output(as_json=as_json)
    for file in (csv_file, xlsx_file):
        if file is not None:
            refuse_existing(file, force=force)
    sheet = sheet_of(OPERATOR, cli.app().house, name, call.date())
    columns, rows = sheets.table(sheet)
    if csv_file is not None:
        export(csv_file, to_csv(columns, rows), force=force)
    if xlsx_file is not None:
        export(xlsx_file, to_xlsx(columns, rows, sheet=_("Outcome")), force=force)
    for file in (csv_file, xlsx_file):
        if file is not None:
            output.note(_("Written: {file}").format(file=file))
    if as_json:
        output.record(sheets.sheet_facts(sheet))
    else:
        output.table(columns, rows)
        output.text(sheets.summary_text(sheet))
    return Exit.FINDING if sheet.count(Timely.LATE, Timely.MISSING) else Exit.DONE
