"""What is wrong in the configuration, in words? pydantic's findings as errors that name place, key and remedy."""

from collections.abc import Iterator
from difflib import get_close_matches
from types import UnionType
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from pec_tracker.config_source import Key, Source
from pec_tracker.errors import ConfigurationError
from pec_tracker.texts import N_


class InvalidValueError(ConfigurationError, ValueError):
    """A value breaks a rule of the configuration (a ValueError, so that validation gathers it)."""


# What each of pydantic's findings means to a person. `value` is what was written.
_MEANING: Final[dict[str, str]] = {
    "int_parsing": N_("a whole number is needed, not {value!r}"),
    "int_type": N_("a whole number is needed, not {value!r}"),
    "int_from_float": N_("a whole number is needed, not {value!r}"),
    "float_parsing": N_("a number is needed, not {value!r}"),
    "float_type": N_("a number is needed, not {value!r}"),
    "bool_parsing": N_("true or false is needed, not {value!r}"),
    "bool_type": N_("true or false is needed, not {value!r}"),
    "string_type": N_("a text in quotes is needed"),
    "path_type": N_("a path in quotes is needed"),
    "tuple_type": N_("a list in brackets is needed: [...]"),
    "model_type": N_("a section is needed, not a value"),
    "dict_type": N_("a section is needed, not a value"),
    "greater_than": N_("the value must be above {gt}, not {value!r}"),
    "greater_than_equal": N_("the value must be at least {ge}, not {value!r}"),
    "less_than_equal": N_("the value must be at most {le}, not {value!r}"),
    "literal_error": N_("{value!r} is not one of the choices: {expected}"),
    "enum": N_("{value!r} is not one of the choices: {expected}"),
    "missing": N_("this key is missing; write it"),
    "timezone_aware": N_("a time needs its zone: 2026-11-23T10:00:00+01:00"),
    "datetime_parsing": N_("a time is needed: 2026-11-23T10:00:00+01:00"),
    "datetime_from_date_parsing": N_("a time is needed: 2026-11-23T10:00:00+01:00"),
    "datetime_type": N_("a time is needed: 2026-11-23T10:00:00+01:00"),
}

NO_SUCH_KEY: Final = N_("there is no such key; config.example.toml lists them all")

# A password written by mistake is worse than a typing error: say so at once, and never repeat it.
_SECRETS: Final = frozenset({"password", "smtp_password", "imap_password"})


def configuration_error(finding: ErrorDetails, source: Source, root: type[BaseModel]) -> ConfigurationError:
    """The error to raise for pydantic's `finding` in `source`, validated as `root`."""
    key = tuple(str(part) for part in finding["loc"])
    return ConfigurationError(
        "{place}: {key}: {problem}",
        place=source.origin(key) or "pec-tracker",
        key=".".join(key) or "*",
        problem=_problem(finding, key, root),
    )


def _problem(finding: ErrorDetails, key: Key, root: type[BaseModel]) -> ConfigurationError:
    context: dict[str, Any] = finding.get("ctx", {})
    if finding["type"] == "extra_forbidden":
        return _unknown(key, root)
    if isinstance(context.get("error"), ConfigurationError):
        ours: ConfigurationError = context["error"]
        return ours
    meaning = _MEANING.get(finding["type"])
    if meaning is None:
        return ConfigurationError("{reason}", reason=finding["msg"])
    return ConfigurationError(meaning, value=finding["input"], **context)


def _unknown(key: Key, root: type[BaseModel]) -> ConfigurationError:
    if key[-1] in _SECRETS:
        return ConfigurationError(
            "a password is never written here; name where it is kept with password_env, password_file or "
            "password_keyring"
        )
    nearest = get_close_matches(key[-1], known_keys(key[:-1], root), n=1, cutoff=0.5)
    if nearest:
        return ConfigurationError("there is no such key; did you mean {nearest}?", nearest=nearest[0])
    return ConfigurationError(NO_SUCH_KEY)


def known_keys(section: Key, root: type[BaseModel]) -> list[str]:
    """The keys that may stand in `section` of `root`; none when there is no such section."""
    model = root
    parts = iter(section)
    for part in parts:
        below = _section(model, part, parts)
        if below is None:
            return []
        model = below
    return [field.alias or name for name, field in model.model_fields.items()]


def _section(model: type[BaseModel], key: str, rest: Iterator[str]) -> type[BaseModel] | None:
    for name, field in model.model_fields.items():
        if key != (field.alias or name):
            continue
        annotation = field.annotation
        if get_origin(annotation) is dict:  # [mailbox.NAME]: the name is the user's
            next(rest, None)
            annotation = get_args(annotation)[1]
        if get_origin(annotation) is UnionType:  # a section that need not be there
            annotation = get_args(annotation)[0]
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return annotation
    return None
