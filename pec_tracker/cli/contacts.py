"""`pec-tracker contacts`: the address book. Who is in it, at which address, for which unit of which condominium?"""

from pathlib import Path
from typing import Any

import click

from pec_tracker.answers import contacts as answers
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.contacts_edit import add, edit
from pec_tracker.cli.contacts_import import import_file
from pec_tracker.cli.options import Group, argument, json_option, option
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.written import export as write_export
from pec_tracker.cli.written import force_option, refuse_existing
from pec_tracker.errors import UsageError
from pec_tracker.texts import N_, _


@click.group("contacts", cls=Group, help=N_("The address book: import, list, show, edit and remove contacts."))
def command() -> None:
    """Only the group: each subcommand says what it does."""


command.add_command(import_file)


@command.command(
    "list",
    help=N_(
        "List the contacts by name, with what receipts taught of their addresses.\n\n"
        "WORDS are looked for in the names, each as the beginning of a word."
    ),
    epilog="""pec-tracker contacts list
        pec-tracker contacts list --condominium "Via Garibaldi 3"
        pec-tracker contacts list rossi --json""",
)
@argument("text", metavar="[WORDS]...", nargs=-1, help=N_("Words of the name."))
@option("--condominium", metavar="NAME", help=N_("Of this condominium."))
@option("--limit", metavar="N", type=click.IntRange(1, 10_000), default=100, help=N_("At most so many (default: 100)."))
@option("--offset", metavar="N", type=click.IntRange(0), default=0, help=N_("Leave out the first so many."))
@json_option
@pass_cli
def list_(cli: Cli, /, *, text: tuple[str, ...], as_json: bool, **conditions: Any) -> None:
    """One row a contact."""
    from pec_tracker.service.contacts.people import Wanted, list_contacts

    output = cli.output(as_json=as_json)
    listed = list_contacts(OPERATOR, cli.app().house, Wanted(text=" ".join(text) or None, **conditions))
    if as_json:
        for contact in listed.contacts:
            output.record(answers.contact_facts(contact))
        return
    output.table(*answers.table(listed, conditions["condominium"]), breaks=(3,))
    shown = len(listed.contacts)
    if not shown:
        output.note(_("No contact was found."))
    elif listed.total > shown:
        first = conditions["offset"] + 1
        told = _("Contacts {first} to {last} of {total}; --offset and --limit show others.")
        output.note(told.format(first=first, last=first + shown - 1, total=listed.total))


@command.command(
    "show",
    help=N_(
        "Show one contact: addresses, where they come from, units, and every former address.\n\n"
        "WHO is the key or its beginning, a tax code, an address (also a former one), or words of the name."
    ),
    epilog="""pec-tracker contacts show rossi
        pec-tracker contacts show mario.rossi@pec.example.it --json""",
)
@argument("who", metavar="WHO...", nargs=-1, required=True, help=N_("Key, tax code, address or name."))
@json_option
@pass_cli
def show(cli: Cli, *, who: tuple[str, ...], as_json: bool) -> None:
    """One contact."""
    from pec_tracker.service.contacts.people import show_contact

    output = cli.output(as_json=as_json)
    shown = show_contact(OPERATOR, cli.app().house, " ".join(who))
    if as_json:
        output.record(answers.shown_facts(shown))
        return
    lines = answers.shown_lines(shown)
    output.pairs(lines, width=max(len(label) for label, _text in lines) + 3)
    columns, rows = answers.former_table(shown)
    if rows:
        output.say()
        output.table(columns, rows, breaks=(1,))


command.add_command(add)
command.add_command(edit)


@command.command(
    "remove",
    help=N_(
        "Take a contact out of the address book, with every address that it had.\n\n"
        "Messages and receipts stay where they are: they are no part of the book. Who is entitled to a unit today is "
        "taken out only with --even-entitled."
    ),
    epilog="pec-tracker contacts remove k7f3qv2m",
)
@argument("who", metavar="WHO...", nargs=-1, required=True, help=N_("Key, tax code, address or name."))
@option("--even-entitled", is_flag=True, help=N_("Also who is entitled to a unit today."))
@json_option
@pass_cli
def remove(cli: Cli, *, who: tuple[str, ...], even_entitled: bool, as_json: bool) -> None:
    """One contact less."""
    from pec_tracker.service.contacts.edit import remove_contact

    output = cli.output(as_json=as_json)
    removed = remove_contact(OPERATOR, cli.app().house, " ".join(who), even_entitled=even_entitled)
    if as_json:
        output.record(answers.removed_facts(removed))
    else:
        output.text(answers.removed_text(removed))


@command.command(
    "condominium",
    help=N_(
        "List the condominiums, show one, or say its tax code, address and mailbox.\n\n"
        "One that is not there is added. An empty text takes a value away."
    ),
    epilog="""pec-tracker contacts condominium
        pec-tracker contacts condominium "Via Garibaldi 3" --mailbox studio --tax-code 80012345678""",
)
@argument("name", metavar="[NAME]", required=False, help=N_("The condominium."))
@option("--tax-code", metavar="TEXT", help=N_("Its tax code."))
@option("--address", metavar="TEXT", help=N_("Its address."))
@option("--mailbox", metavar="NAME", help=N_("The mailbox that writes for it."))
@option("--rename", "new_name", metavar="NAME", help=N_("Call it so from now on."))
@json_option
@pass_cli
def condominium(cli: Cli, /, *, name: str | None, as_json: bool, new_name: str | None, **values: str | None) -> None:
    """One row a condominium."""
    from pec_tracker.service.contacts.edit import edit_condominium
    from pec_tracker.service.contacts.people import condominiums

    house = cli.app().house
    output = cli.output(as_json=as_json)
    said = {field: value for field, value in {**values, "name": new_name}.items() if value is not None}
    if said:
        if name is None:
            raise UsageError("name the condominium that is meant")
        name = edit_condominium(OPERATOR, house, name, said)
    found = condominiums(OPERATOR, house, name)
    if as_json:
        for one in found:
            output.record(answers.condominium_facts(one))
        return
    output.table(*answers.condominium_table(found))
    if not found:
        output.note(_("The address book has no condominium; contacts import --condominium NAME adds one."))


@command.command(
    "export",
    help=N_(
        "Write the address book as CSV, for spreadsheets; contacts import takes it again, changed or not.\n\n"
        "It has what holds today: former addresses stay in the database. No cell is taken for a formula."
    ),
    epilog="""pec-tracker contacts export rubrica.csv
        pec-tracker contacts export garibaldi.csv --condominium "Via Garibaldi 3" --force""",
)
@argument("file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help=N_("The CSV to write."))
@option("--condominium", metavar="NAME", help=N_("Only of this condominium."))
@force_option
@json_option
@pass_cli
def export(cli: Cli, *, file: Path, condominium: str | None, force: bool, as_json: bool) -> None:
    """One row a right, or a contact without one."""
    from pec_tracker.render.tables import to_csv
    from pec_tracker.service.contacts.export import export_contacts

    house = cli.app().house
    output = cli.output(as_json=as_json)
    refuse_existing(file, force=force)
    rows = export_contacts(OPERATOR, house, condominium)
    write_export(file, to_csv(*answers.export_table(rows)), force=force)
    if as_json:
        output.record({"file": file, "rows": len(rows)})
    else:
        output.note(_("Written: {file}").format(file=file))
