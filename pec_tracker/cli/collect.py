"""`pec-tracker collect`: what has come into the mailboxes, and does anything of it need a person?"""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from pec_tracker.askers import OPERATOR
from pec_tracker.cli.messages import alert_facts
from pec_tracker.cli.options import Command, json_option, mailbox_option
from pec_tracker.cli.output import Output, clean
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.rounds import chosen, each
from pec_tracker.errors import Exit, PecTrackerError
from pec_tracker.texts import N_, _, error_text, notices, words

if TYPE_CHECKING:
    from pec_tracker.service.collect import Collected
    from pec_tracker.service.house import Account, House
    from pec_tracker.service.intake import Taken
    from pec_tracker.service.status import OpenAlert

ALERTS_TOLD: Final = 20


@click.command(
    "collect",
    cls=Command,
    help=N_(
        "Fetch what is new in every folder but Trash, Drafts and Junk; archive, read, verify and link it.\n\n"
        "Nothing is changed on the server. Collecting twice changes nothing. The status is 1 when something that came "
        "needs a person: a message not delivered, evidence that is altered, forged or contradictory, a mail that "
        "could not be fetched. It is 3 when a server could not be reached; the other mailboxes are collected all the "
        "same."
    ),
    epilog="""pec-tracker collect
        pec-tracker collect --mailbox studio --mailbox segreteria
        pec-tracker collect --json | jq .archived""",
)
@mailbox_option
@json_option
@pass_cli
def command(cli: Cli, *, mailboxes: tuple[str, ...], as_json: bool) -> Exit:
    """Each mailbox in turn."""
    app = cli.app()
    output = cli.output(as_json=as_json)
    return each(chosen(app, mailboxes), partial(_collect, app.house, output), partial(_tell_failed, output))


def _collect(house: "House", output: Output, account: "Account") -> Exit:
    from pec_tracker.service.collect import collect
    from pec_tracker.service.status import open_alerts

    since = house.clock.now()
    with output.progress(_("Collecting {mailbox}").format(mailbox=account.name)) as progress:
        collected = collect(OPERATOR, house, account, progress=progress.reach)
    alerts = open_alerts(OPERATOR, house, since=since, account=account)
    if output.json:
        output.record(_facts(collected, alerts))
    else:
        _tell(output, collected, alerts)
    if collected.failures or collected.taken.quarantined or alerts:
        return Exit.FINDING
    return Exit.DONE


def _facts(collected: "Collected", alerts: "list[OpenAlert]") -> dict[str, Any]:
    return {
        "mailbox": collected.mailbox,
        "complete": collected.complete,
        "busy": collected.busy,
        "folders": collected.folders,
        "failures": [{"folder": folder, "error": error_text(error)} for folder, error in collected.failures],
        **taken_facts(collected.taken),
        "round_trips": collected.round_trips,
        "alerts": list(map(alert_facts, alerts)),
        "error": None,
    }


def taken_facts(taken: "Taken") -> dict[str, Any]:
    """The counts of what was taken in, as they stand in JSON objects."""
    return {
        "archived": taken.archived,
        "known": taken.known,
        "quarantined": taken.quarantined,
        "proof": taken.proof,
        "kinds": dict(taken.kinds or {}),
        "verdicts": dict(taken.verdicts or {}),
    }


def _tell_failed(output: Output, account: "Account", error: PecTrackerError) -> None:
    from pec_tracker.service.collect import Collected

    if output.json:
        output.record({**_facts(Collected(account.name), []), "complete": False, "error": error_text(error)})
    else:
        tell_failed(account, error)


def tell_failed(account: "Account", error: PecTrackerError) -> None:
    """One mailbox failed: why, on stderr."""
    text = _("{mailbox}: {problem}").format(mailbox=account.name, problem=clean(error_text(error)))
    click.echo(_("Error: {message}").format(message=text), err=True)


def _tell(output: Output, collected: "Collected", alerts: "list[OpenAlert]") -> None:
    if collected.busy:
        output.say(_("{mailbox}: another process is collecting it").format(mailbox=collected.mailbox))
        return
    output.say(_("{mailbox}: {counts}").format(mailbox=collected.mailbox, counts=_counts(collected.taken)))
    for line in kind_lines(collected.taken.kinds):
        output.say(f"  {line}")
    for folder, error in collected.failures:
        line = _("  folder {folder} could not be read: {error}")
        output.say(line.format(folder=clean(folder), error=clean(error_text(error))))
    if collected.taken.quarantined:
        output.say(_("  some mails could not be fetched; see: pec-tracker quarantine list"))
    tell_alerts(output, alerts)


def _counts(taken: "Taken") -> str:
    if not taken.archived and not taken.known and not taken.quarantined:
        return _("nothing new")
    counted = [
        _("{count} archived").format(count=taken.archived),
        _("{count} of them signed by a trusted provider").format(count=taken.proof),
    ]
    if taken.known:
        counted.append(_("{count} known already").format(count=taken.known))
    if taken.quarantined:
        counted.append(_("{count} in quarantine").format(count=taken.quarantined))
    return ", ".join(counted)


def kind_lines(kinds: Mapping[str, int] | None) -> list[str]:
    """How many mails of which kind, a line each, in the order of the glossary."""
    order = list(words.KINDS)
    known = sorted((kinds or {}).items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order))
    return [f"{count:>6}  {words.word(words.KINDS, kind)}" for kind, count in known]


def tell_alerts(output: Output, alerts: "list[OpenAlert]") -> None:
    """What needs a person, a line each; the rest is counted."""
    if alerts:
        output.say(_("  needs your attention:"))
    for alert in alerts[:ALERTS_TOLD]:
        about = f"{alert.message[:8]}: " if alert.message else ""
        output.say(f"    {about}{clean(notices.alert_text(alert.kind, alert.facts))}")
    if len(alerts) > ALERTS_TOLD:
        output.say(_("    and {count} more: pec-tracker status").format(count=len(alerts) - ALERTS_TOLD))
