"""How is a person asked what a mailbox needs? On a terminal, one question after the other; a script gives options."""

import sys
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from pec_tracker import texts
from pec_tracker.answers import mailbox as answers
from pec_tracker.answers.plain import clean
from pec_tracker.cli.options import option
from pec_tracker.errors import PecTrackerError, UsageError
from pec_tracker.texts import N_, _

if TYPE_CHECKING:
    from pec_tracker.service.mailboxes.draft import Draft, Rules

F = TypeVar("F", bound=Callable[..., Any])

# What a script gives instead of an answer.
_OPTIONS: Final = {
    "mailbox": "NAME",
    "address": "--address",
    "provider": "--provider",
    "login": "--login",
    "smtp_host": "--smtp-host",
    "imap_host": "--imap-host",
    "password": "--password-env",
}

# What a mailbox is made of: the parameters are named like the columns of `service.mailboxes.add`.
_MAILBOX: Final = (
    option("--address", metavar="ADDRESS", help=N_("The PEC address.")),
    option(
        "--provider",
        metavar="NAME",
        help=N_("The provider, as `provider list` names it; custom for any other."),
    ),
    option("--display-name", metavar="NAME", help=N_("The name shown beside the address.")),
    option("--login", metavar="USER", help=N_("The user name, where it is not the address.")),
    option("--password-env", metavar="VARIABLE", help=N_("The environment variable that holds the password.")),
    option("--password-file", metavar="FILE", help=N_("The file that holds the password.")),
    option("--password-keyring", metavar="SERVICE/USER", help=N_("The keyring entry that holds the password.")),
    option("--reply-to", metavar="ADDRESS", help=N_("Where answers should go.")),
    option("--smtp-host", metavar="HOST", help=N_("The submission server, where it is not the provider's.")),
    option("--smtp-port", metavar="PORT", type=click.IntRange(1, 65535), help=N_("Its port.")),
    option("--smtp-security", type=click.Choice(["tls", "starttls"]), help=N_("Its encryption.")),
    option("--smtp-ca-file", metavar="FILE", help=N_("An authority to trust for it, beside the system's.")),
    option("--imap-host", metavar="HOST", help=N_("The IMAP server, where it is not the provider's.")),
    option("--imap-port", metavar="PORT", type=click.IntRange(1, 65535), help=N_("Its port.")),
    option("--imap-security", type=click.Choice(["tls", "starttls"]), help=N_("Its encryption.")),
    option("--imap-ca-file", metavar="FILE", help=N_("An authority to trust for it, beside the system's.")),
)


def mailbox_options(command: F) -> F:
    """What a mailbox is made of, as options."""
    for one in reversed(_MAILBOX):
        command = one(command)
    return command


def changed_options(command: F) -> F:
    """The same for what can be changed of a mailbox: all but its address."""
    for one in reversed(_MAILBOX[1:]):
        command = one(command)
    return command


def house_rules(file: Path) -> "Rules":
    """What the configuration of *file* asks of a mailbox."""
    from pec_tracker.config import needs, validate
    from pec_tracker.own_providers import beside
    from pec_tracker.service.mailboxes.draft import Rules

    providers = beside(file)
    return Rules(needs(providers), validate, providers.serving)


def draft_of(name: str | None, given: Mapping[str, Any]) -> "Draft":
    """What the options say."""
    from pec_tracker.service.mailboxes.add import NAME_COLUMN
    from pec_tracker.service.mailboxes.draft import Draft

    cells = {column: None if value is None else str(value) for column, value in given.items()}
    cells["name"] = cells.pop("display_name", None)
    return Draft({NAME_COLUMN: name, **cells})


def completed(
    draft: "Draft", file: Path, rules: "Rules", *, order: Sequence[str] | None = None, taken: Container[str] = ()
) -> "Draft":
    """With what is missing, asked for on a terminal; an answer that does not fit is told, and asked for again.

    With an *order* of its own (`setup`) a script need not say what the address tells.
    """
    from pec_tracker.service.mailboxes.draft import ORDER

    if draft.missing(rules) is not None and sys.stdin.isatty():
        draft.check(file, rules)
    while (column := draft.missing(rules, order=order or ORDER)) is not None:
        told = draft.suggestion(column, rules, taken=taken)
        if order and column in order and told and not sys.stdin.isatty():
            draft = draft.answered(column, told)
            continue
        tried = draft.answered(column, _ask(draft, column, rules, taken))
        try:
            tried.check(file, rules)
        except PecTrackerError as error:
            complain(error)
        else:
            draft = tried
    return draft


def complain(error: PecTrackerError) -> None:
    """Tell of an error that does not end the command."""
    click.echo(_("Error: {message}").format(message=clean(texts.error_text(error))), err=True)


def _ask(draft: "Draft", column: str, rules: "Rules", taken: Container[str]) -> str:
    from pec_tracker.service.mailboxes.draft import PASSWORD, PROVIDER

    if not sys.stdin.isatty():
        raise UsageError("{option} is missing, and there is no terminal to ask on", option=_OPTIONS[column])
    if column == PASSWORD:
        return ask_password()
    kind = click.Choice(tuple(rules.needs)) if column == PROVIDER else str
    default = draft.suggestion(column, rules, taken=taken)
    answer: str = click.prompt(answers.question_text(column), default=default, type=kind, err=True)
    return answer


def ask_password(*, again: bool = False) -> str:
    """The password, which is not shown; empty where nothing was typed."""
    question = _("Password (nothing: leave it)") if again else answers.question_text("password")
    typed: str = click.prompt(question, default="", show_default=False, hide_input=True, err=True)
    return typed


def agreed(question: str) -> bool:
    """Whether the person at the terminal says yes, in Italian or in English; nothing typed means yes."""
    while True:
        text: str = click.prompt(f"{question} {_('[Y/n]')}", default="", show_default=False, err=True)
        word = text.strip().casefold()
        if word in ("", "y", "yes", "s", "si", "sì"):
            return True
        if word in ("n", "no"):
            return False
