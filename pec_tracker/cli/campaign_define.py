"""`pec-tracker campaign new` and `update`: what is sent to whom, and from which list?"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.campaign_check import check_and_tell, rejects_option
from pec_tracker.cli.options import Command, Token, argument, json_option, option
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.written import force_option, usable
from pec_tracker.errors import Exit, UsageError
from pec_tracker.texts import N_, _
from pec_tracker.texts.campaigns import CHANNELS

if TYPE_CHECKING:
    from pec_tracker.service.campaigns.definition import Definition

F = TypeVar("F", bound=Callable[..., Any])

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_WITHOUT_PEC = {way: word for way, word in CHANNELS.items() if way in ("paper", "hand")}


def definition_options(command: F) -> F:
    """What can be said of a campaign, when it is made and later."""
    options = (
        option("--condominium", metavar="NAME", help=N_("The recipients: who is entitled in this condominium.")),
        option("--sheet", metavar="NAME", help=N_("The sheet of the workbook (default: the first).")),
        option(
            "--map",
            "columns",
            metavar="COLUMN=FIELD",
            multiple=True,
            help=N_("This column says that field (name, pec, unit ...; - for none); may be repeated."),
        ),
        option("--subject", metavar="TEXT", help=N_("The subject; {nome}, {interno} or any column may stand in it.")),
        option("--text", metavar="TEXT", help=N_("The text of the letters; columns may stand in it.")),
        option("--text-file", metavar="FILE", type=_FILE, help=N_("The text from a UTF-8 file.")),
        option(
            "--attach", "shared", metavar="FILE", multiple=True, type=_FILE, help=N_("A document for all (repeatable).")
        ),
        option("--file-column", metavar="COLUMN", help=N_("The column that names each row's own document.")),
        option(
            "--file-pattern",
            metavar="TEXT",
            help=N_("How each row's own document is called, as in: *-{interno}.pdf; 3 is never 13."),
        ),
        option(
            "--folder",
            metavar="FOLDER",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            help=N_("Where these documents are; alone: what `campaign split` wrote."),
        ),
        option(
            "--key", "key_column", metavar="COLUMN", help=N_("The column that tells rows apart, and never changes.")
        ),
        option(
            "--channel-column", metavar="COLUMN", help=N_("The column that says how each goes: PEC, raccomandata ...")
        ),
        option(
            "--without-pec", type=Token(_WITHOUT_PEC), help=N_("How a row without a PEC address goes (default: not).")
        ),
        option(
            "--merge/--no-merge", default=None, help=N_("One letter to rows with the same address, naming them all.")
        ),
        option("--case", metavar="TEXT", help=N_("Your own reference, to find it again with find --case.")),
        option("--accept", "accepted", metavar="TOKEN", multiple=True, help=N_("A fault that is known and wanted.")),
    )
    for one in reversed(options):
        command = one(command)
    return command


@click.command(
    "new",
    cls=Command,
    help=N_(
        "Make a campaign: a letter to each row of a list (XLSX or CSV), or to each owner of a condominium.\n\n"
        "It is checked at once, and nothing is sent. Subject and text may hold {nome}, {interno} or any column's name "
        "in braces."
    ),
    epilog="""pec-tracker campaign new "Assemblea 2026" --list elenco.xlsx --subject "Convocazione" --text-file l.txt
        pec-tracker campaign new "Estratti 2025" --list elenco.csv --subject "Estratto conto, interno {interno}" \\
          --text "Gentile {nome}, ..." --file-pattern "*-{interno}.pdf" --folder estratti
        pec-tracker campaign new "Verbale" --condominium "Via Garibaldi 3" --subject "Verbale" --text-file v.txt""",
)
@argument("name", metavar="NAME", help=N_("What the campaign is called."))
@option("--list", "list_file", metavar="FILE", type=_FILE, help=N_("The recipients, a row each (XLSX or CSV)."))
@option("--mailbox", metavar="NAME", help=N_("The mailbox to send from (may be left out when there is only one)."))
@option(
    "--receipt",
    "receipt_form",
    type=click.Choice(["completa", "breve", "sintetica"]),
    help=N_("The delivery receipt to ask for; only the complete one (completa, the default) proves the content."),
)
@definition_options
@rejects_option
@force_option
@json_option
@pass_cli
def new(
    cli: Cli, /, *, name: str, mailbox: str | None, rejects: Path | None, force: bool, as_json: bool, **given: Any
) -> Exit:
    """Made, then checked."""
    from pec_tracker.service.campaigns.campaigns import new_campaign

    app = cli.app()
    account = app.account(mailbox)
    made = new_campaign(OPERATOR, app.house, account, name, _definition(given))
    output = cli.output(as_json=as_json)
    if not as_json:
        output.note(_("Made: {name}").format(name=clean(made.name)))
    return check_and_tell(cli, made.name, rejects, force=force, as_json=as_json)


@click.command(
    "update",
    cls=Command,
    help=N_(
        "Give a campaign a corrected list, another text or document; it is checked, and what would change is told.\n\n"
        "Nothing is sent before `campaign start` with the new check's id: then what has arrived stays, changed and new "
        "rows go, and no row goes twice."
    ),
    epilog="""pec-tracker campaign update "Assemblea 2026" elenco-corretto.xlsx
        pec-tracker campaign update "Assemblea 2026" --attach verbale-nuovo.pdf""",
)
@argument("name", metavar="NAME", help=N_("The campaign, or the beginning of its name."))
@argument("list_file", metavar="[FILE]", required=False, type=_FILE, help=N_("The corrected list."))
@definition_options
@rejects_option
@force_option
@json_option
@pass_cli
def update(cli: Cli, /, *, name: str, rejects: Path | None, force: bool, as_json: bool, **given: Any) -> Exit:
    """Said otherwise, then checked."""
    from pec_tracker.service.campaigns.campaigns import redefine

    changes = _changes(given)
    campaign = redefine(OPERATOR, cli.app().house, name, changes)
    return check_and_tell(cli, campaign.name, rejects, force=force, as_json=as_json)


def _definition(given: Mapping[str, Any]) -> "Definition":
    from pec_tracker.service.campaigns.definition import Definition

    if not given["subject"]:
        raise UsageError("a campaign needs a subject: --subject TEXT")
    if (given["text"] is None) == (given["text_file"] is None):
        raise UsageError("give the text once: with --text, or with --text-file")
    return Definition.of_json(_changes(given))


def _changes(given: Mapping[str, Any]) -> dict[str, Any]:
    """What was said, as the fields of a definition; what was not said is not in it."""
    if given["text"] is not None and given["text_file"] is not None:
        raise UsageError("give the text once: with --text, or with --text-file")
    said = {name: value for name, value in given.items() if value not in (None, ()) and name != "text_file"}
    if given["text_file"] is not None:
        said["text"] = _read_text(given["text_file"])
    if "list_file" in said:
        said["condominium"] = None
    elif "condominium" in said:
        said["list_file"] = None
    for name in ("list_file", "folder"):
        if said.get(name) is not None:
            said[name] = str(Path(said[name]).absolute())
    if "shared" in said:
        said["shared"] = [str(Path(one).absolute()) for one in said["shared"]]
    return {name: list(value) if isinstance(value, tuple) else value for name, value in said.items()}


def _read_text(file: Path) -> str:
    with usable(file):
        content = file.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError("{file} is not UTF-8 text; save it as UTF-8, or attach it with --attach", file=file) from error
