"""`pec-tracker inspect`: what are these mails, and do their signatures hold? Without configuration or database."""

import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from pec_tracker.answers.messages import failure_meaning
from pec_tracker.answers.plain import clean
from pec_tracker.cli.options import Command, argument, at_option, json_option, trust_option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.errors import Exit
from pec_tracker.texts import N_, _, findings, words
from pec_tracker.texts.times import rome_time

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
    from pec_tracker.service.inspect import rem_facts, report

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
                _tell(output, report(name, raw, trust=trusted, at=at, now=now), rem_facts(raw))
            progress.advance()
    return status


def _bytes_of(name: str) -> bytes | None:
    try:
        return sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        click.echo(_("{file}: cannot be opened ({reason})").format(file=clean(name), reason=reason), err=True)
        return None


def _tell(output: Output, facts: Mapping[str, Any], rem: Mapping[str, Any]) -> None:
    if output.json:
        # The object of a PEC mail has the keys that were promised; REM evidence, which is none, has one more.
        output.record({**facts, "rem": rem} if rem["evidence"] else facts)
        return
    output.say(clean(facts["file"]))
    for label, text in (*_lines(facts), *_rem(rem)):
        output.say(f"  {label + ':':<24}{clean(text)}")
    output.say()


def _lines(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Label and text of each thing that the mail says, the absent ones left out."""
    certified = [
        (_("Kind"), words.word(words.KINDS, facts["kind"])),
        (_("Certified time"), _time(facts["issued_at"])),
        (_("Provider"), facts["provider"]),
        (_("Sender"), facts["sender"]),
        (_("Recipients"), _recipients(facts)),
        (_("Delivered to"), facts["recipient"] if facts["kind"] == "delivery" else None),
        (_("About"), facts["recipient"] if facts["kind"] != "delivery" else None),
        (_("Subject"), facts["subject"]),
        (_("Receipt"), words.word(words.FORMS, facts["receipt_form"]) if facts["receipt_form"] else None),
        (_("Failure"), _failure(facts)),
        (_("Reference"), facts["reference"]),
        (_("Identifier"), facts["identifier"]),
    ]
    lines = [*certified, *_signature(facts["signature"])]
    if facts["warnings"]:
        lines.append((_("Warnings"), words.words(findings.WARNINGS, facts["warnings"])))
    return [(label, text) for label, text in lines if text]


def _rem(rem: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is said in the terms of REM, with the warning that nothing here has verified it."""
    lines = [("X-REM-Subject", rem["subject"])]
    for one in rem["evidence"]:
        lines += [
            (_("REM evidence"), _("{event}; not verified here").format(event=words.rem_event(one["event"]))),
            (_("Its time"), _time(one["time"])),
            (_("Its identifier"), one["identifier"]),
            (_("Of the message"), one["message_identifier"]),
        ]
    return [(label, text) for label, text in lines if text]


def _time(written: str | None) -> str | None:
    return rome_time(datetime.fromisoformat(written)) if written else None


def _recipients(facts: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{recipient['address']} ({words.word(words.RECIPIENT_TYPES, recipient['type'])})"
        for recipient in facts["recipients"] or ()
    )


def _failure(facts: Mapping[str, Any]) -> str | None:
    if facts["error"] in (None, "nessuno") and not facts["error_code"]:
        return None
    meaning = failure_meaning(facts["error_code"]) or words.word(words.ERRORS, facts["error"])
    return f"{meaning}: {facts['error_detail']}" if facts["error_detail"] else meaning


def _signature(signature: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """The verdict, who signed, and which checks failed or could not be made."""
    verdict = words.word(words.VERDICTS, signature["verdict"])
    if signature["verdict"] == "unsigned":
        return [(_("Signature"), verdict)]
    checks: Mapping[str, bool | None] = signature["checks"]
    failed = [name for name, result in checks.items() if result is False]
    unknown = [name for name, result in checks.items() if result is None]
    return [
        (_("Signature"), verdict),
        (_("Signed by"), _signer(signature)),
        (_("Signing time"), _time(signature["signed_at"])),
        (_("Does not hold"), words.words(words.CHECKS, failed) if failed else None),
        (_("Could not be checked"), words.words(words.CHECKS, unknown) if unknown else None),
    ]


def _signer(signature: Mapping[str, Any]) -> str | None:
    if not signature["signer"]:
        return None
    address = f" <{signature['signer_address']}>" if signature["signer_address"] else ""
    issuer = _(", certified by {issuer}").format(issuer=signature["issuer"]) if signature["issuer"] else ""
    return f"{signature['signer']}{address}{issuer}"
