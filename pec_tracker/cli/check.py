"""`pec-tracker check`: is everything that we keep as it was written?"""

from collections.abc import Iterable

import click

from pec_tracker.answers import checked as answers
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.options import Command, json_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.errors import Exit
from pec_tracker.texts import N_, _


@click.command(
    "check",
    cls=Command,
    help=N_(
        "Read every archived mail again and compare objects, ledger, seals and database.\n\n"
        "One changed, missing or added byte is found and named; only what was cut off at the end, in archive and "
        "database alike, needs a date from outside to be seen. The status is 1 when something was found.\n\n"
        "Nothing is changed, unless you ask: --repair first writes again what the database still knows of a lost "
        "ledger, --refetch fetches lost mails that still lie on the server, --set-aside moves objects that nobody "
        "names out of the archive's shelves, into its folder aside, and notes it in the ledger."
    ),
    epilog="""pec-tracker check
        pec-tracker check --repair --refetch
        pec-tracker check --json | jq '.findings[].object'""",
)
@option(
    "--processes",
    metavar="N",
    type=click.IntRange(1, 256),
    help=N_("How many processes share the reading (default: one for each processor)."),
)
@option("--repair", is_flag=True, help=N_("First write lost ledger files and records again from the database."))
@option("--into-empty", is_flag=True, help=N_("With --repair: the archive is lost; begin it anew in the empty folder."))
@option("--refetch", is_flag=True, help=N_("Then fetch lost mails that still lie on the server."))
@option("--set-aside", is_flag=True, help=N_("Move objects that nobody names aside, after you have looked at them."))
@json_option
@pass_cli
def command(
    cli: Cli,
    *,
    processes: int | None,
    repair: bool,
    into_empty: bool,
    refetch: bool,
    set_aside: bool,
    as_json: bool,
) -> Exit:
    """Mend what was asked for, then look at everything, once."""
    from pec_tracker.app import repair_archive
    from pec_tracker.service.upkeep.look_over import look_over

    output = cli.output(as_json=as_json)
    mended = repair_archive(OPERATOR, cli.config(), into_empty=into_empty) if repair else None
    app = cli.app()
    with output.progress(_("Checking")) as progress:
        looked = look_over(
            OPERATOR,
            app.house,
            belongs=app.apart is None,
            mended=mended,
            refetching=app.accounts() if refetch else (),
            setting_aside=set_aside,
            processes=processes,
            progress=progress.reach,
        )
    if as_json:
        output.record(answers.looked_over_facts(looked))
    else:
        _tell(output, answers.mended_lines(looked))
        output.table(*answers.table(looked.report))
        _tell(output, (*answers.result_lines(looked.report), *answers.aside_lines(looked)))
    return Exit.DONE if looked.report.sound else Exit.FINDING


def _tell(output: Output, lines: Iterable[str]) -> None:
    for line in lines:
        output.say(clean(line))
