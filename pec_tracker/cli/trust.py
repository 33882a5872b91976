"""`pec-tracker trust`: whom are signatures held to, since when and why; and what changes when that changes?"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pec_tracker.answers import trust as answers
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.options import Group, argument, json_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.errors import Exit
from pec_tracker.texts import N_, _

if TYPE_CHECKING:
    from pec_tracker.service.trust.anchors import Changed


@click.group("trust", cls=Group, help=N_("See, add and update the authorities that signatures are held to."))
def command() -> None:
    """Only the group: each subcommand says what it does."""


@command.command(
    "list",
    help=N_(
        "List every anchor: the default ones, those of the configuration and those that were added.\n\n"
        "The default anchors need no download: they are this computer's public roots, but only through the "
        "authorities that Italian PEC has used."
    ),
    epilog="""pec-tracker trust list
        pec-tracker trust list --json | jq 'select(.use == "sandbox")'""",
)
@json_option
@pass_cli
def list_anchors(cli: Cli, *, as_json: bool) -> None:
    """One row an anchor."""
    from pec_tracker.service.trust import anchors as trust

    house = cli.app().house
    output = cli.output(as_json=as_json)
    anchors = trust.shown(OPERATOR, house, now=house.clock.now())
    if as_json:
        for one in anchors:
            output.record(answers.anchor_facts(one))
        return
    output.table(*answers.table(anchors))
    for note in answers.list_notes(anchors):
        output.note(note)


@command.command(
    "show",
    help=N_("Show one anchor in full. NAME is a fingerprint, its first 8 digits or more, or a part of the name."),
    epilog="""pec-tracker trust show Actalis
        pec-tracker trust show 55926084ec963a64""",
)
@argument("name", metavar="FINGERPRINT|NAME", help=N_("Which anchor."))
@json_option
@pass_cli
def show(cli: Cli, *, name: str, as_json: bool) -> None:
    """Every fact of the anchors that the name fits."""
    from pec_tracker.service.trust import anchors as trust

    house = cli.app().house
    output = cli.output(as_json=as_json)
    for one in trust.named(OPERATOR, house, name, now=house.clock.now()):
        if as_json:
            output.record(answers.anchor_facts(one))
            continue
        output.pairs(answers.anchor_lines(one), width=22)
        output.say()


_public_root_option = option(
    "--public-root",
    is_flag=True,
    help=N_(
        "Add it even if it is a public root of this machine: whoever has from it, or from any authority below it, a "
        "certificate for an address posta-certificata@ could then sign what counts as proof."
    ),
)


@command.command(
    "add",
    help=N_(
        "Trust more certificates, beside the default anchors and never instead.\n\n"
        "PATH is a file (PEM, DER, PKCS#7, or an LDIF of the provider directory, plain or signed) or a folder of "
        "these; the signature of a signed list is not verified. Every certificate there becomes an anchor; revocation "
        "lists are kept too. What is known already changes nothing. Evidence that was archived before is judged "
        "again with `trust recheck`."
    ),
    epilog="""pec-tracker trust add gestore.pem --reason "root of our provider, from its manual of 2026"
        pec-tracker trust add anchors/ --reason "handed over by the former administrator"
        pec-tracker trust recheck""",
)
@argument("path", metavar="FILE|FOLDER", type=click.Path(exists=True, path_type=Path), help=N_("The certificates."))
@option("--reason", metavar="TEXT", required=True, help=N_("Why they are trusted: shown beside them for years."))
@_public_root_option
@json_option
@pass_cli
def add(cli: Cli, *, path: Path, reason: str, public_root: bool, as_json: bool) -> None:
    """Add, and say what is new."""
    from pec_tracker import anchors
    from pec_tracker.service.trust import anchors as trust

    given = anchors.given(path, public_root=public_root)
    _tell_changes(cli.output(as_json=as_json), trust.add(OPERATOR, cli.app().house, given, reason=reason))


@command.command(
    "update",
    help=N_(
        "Bring the list of providers' certificates up to date from FILE: an LDIF of the provider directory (IGPEC) or "
        "a bundle.\n\n"
        "New ones are added. Those of an earlier list that are missing in FILE stay trusted, because old receipts "
        "rest on them, and are named; with --replace they are withdrawn."
    ),
    epilog="""pec-tracker trust update igpec.ldif --reason "provider directory of November 2026"
        pec-tracker trust update igpec.ldif.p7m --replace --reason "correction of the list of May" """,
)
@argument("path", metavar="FILE", type=click.Path(exists=True, path_type=Path), help=N_("The new list."))
@option("--reason", metavar="TEXT", default="", help=N_("Why it is trusted (default: that the list says so)."))
@option("--replace", "replacing", is_flag=True, help=N_("Withdraw what the list no longer holds."))
@_public_root_option
@json_option
@pass_cli
def update(cli: Cli, *, path: Path, reason: str, replacing: bool, public_root: bool, as_json: bool) -> None:
    """Extend or replace, and say what changed."""
    from pec_tracker import anchors
    from pec_tracker.service.trust import anchors as trust

    given = anchors.given(path, public_root=public_root)
    why = reason or trust.LISTED.format(file=path.name)
    changed = trust.update(OPERATOR, cli.app().house, given, reason=why, replacing=replacing)
    _tell_changes(cli.output(as_json=as_json), changed)


@command.command(
    "recheck",
    help=N_(
        "Verify archived evidence again with the trust of today, from its bytes.\n\n"
        "What is not trusted is judged again (with --all everything); journeys and links follow. The verdict at "
        "arrival stays beside the new one. The status is 1 when a mail's bytes could not be read."
    ),
    epilog="""pec-tracker trust recheck
        pec-tracker trust recheck --all""",
)
@option("--all", "every", is_flag=True, help=N_("Also what is trusted already."))
@json_option
@pass_cli
def recheck(cli: Cli, *, every: bool, as_json: bool) -> Exit:
    """Judge again, and count."""
    from pec_tracker.service.intake import recheck as service

    output = cli.output(as_json=as_json)
    with output.progress(_("Verifying")) as progress:
        result = service.recheck(OPERATOR, cli.app().house, every=every, progress=progress.reach)
    if as_json:
        output.record(answers.rechecked_facts(result))
    else:
        for line in answers.rechecked_lines(result):
            output.say(line)
        for line in answers.missing_lines(result):
            click.echo(line, err=True)
    return Exit.FINDING if result.missing else Exit.DONE


def _tell_changes(output: Output, changed: "Changed") -> None:
    if output.json:
        output.record(answers.changed_facts(changed))
        return
    for line in answers.changed_lines(changed):
        output.say(clean(line))
    for note in answers.changed_notes(changed):
        output.note(note)
