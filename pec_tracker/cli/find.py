"""`pec-tracker find`: which messages answer to this, and where does each stand with its recipients?"""

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from pec_tracker.answers.messages import (
    SEND_STATE_WORDS,
    STATE_WORDS,
    message_facts,
    send_state_text,
    short,
    state_text,
)  # fmt: skip
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.options import Command, Token, argument, json_option, option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.texts import N_, _
from pec_tracker.texts.times import rome_minute

if TYPE_CHECKING:
    from pec_tracker.service.queries.find import Found


class Day(click.ParamType[date]):
    """A day: YYYY-MM-DD, or DD/MM/YYYY as Italians write it."""

    name = "day"
    _FORMS: Final = ("%Y-%m-%d", "%d/%m/%Y")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The day that `value` says."""
        if isinstance(value, date):
            return value
        day = self._read(str(value).strip())
        if day is None:
            self.fail(_("{value!r} is not a day; write 2026-11-23 or 23/11/2026").format(value=value), param, ctx)
        return day

    def _read(self, text: str) -> date | None:
        for form in self._FORMS:
            try:
                return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone
            except ValueError:
                continue
        return None


@click.command(
    "find",
    cls=Command,
    help=N_(
        "Find messages, and where each stands with each recipient.\n\n"
        "TEXT is looked for in subjects, addresses, identifiers and the words of the messages; every word must be "
        "there. Case and accents make no difference. Every condition given must hold. The newest come first."
    ),
    epilog="""pec-tracker find diffida rossi
        pec-tracker find --recipient ufficio@pec.example.it --since 01/11/2026
        pec-tracker find --state failed --state not_accepted
        pec-tracker find --overdue --json | jq .key""",
)
@argument("text", metavar="[TEXT]...", nargs=-1, help=N_("Words to look for."))
@option("--recipient", metavar="ADDRESS", help=N_("Sent to this address, or to one that holds this text."))
@option("--subject", metavar="WORDS", help=N_("With these words in the subject."))
@option("--message-id", metavar="ID", help=N_("With this Message-ID, identifier or key."))
@option("--case", metavar="TEXT", help=N_("Of this case (the reference given when sending)."))
@option("--mailbox", metavar="NAME", help=N_("Of this mailbox."))
@option("--since", metavar="DAY", type=Day(), help=N_("From this day on (2026-11-23 or 23/11/2026)."))
@option("--until", metavar="DAY", type=Day(), help=N_("Up to this day, which is included."))
@option("--state", type=Token(STATE_WORDS), multiple=True, help=N_("With a recipient in this state:"))
@option("--send-state", type=Token(SEND_STATE_WORDS), multiple=True, help=N_("In this state of sending:"))
@option("--overdue", is_flag=True, help=N_("With a receipt that should have come by now."))
@option("--limit", metavar="N", type=click.IntRange(1, 10_000), default=100, help=N_("At most so many (default: 100)."))
@option("--offset", metavar="N", type=click.IntRange(0), default=0, help=N_("Leave out the first so many."))
@json_option
@pass_cli
def command(cli: Cli, /, *, text: tuple[str, ...], as_json: bool, **conditions: Any) -> None:
    """One row a recipient, or one JSON object a message."""
    from pec_tracker.service.queries.find import Query, find
    from pec_tracker.service.queries.short_keys import short_keys

    house = cli.app().house
    output = cli.output(as_json=as_json)
    found = find(OPERATOR, house, Query(text=" ".join(text) or None, **conditions))
    if as_json:
        for message in found.messages:
            output.record(message_facts(message))
    else:
        _table(output, found, short_keys(OPERATOR, house, (message.key for message in found.messages)))
    _count(output, found, conditions["offset"])


def _table(output: Output, found: "Found", keys: dict[str, str]) -> None:
    """Each message once, and below it a line a recipient."""
    rows = []
    for message in found.messages:
        day = rome_minute(message.created_at)
        once: tuple[str, ...] = (short(keys, message.key), day, message.case or "", message.subject or "")
        for recipient in message.recipients:
            rows.append((*once, recipient.address, state_text(message, recipient), recipient.state_at))
            once = ("", "", "", "")
        if not message.recipients:
            rows.append((*once, "", send_state_text(message.send_state), None))
    columns = [_("Key"), _("Date"), _("Case"), _("Subject"), _("Recipient"), _("State"), _("Certified time")]
    output.table(columns, rows, breaks=(4,))


def _count(output: Output, found: "Found", offset: int) -> None:
    """Beside the answer: that there was nothing, or that there is more."""
    if not found.messages:
        output.note(_("No message was found."))
    elif found.more or found.total > len(found.messages):
        last = offset + len(found.messages)
        text = _("Messages {first} to {last} of {total}; --offset and --limit show others.")
        if found.more:
            text = _("Messages {first} to {last} of more than {total}; --offset and --limit show others.")
        output.note(text.format(first=offset + 1, last=last, total=found.total))
