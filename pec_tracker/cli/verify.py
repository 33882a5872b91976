"""`pec-tracker verify`: is this proof package as it was made, and does it hold? Without configuration or database."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pec_tracker import texts
from pec_tracker.answers.messages import journey_rows
from pec_tracker.answers.plain import clean
from pec_tracker.cli.options import Command, argument, json_option, option, trust_option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.errors import Exit, UsageError
from pec_tracker.texts import N_, _
from pec_tracker.texts.times import rome_second

if TYPE_CHECKING:
    from pec_tracker.service.proof.verify import PackageCheck, PackageFinding

# What follows from an authority that is not known here, and needs no line of its own.
_CONSEQUENCES: Final = frozenset({"report-differs", "folder-differs"})


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
        output.record(_facts(file, check))
    else:
        _tell(output, file, check, details=details)
    return Exit.DONE if check.outcome is Outcome.HOLDS else Exit.FINDING


def _facts(file: Path, check: "PackageCheck") -> Mapping[str, Any]:
    return {
        "file": file,
        "outcome": check.outcome,
        "sound": check.sound,
        "findings": [
            {"kind": one.kind, "member": one.member, "detail": one.detail or None, "text": _text(one)}
            for one in check.findings
        ],
        "notes": [{"kind": kind, "detail": detail or None} for kind, detail in check.notes],
        "unknown_authorities": [{"name": one.name, "sha256": one.sha256} for one in check.unknown],
        "report": check.report,
    }


def _text(one: "PackageFinding") -> str:
    from pec_tracker.service.proof.verify import FINDINGS

    return _(FINDINGS[one.kind]).format(detail=one.detail)


def _tell(output: Output, file: Path, check: "PackageCheck", *, details: bool) -> None:
    from pec_tracker.service.proof.verify import Outcome

    match check.outcome:
        case Outcome.HOLDS:
            output.say(clean(_("{file}: everything holds.").format(file=file)))
        case Outcome.NOT_COMPARED:
            told = _(
                "{file}: what was compared holds, but what a person reads was NOT compared: "
                "rely on what is said here, not on the README, the summary or the verifier in the package."
            )
            output.say(clean(told.format(file=file)))
        case Outcome.DOES_NOT_HOLD:
            output.say(clean(_("{file}: it does NOT hold.").format(file=file)))
    for line in _not_compared(check):
        output.say(clean(line))
    if check.findings:
        _tell_findings(output, check, details=details)
    elif check.report is not None:
        _tell_package(output, check.report)


def _not_compared(check: "PackageCheck") -> Iterator[str]:
    from pec_tracker.service.proof.verify import NOTES

    if check.notes:
        yield _("Not compared:")
    for kind, detail in check.notes:
        yield f"- {_(NOTES[kind]).format(detail=detail)}"


# --- what does not hold ---


def _tell_findings(output: Output, check: "PackageCheck", *, details: bool) -> None:
    for one in check.unknown:
        told = _(
            "Its receipts are signed by an authority that this computer does not know ({name}). If you hold it to be "
            "trustworthy, get its certificate from a source of your own and verify again with --trust FILE."
        )
        output.say(clean(told.format(name=one.name)))
        if one.sha256:
            fingerprint = ":".join(one.sha256[at : at + 2].upper() for at in range(0, 64, 2))
            output.say(_("The one in the package has the SHA-256 fingerprint {fingerprint}").format(
                fingerprint=fingerprint))  # fmt: skip
    hidden = _CONSEQUENCES if check.unknown and not details else frozenset()
    for found in (one for one in check.findings if one.kind not in hidden):
        beside = f" [{found.detail}]" if details and found.detail and found.detail not in _text(found) else ""
        output.say(clean(f"{found.member} ({found.kind}): {_text(found)}{beside}"))
    output.say(_("Findings: {count}").format(count=len(check.findings)))
    if not details and any(one.kind == "report-differs" for one in check.findings):
        output.say(_("--details shows every difference."))


# --- what holds ---


def _tell_package(output: Output, report: Mapping[str, Any]) -> None:
    from pec_tracker.render.wording import section

    message = report["message"]
    about = {name: message[name] or "-" for name in ("reference", "sender", "subject")}
    output.say(clean(_("Message {reference}, sent by {sender}: {subject}").format(**about)))
    rows = [(recipient, state, rome_second(at)) for recipient, state, at in journey_rows(report["journeys"])]
    output.table([_("Recipient"), _("State"), _("Certified time")], rows)
    signers = dict.fromkeys(_signer(entry) for entry in report["proof"])
    output.say(clean(_("Signatures verified of what counts as proof: {count}, by {signers}").format(
        count=len(report["proof"]), signers="; ".join(signers) or "-")))  # fmt: skip
    output.say(_("What does not count as proof: {count}").format(count=len(report["not_proof"])))
    output.say(_("Made from seal {seal} of the sender's ledger, written by {time}").format(
        seal=report["as_of"]["seal"], time=_time(report["as_of"]["at"])))  # fmt: skip
    output.say(_("Keep in mind:"))
    limits = section(texts.current(), "limits")
    for limit in (*report["limits"], "contents"):
        output.say(clean(f"- {limits[limit]}"))


def _signer(entry: Mapping[str, Any]) -> str:
    done = entry["verification"]
    who = f"{done['signer'] or '-'} <{done['signer_address'] or '-'}>"
    return _("{signer}, certified by {authority}").format(signer=who, authority=done["issuer"] or "-")


def _time(text: str | None) -> str:
    """A time as Italian law reads it: Europe/Rome, without saying the zone each time."""
    return rome_second(datetime.fromisoformat(text) if text else None)
