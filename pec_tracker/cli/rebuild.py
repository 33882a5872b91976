"""`pec-tracker rebuild`: the database is lost or old; make it again from the archive and its sealed ledger."""

import click

from pec_tracker.cli.options import Command, json_option
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.errors import Exit
from pec_tracker.texts import N_, _


@click.command(
    "rebuild",
    cls=Command,
    help=N_(
        "Make the database again from the archive: every mail is read and verified again, every act replayed.\n\n"
        "The old database is moved aside, not deleted; a PostgreSQL database must be empty. Messages that had not "
        "surely left are uncertain afterwards, so that nothing goes twice. Stop `pec-tracker serve` first. "
        "The status is 1 when the archive lacks something that the ledger names."
    ),
    epilog="pec-tracker rebuild\npec-tracker rebuild --json",
)
@json_option
@pass_cli
def command(cli: Cli, *, as_json: bool) -> Exit:
    """Replay the sealed ledger into a new database and put it in the old one's place."""
    from pec_tracker.app import rebuild_database

    output = cli.output(as_json=as_json)
    config = cli.config()
    with output.progress(_("Rebuilding")) as progress:
        result, aside = rebuild_database(config, progress=progress.reach)
    if as_json:
        output.record(
            {
                "segments": result.segments,
                "lines": result.lines,
                "mails": result.mails,
                "messages": result.messages,
                "uncertain": result.uncertain,
                "missing": list(result.missing),
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
    for name in result.missing:
        output.say(_("missing in the archive: {name}").format(name=name))
    if aside is not None:
        output.note(_("The old database is now {file}.").format(file=aside))
    return Exit.FINDING if result.missing else Exit.DONE
