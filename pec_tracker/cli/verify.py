"""`pec-tracker verify`: is this proof package as it was made, and does it hold? Without configuration or database."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pec_tracker.cli.options import Command, argument, json_option, trust_option
from pec_tracker.cli.output import Output, clean
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.errors import Exit, UsageError
from pec_tracker.texts import N_, _, words

if TYPE_CHECKING:
    from pec_tracker.service.verify import PackageCheck, PackageFinding


@click.command(
    "verify",
    cls=Command,
    help=N_(
        "Verify a proof package: its bytes, its seals, every signature, and everything that its report says.\n\n"
        "Needs no configuration and no database. Signatures are held to this machine's roots of Italian PEC and to "
        "what --trust names; what the package carries is never trusted by itself. The status is 1 if anything was "
        "found."
    ),
    epilog="""pec-tracker verify proof.zip
        pec-tracker verify --trust sandbox-ca.pem proof.zip
        pec-tracker verify --json proof.zip | jq '.findings[]'""",
)
@json_option
@trust_option
@argument("file", metavar="FILE.zip", type=click.Path(path_type=Path), help=N_("The package."))
@pass_cli
def command(cli: Cli, *, as_json: bool, trust: tuple[Path, ...], file: Path) -> Exit:
    """Everything about one package."""
    from pec_tracker import anchors  # slow to import, and not needed for --help
    from pec_tracker.clock import Clock
    from pec_tracker.service.verify import verify_package

    cli.start_logs()
    output = cli.output(as_json=as_json)
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise UsageError(
            "{file} cannot be read ({reason}); name a package that can be",
            file=file,
            reason=error.strerror or type(error).__name__,
        ) from error
    trusted = anchors.combined(anchors.default(Clock().now().date()), anchors.from_paths(trust))
    check = verify_package(raw, trusted)
    if as_json:
        output.record(_facts(file, check))
    else:
        _tell(output, file, check)
    return Exit.DONE if check.sound else Exit.FINDING


def _facts(file: Path, check: "PackageCheck") -> Mapping[str, Any]:
    return {
        "file": file,
        "sound": check.sound,
        "findings": [
            {"kind": one.kind, "member": one.member, "detail": one.detail or None, "text": _text(one)}
            for one in check.findings
        ],
        "notes": [{"kind": kind, "detail": detail or None} for kind, detail in check.notes],
        "report": check.report,
    }


def _text(one: "PackageFinding") -> str:
    from pec_tracker.service.verify import FINDINGS

    return _(FINDINGS[one.kind]).format(detail=one.detail)


def _tell(output: Output, file: Path, check: "PackageCheck") -> None:
    from pec_tracker.service.verify import NOTES

    for one in check.findings:
        output.say(clean(f"{one.member} ({one.kind}): {_text(one)}"))
    for kind, detail in check.notes:
        output.note(clean(_(NOTES[kind]).format(detail=detail)))
    if not check.sound:
        output.say(_("Findings: {count}").format(count=len(check.findings)))
        return
    report = check.report or {}
    output.say(_("{file}: everything holds.").format(file=file))
    rows = [
        (one["recipient"], words.word(words.STATES, one["state"]), one["delivered_at"]) for one in report["journeys"]
    ]
    output.table([_("Recipient"), _("State"), _("Delivered (certified)")], rows)
