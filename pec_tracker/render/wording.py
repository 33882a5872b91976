"""What do files made for others say, in Italian and in English? The language is the reader's, not the process's."""

import functools
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

TEMPLATES: Final = Path(__file__).parent / "templates"


@functools.cache
def section(language: str, name: str) -> Mapping[str, str]:
    """One section of the words in `it` or `en`."""
    words: dict[str, dict[str, dict[str, str]]] = tomllib.loads((TEMPLATES / "words.toml").read_text("utf-8"))
    return words[language][name]


@functools.cache
def template(name: str) -> str:
    """The text of a template file."""
    return (TEMPLATES / name).read_text("utf-8")


def plain(text: object) -> str:
    """*text* on one line and without control characters: what a mail says must not pass for a command or a heading."""
    shown = "".join(letter if letter.isprintable() else " " for letter in str(text if text is not None else "-"))
    return " ".join(shown.split()) or "-"
