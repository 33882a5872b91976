"""`pec-tracker check`: is everything that we keep as it was written?"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.options import Command, json_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.errors import Exit
from pec_tracker.texts import N_, _
from pec_tracker.texts.times import rome_time

if TYPE_CHECKING:
    from pec_tracker.archive.finding import Finding
    from pec_tracker.ledger.mend import Mended
    from pec_tracker.ledger.witnesses import Witness
    from pec_tracker.service.collecting.refetch import Refetched
    from pec_tracker.service.upkeep.check import CheckReport


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
    from pec_tracker.db.engine import read_only
    from pec_tracker.ledger import leftovers
    from pec_tracker.service.collecting.refetch import refetch as refetch_of
    from pec_tracker.service.dating.stamps import known_anchors
    from pec_tracker.service.upkeep.check import Anchorage, check
    from pec_tracker.service.upkeep.repair import put_aside

    output = cli.output(as_json=as_json)
    mended = repair_archive(OPERATOR, cli.config(), into_empty=into_empty) if repair else None
    app = cli.app()
    house = app.house
    if not (app.apart or read_only(house.engine)):
        leftovers.take_up(house.engine, house.archive, of_earlier_releases=True)
    refetched = [refetch_of(OPERATOR, house, account) for account in app.accounts()] if refetch else []
    with output.progress(_("Checking")) as progress:
        report = check(
            OPERATOR,
            house.engine,
            house.archive,
            processes=processes or os.cpu_count() or 1,
            progress=progress.reach,
            anchorage=Anchorage(house.trust, known_anchors(house.authorities), house.clock.now()),
        )
    aside = put_aside(OPERATOR, house, report.findings) if set_aside else []
    if as_json:
        done = {
            "written_again": list(mended.written) if mended else [],
            "not_written_again": list(mended.lost) if mended else [],
            "refetched": {one.mailbox: one.restored for one in refetched},
            "set_aside": aside,
        }
        output.record({**_facts(report), **done})
    else:
        _tell_mended(output, mended, refetched)
        _tell(output, report)
        for name in aside:
            output.say(_("moved aside: {name}").format(name=name))
    return Exit.DONE if report.sound else Exit.FINDING


def _tell_mended(output: Output, mended: "Mended | None", refetched: "Sequence[Refetched]") -> None:
    for name in mended.written if mended else ():
        output.say(_("written again from the database: {name}").format(name=name))
    for name in mended.lost if mended else ():
        output.say(_("the database cannot give it back as it was: {name}").format(name=name))
    for one in refetched:
        output.say(
            _("{mailbox}: {count} lost mails fetched again, {missing} are not on the server as they were.").format(
                mailbox=clean(one.mailbox), count=one.restored, missing=len(one.missing)
            )
        )


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
        _tell_sound(output, report)
        return
    output.say(_("Findings: {count}").format(count=len(report.findings)))
    for finding in report.findings:
        output.say(f"  {clean(finding.object)} ({finding.kind}): {clean(_text(finding))}")


def _tell_sound(output: Output, report: "CheckReport") -> None:
    """That all is well, and no more than can be seen."""
    dated = max((one.number for one in report.witnesses or ()), default=0)
    if report.seals == 0:
        output.say(_("Everything is as it was written; no act is sealed yet."))
    elif dated >= report.seals:
        output.say(_("Everything is as it was written, up to the newest seal, which is dated from outside."))
    elif dated:
        output.say(
            _(
                "All that is here is as it was written. After seal {number}, the newest that is dated from outside, "
                "acts cut off at the end, in archive and database alike, could not be seen."
            ).format(number=f"{dated:08}")
        )
    else:
        output.say(
            _(
                "All that is here is as it was written. Acts cut off at the end, in archive and database alike, could "
                "not be seen: only a date from outside would show it."
            )
        )


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
