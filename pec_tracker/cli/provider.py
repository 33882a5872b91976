"""`pec-tracker provider`: which providers do we know, with which settings, and how well?"""

from typing import Final

import click

from pec_tracker.answers import provider as answers
from pec_tracker.cli.options import Group, argument, json_option
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.errors import UsageError
from pec_tracker.texts import N_

WIDTH: Final = 22  # of a label


@click.group("provider", cls=Group, help=N_("See the providers that are known, with their settings."))
def command() -> None:
    """Only the group: each subcommand says what it does."""


@command.command(
    "list",
    help=N_(
        "List the providers that a mailbox may name, and what their settings rest on.\n\n"
        "Verified: the provider's own page, or real sends, say so. Reported: public clients say so."
    ),
    epilog="""pec-tracker provider list""",
)
@json_option
@pass_cli
def list_providers(cli: Cli, *, as_json: bool) -> None:
    """One row a provider."""
    from pec_tracker.providers import names, provider

    output = cli.output(as_json=as_json)
    known = [provider(name) for name in names()]
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
@json_option
@pass_cli
def show(cli: Cli, *, name: str, as_json: bool) -> None:
    """Every fact of one provider."""
    from pec_tracker.providers import names, provider

    if name not in names():
        raise UsageError(
            "{name!r} is not a provider that we know. Known: {choices}. For any other use custom, and the servers of "
            "its welcome mail",
            name=name,
            choices=", ".join(names()),
        )
    output = cli.output(as_json=as_json)
    if as_json:
        output.record(answers.provider_facts(provider(name)))
    else:
        output.pairs(answers.lines(provider(name)), width=WIDTH)
