"""How is a mailbox of the configuration changed, or called otherwise? The user's TOML file keeps its comments.

Whatever cannot be changed so that only the wanted keys differ is left to a person: the file stays as it is.
"""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tomlkit
from tomlkit.exceptions import ParseError, TOMLKitError

from pec_tracker import config_source
from pec_tracker.config_source import Source
from pec_tracker.errors import ConfigurationError, UsageError
from pec_tracker.secret import SecretSource
from pec_tracker.service.mailboxes.add import COLUMNS

Validate = Callable[[Source], object]
Key = tuple[str, ...]

PACE: Final = "messages_per_minute"
# Column -> key of the section, of what can be changed. The address can't: another address is another mailbox.
CHANGEABLE: Final[Mapping[str, Key]] = {
    **{column: key for column, key in COLUMNS.items() if column != "address"},
    PACE: (PACE,),
}
SECRETS: Final = tuple(f"password_{source.value}" for source in SecretSource)
SERVERS: Final = tuple(f"{service}_{part}" for service in ("smtp", "imap") for part in ("host", "port", "security"))
# What was said for one provider's servers means nothing to another's.
_OF_THE_PROVIDER: Final = ("login", *SERVERS, "sent_folder")
_AT_THE_SERVERS: Final = ("provider", "login", *SECRETS, *SERVERS, "smtp_ca_file", "imap_ca_file")


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be changed of a mailbox: by column the new value, or None where the key is taken out."""

    values: Mapping[str, str | int | float | None]

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.values)

    @property
    def at_the_servers(self) -> bool:
        """Whether the servers may answer otherwise now, so that they are tried out first."""
        return any(column in _AT_THE_SERVERS for column in self.values)


def section_of(file: Path, name: str) -> dict[str, Any]:
    """The keys of the mailbox's section. UsageError where *file* has none, or a variable says something of it."""
    source = config_source.read(file if file.exists() else None)
    variables = [source.variables[key] for key in source.variables if key[:2] == ("mailbox", name)]
    if variables:
        raise UsageError(
            "{name} is configured by the environment variable {variable}, which wins over the file; change it there",
            name=name,
            variable=variables[0],
        )
    section = source.tree.get("mailbox", {}).get(name)
    if not isinstance(section, dict):
        raise UsageError("{file} has no section [mailbox.{name}]; see `pec-tracker mailbox list`", file=file, name=name)
    return section


def changes_of(section: Mapping[str, Any], given: Mapping[str, str | int | float | None]) -> Changes:
    """What *given* (by column; empty text: none) changes of a mailbox's *section*, with all that follows from it: one
    password takes the place of another, and with the provider go the servers and the user of the one before."""
    wanted: dict[str, str | int | float | None] = {}
    if given.get("provider") and given["provider"] != section.get("provider"):
        wanted |= dict.fromkeys(_OF_THE_PROVIDER)
    for service in ("smtp", "imap"):
        if given.get(f"{service}_host") == "":  # the provider's own: so are its port and encryption
            wanted |= {f"{service}_port": None, f"{service}_security": None}
    if any(given.get(column) for column in SECRETS):
        wanted |= dict.fromkeys(SECRETS)
    wanted |= {column: None if value == "" else value for column, value in given.items() if value is not None}
    return Changes({column: value for column, value in wanted.items() if value != _at(section, CHANGEABLE[column])})


def text_changed(file: Path, name: str, changes: Changes, validate: Validate) -> str:
    """What *file* would hold with *changes*. UsageError, ConfigurationError where that is no configuration."""
    before = _text(file)
    keys = {CHANGEABLE[column]: value for column, value in changes.values.items()}

    def change(tree: Any) -> None:
        for key, value in keys.items():
            _put(tree["mailbox"][name], key, value)

    wanted = tomllib.loads(before)
    has = wanted["mailbox"][name]
    new = {".".join(key): value for key, value in keys.items() if value is not None and key[0] not in has}
    change(wanted)
    return _verified(file, name, [_with_lines(before, name, new), before], change, wanted, validate)


def text_renamed(file: Path, old: str, new: str, validate: Validate) -> str:
    """What *file* would hold with the mailbox *old* called *new*: its section's name, the former one written into it,
    and the gateway's logins that name it. UsageError, ConfigurationError where that is no configuration."""
    before = _text(file)
    wanted = tomllib.loads(before)
    if new in wanted["mailbox"]:
        raise UsageError("a mailbox called {name} is already configured; choose another name", name=new)
    wanted["mailbox"] = {new if name == old else name: keys for name, keys in wanted["mailbox"].items()}
    former = [*(one for one in wanted["mailbox"][new].get("formerly", ()) if one != new), old]

    def rename(tree: Any) -> None:
        tree["mailbox"][new]["formerly"] = former
        for login in tree.get("gateway", {}).get("login", {}).values():
            if login.get("mailbox") == old:
                login["mailbox"] = new

    lines = {} if "formerly" in wanted["mailbox"][new] else {"formerly": former}
    rename(wanted)
    called = re.sub(rf"(?m){_header(old)}(?=\s*[.\]])", rf"\g<1>{new}", before)
    return _verified(file, old, [_with_lines(called, new, lines), called], rename, wanted, validate)


def _header(name: str) -> str:
    """The pattern of a line that begins the mailbox's section or one within it, up to its name."""
    return rf"""^([ \t]*\[[ \t]*mailbox[ \t]*\.[ \t]*)(?:{name}|"{name}"|'{name}')"""


def _with_lines(text: str, name: str, keys: Mapping[str, Any]) -> str:
    """*text* with *keys* in lines of their own below the mailbox's address: further down they would stand under the
    comment of what follows."""
    lines = "".join(f"{key} = {tomlkit.item(value).as_string()}\n" for key, value in keys.items())
    place = re.compile(rf"(?m){_header(name)}[ \t]*\].*\n(?:(?![ \t]*\[).*\n)*?[ \t]*address[ \t]*=.*\n")
    return place.sub(
        lambda found: found[0] + (lines.replace("\n", "\r\n") if "\r" in found[0] else lines), text, count=1
    )


def _verified(
    file: Path,
    name: str,
    texts: Sequence[str],
    change: Callable[[Any], None],
    wanted: Mapping[str, Any],
    validate: Validate,
) -> str:
    """The first of *texts* with its *change* that says exactly what is *wanted*."""
    for text in texts:
        try:
            document = tomlkit.parse(text)
            change(document)
            after = tomlkit.dumps(document)
            said = tomllib.loads(after)
        except (TOMLKitError, KeyError, TypeError, tomllib.TOMLDecodeError):
            continue
        if said == wanted:
            validate(Source(file=file, tree=said))
            return after
    raise UsageError("{file} is written so that only a person can change {name} in it", file=file, name=name)


def _text(file: Path) -> str:
    try:
        text = file.read_bytes().decode("utf-8-sig")
        tomlkit.parse(text)
    except ParseError as error:
        raise ConfigurationError("the configuration is not valid TOML: {reason}", reason=error) from error
    return text


def _put(section: Any, key: Key, value: object) -> None:
    """Set *key*, or take it out where *value* is None; the same for the file's document and for plain dictionaries."""
    *tables, last = key
    for part in tables:
        if part not in section:
            if value is None:
                return
            section[part] = {}
        section = section[part]
    if value is not None:
        section[last] = value
    elif last in section:
        del section[last]


def _at(section: Mapping[str, Any], key: Key) -> Any:
    value: Any = section
    for part in key:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
