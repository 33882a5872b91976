"""What does a document ask its reader to type, and what does it promise to be the answer? Markdown, as we write it.

A block marked `sh` holds commands; one marked `console` holds commands after `$ ` with their output, in which `…`
stands for whatever differs from one reader to the next, and a line of `…` alone for lines left out. A command may
also stand in a text or in a table, between single backticks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = "pec-tracker "

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True, slots=True)
class Typed:
    """One command line of a document; `answer` is what stands under it, or None where nothing does."""

    line: str
    answer: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: what its fence says, and its text."""

    language: str
    text: str


def read(name: str) -> str:
    """The text of a document, named from the repository's root."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str, language: str | None = None) -> list[Block]:
    """The fenced blocks of *text*, of one language or of all."""
    found = [Block(fence[1], fence[2]) for fence in _FENCE.finditer(text)]
    return [block for block in found if language in (None, block.language)]


def commands(text: str) -> list[Typed]:
    """Everything that *text* asks to type, in its order."""
    typed: list[Typed] = []
    at = 0
    for fence in _FENCE.finditer(text):
        typed += _inline(text[at : fence.start()])
        typed += _in_block(fence[1], fence[2])
        at = fence.end()
    return [*typed, *_inline(text[at:])]


def code_spans(text: str) -> list[str]:
    """What stands between single backticks outside of the blocks."""
    return _CODE.findall(_FENCE.sub("", text))


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table after the line *heading*, without its head."""
    lines = text.partition(f"\n{heading}\n")[2].splitlines()
    begins = next(number for number, line in enumerate(lines) if line.startswith("|"))
    table = []
    for line in lines[begins + 2 :]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return table


def fits(answer: tuple[str, ...], said: list[str]) -> bool:
    """Whether *said* is what the document's *answer* promises."""
    pattern = "\n".join(_pattern(line) for line in answer)
    return re.fullmatch(pattern, "\n".join(line.rstrip() for line in said)) is not None


def _pattern(line: str) -> str:
    if line.strip() == "…":
        return r"[^\0]*?"
    return "[^\\n]*".join(re.escape(part) for part in line.rstrip().split("…"))


def _inline(text: str) -> Iterator[Typed]:
    return (Typed(span) for span in _CODE.findall(text) if span.startswith(OURS))


def _in_block(language: str, text: str) -> Iterator[Typed]:
    if language == "sh":
        yield from (Typed(line) for line in text.splitlines() if line.strip())
    elif language == "console":
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            line, *answer = part.rstrip("\n").split("\n")
            yield Typed(line, tuple(answer))
