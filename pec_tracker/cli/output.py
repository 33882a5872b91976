"""How does a command speak? In tables of 80 columns, alike piped and on a terminal; in JSON by `answers.plain`."""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from itertools import chain, islice
from typing import Any, Final, Protocol

from pec_tracker.answers.plain import clean, to_json
from pec_tracker.cli.layout import INDENT, WIDTH, plan, wrap
from pec_tracker.texts import _
from pec_tracker.texts.times import rome_cell

SCHEMA: Final = 1

AT_ONCE: Final = 1_000  # rows of a long table that are laid out together

_TIME: Final = re.compile(r"\d\d/\d\d/\d{4} \d\d:\d\d")


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

    def text(self, text: str) -> None:
        """Print a sentence of the answer; where 80 columns do not hold it, it goes on a little further in."""
        indent = len(text) - len(text.lstrip(" "))
        first, *others = wrap(clean(text[indent:]), WIDTH - indent - INDENT)
        _write(" " * indent + first)
        for part in others:
            _write(" " * (indent + INDENT) + part)

    def note(self, text: str) -> None:
        """Print a line beside the answer, on stderr; nothing when quiet."""
        if not self.quiet:
            print(text, file=sys.stderr)  # noqa: T201

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, breaks: Sequence[int] = (), zone: bool = True
    ) -> None:
        """Print a table; nothing at all without rows. Cells are text, numbers, times or None.

        A row takes several lines where 80 columns do not hold it, and always at the columns `breaks`. Whose time it is
        stands below once, unless `zone` is false because the command has said it. Past AT_ONCE rows, each is printed
        as it comes, laid out like those before.
        """
        coming = (tuple(map(cell_text, row)) for row in rows)
        first = list(islice(coming, AT_ONCE))
        if not first:
            return
        layout = plan(columns, first, breaks=breaks)
        timed = False
        for row in chain((tuple(columns),), first, coming):
            timed = timed or any(map(_TIME.match, row))
            for line in layout.row(row):
                _write(line)
        if timed and zone:
            _write(_("Times: Europe/Rome."))

    def pairs(self, lines: Iterable[tuple[str, str]], *, width: int, indent: int = 0) -> None:
        """Print a label and its text a line; where 80 columns do not hold it, the text goes on below itself."""
        for label, text in lines:
            begun = f"{'':{indent}}{label + ':':<{width}}"
            for part in wrap(clean(text), WIDTH - indent - width):
                _write(f"{begun}{part}")
                begun = " " * (indent + width)

    @contextmanager
    def progress(self, label: str, total: int | None = None) -> Iterator[Progress]:
        """A progress bar on stderr while the block runs; silent when quiet, piped, or beside JSON on a terminal."""
        if self.quiet or not sys.stderr.isatty() or (self.json and sys.stdout.isatty()):
            yield _Silence()
            return
        with _bar(label, total) as bar:
            yield bar


def cell_text(value: object) -> str:
    """One cell of a table as text."""
    match value:
        case None:
            return "-"
        case datetime():
            return rome_cell(value)
        case Enum():
            return clean(str(value.value))
    return clean(str(value))


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")


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
