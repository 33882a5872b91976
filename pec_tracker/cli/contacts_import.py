"""`pec-tracker contacts import`: a list of persons is taken into the address book, its problems told first."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pec_tracker.answers import contacts_import as answers
from pec_tracker.answers.contacts import TITLE_WORDS
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.options import Command, Token, argument, json_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.written import export, force_option, refuse_existing, usable
from pec_tracker.errors import Exit
from pec_tracker.texts import N_, _

if TYPE_CHECKING:
    from pec_tracker.service.contacts.import_ import Imported


@click.command(
    "import",
    cls=Command,
    help=N_(
        "Take a list of persons (XLSX or CSV) into the address book.\n\n"
        "Columns are known by their usual names, in Italian or English, wherever in the first 20 rows they stand; "
        "--map names others, and is remembered for files with the same columns. The same file twice changes nothing, a "
        "corrected one corrects. A row that cannot be taken keeps all from being written, unless --skip-wrong. The "
        "status is 1 when there is one."
    ),
    epilog="""pec-tracker contacts import elenco.xlsx --condominium "Via Garibaldi 3" --check
        pec-tracker contacts import elenco.csv --condominium "Via Garibaldi 3" --map "Rif.=unit"
        pec-tracker contacts import elenco.xlsx --skip-wrong --rejects da-correggere.csv""",
)
@argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path), help=N_("The list."))
@option("--condominium", metavar="NAME", help=N_("The condominium whose units the rows name; a new one is added."))
@option("--check", is_flag=True, help=N_("Only say what is wrong and what would change."))
@option(
    "--map",
    "columns",
    metavar="COLUMN=FIELD",
    multiple=True,
    help=N_("This column says that field (name, pec, unit ...; - for none); may be repeated."),
)
@option("--title", type=Token(TITLE_WORDS), help=N_("The title of whom no row says one (default: owner):"))
@option("--sheet", metavar="NAME", help=N_("The sheet of the workbook (default: the first)."))
@option("--skip-wrong", is_flag=True, help=N_("Leave out the rows that cannot be taken, and write the others."))
@option(
    "--rejects",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help=N_("Write the rows that cannot be taken to this CSV, each with its reason."),
)
@force_option
@json_option
@pass_cli
def import_file(
    cli: Cli,
    *,
    file: Path,
    condominium: str | None,
    check: bool,
    columns: tuple[str, ...],
    title: str | None,
    sheet: str | None,
    skip_wrong: bool,
    rejects: Path | None,
    force: bool,
    as_json: bool,
) -> Exit:
    """Its findings by class, what changes, and whether it was written."""
    from pec_tracker.contact_tokens import Title
    from pec_tracker.service.contacts.import_ import Asked, import_contacts

    output = cli.output(as_json=as_json)
    if rejects is not None:
        refuse_existing(rejects, force=force)
    with usable(file):
        content = file.read_bytes()
    right = Title(title) if title else None
    asked = Asked(condominium, columns, right, sheet, check, skip_wrong)
    done = import_contacts(OPERATOR, cli.app().house, content, asked)
    if rejects is not None and done.rejected:
        _write_rejects(output, rejects, done, force=force)
    if as_json:
        output.record(answers.imported_facts(file.name, done))
    else:
        for line in answers.imported_lines(done):
            output.text(line)
        output.text(answers.result_text(done, check=check))
    return Exit.FINDING if done.plan.wrong else Exit.DONE


def _write_rejects(output: Output, file: Path, done: "Imported", *, force: bool) -> None:
    from pec_tracker.render.tables import to_csv

    export(file, to_csv(*answers.rejects_table(done)), force=force)
    output.note(_("Written: {file}").format(file=file))
