"""`pec-tracker jobs`: what does the watch do, when next, and how did it last end?"""

import click

from pec_tracker.answers import jobs as answers
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.options import Command, json_option
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.errors import Exit
from pec_tracker.texts import N_


@click.command(
    "jobs",
    cls=Command,
    help=N_(
        "Show the jobs of `serve`: how each last ended, when it is next due, what is at work.\n\n"
        "What is shown is a minute old at most. The status is 1 when a job failed."
    ),
    epilog="""pec-tracker jobs
        pec-tracker jobs --json""",
)
@json_option
@pass_cli
def command(cli: Cli, *, as_json: bool) -> Exit:
    """One row a job."""
    from pec_tracker.job_names import Outcome
    from pec_tracker.service.rounds.job_rows import jobs

    rows = jobs(OPERATOR, cli.app().house)
    output = cli.output(as_json=as_json)
    if as_json:
        for row in rows:
            output.record(answers.job_facts(row))
    else:
        if rows:
            output.table(*answers.table(rows))
        for line in answers.problem_lines(rows):
            output.say(clean(line))
        if (text := answers.keeper_text(rows)) is not None:
            output.say(text)
    return Exit.FINDING if any(row.outcome is Outcome.FAILED for row in rows) else Exit.DONE
