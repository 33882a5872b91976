"""What a message is to be, as the options of `send` and `lint` say it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from pec_tracker.answers.outbox import PROFILE_WORDS
from pec_tracker.cli.find import Day
from pec_tracker.cli.options import Token, option
from pec_tracker.errors import UsageError
from pec_tracker.pec.finding import CONFIRMABLE
from pec_tracker.texts import N_, reason_text

if TYPE_CHECKING:
    from pec_tracker.service.sending.profiles import LookUp, Wanted

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS: Final = (
    option("--profile", type=Token(PROFILE_WORDS), help=N_("Hold the message to the rules of:")),
    option("--call", metavar="DAY", type=Day(), help=N_("With assembly: the day of the first call.")),
    option(
        "--look-up",
        "look_ups",
        metavar="ADDRESS=FILE",
        multiple=True,
        help=N_("With law53: what the register showed of this address (PDF, PNG, JPEG), to be archived."),
    ),
    option(
        "--confirm",
        "confirmed",
        multiple=True,
        type=click.Choice(CONFIRMABLE),
        help=N_("With assembly: send although this rule is broken; that is kept with the message."),
    ),
)


def profile_options(command: F) -> F:
    """`--profile` and what goes with it."""
    for each in reversed(_OPTIONS):
        command = each(command)
    return command


def wanted(given: dict[str, Any]) -> "Wanted | None":
    """What the options say that the message is to be; None for a letter. Raises UsageError."""
    from pec_tracker.pec.rule_profiles import Profile
    from pec_tracker.service.sending.profiles import Wanted

    if given["profile"] is None:
        if given["call"] or given["look_ups"] or given["confirmed"]:
            raise UsageError("--call, --look-up and --confirm belong to a profile; add --profile")
        return None
    look_ups = tuple(map(_look_up, given["look_ups"]))
    return Wanted(Profile(given["profile"]), given["call"], look_ups, frozenset(given["confirmed"]))


def _look_up(said: str) -> "LookUp":
    from pec_tracker.service.sending.profiles import MAX_LOOK_UP, LookUp

    address, equals, file = said.partition("=")
    if not (address.strip() and equals and file):
        raise UsageError("{said!r} is no look-up; write ADDRESS=FILE", said=said)
    try:
        with Path(file).open("rb") as opened:
            return LookUp(address.strip(), Path(file).name, opened.read(MAX_LOOK_UP + 1))
    except OSError as error:
        reason = reason_text(error.strerror or type(error).__name__)
        raise UsageError("{file} cannot be read: {reason}", file=file, reason=reason) from error
