"""`pec-tracker seal`: seal what waits in the ledger, and have the newest seal dated from outside."""

from typing import TYPE_CHECKING, Any

import click

from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.options import Command, json_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.errors import Exit
from pec_tracker.texts import N_, _, error_text, ngettext

if TYPE_CHECKING:
    from pec_tracker.service.dating.stamps import Stamping


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
    from pec_tracker.ledger.seals import seal_pending
    from pec_tracker.service.dating import notary, stamps

    app = cli.app()
    house = app.house
    output = cli.output(as_json=as_json)
    sealed = seal_pending(house.engine, house.archive, now=house.clock.now())
    stamps.record_found(OPERATOR, house)
    for account in app.accounts():
        notary.record_acceptances(OPERATOR, house, account)
    stamping = stamps.stamp_newest(OPERATOR, house) if stamp else stamps.Stamping()
    dated = list(stamps.newest_stamps(OPERATOR, house))
    if as_json:
        output.record(
            {
                "sealed": [{"seal": one.number, "lines": len(one.entries), "sha256": one.sha256} for one in sealed],
                "stamps": [{"seal": row[0], "kind": row[1], "source": row[2], "at": row[3]} for row in dated],
                **_stamping_facts(stamping),
            }
        )
    else:
        count = sum(len(one.entries) for one in sealed)
        output.say(ngettext("{count} act sealed.", "{count} acts sealed.", count).format(count=count))
        _tell(output, stamping, asked=stamp, authorities=bool(house.authorities))
        rows = [(f"{number:08}", _kind(kind), clean(source), at) for number, kind, source, at in dated]
        output.table([_("Seal"), _("Dated by"), _("Source"), _("Time")], rows)
    lacking = stamp and stamping.stamped is None
    return Exit.FINDING if lacking else Exit.DONE


def _stamping_facts(stamping: "Stamping") -> dict[str, Any]:
    return {
        "newest": stamping.seal,
        "stamped": stamping.stamped,
        "failures": [{"authority": name, "text": error_text(error)} for name, error in stamping.failures],
    }


def _tell(output: Output, stamping: "Stamping", *, asked: bool, authorities: bool) -> None:
    if not asked:
        return
    for name, error in stamping.failures:
        text = _("{authority} gave no time-stamp: {reason}")
        click.echo(text.format(authority=clean(name), reason=clean(error_text(error))), err=True)
    if not authorities:
        output.note(_("No time-stamp authority is configured; write one under [stamps]."))
    elif stamping.seal is None:
        output.say(_("Nothing is sealed yet, so there is nothing to stamp."))
    elif stamping.stamped is not None:
        told = _("Seal {seal} is time-stamped.") if stamping.new else _("Seal {seal} was time-stamped already.")
        output.say(told.format(seal=f"{stamping.seal:08}"))


def _kind(kind: str) -> str:
    return {"rfc3161": _("time-stamp"), "pec": _("PEC acceptance")}.get(kind, kind)
