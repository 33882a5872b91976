"""Where is the configuration, and what does it say? File and environment as one tree, with origins.

Every key of the file can also be given as `PEC_TRACKER__SECTION__KEY`, which wins over the file.
"""

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import platformdirs

from pec_tracker.errors import ConfigurationError

APP: Final = "pec-tracker"
FILE_VARIABLE: Final = "PEC_TRACKER_CONFIG"
PREFIX: Final = "PEC_TRACKER__"

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """What was written, not yet validated. `variables` names the environment variable of each key that has one."""

    file: Path | None
    tree: dict[str, Any]
    variables: Mapping[Key, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Against which relative paths are meant: the file's folder; without a file, the current one."""
        return self.file.parent if self.file else Path.cwd()

    def origin(self, key: Key) -> str:
        """Where `key` was written, or what contains it, or something in it: the variable's or the file's name."""
        for length in range(len(key), 0, -1):
            if variable := self.variables.get(key[:length]):
                return variable
        within = (variable for written, variable in self.variables.items() if written[: len(key)] == key)
        return next(within, str(self.file or ""))


def find(named: Path | None = None) -> Path | None:
    """The configuration file: `named`, else `PEC_TRACKER_CONFIG`, else ./config.toml, else the user's; None if none.

    A file that was named must exist: ConfigurationError.
    """
    if named is None and (variable := os.environ.get(FILE_VARIABLE)):
        named = Path(variable)
    if named is not None:
        if not named.is_file():
            raise ConfigurationError("{file}: there is no such configuration file; check the name", file=named)
        return named.absolute()
    places = (Path("config.toml"), user_file())
    return next((place.absolute() for place in places if place.is_file()), None)


def to_edit(named: Path | None = None) -> Path:
    """The file that a command should write to: the one that `find` finds, else the one named, else the user's."""
    if named is None and (variable := os.environ.get(FILE_VARIABLE)):
        named = Path(variable)
    return (named or find() or user_file()).absolute()


def user_file() -> Path:
    """Where the user's own configuration file belongs (it need not exist)."""
    return platformdirs.user_config_path(APP, appauthor=False) / "config.toml"


def user_data_folder() -> Path:
    """Where the archive and the database live when nothing else is said."""
    return platformdirs.user_data_path(APP, appauthor=False)


def user_state_folder() -> Path:
    """Where this computer marks what was sent last: not where the archive and the database live."""
    folder = platformdirs.user_state_path(APP, appauthor=False)
    return Path.home() / f".{APP}" if folder == user_data_folder() else folder


def read(file: Path | None) -> Source:
    """The tree of `file` with the environment's values over it. ConfigurationError if it cannot be read."""
    tree = _read_toml(file) if file else {}
    variables: dict[Key, str] = {}
    for variable, value in sorted(os.environ.items()):
        if variable.upper().startswith(PREFIX):
            key = tuple(variable[len(PREFIX) :].lower().split("__"))
            _put(tree, key, _value(variable, value), variable)
            variables[key] = variable
    return Source(file=file, tree=tree, variables=variables)


def read_file(file: Path) -> Source:
    """The tree of *file* alone, over which no variable wins. ConfigurationError if it cannot be read."""
    return Source(file=file, tree=_read_toml(file))


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8-sig"))  # Notepad writes a byte order mark
    except OSError as error:
        raise ConfigurationError(
            "{file}: the configuration cannot be read ({reason}); check its permissions",
            file=file,
            reason=error.strerror,
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError("{file}: the configuration is not UTF-8; save it as UTF-8", file=file) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            "{file}: the configuration is not valid TOML: {reason}", file=file, reason=error
        ) from error


def _value(variable: str, text: str) -> object:
    # Numbers and switches are read from text by the models; lists and tables are written as JSON.
    if not text.startswith(("[", "{")):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise ConfigurationError("{variable}: a list or table is written as JSON here", variable=variable) from error


def _put(tree: dict[str, Any], key: Key, value: object, variable: str) -> None:
    for part in key[:-1]:
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            raise ConfigurationError("{variable}: {part} is a value, not a section", variable=variable, part=part)
    tree[key[-1]] = value
