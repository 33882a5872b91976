"""`pec-tracker lint`: would the provider take this message, and does anything speak against it?"""

from pathlib import Path
from typing import Any

import click

from pec_tracker.answers import outbox as answers
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.options import Command, argument, json_option, option
from pec_tracker.cli.profiles import profile_options, wanted
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.errors import Exit, UsageError
from pec_tracker.texts import N_, reason_text


@click.command(
    "lint",
    cls=Command,
    help=N_(
        "Check a message (.eml) by the rules of PEC and by what the archive knows, and send nothing.\n\n"
        "Each finding says what it is, what to do, and which rule says so. The status is 0 when nothing stands in the "
        "way, 1 when the message would be refused. With --profile it is held to the rules of a notification or of a "
        "convocation too."
    ),
    epilog="""pec-tracker lint message.eml
        pec-tracker lint --mailbox studio message.eml --json
        pec-tracker lint --profile law53 --look-up a@pec.example.it=ini-pec.pdf message.eml""",
)
@option(
    "--mailbox",
    metavar="NAME",
    help=N_("The mailbox to send from (may be left out when there is only one)."),
)
@profile_options
@json_option
@argument("file", metavar="FILE", type=click.Path(path_type=Path), help=N_("The message, as a program saved it."))
@pass_cli
def command(cli: Cli, /, *, mailbox: str | None, as_json: bool, file: Path, **given: Any) -> Exit:
    """One line a finding, then what it would cost."""
    from pec_tracker.service.sending.lint import lint

    app = cli.app()
    account = app.account(mailbox)
    try:
        raw = file.read_bytes()
    except OSError as error:
        reason = reason_text(error.strerror or type(error).__name__)
        raise UsageError("{file} cannot be read: {reason}", file=file, reason=reason) from error
    linted = lint(OPERATOR, app.house, account, raw, wanted(given))
    output = cli.output(as_json=as_json)
    if as_json:
        output.record(answers.linted_facts(account.name, linted))
    else:
        for line in answers.linted_lines(linted):
            output.say(clean(line))
    return Exit.FINDING if linted.refused else Exit.DONE
