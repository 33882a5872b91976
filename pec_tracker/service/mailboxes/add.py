"""How does a mailbox get into the configuration? The user's TOML file is edited with its comments kept.

Whether its servers then take us is `mailboxes.trial`'s question.
"""

import csv
import io
import os
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tomlkit
from tomlkit.exceptions import NonExistentKey, ParseError

from pec_tracker import config_source
from pec_tracker.config_source import Source
from pec_tracker.errors import ConfigurationError, PecTrackerError, StorageError, UsageError
from pec_tracker.texts import error_text

# Column of the CSV -> key of the mailbox's section. `mailbox` is the section's own name.
COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "address": ("address",),
    "name": ("name",),
    "provider": ("provider",),
    "login": ("login",),
    "password_env": ("password_env",),
    "password_file": ("password_file",),
    "password_keyring": ("password_keyring",),
    "reply_to": ("reply_to",),
    "sent_folder": ("sent_folder",),
    "smtp_host": ("smtp", "host"),
    "smtp_port": ("smtp", "port"),
    "smtp_security": ("smtp", "security"),
    "smtp_ca_file": ("smtp", "ca_file"),
    "imap_host": ("imap", "host"),
    "imap_port": ("imap", "port"),
    "imap_security": ("imap", "security"),
    "imap_ca_file": ("imap", "ca_file"),
}
NAME_COLUMN: Final = "mailbox"
_REQUIRED: Final = (NAME_COLUMN, "address", "provider")


@dataclass(frozen=True, slots=True)
class NewMailbox:
    """A mailbox to add: `name` of its section, and its keys as they will be written. `line` is the CSV's, from 1."""

    name: str
    settings: Mapping[str, Any]
    line: int | None = None


def settings_of(cells: Mapping[str, str | None]) -> dict[str, Any]:
    """The keys of a mailbox's section from `cells`, named like COLUMNS; empty cells are left out."""
    settings: dict[str, Any] = {}
    for column, key in COLUMNS.items():
        text = (cells.get(column) or "").strip()
        if not text:
            continue
        section = settings
        for part in key[:-1]:
            section = section.setdefault(part, {})
        section[key[-1]] = int(text) if key[-1] == "port" and text.isdecimal() else text
    return settings


def cells_of(settings: Mapping[str, Any]) -> dict[str, str]:
    """What `settings_of` would make *settings* of: the cells named like COLUMNS, as far as a section has them."""
    cells: dict[str, str] = {}
    for column, key in COLUMNS.items():
        value: Any = settings
        for part in key:
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is not None:
            cells[column] = str(value)
    return cells


def from_csv(file: Path, validate: Callable[[Source], object]) -> list[NewMailbox]:
    """The mailboxes in `file`, all of them or none: each must be valid alone, and each fault is told with its line.

    The first line names the columns: `mailbox`, `address`, `provider` and any other of COLUMNS; separated by `,` or
    `;`. Raises UsageError.
    """
    rows = list(_rows(file))
    faults = [f"{line}: {text}" for line, text in _faults(rows, Path(file.name), validate)]
    if faults:
        raise UsageError("{file}: nothing was added; lines with faults:\n{faults}", file=file, faults="\n".join(faults))
    return rows


def _rows(file: Path) -> Iterable[NewMailbox]:
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("{file}: cannot be read as UTF-8 text; save it as CSV UTF-8", file=file) from error
    header = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=";" if header.count(";") > header.count(",") else ",")
    columns = [column.strip().lower() for column in reader.fieldnames or ()]
    reader.fieldnames = columns
    _check_columns(file, columns)
    for cells in reader:
        if any(cells.values()):
            yield NewMailbox((cells[NAME_COLUMN] or "").strip(), settings_of(cells), line=reader.line_num)


def _check_columns(file: Path, columns: list[str]) -> None:
    missing = [column for column in _REQUIRED if column not in columns]
    if missing:
        raise UsageError("{file}: the first line lacks these columns: {columns}", file=file, columns=", ".join(missing))
    unknown = [column for column in columns if column not in COLUMNS and column != NAME_COLUMN]
    if unknown:
        raise UsageError(
            "{file}: no column is called {columns}; there are: {known}",
            file=file,
            columns=", ".join(unknown),
            known=", ".join((NAME_COLUMN, *COLUMNS)),
        )


def _faults(
    rows: Iterable[NewMailbox], file: Path, validate: Callable[[Source], object]
) -> Iterable[tuple[int | None, str]]:
    seen: dict[str, int | None] = {}
    for row in rows:
        if row.name in seen:
            again = UsageError("{name} is already on line {line}", name=row.name, line=seen[row.name])
            yield row.line, error_text(again)
        seen.setdefault(row.name, row.line)
        try:
            validate(Source(file=file, tree={"mailbox": {row.name: row.settings}}))
        except PecTrackerError as error:
            yield row.line, error_text(error)


def with_mailboxes(text: str, added: Iterable[NewMailbox]) -> str:
    """`text`, a configuration file, with `added` at the end of its mailboxes; everything else stays byte for byte.

    Raises UsageError for a name that is taken, ConfigurationError for a text that is not TOML.
    """
    try:
        document = tomlkit.parse(text)
    except ParseError as error:
        raise ConfigurationError("the configuration is not valid TOML: {reason}", reason=error) from error
    mailboxes = document.setdefault("mailbox", tomlkit.table(is_super_table=True))
    for mailbox in added:
        if mailbox.name in mailboxes:
            raise UsageError("a mailbox called {name} is already configured; choose another name", name=mailbox.name)
        mailboxes.append(mailbox.name, _section(mailbox.settings))
    return tomlkit.dumps(document)


def text_with(file: Path, added: Iterable[NewMailbox], validate: Callable[[Source], object]) -> str:
    """What *file* would hold with *added*, which *validate* has passed as a whole. UsageError, ConfigurationError."""
    config_source.read(file if file.exists() else None)  # what is there must be readable before we add to it
    before = file.read_bytes().decode("utf-8-sig") if file.exists() else ""
    after = with_mailboxes(before, added)
    validate(Source(file=file, tree=tomllib.loads(after)))
    return after


def add(file: Path, added: Iterable[NewMailbox], validate: Callable[[Source], object]) -> None:
    """Write *added* into *file*, unless the whole would not be a valid configuration."""
    write(file, text_with(file, added, validate))


def text_without(file: Path, name: str, validate: Callable[[Source], object]) -> str:
    """What *file* would hold without the mailbox *name*. UsageError where that can't be taken out of it."""
    before = file.read_bytes().decode("utf-8-sig") if file.exists() else ""
    try:
        document = tomlkit.parse(before)
        del document["mailbox"][name]
        after = tomlkit.dumps(document)
        left = tomllib.loads(after).get("mailbox", {})
    except (ParseError, NonExistentKey, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            "{file} has no section [mailbox.{name}] that could be taken out; look into it", file=file, name=name
        ) from error
    wanted = {other: keys for other, keys in tomllib.loads(before)["mailbox"].items() if other != name}
    if left != wanted:
        raise UsageError("{file} is written so that only a person can take {name} out", file=file, name=name)
    validate(Source(file=file, tree=tomllib.loads(after)))
    return after


def _section(settings: Mapping[str, Any]) -> tomlkit.items.Table:
    table = tomlkit.table()
    for key, value in settings.items():
        table.append(key, _section(value) if isinstance(value, Mapping) else value)
    return table


def write(file: Path, text: str) -> None:
    """Replace `file` by `text` in one step, its permissions kept; a new one is the user's alone. StorageError."""
    temporary: str | None = None
    target = file.resolve()  # a link stays a link
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            Path(temporary).chmod(target.stat().st_mode & 0o777)
        Path(temporary).replace(target)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise StorageError(
            "{file} cannot be written ({reason}); it is as it was", file=file, reason=error.strerror
        ) from error
