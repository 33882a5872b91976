"""`pec-tracker contacts add` and `edit`: one contact, by hand."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from pec_tracker.answers import contacts as answers
from pec_tracker.answers.contacts import KIND_WORDS, REGISTER_WORDS, TITLE_WORDS
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.options import Command, Token, argument, json_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.texts import N_

if TYPE_CHECKING:
    from pec_tracker.service.contacts.edit import Edited, UnitSaid

F = TypeVar("F", bound=Callable[..., Any])

_OF_THE_UNIT: Final = ("condominium", "unit", "staircase", "title", "share", "since", "until")
_OPTIONS: Final = (
    option("--tax-code", metavar="TEXT", help=N_("Tax code; a wrong check character is told of, and kept.")),
    option("--vat-number", metavar="TEXT", help=N_("VAT number.")),
    option("--kind", type=Token(KIND_WORDS), help=N_("Natural or legal person:")),
    option("--pec", metavar="ADDRESS", help=N_("PEC address; the one before stays known.")),
    option("--register", type=Token(REGISTER_WORDS), help=N_("Where the PEC address comes from:")),
    option("--looked-up-on", metavar="DAY", help=N_("When it was looked up there (2026-11-23 or 23/11/2026).")),
    option("--mail", metavar="ADDRESS", help=N_("Ordinary e-mail address.")),
    option("--street", metavar="TEXT", help=N_("Street and number; a new one takes the old town with it.")),
    option("--cap", metavar="TEXT", help=N_("Postal code.")),
    option("--town", metavar="TEXT", help=N_("Town.")),
    option("--province", metavar="TEXT", help=N_("Province.")),
    option("--country", metavar="TEXT", help=N_("Country.")),
    option("--notes", metavar="TEXT", help=N_("Notes.")),
    option("--condominium", metavar="NAME", help=N_("With --unit: the condominium.")),
    option("--unit", metavar="TEXT", help=N_("Entitled to this unit (3, or: int. 3 scala B).")),
    option("--staircase", metavar="TEXT", help=N_("Staircase of the unit.")),
    option("--title", type=Token(TITLE_WORDS), help=N_("By which title (default: owner):")),
    option("--share", metavar="TEXT", help=N_("For which share (1/2 or 50%).")),
    option("--since", metavar="DAY", help=N_("Since this day.")),
    option("--until", metavar="DAY", help=N_("Until this day: the title has ended then.")),
)


def contact_options(command: F) -> F:
    """What may be said of a contact and of one of the titles."""
    for each in reversed(_OPTIONS):
        command = each(command)
    return command


@click.command(
    "add",
    cls=Command,
    help=N_("Add a contact by hand."),
    epilog="""pec-tracker contacts add "Rossi Mario" --pec mario.rossi@pec.example.it --register inad
        pec-tracker contacts add "Neri Ugo" --condominium "Via Garibaldi 3" --unit 3 --title tenant""",
)
@argument("name", metavar="NAME", help=N_("The full name."))
@contact_options
@json_option
@pass_cli
def add(cli: Cli, /, *, name: str, as_json: bool, **said: str | None) -> None:
    """One contact more."""
    from pec_tracker.service.contacts.edit import add_contact

    values, unit = _said(said)
    edited = add_contact(OPERATOR, cli.app().house, {"name": name, **values}, unit)
    _tell(cli.output(as_json=as_json), edited)


@click.command(
    "edit",
    cls=Command,
    help=N_(
        "Change a contact; an empty text takes a value away.\n\n"
        "WHO is the key or its beginning, a tax code, an address, or words of the name. An address that is replaced "
        "stays known, with the time until which it held. With --condominium and --unit a title is added, corrected or, "
        "by --until, ended."
    ),
    epilog="""pec-tracker contacts edit rossi --pec m.rossi@pec.example.it --register ini-pec --looked-up-on 03/05/2026
        pec-tracker contacts edit neri --condominium "Via Garibaldi 3" --unit 3 --until 31/12/2026""",
)
@argument("who", metavar="WHO...", nargs=-1, required=True, help=N_("Key, tax code, address or name."))
@option("--name", metavar="TEXT", help=N_("The full name."))
@contact_options
@json_option
@pass_cli
def edit(cli: Cli, /, *, who: tuple[str, ...], as_json: bool, **said: str | None) -> None:
    """One contact."""
    from pec_tracker.service.contacts.edit import edit_contact

    values, unit = _said(said)
    edited = edit_contact(OPERATOR, cli.app().house, " ".join(who), values, unit)
    _tell(cli.output(as_json=as_json), edited)


def _said(said: dict[str, str | None]) -> "tuple[dict[str, str], UnitSaid | None]":
    """The values of the person, and the title where anything is said of one."""
    from pec_tracker.service.contacts.edit import UnitSaid

    values = {field: text for field, text in said.items() if text is not None and field not in _OF_THE_UNIT}
    right = {field: text for field, text in said.items() if text is not None and field in _OF_THE_UNIT}
    return values, UnitSaid(**{"condominium": "", "unit": "", **right}) if right else None


def _tell(output: Output, edited: "Edited") -> None:
    if output.json:
        output.record(answers.edited_facts(edited))
        return
    for line in answers.edited_lines(edited):
        output.text(line)
