"""`pec-tracker inspect`: what are these mails, and do their signatures hold? Without configuration or database."""

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pec_tracker.answers import inspected as answers
from pec_tracker.answers.plain import clean
from pec_tracker.cli.options import Command, argument, at_option, json_option, trust_option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.errors import Exit
from pec_tracker.texts import N_, _, reason_text

if TYPE_CHECKING:
    from pec_tracker.service.inspect import Inspected

STDIN: Final = "-"


@click.command(
    "inspect",
    cls=Command,
    help=N_(
        "Read PEC receipts and envelopes (.eml) and verify their signatures.\n\n"
        "Needs no configuration and no database, and keeps nothing. FILE is a mail as it was received, or - for the "
        "standard input. Signatures are verified as they stood at the time in the certification data. "
        "The status is 0 whatever the mails are, 2 if a file could not be opened."
    ),
    epilog="""pec-tracker inspect receipt.eml
        pec-tracker inspect --json *.eml | jq .kind
        pec-tracker inspect --trust sandbox-ca.pem --at 2026-11-23T10:00 receipt.eml""",
)
@json_option
@trust_option
@at_option
@argument("names", metavar="FILE...", nargs=-1, required=True, help=N_("Mails to read."))
@pass_cli
def command(cli: Cli, *, as_json: bool, trust: tuple[Path, ...], at: datetime | None, names: tuple[str, ...]) -> Exit:
    """Report on each file in the order given."""
    from pec_tracker import anchors  # slow to import, and not needed for --help
    from pec_tracker.clock import Clock
    from pec_tracker.service.inspect import inspect

    now = Clock().now()
    trusted = anchors.combined(anchors.default(now.date()), anchors.from_paths(trust))
    output = cli.output(as_json=as_json)
    # On a terminal the answers themselves show how far it is.
    watched = Output(quiet=True) if sys.stdout.isatty() else output
    status = Exit.DONE
    with watched.progress(_("Reading"), total=len(names)) as progress:
        for name in names:
            raw = _bytes_of(name)
            if raw is None:
                status = Exit.USAGE
            else:
                _tell(output, name, inspect(raw, trust=trusted, at=at, now=now))
            progress.advance()
    return status


def _bytes_of(name: str) -> bytes | None:
    try:
        return sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
    except OSError as error:
        reason = reason_text(error.strerror or type(error).__name__)
        click.echo(_("{file}: cannot be opened ({reason})").format(file=clean(name), reason=reason), err=True)
        return None


def _tell(output: Output, name: str, inspected: "Inspected") -> None:
    if output.json:
        output.record(answers.inspected_facts(name, inspected))
        return
    output.say(clean(name))
    output.pairs(answers.inspected_lines(inspected), width=24, indent=2)
    output.say()
