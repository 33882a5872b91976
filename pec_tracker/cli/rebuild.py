"""`pec-tracker rebuild`: the database is lost or old; make it again from the archive and its sealed ledger."""

import click

from pec_tracker.answers import rebuilt as answers
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.options import Command, json_option, option
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.errors import Exit
from pec_tracker.texts import N_, _


@click.command(
    "rebuild",
    cls=Command,
    help=N_(
        "Make the database again from the archive: every mail is read and verified again, every act replayed.\n\n"
        "What only the old database knows is carried over, and what the archive lost of its ledger is written again "
        "from it. The old database is moved aside, not deleted; a PostgreSQL database must be empty, and "
        "--old-database names the one that it replaces. Messages that had not surely left are uncertain afterwards, so "
        "that nothing goes twice. Stop `pec-tracker serve` first. The status is 1 when something is missing: it is "
        "named, and the rest is there."
    ),
    epilog="pec-tracker rebuild\npec-tracker rebuild --json",
)
@option(
    "--old-database",
    metavar="URL",
    help=N_("Carry over what only this database knows, too (postgresql://..., sqlite:///FILE)."),
)
@json_option
@pass_cli
def command(cli: Cli, *, old_database: str | None, as_json: bool) -> Exit:
    """Replay the sealed ledger into a new database and put it in the old one's place."""
    from pec_tracker.app import rebuild_database

    output = cli.output(as_json=as_json)
    config = cli.config()
    with output.progress(_("Rebuilding")) as progress:
        result, aside = rebuild_database(OPERATOR, config, old_database=old_database, progress=progress.reach)
    if as_json:
        output.record(answers.rebuilt_facts(result, aside))
    else:
        for line in answers.rebuilt_lines(result):
            output.say(clean(line))
        if aside is not None:
            output.note(answers.aside_text(aside))
    return Exit.FINDING if result.missing else Exit.DONE
