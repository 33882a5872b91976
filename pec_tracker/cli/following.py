"""How is a message followed to its outcome before a person's eyes? What happens meanwhile is told as it happens."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from pec_tracker.answers import followed as answers
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.options import F, Span, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.stopping import resting, waiting
from pec_tracker.errors import Exit, PecTrackerError
from pec_tracker.texts import N_

if TYPE_CHECKING:
    from pec_tracker.service.house import Account, House, Stop
    from pec_tracker.service.queries.show import EvidenceShown
    from pec_tracker.service.rounds.follow import Followed

DEADLINE: Final = timedelta(minutes=10)


def deadline_option(command: F) -> F:
    """`--deadline`: the parameter `deadline`, a timedelta or None."""
    return option(
        "--deadline",
        metavar="SPAN",
        type=Span(),
        help=N_("How long to wait for the outcome: 90s, 10m, 2h (default: 10m)."),
    )(command)


def followed(
    house: "House", output: Output, account: "Account", key: str, *, deadline: timedelta, stop: "Stop"
) -> "Followed":
    """Follow the message *key* until everybody has an outcome, *deadline* has passed, or somebody says stop."""
    from pec_tracker.service.rounds.follow import Watcher, follow
    from pec_tracker.service.sending.pace import held_now

    say = output.note if output.json else output.say

    def heard(evidence: "Sequence[EvidenceShown]") -> None:
        for one in evidence:
            say(clean(answers.evidence_text(one)))

    def trouble(error: PecTrackerError) -> None:
        output.note(clean(answers.trouble_text(error)))

    held = partial(held_now, OPERATOR, house, account)
    watcher = Watcher(waiting(output, house.clock, held, stop), resting(stop), stop, heard, trouble)
    until = house.clock.now() + deadline
    return follow(OPERATOR, house, account, key, until=until, watcher=watcher)


def tell_ending(output: Output, ended: "Followed") -> None:
    """How it ended: who has not got it and what to do, then the command that goes on from there."""
    for line in answers.outcome_lines(ended):
        output.say(clean(line))
    if ended.error is not None:
        click.echo(clean(answers.ending_text(ended)), err=True)
    else:
        output.note(clean(answers.ending_text(ended)))


def status_of(ended: "Followed") -> Exit:
    """0 everybody has it; 1 somebody will not get it; 3 not known when the deadline passed; 130 interrupted."""
    from pec_tracker.service.rounds.follow import Ending

    if ended.error is not None:
        return ended.error.status
    if ended.ending is Ending.INTERRUPTED:
        return Exit.INTERRUPTED
    if ended.ending is Ending.DEADLINE:
        return Exit.SERVER
    return Exit.DONE if ended.delivered else Exit.FINDING


def facts_of(ended: "Followed") -> dict[str, Any]:
    """The same for a script."""
    return answers.followed_facts(ended)
