"""`pec-tracker status`: does anything need me? One screen."""

from typing import TYPE_CHECKING, Any, Final

import click

from pec_tracker.askers import OPERATOR
from pec_tracker.cli.messages import alert_facts, entry_facts, message_facts, said, short, state_text
from pec_tracker.cli.options import Command, json_option, option
from pec_tracker.cli.output import Output, clean, rome_time
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.errors import ApartError, Exit, StorageError
from pec_tracker.texts import N_, _, error_text, facts_text, ngettext, notices, words

if TYPE_CHECKING:
    from pec_tracker.app import App
    from pec_tracker.service.house import Account
    from pec_tracker.service.status import MailboxStatus, Status

ROWS: Final = 10  # of each table: one screen


@click.command(
    "status",
    cls=Command,
    help=N_(
        "Show on one screen how everything stands: mailboxes, alerts, outbox and what is overdue.\n\n"
        "Asks no server. The status is 1 when something needs a person: an open alert, a suspended mailbox, a message "
        "refused, uncertain or waiting for too long, a receipt that should have come."
    ),
    epilog="""pec-tracker status
        pec-tracker status --acknowledge
        pec-tracker status --json | jq .needs_person""",
)
@option("--acknowledge", is_flag=True, help=N_("Mark the alerts shown as read; what happens again is told again."))
@json_option
@pass_cli
def command(cli: Cli, *, acknowledge: bool, as_json: bool) -> Exit:
    """The screen, then the alerts marked as read where asked."""
    from pec_tracker.service import status as service
    from pec_tracker.service.keys import short_keys

    app = cli.app()
    output = cli.output(as_json=as_json)
    status = service.status(OPERATOR, app.house, _known_accounts(app))
    if as_json:
        output.record(_facts(status))
    else:
        _tell(output, status, short_keys(OPERATOR, app.house, _keys_shown(status)))
    if acknowledge:
        service.acknowledge(OPERATOR, app.house, status.alerts)
        count = len(status.alerts)
        told = ngettext("{count} alert marked as read.", "{count} alerts marked as read.", count)
        output.note(told.format(count=count))
    return Exit.FINDING if status.needs_person else Exit.DONE


def _known_accounts(app: "App") -> list["Account"]:
    """The mailboxes; where nothing may be written, those that the database knows already."""
    from pec_tracker.db.engine import read_only

    accounts = []
    for name in app.config.mailboxes:
        try:
            accounts.append(app.account(name))
        except StorageError:
            if not read_only(app.house.engine):
                raise
        except ApartError:
            continue  # `needs` says it
    return accounts


def _facts(status: "Status") -> dict[str, Any]:
    return {
        "at": status.at,
        "needs_person": status.needs_person,
        "needs": [{"kind": need.kind, "text": error_text(need.error)} for need in status.needs],
        "mailboxes": [_mailbox_facts(mailbox) for mailbox in status.mailboxes],
        "alerts": list(map(alert_facts, status.alerts)),
        "outbox": [{**entry_facts(entry), "needs_person": entry.key in status.stuck} for entry in status.outbox],
        "overdue": {"total": status.overdue.total, "messages": list(map(message_facts, status.overdue.messages))},
        "recipients": dict(status.recipients),
    }


def _mailbox_facts(mailbox: "MailboxStatus") -> dict[str, Any]:
    return {
        "mailbox": mailbox.name,
        "address": mailbox.address,
        "collected_at": mailbox.collected_at,
        "suspended_at": mailbox.suspended_at,
        "suspended_reason": mailbox.suspended_reason,
        "quota": {"used": mailbox.used, "limit": mailbox.limit, "at": mailbox.quota_at},
        "quarantined": mailbox.quarantined,
    }


def _keys_shown(status: "Status") -> list[str]:
    alerted = [alert.message for alert in status.alerts[:ROWS] if alert.message]
    waiting = [entry.key for entry in status.outbox[:ROWS]]
    return alerted + waiting + [message.key for message in status.overdue.messages[:ROWS]]


def _tell(output: Output, status: "Status", keys: dict[str, str]) -> None:
    output.say(_("As of {time}").format(time=rome_time(status.at)))
    states = ", ".join(f"{words.word(words.STATES, state)} {count}" for state, count in status.recipients)
    output.say(_("Recipients: {states}").format(states=states or "-"))
    output.say()
    output.table(
        [_("Mailbox"), _("Last collected"), _("Space used"), _("Quarantine"), _("Login")],
        [_mailbox_row(mailbox) for mailbox in status.mailboxes],
    )
    for need in status.needs:
        output.say()
        output.say(clean(error_text(need.error)))
    _tell_alerts(output, status, keys)
    _tell_outbox(output, status, keys)
    _tell_overdue(output, status, keys)
    output.say()
    output.say(_("Something needs you.") if status.needs_person else _("Nothing needs you."))


def _mailbox_row(mailbox: "MailboxStatus") -> tuple[object, ...]:
    collected = rome_time(mailbox.collected_at) if mailbox.collected_at else _("never")
    space = f"{mailbox.used * 100 // mailbox.limit} %" if mailbox.used is not None and mailbox.limit else None
    login = _("in use")
    if mailbox.suspended_at is not None:
        told = mailbox.suspended_problem
        login = _("suspended: {reason}").format(reason=facts_text(told) if told else mailbox.suspended_reason)
    return mailbox.name, collected, space, mailbox.quarantined, login


def _tell_alerts(output: Output, status: "Status", keys: dict[str, str]) -> None:
    if not _heading(output, _("Alerts: {count}"), len(status.alerts)):
        return
    output.table(
        [_("Since"), _("Severity"), _("Mailbox"), _("Message"), _("What")],
        [
            (
                alert.at,
                words.word(notices.SEVERITIES, alert.severity),
                alert.mailbox,
                short(keys, alert.message),
                notices.alert_text(alert.kind, alert.facts),
            )
            for alert in status.alerts[:ROWS]
        ],
    )


def _tell_outbox(output: Output, status: "Status", keys: dict[str, str]) -> None:
    if not _heading(output, _("Outbox: {count}"), len(status.outbox)):
        return
    output.table(
        [_("Key"), _("Mailbox"), _("Since"), _("State"), _("Reason"), _("Subject")],
        [
            (
                short(keys, entry.key),
                entry.mailbox,
                entry.created_at,
                words.word(words.SEND_STATES, entry.send_state),
                said(entry.reply, entry.problem),
                entry.subject,
            )
            for entry in status.outbox[:ROWS]
        ],
    )


def _tell_overdue(output: Output, status: "Status", keys: dict[str, str]) -> None:
    if not _heading(output, _("Overdue: {count}"), status.overdue.total):
        return
    rows = [
        (short(keys, message.key), recipient.address, state_text(message, recipient), recipient.due_at, message.subject)
        for message in status.overdue.messages
        for recipient in message.recipients
        if recipient.overdue
    ]
    output.table([_("Key"), _("Recipient"), _("State"), _("Was due"), _("Subject")], rows[:ROWS])


def _heading(output: Output, text: str, count: int) -> bool:
    """Say how many there are, and that not all are shown; whether there are any."""
    if count == 0:
        return False
    output.say()
    more = _(" (the first {shown}; all with --json)").format(shown=ROWS) if count > ROWS else ""
    output.say(clean(text.format(count=count) + more))
    return True
