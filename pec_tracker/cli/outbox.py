"""`pec-tracker outbox`: what has not left, why, and what does a person decide about it?"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

from pec_tracker.answers import outbox as answers
from pec_tracker.answers import waiting as waiting_answers
from pec_tracker.answers.messages import entry_facts
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.collect import tell_failed
from pec_tracker.cli.options import Group, argument, json_option, mailbox_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.cli.rounds import chosen, each
from pec_tracker.cli.stopping import until_told, waiting
from pec_tracker.errors import Exit, PecTrackerError, UsageError
from pec_tracker.pec.sending import FOR_A_PERSON, SendState
from pec_tracker.texts import N_, _, error_text

if TYPE_CHECKING:
    from pec_tracker.service.house import Account, House, Stop
    from pec_tracker.service.rounds.send_waiting import Progress, Step
    from pec_tracker.service.sending.attempt import Dispatched
    from pec_tracker.service.sending.outbox import OutboxEntry


@click.group(
    "outbox",
    cls=Group,
    help=N_("See, send and settle messages that have not left, or of which that is uncertain."),
)
def command() -> None:
    """Only the group: each subcommand says what it does."""


@command.command(
    "list",
    help=N_(
        "List the messages that have not simply left, and why.\n\n"
        "The status is 1 when one of them needs a decision: refused by the server, or uncertain whether it left."
    ),
    epilog="""pec-tracker outbox list
        pec-tracker outbox list --all --json""",
)
@option("--all", "also_given_up", is_flag=True, help=N_("Those that were given up, too."))
@mailbox_option
@json_option
@pass_cli
def list_waiting(cli: Cli, *, also_given_up: bool, mailboxes: tuple[str, ...], as_json: bool) -> Exit:
    """One row a message, the oldest first."""
    from pec_tracker.service.queries.short_keys import short_keys

    app = cli.app()
    output = cli.output(as_json=as_json)
    entries = _entries(app.house, [app.account(name) for name in mailboxes], app.accounts())
    entries = [entry for entry in entries if also_given_up or entry.send_state != SendState.ABANDONED]
    if as_json:
        for entry in entries:
            output.record(entry_facts(entry))
    else:
        output.table(*answers.table(entries, short_keys(OPERATOR, app.house, (entry.key for entry in entries))))
        if not entries:
            output.note(_("The outbox is empty."))
    return Exit.FINDING if any(entry.send_state in FOR_A_PERSON for entry in entries) else Exit.DONE


def _entries(house: "House", accounts: "list[Account]", every: "list[Account]") -> "list[OutboxEntry]":
    from pec_tracker.service.sending.outbox import waiting

    if not accounts:
        return waiting(OPERATOR, house, accounts=every)
    return [entry for account in accounts for entry in waiting(OPERATOR, house, account)]


@command.command(
    "send",
    help=N_(
        "Send everything that waits, mailbox by mailbox.\n\n"
        "Each mailbox is collected first: after a restart or a restored backup, what its receipts show as sent must "
        "not go again. The status is 1 when the server refused a message or it is uncertain whether one left, 3 when "
        "a server could not be reached or put a message off."
    ),
    epilog="""pec-tracker outbox send
        pec-tracker outbox send --mailbox studio""",
)
@mailbox_option
@json_option
@pass_cli
def send_waiting(cli: Cli, *, mailboxes: tuple[str, ...], as_json: bool) -> Exit:
    """Collect, then dispatch."""
    app = cli.app()
    output = cli.output(as_json=as_json)
    with until_told(output) as stop:
        status = each(chosen(app, mailboxes), partial(_send, app.house, output, stop), partial(_tell_failed, output))
        return Exit.INTERRUPTED if stop() else status


def _send(house: "House", output: Output, stop: "Stop", account: "Account") -> Exit:
    from pec_tracker.service.rounds.send_waiting import send_waiting
    from pec_tracker.service.sending.pace import held_now

    if stop():
        return Exit.DONE
    wait = waiting(output, house.clock, partial(held_now, OPERATOR, house, account), stop)
    out = send_waiting(OPERATOR, house, account, wait=wait, stop=stop, under=steps(output, account))
    if out.not_copied is not None:
        text = _("  no copy could be put into the folder of sent mails: {problem}")
        output.note(text.format(problem=clean(error_text(out.not_copied))))
    if output.json:
        output.record(answers.sent_facts(account.name, out.sent, waiting=out.left))
    else:
        for line in answers.sent_lines(account.name, out.sent, waiting=out.left):
            output.say(clean(line))
        if out.left and not out.complete:
            output.note(_("  The mailbox could not be collected whole, so nothing queued earlier may leave yet."))
    return max((_status(one) for one in out.sent), default=Exit.DONE)


def steps(output: Output, account: "Account") -> "Callable[[Step], AbstractContextManager[Progress]]":
    """How far each step of sending from a mailbox is, as a bar."""
    from pec_tracker.service.rounds.send_waiting import Step

    labels = {Step.COLLECT: _("Collecting {mailbox}"), Step.DISPATCH: _("Sending from {mailbox}")}

    @contextmanager
    def under(step: Step) -> "Iterator[Progress]":
        with output.progress(labels[step].format(mailbox=account.name)) as progress:
            yield progress.reach

    return under


def _status(sent: "Dispatched") -> Exit:
    return {SendState.SUBMITTED: Exit.DONE, SendState.DEFERRED: Exit.SERVER}.get(
        SendState(sent.send_state), Exit.FINDING
    )


def _tell_failed(output: Output, account: "Account", error: PecTrackerError) -> None:
    if output.json:
        output.record(answers.sent_facts(account.name, error=error))
    else:
        tell_failed(account, error)


@command.command(
    "show",
    help=N_(
        "Show everything about one message that has not simply left: what was tried, what it waits for, what a search "
        "on the server found."
    ),
    epilog="""pec-tracker outbox show k7f3qv2m
        pec-tracker outbox show k7f3qv2m --json""",
)
@argument("key", metavar="KEY", help=N_("The message's key or its beginning."))
@json_option
@pass_cli
def show_waiting(cli: Cli, *, key: str, as_json: bool) -> None:
    """Label and text, line by line."""
    from pec_tracker.service.queries.show import show
    from pec_tracker.service.sending.waits import waits

    app = cli.app()
    message = show(OPERATOR, app.house, key).message
    account = app.account(message.mailbox) if message.mailbox in app.config.mailboxes else None
    found = waits(OPERATOR, app.house, account, message.key)
    output = cli.output(as_json=as_json)
    if as_json:
        output.record(waiting_answers.waits_facts(found))
        return
    for label, text in waiting_answers.waits_lines(found):
        output.say(f"{label + ':':<20}{clean(text)}")
    output.say()
    output.say(clean(waiting_answers.waits_next(found)))


@command.command(
    "cancel",
    help=N_(
        "Cancel a message that still waits: it is never sent.\n\n"
        "Only what has certainly not left can be cancelled; for what is uncertain see settle. The decision and its "
        "reason are written into the ledger."
    ),
    epilog='pec-tracker outbox cancel k7f3qv2m --reason "wrong attachment"',
)
@argument("key", metavar="KEY", help=N_("The message's key or its beginning."))
@option("--reason", metavar="TEXT", required=True, help=N_("Why; it is kept in the ledger."))
@json_option
@pass_cli
def cancel(cli: Cli, *, key: str, reason: str, as_json: bool) -> None:
    """A person's decision, in writing."""
    from pec_tracker.service.sending.outbox import cancel

    house = cli.app().house
    whole = _whole_key(house, key)
    cancel(OPERATOR, house, whole, reason=reason)
    _tell_decision(cli.output(as_json=as_json), whole, SendState.ABANDONED)


@command.command(
    "resume",
    help=N_(
        "Let what is held be tried at once: the server is well again.\n\n"
        "What was put off is due now, and a mailbox that went slower, since its provider had found the traffic too "
        "much, goes at its usual pace; the provider may refuse again. Limits per hour and per day stay. Nothing is "
        "sent by this: outbox send, or serve, sends it."
    ),
    epilog="""pec-tracker outbox resume
        pec-tracker outbox resume --mailbox studio""",
)
@mailbox_option
@json_option
@pass_cli
def resume(cli: Cli, *, mailboxes: tuple[str, ...], as_json: bool) -> None:
    """Mailbox by mailbox."""
    from pec_tracker.service.sending.resume import resume_outbox

    app = cli.app()
    output = cli.output(as_json=as_json)
    for account in chosen(app, mailboxes):
        resumed = resume_outbox(OPERATOR, app.house, account)
        if as_json:
            output.record(waiting_answers.resumed_facts(resumed))
        else:
            output.say(clean(waiting_answers.resumed_text(resumed)))


@command.command(
    "resend",
    help=N_(
        "Decide that an uncertain, refused or abandoned message goes again.\n\n"
        "If it did leave the first time, the recipient gets it twice: where a receipt or a copy in the mailbox tells "
        "so, it goes only with --again. The decision and its reason are written into the ledger. It is only queued: "
        "outbox send sends it."
    ),
    epilog='pec-tracker outbox resend k7f3qv2m --reason "no trace of it in the webmail"',
)
@argument("key", metavar="KEY", help=N_("The message's key or its beginning."))
@option("--reason", metavar="TEXT", required=True, help=N_("Why; it is kept in the ledger."))
@option("--again", is_flag=True, help=N_("Also where receipts, or a copy in the mailbox, tell that it left."))
@json_option
@pass_cli
def resend(cli: Cli, *, key: str, reason: str, again: bool, as_json: bool) -> None:
    """A person's decision, in writing."""
    from pec_tracker.service.sending.outbox import resend

    house = cli.app().house
    whole = _whole_key(house, key)
    resend(OPERATOR, house, whole, reason=reason, again=again)
    _tell_decision(cli.output(as_json=as_json), whole, SendState.QUEUED)


@command.command(
    "settle",
    help=N_(
        "Decide what became of a message: it was sent, or it is given up.\n\n"
        "--sent settles an uncertain message that you know has left; --abandon gives up one that is uncertain, "
        "refused or still waiting. The decision and its reason are written into the ledger."
    ),
    epilog="""pec-tracker outbox settle k7f3qv2m --sent --reason "it is in the webmail's Sent folder"
        pec-tracker outbox settle k7f3qv2m --abandon --reason "delivered by hand" """,
)
@argument("key", metavar="KEY", help=N_("The message's key or its beginning."))
@option("--sent", is_flag=True, help=N_("It has left."))
@option("--abandon", is_flag=True, help=N_("It is given up and never sent."))
@option("--reason", metavar="TEXT", required=True, help=N_("Why; it is kept in the ledger."))
@json_option
@pass_cli
def settle(cli: Cli, *, key: str, sent: bool, abandon: bool, reason: str, as_json: bool) -> None:
    """A person's decision, in writing."""
    from pec_tracker.service.sending.outbox import settle

    if sent == abandon:
        raise UsageError("say what became of it: either --sent or --abandon")
    house = cli.app().house
    whole = _whole_key(house, key)
    settle(OPERATOR, house, whole, sent=sent, reason=reason)
    _tell_decision(cli.output(as_json=as_json), whole, SendState.SUBMITTED if sent else SendState.ABANDONED)


def _whole_key(house: "House", name: str) -> str:
    from pec_tracker.service.queries.show import show

    return show(OPERATOR, house, name).message.key


def _tell_decision(output: Output, key: str, send_state: SendState) -> None:
    if output.json:
        output.record(answers.decision_facts(key, send_state))
        return
    output.say(answers.decision_text(key, send_state))
    if send_state == SendState.QUEUED:
        output.note(_("Send it with: pec-tracker outbox send"))
