"""How does a command speak? Tables and progress on a terminal, plain aligned text when piped, one JSON encoder.

What mails say is shown without control characters: a subject must not move the cursor or recolour a terminal, nor hold
letters that nobody sees. JSON has them escaped: the value is the same, and the line stays one line.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from pathlib import PurePath
from typing import Any, Final, Protocol

from pec_tracker.clock import ROME

SCHEMA: Final = 1


class Progress(Protocol):
    """What long work tells of itself."""

    def advance(self, count: int = 1) -> None:
        """`count` more are done."""

    def reach(self, done: int, total: int | None = None) -> None:
        """`done` are done from the beginning, of `total` where that is known by now."""


@dataclass(frozen=True, slots=True)
class Output:
    """Where a command speaks. `json`: one object a line on stdout, nothing else there. `quiet`: nothing on stderr."""

    json: bool = False
    quiet: bool = False

    def record(self, facts: Mapping[str, Any]) -> None:
        """Print `facts` as one line of JSON, `schema` first."""
        _write(to_json({"schema": SCHEMA, **facts}))

    def say(self, text: str = "") -> None:
        """Print a line that is the command's answer."""
        _write(text)

    def note(self, text: str) -> None:
        """Print a line beside the answer, on stderr; nothing when quiet."""
        if not self.quiet:
            print(text, file=sys.stderr)  # noqa: T201

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print a table; nothing at all without rows. Cells are text, numbers, times or None."""
        cells = [[cell_text(cell) for cell in row] for row in rows]
        if not cells:
            return
        if sys.stdout.isatty():
            _rich_table(columns, cells)
        else:
            _plain_table(columns, cells)

    @contextmanager
    def progress(self, label: str, total: int | None = None) -> Iterator[Progress]:
        """A progress bar on stderr while the block runs; silent when quiet, piped, or beside JSON on a terminal."""
        if self.quiet or not sys.stderr.isatty() or (self.json and sys.stdout.isatty()):
            yield _Silence()
            return
        with _bar(label, total) as bar:
            yield bar


def to_json(value: object) -> str:
    """`value` as JSON on one line: times in ISO 8601, bytes in hex, dataclasses as objects, enums as their value."""
    try:
        text = json.dumps(value, default=_jsonable, ensure_ascii=False)
        text.encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate: a file name that is not UTF-8
        text = json.dumps(value, default=_jsonable, ensure_ascii=True)
    return _UNSEEN.sub(_escaped, text)


def _escaped(unseen: re.Match[str]) -> str:
    units = unseen[0].encode("utf-16-be")
    return "".join(f"\\u{int.from_bytes(units[at : at + 2]):04x}" for at in range(0, len(units), 2))


def _jsonable(value: object) -> object:
    match value:
        case datetime() | date():
            return value.isoformat()
        case Enum():
            return value.value
        case bytes():
            return value.hex()
        case PurePath():
            return str(value)
        case set() | frozenset():
            return sorted(value)
        case Mapping():
            return dict(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form")


def rome_time(moment: datetime | None) -> str:
    """A certified time as Italian law reads it: `23/11/2026 10:00:00 (+0100)`, Europe/Rome; `-` for None."""
    return "-" if moment is None else moment.astimezone(ROME).strftime("%d/%m/%Y %H:%M:%S (%z)")


def clean(text: str) -> str:
    """`text` without what steers a terminal or cannot be seen: each such letter becomes `?`.

    Those are control characters, direction marks (they can show an address as another), line and paragraph separators,
    whatever has no width, lone surrogates. Italian needs none of them. An emoji of several needs the joiner (U+200D)
    between them, and keeps it there; anywhere else it is `?`, as the tags of regional flags are: both can hide words.
    """
    return _UNSHOWN.sub(lambda found: found["joined"] or "?", text)


# Unicode 15: categories Cc, Cf, Zl, Zp beyond ASCII, which JSON escapes itself; U+007F, which it does not.
_UNSEEN_LETTERS: Final = (
    "\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0001\U000e0020-\U000e007f"
)
_UNSEEN: Final = re.compile(f"[{_UNSEEN_LETTERS}]")
# Arrows to dingbats, and the planes of emoji; before the joiner also a shade or a variation selector.
_EMOJI: Final = "\u2190-\u2bff\U0001f000-\U0001faff"
_UNSHOWN: Final = re.compile(
    f"(?<=[{_EMOJI}\ufe0f])(?P<joined>\u200d)(?=[{_EMOJI}])|[\x00-\x1f\ud800-\udfff{_UNSEEN_LETTERS}]"
)


def cell_text(value: object) -> str:
    """One cell of a table as text."""
    match value:
        case None:
            return "-"
        case datetime():
            return rome_time(value)
        case Enum():
            return clean(str(value.value))
    return clean(str(value))


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")


def _plain_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        _write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _rich_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    _want_rich()
    from rich.console import Console  # slow, and not needed when piped
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)


class _Silence:
    def advance(self, count: int = 1) -> None:
        """Nobody is watching."""

    def reach(self, done: int, total: int | None = None) -> None:
        """Nobody is watching."""


@contextmanager
def _bar(label: str, total: int | None) -> Iterator[Progress]:
    _want_rich()
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as rich:
        task = rich.add_task(label, total=total)

        class Bar:
            def advance(self, count: int = 1) -> None:
                rich.advance(task, count)

            def reach(self, done: int, total: int | None = None) -> None:
                rich.update(task, completed=done, total=total)

        yield Bar()


def spare_rich() -> None:
    """Let nobody import rich before we do: structlog would at once, for tracebacks that we do not show, and every
    command would wait a tenth of a second for it."""
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]


def _want_rich() -> None:
    """Something is to be drawn: rich may be imported from now on."""
    if sys.modules.get("rich", sys) is None:
        del sys.modules["rich"]
