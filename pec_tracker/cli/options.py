"""Which options mean the same in every command? Declared once here; help texts are translated when shown."""

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from pec_tracker import texts
from pec_tracker.clock import ROME
from pec_tracker.texts import N_, _

F = TypeVar("F", bound=Callable[..., Any])


# click's names of numbers, which stand in what it says of a value that is none.
_NUMBERS: Final = frozenset({N_("integer"), N_("integer range"), N_("float"), N_("float range")})


class _Spoken(str):
    """An English text that is told in the language spoken when it is put into a sentence."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return format(_(str(self)), spec)


class Option(click.Option):
    """An option whose help is an English text of the catalogue."""

    def __init__(self, *declarations: Any, **settings: Any) -> None:
        """As click's, with the name of a number that can be told in any language."""
        super().__init__(*declarations, **settings)
        if self.type.name in _NUMBERS:
            self.type = copy.copy(self.type)
            self.type.name = _Spoken(self.type.name)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The option's two columns of help, in the language spoken now."""
        told = _told(self)
        if isinstance(self.type, Token):
            told.help = f"{told.help or ''} {self.type.listed()}.".strip()
        return click.Option.get_help_record(told, ctx)

    def make_metavar(self, ctx: click.Context) -> str:
        """What stands for the value, in the language spoken now."""
        return _valued(super().make_metavar(ctx))


class Argument(click.Argument):
    """An argument whose help is an English text of the catalogue."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        """The argument's two columns of help, in the language spoken now."""
        return click.Argument.get_help_record(_told(self), ctx)

    def make_metavar(self, ctx: click.Context) -> str:
        """What stands for the value, in the language spoken now."""
        return _valued(super().make_metavar(ctx))


class Command(click.Command):
    """A command whose help is an English text of the catalogue; its `epilog` holds examples, one a line.

    What it returns is its exit status: an `errors.Exit`, or None for done.
    """

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's parameters, and the language."""
        return with_language(super().get_params(ctx))

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help in the language spoken now."""
        click.Command.format_help_text(_told(self), ctx, formatter)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """The usage line's pieces, in the language spoken now."""
        return [_(piece) for piece in super().collect_usage_pieces(ctx)]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, line by line as they are."""
        write_examples(self.epilog, formatter)

    def get_short_help_str(self, limit: int = 90) -> str:
        """The one line for the list of commands, in the language spoken now."""
        return click.Command.get_short_help_str(_told(self), limit)


class Group(click.Group):
    """A command with subcommands, all of them translated."""

    command_class = Command
    group_class = type

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The group's parameters, and the language."""
        return with_language(super().get_params(ctx))

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help in the language spoken now."""
        click.Group.format_help_text(_told(self), ctx, formatter)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """The usage line's pieces, in the language spoken now."""
        return [_(piece) for piece in super().collect_usage_pieces(ctx)]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, line by line as they are."""
        write_examples(self.epilog, formatter)

    def get_short_help_str(self, limit: int = 90) -> str:
        """The one line for the list of commands, in the language spoken now."""
        return click.Group.get_short_help_str(_told(self), limit)


# click's own placeholders, which it does not translate itself.
PLACEHOLDERS: Final = (N_("[OPTIONS]"), N_("COMMAND [ARGS]..."))

# What stands for a value in help and usage, ours and click's; a name in lower case is a command's or a token.
VALUES: Final = (
    N_("ADDRESS"), N_("CASE"), N_("COLUMN"), N_("DAY"), N_("DIR"), N_("FIELD"), N_("FINGERPRINT"), N_("FLOAT"),
    N_("FOLDER"), N_("INTEGER"), N_("KEY"), N_("MESSAGE"), N_("NAME"), N_("OUTPUT"), N_("PATH"), N_("PORT"),
    N_("PROVIDER"), N_("SEAL"), N_("SERVICE"), N_("SPAN"), N_("TEXT"), N_("TIME"), N_("TOKEN"), N_("USER"),
    N_("VARIABLE"), N_("WHO"), N_("WORD"), N_("WORDS"),
)  # fmt: skip
_VALUE: Final = re.compile(r"\b(?:" + "|".join(VALUES) + r")\b")


def _valued(metavar: str) -> str:
    return _VALUE.sub(lambda found: _(found[0]), metavar)


Helped = TypeVar("Helped", Option, Argument, Command, Group)


def speak(ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """The callback of `--lang`: speak that language from here on; the configuration's yields to it."""
    if value is not None:
        texts.activate(value)
        spoken = ctx.find_root().obj
        if spoken is not None:  # None: the option stands before the command, and the root keeps it itself
            spoken.language = value
    return value


def with_language(parameters: list[click.Parameter]) -> list[click.Parameter]:
    """*parameters* and `--lang`, which is taken after a command too, unless the command has its own."""
    if any("--lang" in parameter.opts for parameter in parameters):
        return parameters
    language = Option(
        ["--lang"], type=click.Choice(texts.LANGUAGES), is_eager=True, expose_value=False, callback=speak, hidden=True
    )
    return [*parameters, language]


def language_asked(arguments: Sequence[str]) -> str | None:
    """The language that a command line asks for anywhere, so that even its mistakes are told in it; None for none.

    After `proof` it is the package's language.
    """
    asked = None
    for at, word in enumerate(arguments):
        if word in ("proof", "--"):
            break
        name, _separator, value = word.partition("=")
        if name == "--lang":
            asked = value or (arguments[at + 1] if at + 1 < len(arguments) else None)
    return asked if asked in texts.LANGUAGES else None


def _told(thing: Helped) -> Helped:
    told = copy.copy(thing)
    told.help = _(thing.help) if thing.help else thing.help
    return told


def write_examples(epilog: str | None, formatter: click.HelpFormatter) -> None:
    """Write `epilog`, one example a line, under its heading; click would fill the lines into a paragraph."""
    if epilog:
        with formatter.section(_("Examples")):
            for line in epilog.strip().splitlines():
                formatter.write(f"{'':>{formatter.current_indent}}{line.strip()}\n")


class Moment(click.ParamType[datetime]):
    """A time: ISO 8601 or dd/mm/yyyy [hh:mm[:ss]]; without a zone it is meant in Europe/Rome."""

    name = "time"
    _FORMS: Final = ("%d/%m/%Y", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The time that `value` says, with its zone."""
        if isinstance(value, datetime):
            return value
        moment = self._read(str(value).strip())
        if moment is None:
            self.fail(
                _("{value!r} is not a time; write 2026-11-23T10:00 or 23/11/2026 10:00").format(value=value), param, ctx
            )
        return moment if moment.tzinfo else moment.replace(tzinfo=ROME)

    def _read(self, text: str) -> datetime | None:
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass
        for form in self._FORMS:
            try:
                return datetime.strptime(text, form)  # noqa: DTZ007 - the zone is added by convert
            except ValueError:
                continue
        return None


class Span(click.ParamType[timedelta]):
    """A length of time: 90s, 10m, 2h, 1d."""

    name = "span"
    _UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The span that `value` says."""
        if isinstance(value, timedelta):
            return value
        match = re.fullmatch(r"(\d{1,6})\s*([smhd])", str(value).strip().lower())
        if match is None or int(match[1]) == 0:
            self.fail(_("{value!r} is not a length of time; write 90s, 10m, 2h or 1d").format(value=value), param, ctx)
        return timedelta(**{self._UNITS[match[2]]: int(match[1])})


class Token(click.ParamType[str]):
    """One of some tokens, which scripts write, or its word in the language spoken now, which people read."""

    name = "token"

    def __init__(self, wording: Mapping[str, str]) -> None:
        """*wording* has the English word of each token."""
        self.wording = wording

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The token that `value` is, or names."""
        asked = _as_typed(str(value))
        words = self.wording.items()
        named = [token for token, word in words if asked in (_as_typed(token), _as_typed(word), _as_typed(_(word)))]
        if not named:
            self.fail(_("{value!r} is none of: {listed}").format(value=value, listed=self.listed()), param, ctx)
        return named[0]

    def listed(self) -> str:
        """Every token with its word, where they differ."""
        return ", ".join(token if token == _(word) else f"{token} ({_(word)})" for token, word in self.wording.items())


def _as_typed(text: str) -> str:
    return " ".join(text.casefold().replace("_", " ").replace("-", " ").split())


def option(*declarations: str, **settings: Any) -> Callable[[F], F]:
    """`click.option` with translated help: pass `help=N_("...")`."""
    return click.option(*declarations, cls=Option, **settings)


def argument(*declarations: str, **settings: Any) -> Callable[[F], F]:
    """`click.argument` with translated help: pass `help=N_("...")`."""
    return click.argument(*declarations, cls=Argument, **settings)


def json_option(command: F) -> F:
    """`--json`: the parameter `as_json`."""
    return option("--json", "as_json", is_flag=True, help=N_("Print JSON, one object a line, for scripts."))(command)


def trust_option(command: F) -> F:
    """`--trust`, repeatable: the parameter `trust`, a tuple of paths."""
    return option(
        "--trust",
        metavar="FILE|DIR",
        multiple=True,
        type=click.Path(exists=True, path_type=Path),
        help=N_("Trust these certificates too (PEM, DER, PKCS#7, a folder), beside the default anchors."),
    )(command)


def at_option(command: F) -> F:
    """`--at`: the parameter `at`, a time with its zone, or None."""
    return option(
        "--at",
        metavar="TIME",
        type=Moment(),
        help=N_("Verify signatures as they stood at TIME (without a zone: Europe/Rome), not at the mail's own time."),
    )(command)


def mailbox_option(command: F) -> F:
    """`--mailbox`, repeatable: the parameter `mailboxes`, a tuple of names; empty means all."""
    return option(
        "--mailbox",
        "mailboxes",
        metavar="NAME",
        multiple=True,
        help=N_("Only this mailbox (default: all; may be repeated)."),
    )(command)
