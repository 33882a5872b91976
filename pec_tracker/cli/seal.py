"""`pec-tracker seal`: seal what waits in the ledger, and have the newest seal dated from outside."""

from typing import TYPE_CHECKING

import click

from pec_tracker.answers import sealed as answers
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.options import Command, json_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.errors import Exit
from pec_tracker.texts import N_

if TYPE_CHECKING:
    from pec_tracker.service.dating.seal import Sealing


@click.command(
    "seal",
    cls=Command,
    help=N_(
        "Seal the acts that wait in the ledger, and show which seals are dated from outside.\n\n"
        "With --stamp the newest seal is time-stamped now by the first of the configured authorities that answers; "
        "one time-stamp dates all that was sealed before. serve does both by itself. The status is 1 when no "
        "authority answered."
    ),
    epilog="""pec-tracker seal
        pec-tracker seal --stamp
        pec-tracker seal --json | jq .stamps""",
)
@option("--stamp", is_flag=True, help=N_("Ask the time-stamp authorities now."))
@json_option
@pass_cli
def command(cli: Cli, *, stamp: bool, as_json: bool) -> Exit:
    """Seal, stamp, show."""
    from pec_tracker.service.dating.seal import seal

    app = cli.app()
    output = cli.output(as_json=as_json)
    sealing = seal(OPERATOR, app.house, app.accounts(), stamp=stamp)
    if as_json:
        output.record(answers.sealing_facts(sealing))
    else:
        output.say(answers.sealed_text(sealing))
        if stamp:
            _tell(output, sealing)
        output.table(*answers.table(sealing))
    return Exit.FINDING if stamp and sealing.stamping.stamped is None else Exit.DONE


def _tell(output: Output, sealing: "Sealing") -> None:
    for line in answers.failure_lines(sealing.stamping):
        click.echo(clean(line), err=True)
    if not sealing.authorities:
        output.note(answers.no_authority_text())
    elif told := answers.stamped_text(sealing.stamping):
        output.say(told)
