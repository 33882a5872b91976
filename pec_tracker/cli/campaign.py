"""`pec-tracker campaign`: letters to many; here the group, and a printout cut into the pages of each."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pec_tracker.answers import campaign_split as answers
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.campaign_check import check, preview, test
from pec_tracker.cli.campaign_define import new, update
from pec_tracker.cli.campaign_paper import chair, outcome
from pec_tracker.cli.campaign_report import list_, report, status
from pec_tracker.cli.campaign_run import cancel, pause, resume, retry_failed, run, start
from pec_tracker.cli.options import Group, argument, json_option, option
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.written import export, force_option, refuse_existing, usable
from pec_tracker.errors import Exit, UsageError
from pec_tracker.texts import N_, _

if TYPE_CHECKING:
    from pec_tracker.service.campaigns.split import By, Listed


@click.group(
    "campaign", cls=Group, help=N_("Letters to many: from a list, each with its own documents, sent once and followed.")
)
def command() -> None:
    """Only the group: each subcommand says what it does."""


_MADE = (new, check, preview, test)
_SENT = (start, run, status, report, update, retry_failed, outcome, chair, pause, resume, cancel, list_)
for one in (*_MADE, *_SENT):
    command.add_command(one)


@command.command(
    "split",
    help=N_(
        "Cut a PDF that holds the pages of all owners into a file for each.\n\n"
        "--by names the word before the unit on each page (Interno); else tax codes, bookmarks or a regular expression "
        "say whose a page is. The list, or the condominium of the address book, says who there should be: a page of "
        "nobody, an owner without a page, a name of somebody else stop it, and nothing is cut. The status is 1 then."
    ),
    epilog="""pec-tracker campaign split estratti.pdf --by Interno --condominium "Via Garibaldi 3" --to estratti
        pec-tracker campaign split estratti.pdf --by-tax-code --list elenco.xlsx --check
        pec-tracker campaign split estratti.pdf --pattern "Scala (\\w+) int (\\d+)" --list elenco.csv --check""",
)
@argument(
    "file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path), help=N_("The printout.")
)
@option("--by", "label", metavar="WORD", help=N_("The word before the unit on each page, as in: Interno 3."))
@option("--by-tax-code", is_flag=True, help=N_("The tax code on a page says whose it is."))
@option("--by-bookmark", is_flag=True, help=N_("The bookmarks of the PDF say where each owner begins."))
@option("--pattern", metavar="REGEX", help=N_("What finds the unit: one group, or two (staircase, unit)."))
@option(
    "--list",
    "list_file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=N_("The owners that there should be (XLSX or CSV)."),
)
@option("--condominium", metavar="NAME", help=N_("The owners that there should be: those of the address book."))
@option("--continued", is_flag=True, help=N_("A page that names nobody belongs to the owner before it."))
@option("--gathered", is_flag=True, help=N_("An owner's pages may lie apart."))
@option(
    "--to",
    "folder",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help=N_("Where the files go, with index.csv, which says whose each is (default: beside the printout)."),
)
@option("--check", is_flag=True, help=N_("Only say what would be cut and what does not fit."))
@force_option
@json_option
@pass_cli
def split_printout(
    cli: Cli,
    *,
    file: Path,
    label: str | None,
    by_tax_code: bool,
    by_bookmark: bool,
    pattern: str | None,
    list_file: Path | None,
    condominium: str | None,
    continued: bool,
    gathered: bool,
    folder: Path | None,
    check: bool,
    force: bool,
    as_json: bool,
) -> Exit:
    """The pages of each owner; or what does not fit."""
    from pec_tracker.render.tables import to_csv
    from pec_tracker.service.campaigns.split import split

    by = _by(label, pattern, by_tax_code=by_tax_code, by_bookmark=by_bookmark, continued=continued, gathered=gathered)
    output = cli.output(as_json=as_json)
    with usable(file):
        content = file.read_bytes()
    done = split(content, file.name, by, _listed(cli, by, list_file, condominium))
    target = file.parent / file.stem if folder is None else folder
    written = done.files and not check
    if written:
        targets = {target / one.name: one.content for one in done.files}
        targets[target / "index.csv"] = to_csv(*answers.csv_rows(done))
        for path in targets:
            refuse_existing(path, force=force)
        with usable(target):
            target.mkdir(parents=True, exist_ok=True)
        for path, part in targets.items():
            export(path, part, force=force)
    if as_json:
        output.record(answers.split_facts(done, str(target) if written else None))
    else:
        if not done.cut.findings:
            output.table(*answers.table(done))
        for line in answers.finding_lines(done):
            output.say(clean(line))
        if written:
            output.say(clean(answers.done_text(done, str(target))))
        elif done.files:
            output.say(_("Nothing was written: this was only a check."))
    return Exit.FINDING if done.cut.findings else Exit.DONE


def _by(
    label: str | None, pattern: str | None, *, by_tax_code: bool, by_bookmark: bool, continued: bool, gathered: bool
) -> "By":
    from pec_tracker.service.campaigns.printout import Mark
    from pec_tracker.service.campaigns.split import By

    asked = [
        (Mark.LABEL, label),
        (Mark.PATTERN, pattern),
        (Mark.TAX_CODE, "" if by_tax_code else None),
        (Mark.BOOKMARK, "" if by_bookmark else None),
    ]
    said = [(mark, what) for mark, what in asked if what is not None]
    if len(said) != 1:
        raise UsageError("say in one way whose a page is: --by WORD, --by-tax-code, --by-bookmark or --pattern REGEX")
    mark, what = said[0]
    return By(mark, what, continued, gathered)


def _listed(cli: Cli, by: "By", list_file: Path | None, condominium: str | None) -> "Listed | None":
    from pec_tracker.service.campaigns.split import listed_in, listed_in_book

    if list_file is not None and condominium is not None:
        raise UsageError("say the owners in one way: --list FILE, or --condominium NAME of the address book")
    if condominium is not None:
        return listed_in_book(OPERATOR, cli.app().house, condominium, by)
    if list_file is None:
        return None
    with usable(list_file):
        return listed_in(list_file.read_bytes(), by)
