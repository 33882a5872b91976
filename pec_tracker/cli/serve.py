"""`pec-tracker serve`: who keeps the watch? This process, until it is told to stop."""

import sys

import click

from pec_tracker.cli.options import Command, json_option
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.rounds import chosen
from pec_tracker.texts import N_, _, ngettext


@click.command(
    "serve",
    cls=Command,
    help=N_(
        "Collect, send and watch the space of every mailbox on a schedule, until SIGTERM or Ctrl-C.\n\n"
        "What it does is logged on stderr, as [log] in the configuration says. It ends within 10 seconds; whatever is "
        "interrupted goes on at the next start. --json prints one line when it has started and one when it has ended."
    ),
    epilog="""pec-tracker serve
        pec-tracker --verbose serve""",
)
@json_option
@pass_cli
def command(cli: Cli, *, as_json: bool) -> None:
    """Logs first, then the daemon."""
    from pec_tracker.daemon.serve import serve

    cli.start_service_logs()
    app = cli.app()
    output = cli.output(as_json=as_json)
    mailboxes = [account.name for account in chosen(app, ())]

    def started() -> None:
        if as_json:
            output.record({"event": "started", "mailboxes": mailboxes})
            sys.stdout.flush()
            return
        told = ngettext(
            "Watching {count} mailbox; Ctrl-C ends it.", "Watching {count} mailboxes; Ctrl-C ends it.", len(mailboxes)
        )
        output.note(told.format(count=len(mailboxes)))

    serve(app, started=started)
    if as_json:
        output.record({"event": "stopped", "mailboxes": mailboxes})
    else:
        output.note(_("Stopped."))
