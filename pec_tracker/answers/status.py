"""What is answered when somebody asks how everything stands? One object, and a few tables of the first rows each."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pec_tracker.answers.messages import (
    alert_facts,
    alert_text,
    entry_facts,
    entry_reason,
    journey_text,
    message_facts,
    send_state_text,
    short,
    state_text,
)
from pec_tracker.answers.quota import space_text
from pec_tracker.service.quota.space import percent_used
from pec_tracker.texts import _, error_text, facts_text, notices, words

if TYPE_CHECKING:
    from pec_tracker.service.queries.status import MailboxStatus, Status

Table = tuple[list[str], list[tuple[object, ...]]]


def status_facts(status: "Status") -> dict[str, Any]:
    """How everything stands as a JSON object (contract of `status`)."""
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
        "quota": {
            "used": mailbox.used,
            "limit": mailbox.limit,
            "percent": percent_used(mailbox.used, mailbox.limit),
            "at": mailbox.quota_at,
        },
        "quarantined": mailbox.quarantined,
    }


def keys_shown(status: "Status", rows: int) -> list[str]:
    """The keys of the messages that tables of *rows* rows name."""
    alerted = [alert.message for alert in status.alerts[:rows] if alert.message]
    waiting = [entry.key for entry in status.outbox[:rows]]
    return alerted + waiting + [message.key for message in status.overdue.messages[:rows]]


def recipients_text(status: "Status") -> str:
    """How many recipients stand in which state."""
    states = ", ".join(f"{journey_text(state)} {count}" for state, count in status.recipients)
    return _("Recipients: {states}").format(states=states or "-")


def needs_text(status: "Status") -> str:
    """Whether a person is needed."""
    return _("Something needs you.") if status.needs_person else _("Nothing needs you.")


def mailbox_table(status: "Status") -> Table:
    """One row a mailbox."""
    columns = [_("Mailbox"), _("Last collected"), _("Space used"), _("Quarantine"), _("Login")]
    return columns, [_mailbox_row(mailbox) for mailbox in status.mailboxes]


def _mailbox_row(mailbox: "MailboxStatus") -> tuple[object, ...]:
    collected = mailbox.collected_at or _("never")
    login = _("in use")
    if mailbox.suspended_at is not None:
        told = mailbox.suspended_problem
        login = _("suspended: {reason}").format(reason=facts_text(told) if told else mailbox.suspended_reason)
    return mailbox.name, collected, space_text(mailbox.used, mailbox.limit), mailbox.quarantined, login


def alert_table(status: "Status", keys: Mapping[str, str], rows: int) -> Table:
    """One row an alert."""
    columns = [_("Since"), _("Severity"), _("Mailbox"), _("Message"), _("What")]
    return columns, [
        (
            alert.at,
            words.word(notices.SEVERITIES, alert.severity),
            alert.mailbox,
            short(keys, alert.message),
            alert_text(alert),
        )
        for alert in status.alerts[:rows]
    ]


def outbox_table(status: "Status", keys: Mapping[str, str], rows: int) -> Table:
    """One row a message that has not simply left."""
    columns = [_("Key"), _("Mailbox"), _("Since"), _("State"), _("Reason"), _("Subject")]
    return columns, [
        (
            short(keys, entry.key),
            entry.mailbox,
            entry.created_at,
            send_state_text(entry.send_state),
            entry_reason(entry),
            entry.subject,
        )
        for entry in status.outbox[:rows]
    ]


def overdue_table(status: "Status", keys: Mapping[str, str], rows: int) -> Table:
    """One row a recipient whose receipt should have come."""
    told: list[tuple[object, ...]] = [
        (short(keys, message.key), recipient.address, state_text(message, recipient), recipient.due_at, message.subject)
        for message in status.overdue.messages
        for recipient in message.recipients
        if recipient.overdue
    ]
    return [_("Key"), _("Recipient"), _("State"), _("Was due"), _("Subject")], told[:rows]
