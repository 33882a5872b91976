"""`pec-tracker rebuild`: the database is lost or old; make it again from the archive and its sealed ledger."""

import click

from pec_tracker.askers import OPERATOR
from pec_tracker.cli.options import Command, json_option, option
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.errors import Exit
from pec_tracker.texts import N_, _, ngettext


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
        output.record(
            {
                "segments": result.segments,
                "lines": result.lines,
                "mails": result.mails,
                "messages": result.messages,
                "uncertain": result.uncertain,
                "missing": list(result.missing),
                "carried": result.carried,
                "written_again": list(result.mended),
                "old_database_unreadable": result.old_unreadable,
                "old_database": aside,
            }
        )
        return Exit.FINDING if result.missing else Exit.DONE
    output.say(
        _("{mails} mails and {messages} messages, from {lines} ledger lines under {segments} seals.").format(
            mails=result.mails, messages=result.messages, lines=result.lines, segments=result.segments
        )
    )
    if result.uncertain:
        output.say(_("{count} messages may have left; see: pec-tracker outbox list").format(count=result.uncertain))
    if result.carried:
        told = ngettext(
            "{count} act that only the old database knew was carried over.",
            "{count} acts that only the old database knew were carried over.",
            result.carried,
        )
        output.say(told.format(count=result.carried))
    for name in result.mended:
        output.say(_("written again from the old database: {name}").format(name=name))
    if result.old_unreadable:
        output.say(
            _("The old database could not be read: what it alone knew (acts of its last minute) is not carried over.")
        )
    for name in result.missing:
        output.say(_("missing in the archive: {name}").format(name=name))
    if aside is not None:
        output.note(_("The old database is now {file}.").format(file=aside))
    return Exit.FINDING if result.missing else Exit.DONE
