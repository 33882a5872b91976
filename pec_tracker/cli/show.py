"""`pec-tracker show`: what happened to this message, with each recipient and in order of time, and what is proof?"""

from itertools import zip_longest
from typing import TYPE_CHECKING, Final

import click

from pec_tracker.answers import dossier as answers
from pec_tracker.answers.messages import entry_reason
from pec_tracker.answers.plain import clean
from pec_tracker.askers import OPERATOR
from pec_tracker.cli.layout import WIDTH, wrap
from pec_tracker.cli.options import Command, argument, json_option
from pec_tracker.cli.output import Output
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.pec.sending import WAITING
from pec_tracker.texts import N_, _

if TYPE_CHECKING:
    from pec_tracker.app import App
    from pec_tracker.service.queries.show import Dossier

_WHEN: Final = 21  # a time and a gap
_MAX_LINES: Final = 20  # of the message's text


@click.command(
    "show",
    cls=Command,
    help=N_(
        "Show one message: its facts, where it stands with each recipient, and its timeline.\n\n"
        "MESSAGE is a key or its beginning, as find shows it, a Message-ID or the provider's identifier. Receipts "
        "stand at their certified time, attempts to send at our own clock's. Evidence that is no proof is shown with "
        "the reason; it moves nothing."
    ),
    epilog="""pec-tracker show k7f3qv2m
        pec-tracker show "<pt.k7f3qv2mx5a1@pec.example.it>"
        pec-tracker show k7f3qv2m --json | jq '.evidence[] | select(.counts)'""",
)
@argument("message", metavar="MESSAGE", help=N_("Key, Message-ID or identifier."))
@json_option
@pass_cli
def command(cli: Cli, *, message: str, as_json: bool) -> None:
    """Everything that belongs to one message."""
    from pec_tracker.service.queries.show import show

    output = cli.output(as_json=as_json)
    dossier = show(OPERATOR, cli.app().house, message)
    if as_json:
        output.record(answers.dossier_facts(dossier))
        return
    for label, text in answers.heading(dossier):
        output.say(f"{label + ':':<20}{clean(text)}")
    for line in answers.profile_lines(dossier):
        output.say(f"  {clean(line)}")
    output.say()
    _tell_contents(output, dossier)
    output.say()
    output.table(*answers.recipient_table(dossier.message), zone=False)
    for remark in answers.remarks(dossier.message):
        output.say(clean(remark))
    for line in answers.advice(dossier.message):
        output.say(clean(line))
    output.say()
    _tell_timeline(output, dossier)
    _tell_held(output, cli.app(), dossier)


def _tell_held(output: Output, app: "App", dossier: "Dossier") -> None:
    """Why it has not left yet, where only the pace keeps it."""
    from pec_tracker.service.sending.outbox import waiting

    if dossier.message.send_state in WAITING:
        for entry in waiting(OPERATOR, app.house, key=dossier.message.key):
            if entry.held is not None:
                output.note(clean(entry_reason(entry)))


def _tell_contents(output: Output, dossier: "Dossier") -> None:
    sent = dossier.contents
    output.say(_("What was sent:"))
    if sent is None:
        output.say(_("  the message itself is not in the archive"))
        return
    lines = [line for line in (sent.text or "").splitlines() if line.strip()]
    for line in lines[:_MAX_LINES]:
        output.say(f"  | {clean(line)}")
    if sent.cut or len(lines) > _MAX_LINES:
        output.say(_("  (the text goes on; --json has more of it, the archived mail all)"))
    if not lines:
        output.say(_("  no plain text"))
    for part in sent.attachments:
        output.say(f"  {clean(answers.attachment_text(part))}")
        output.say(f"    SHA-256 {part.sha256}")


def _tell_timeline(output: Output, dossier: "Dossier") -> None:
    moments = answers.timeline(dossier)
    output.say(_("Timeline (Europe/Rome):"))
    if not moments:
        output.say(_("  nothing has happened yet"))
    for moment in moments:
        wide = max(_WHEN, len(moment.when) + 2)
        told = wrap(clean(moment.what), WIDTH - wide - 2)
        told += [f"  {part}" for line in moment.beside for part in wrap(clean(line), WIDTH - wide - 4)]
        for when, line in zip_longest((moment.when,), told, fillvalue=""):
            output.say(f"  {when:<{wide}}{line}")
