"""`pec-tracker provider`: which providers do we know, with which settings, and how well?"""

from typing import TYPE_CHECKING, Final

import click

from pec_tracker import config_source
from pec_tracker.answers import pec_address as guesses
from pec_tracker.answers import provider as answers
from pec_tracker.answers import provider_report as reports
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.options import Group, argument, json_option, option
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.trying import status_of, tried
from pec_tracker.errors import Exit, ServerError, UsageError
from pec_tracker.pec.address import domain_of, is_valid
from pec_tracker.texts import N_, _, error_text

if TYPE_CHECKING:
    from pec_tracker.config import Config
    from pec_tracker.providers import Catalogue

WIDTH: Final = 22  # of a label


@click.group("provider", cls=Group, help=N_("See the providers that are known, with their settings."))
def command() -> None:
    """Only the group: each subcommand says what it does."""


@command.command(
    "list",
    help=N_(
        "List the providers that a mailbox may name, and what their settings rest on.\n\n"
        "Verified: the provider's own page, or real sends, say so. Reported: public clients say so. Yours: a file "
        "providers.toml beside the configuration file adds a provider, or changes keys of one that is built in; "
        "`provider show --toml` prints a table to begin with."
    ),
    epilog="""pec-tracker provider list""",
)
@json_option
@pass_cli
def list_providers(cli: Cli, *, as_json: bool) -> None:
    """One row a provider."""
    output = cli.output(as_json=as_json)
    known = list(_catalogue(cli).profiles.values())
    if as_json:
        for one in known:
            output.record(answers.provider_facts(one))
        return
    output.table(*answers.table(known))
    for note in answers.list_notes(known):
        output.note(note)


@command.command(
    "show",
    help=N_("Show one provider: servers, user name, limits, pace, and what its users should know."),
    epilog="""pec-tracker provider show aruba""",
)
@argument("name", metavar="PROVIDER", help=N_("Which provider, as `provider list` names it."))
@option("--toml", "as_toml", is_flag=True, help=N_("As a table for a providers.toml of your own."))
@json_option
@pass_cli
def show(cli: Cli, *, name: str, as_toml: bool, as_json: bool) -> None:
    """Every fact of one provider."""
    catalogue = _catalogue(cli)
    if name not in catalogue.names():
        raise UsageError(
            "{name!r} is not a provider that we know. Known: {choices}. For any other use custom, and the servers of "
            "its welcome mail",
            name=name,
            choices=", ".join(catalogue.names()),
        )
    output = cli.output(as_json=as_json)
    if as_json:
        output.record(answers.provider_facts(catalogue.provider(name)))
    elif as_toml:
        output.say(answers.toml_of(catalogue.provider(name)))
    else:
        output.pairs(answers.lines(catalogue.provider(name)), width=WIDTH)


@command.command(
    "of",
    help=N_(
        "Guess whether an address is a PEC address, and with which provider.\n\n"
        "By what receipts said of it, by its domain, and by the servers that take mail for that domain (MX, with the "
        "extra dns). It is a guess: certain are the registers alone (INI-PEC, INAD, IPA, ReGIndE), which nobody asks "
        "here."
    ),
    epilog="""pec-tracker provider of studio.rossi@pec.example.it
        pec-tracker provider of studio.rossi@pec.example.it --no-mx""",
)
@argument("address", metavar="ADDRESS", help=N_("The address."))
@option("--no-mx", "offline", is_flag=True, help=N_("Ask no name server."))
@json_option
@pass_cli
def of(cli: Cli, *, address: str, offline: bool, as_json: bool) -> None:
    """What is known here, and one question to the name servers."""
    from pec_tracker.service.queries.pec_address import Guess, seen

    if not is_valid(address):
        raise UsageError("{address!r} is not an address; write it as name@domain", address=address)
    catalogue, output = _catalogue(cli), cli.output(as_json=as_json)
    exchangers, problem = (None, None) if offline else _exchangers(domain_of(address))
    by_exchanger = next(filter(None, map(catalogue.of_exchanger, exchangers or ())), None)
    said = seen(OPERATOR, cli.app().house, address)
    guess = Guess(address, said, catalogue.serving(address), exchangers, by_exchanger)
    if as_json:
        output.record(guesses.guess_facts(guess))
        return
    for line in guesses.guess_lines(guess, catalogue):
        output.say(clean(line))
    if problem is not None:
        output.note(clean(error_text(problem)))
    elif not offline and exchangers is None:
        output.note(_("The servers that take its mail were not asked: the extra dns is needed (pip install '.[dns]')."))


def _exchangers(domain: str) -> "tuple[tuple[str, ...] | None, ServerError | None]":
    """The mail exchangers of *domain*, or None with what kept them from being told, if anything did."""
    from pec_tracker.wire.mail_exchangers import can_ask, mail_exchangers

    if not can_ask():
        return None, None
    try:
        return mail_exchangers(domain), None
    except ServerError as error:
        return None, error


@command.command(
    "report",
    help=N_(
        "Try a mailbox and print what its servers tell of themselves, to be sent to the authors.\n\n"
        "What it prints is also a table for a file providers.toml beside the configuration. It holds no password, and "
        "no address or user name unless --with-address asks for them. NAME is a mailbox, or a provider of which one "
        "mailbox is configured."
    ),
    epilog="""pec-tracker provider report studio
        pec-tracker provider report aruba --with-address""",
)
@argument("which", metavar="NAME", help=N_("A mailbox, or a provider that one mailbox has."))
@option("--with-address", "named", is_flag=True, help=N_("With the mailbox's address and user name."))
@json_option
@pass_cli
def report(cli: Cli, *, which: str, named: bool, as_json: bool) -> Exit:
    """Nothing is changed, here and at the provider."""
    config, output = cli.config(), cli.output(as_json=as_json)
    name = _mailbox_of(config, which)
    one, trial = tried(config, name)
    if trial.secret is not None:
        raise trial.secret
    profile = config.mailbox(name).profile
    if as_json:
        output.record(reports.report_facts(profile, one, trial, named=named))
        return status_of(trial)
    output.say(reports.report_text(profile, one, trial, named=named))
    if trial.ready:
        output.note(_("Read it through before you send it; the part below # can be put into a providers.toml."))
    return status_of(trial)


def _mailbox_of(config: "Config", which: str) -> str:
    if which in config.mailboxes:
        return which
    found = [name for name, mailbox in config.mailboxes.items() if mailbox.provider == which]
    if len(found) != 1:
        raise UsageError(
            "{which!r} is no mailbox, nor a provider that exactly one mailbox has; mailboxes: {names}",
            which=which,
            names=", ".join(found or config.mailboxes) or "-",
        )
    return found[0]


def _catalogue(cli: Cli) -> "Catalogue":
    """The built-in providers and the user's own; whatever else the configuration says does not matter."""
    from pec_tracker.own_providers import beside

    return beside(config_source.to_edit(cli.config_file))
