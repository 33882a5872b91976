"""How are a mailbox's servers tried out before a person's eyes? Those of the configuration, or of one still to be."""

import tomllib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pec_tracker.answers import mailbox as answers
from pec_tracker.cli.output import Output
from pec_tracker.config_source import Source
from pec_tracker.errors import Exit, LoginRefusedError
from pec_tracker.texts import _

if TYPE_CHECKING:
    from pec_tracker.config import Config
    from pec_tracker.service.mailboxes.configured import Configured
    from pec_tracker.service.mailboxes.trial import Trial


def tried(config: "Config", name: str, *, password: str | None = None) -> "tuple[Configured, Trial]":
    """The mailbox *name* of *config*, and what its servers said; with the *password* that is kept nowhere yet."""
    from pec_tracker.config import configured, login
    from pec_tracker.service.mailboxes.trial import try_out
    from pec_tracker.wire.endpoint import Login

    mailbox = config.mailbox(name)
    one = next(one for one in configured(config) if one.address == mailbox.address)
    known = partial(login, mailbox) if password is None else lambda: Login(mailbox.user, password)
    return one, try_out(smtp=one.smtp, imap=one.imap, login=known)


def config_of(text: str, file: Path) -> "Config":
    """What the configuration would be if *file* held *text*. ConfigurationError."""
    from pec_tracker.config import validate

    return validate(Source(file=file, tree=tomllib.loads(text)))


def tell_trial(output: Output, name: str, one: "Configured", trial: "Trial") -> None:
    """What both servers said, in words."""
    output.say(answers.ready_text(name, trial))
    for line in answers.trial_lines(one, trial):
        output.say(line)
    if is_refused(trial):
        output.note(
            _("With access in two steps (Aruba and others) the password of the webmail is not taken: the provider's "
              "site makes one for mail programs. Too many wrong ones lock the mailbox.")
        )  # fmt: skip


def is_refused(trial: "Trial") -> bool:
    """Whether a server refused user name or password."""
    return any(isinstance(error, LoginRefusedError) for error in trial.errors)


def status_of(trial: "Trial") -> Exit:
    """The worst of what was found."""
    return max((error.status for error in trial.errors), default=Exit.DONE)
