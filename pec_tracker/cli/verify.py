"""`pec-tracker verify`: is this proof package as it was made, and does it hold? Without configuration or database."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pec_tracker.answers import verified as answers
from pec_tracker.answers.plain import clean
from pec_tracker.cli.options import Command, argument, json_option, option, trust_option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.errors import Exit, UsageError
from pec_tracker.texts import N_

if TYPE_CHECKING:
    from pec_tracker.service.proof.verify import PackageCheck


@click.command(
    "verify",
    cls=Command,
    help=N_(
        "Verify a proof package: its bytes, its seals, every signature, and everything that its report says.\n\n"
        "Needs no configuration and no database. Signatures are held to this machine's roots of Italian PEC and to "
        "what --trust names; what the package carries is never trusted by itself. The status is 0 only if everything "
        "holds and everything was compared; where another release wrote README or summary, or the summary cannot be "
        "compared here, the result says so and the status is 1, as it is for what does not hold."
    ),
    epilog="""pec-tracker verify proof.zip
        pec-tracker verify --trust sandbox-ca.pem proof.zip
        pec-tracker verify --json proof.zip | jq '.outcome, .findings[]'""",
)
@json_option
@trust_option
@option("--tsa-ca", "tsa_ca", metavar="FILE", multiple=True, type=click.Path(exists=True, path_type=Path),
        help=N_("Trust these authorities for time-stamps, beside this machine's roots."))  # fmt: skip
@option("--details", is_flag=True, help=N_("Every difference, by its place in report.json."))
@argument("file", metavar="FILE.zip", type=click.Path(path_type=Path), help=N_("The package."))
@pass_cli
def command(
    cli: Cli, *, as_json: bool, trust: tuple[Path, ...], tsa_ca: tuple[Path, ...], details: bool, file: Path
) -> Exit:
    """Everything about one package."""
    from pec_tracker import anchors  # slow to import, and not needed for --help
    from pec_tracker.clock import Clock
    from pec_tracker.service.proof.verify import Outcome, verify_package

    cli.start_logs()
    output = cli.output(as_json=as_json)
    trusted = anchors.combined(anchors.default(Clock().now().date()), anchors.from_paths(trust))
    stamp_roots = (*anchors.stamp_roots(None), *(der for one in tsa_ca for der in anchors.stamp_roots(one)))
    try:
        with file.open("rb") as opened:
            package = opened if opened.seekable() else opened.read()  # a pipe is read once
            check = verify_package(package, trusted, stamp_roots=stamp_roots)
    except OSError as error:
        raise UsageError(
            "{file} cannot be read ({reason}); name a package that can be",
            file=file,
            reason=error.strerror or type(error).__name__,
        ) from error
    if as_json:
        output.record(answers.check_facts(file, check))
    else:
        _tell(output, file, check, details=details)
    return Exit.DONE if check.outcome is Outcome.HOLDS else Exit.FINDING


def _tell(output: Output, file: Path, check: "PackageCheck", *, details: bool) -> None:
    for line in answers.outcome_lines(file, check):
        output.say(clean(line))
    if check.findings:
        for line in answers.finding_lines(check, details=details):
            output.say(clean(line))
    elif check.report is not None:
        output.say(clean(answers.message_text(check.report)))
        output.table(*answers.table(check.report))
        for line in answers.package_lines(check.report):
            output.say(clean(line))
