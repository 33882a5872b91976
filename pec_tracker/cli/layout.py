"""How do rows fit 80 columns? On one line each where they do; else stacked, each row's further lines indented.

Nothing is cut: text wraps between words, and a word (an address, a hash) or a time is never broken, even where it alone
is wider. The layout follows from the cells alone, so it is the same in a pipe and on any terminal.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

WIDTH: Final = 80
INDENT: Final = 2
GAP: Final = "  "
NARROWEST: Final = 30  # in which text is still read when it wraps beside other cells

_WHOLE: Final = re.compile(r"\d\d/\d\d/\d{4} \d\d:\d\d(?::\d\d)?(?: \([+-]\d{4}\))?|\S+")


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns stand on which line, and how wide each is."""

    lines: tuple[tuple[int, ...], ...]
    widths: tuple[int, ...]

    def row(self, cells: Sequence[str]) -> Iterator[str]:
        """The lines of one row; those on which nothing stands are left out."""
        for number, columns in enumerate(self.lines):
            wrapped = [wrap(cells[column], self.widths[column]) for column in columns]
            for parts in zip_longest(*wrapped, fillvalue=""):
                padded = (part.ljust(self.widths[column]) for part, column in zip(parts, columns, strict=True))
                line = GAP.join(padded).rstrip()
                if line:
                    yield " " * (INDENT if number else 0) + line


def plan(columns: Sequence[str], rows: Iterable[Sequence[str]], *, breaks: Sequence[int] = ()) -> Layout:
    """The layout for *rows*. A new line always begins at the columns *breaks*, and where the next has no room."""
    table = [columns, *rows]
    widths = [max(len(row[at]) for row in table) for at in range(len(columns))]
    if not breaks and sum(widths) + len(GAP) * (len(widths) - 1) <= WIDTH:
        return Layout((tuple(range(len(widths))),), tuple(widths))
    words = [
        max((len(word) for row in table for word in _WHOLE.findall(row[at])), default=0) for at in range(len(widths))
    ]
    return _stacked(widths, words, breaks)


def _stacked(widths: list[int], words: Sequence[int], breaks: Sequence[int]) -> Layout:
    lines: list[list[int]] = []
    room = 0
    for at, width in enumerate(widths):
        last = at + 1 == len(widths) or at + 1 in breaks
        left = room - len(GAP)
        if not lines or at in breaks or (width > left and not (last and left >= max(NARROWEST, words[at]))):
            lines.append([])
            left = WIDTH - (INDENT if len(lines) > 1 else 0)
        widths[at] = min(width, left)
        lines[-1].append(at)
        room = left - widths[at]
    return Layout(tuple(map(tuple, lines)), tuple(widths))


def wrap(text: str, width: int) -> list[str]:
    """*text* in lines of *width*, broken between words only."""
    if len(text) <= width:
        return [text]
    lines: list[str] = []
    for word in _WHOLE.findall(text):
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
