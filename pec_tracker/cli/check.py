"""`pec-tracker check`: is everything that we keep as it was written?"""

import os
from typing import TYPE_CHECKING, Any

import click

from pec_tracker.cli.options import Command, json_option, option
from pec_tracker.cli.output import Output, clean, rome_time
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.errors import Exit
from pec_tracker.texts import N_, _

if TYPE_CHECKING:
    from pec_tracker.archive.finding import Finding
    from pec_tracker.ledger.witnesses import Witness
    from pec_tracker.service.check import CheckReport


@click.command(
    "check",
    cls=Command,
    help=N_(
        "Read every archived mail again and compare objects, ledger, seals and database.\n\n"
        "One changed, missing or added byte is found and named. Nothing is repaired. The status is 1 when something "
        "was found."
    ),
    epilog="""pec-tracker check
        pec-tracker check --processes 1
        pec-tracker check --json | jq '.findings[].object'""",
)
@option(
    "--processes",
    metavar="N",
    type=click.IntRange(1, 256),
    help=N_("How many processes share the reading (default: one for each processor)."),
)
@json_option
@pass_cli
def command(cli: Cli, *, processes: int | None, as_json: bool) -> Exit:
    """Everything, once."""
    from pec_tracker.service.check import Anchorage, check
    from pec_tracker.service.stamps import known_anchors

    house = cli.app().house
    output = cli.output(as_json=as_json)
    anchorage = Anchorage(house.trust, known_anchors(house.authorities), house.clock.now())
    with output.progress(_("Checking")) as progress:
        report = check(
            house.engine,
            house.archive,
            processes=processes or os.cpu_count() or 1,
            progress=progress.reach,
            anchorage=anchorage,
        )
    if as_json:
        output.record(_facts(report))
    else:
        _tell(output, report)
    return Exit.DONE if report.sound else Exit.FINDING


def _facts(report: "CheckReport") -> dict[str, Any]:
    return {
        "sound": report.sound,
        "objects": report.objects,
        "bytes": report.bytes,
        "lines": report.lines,
        "seals": report.seals,
        "mails": report.mails,
        "witnesses": [
            {"kind": one.kind, "seal": one.number, "at": one.at, "source": one.source} for one in report.witnesses or ()
        ],
        "findings": [
            {"kind": finding.kind, "object": finding.object, "text": _text(finding), "params": finding.params}
            for finding in report.findings
        ],
    }


def _text(finding: "Finding") -> str:
    return _(finding.template).format(**finding.params)


def _tell(output: Output, report: "CheckReport") -> None:
    output.table(
        [_("Checked"), _("Count")],
        [
            (_("objects of the archive"), report.objects),
            (_("their bytes"), report.bytes),
            (_("sealed lines of the ledger"), report.lines),
            (_("seals"), report.seals),
            (_("mails in the database"), report.mails),
        ],
    )
    _tell_witnesses(output, report)
    if report.sound:
        output.say(_("Everything is as it was written."))
        return
    output.say(_("Findings: {count}").format(count=len(report.findings)))
    for finding in report.findings:
        output.say(f"  {clean(finding.object)} ({finding.kind}): {clean(_text(finding))}")


def _tell_witnesses(output: Output, report: "CheckReport") -> None:
    """From when on others than ourselves speak for the ledger."""
    witnesses = sorted(report.witnesses or (), key=lambda one: one.at)
    if not witnesses:
        output.say(
            _(
                "Nothing dates the ledger from outside: when its acts happened is our own word alone. "
                "Configure [stamps], or notary for a mailbox."
            )
        )
        return
    first, newest = witnesses[0], max(witnesses, key=lambda one: one.number)
    output.say(
        _("Dated from outside up to seal {number}, at {time}, by {source}.").format(
            number=f"{newest.number:08}", time=rome_time(newest.at), source=clean(_source(newest))
        )
    )
    output.say(
        _("Before {time}, the first such date, when its acts happened is our own word alone.").format(
            time=rome_time(first.at)
        )
    )


def _source(witness: "Witness") -> str:
    if witness.kind == "pec":
        return _("the provider's acceptance {mail}").format(mail=f"{witness.source[:16]}.eml")
    return witness.source
