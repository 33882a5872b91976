"""How is XML written so that the same facts always are the same bytes? UTF-8, two blanks a level, a line an element."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.sax.saxutils import escape, quoteattr

_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Element:
    """An element: text, or children in order."""

    name: str
    content: "str | Sequence[Element]" = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


def document(root: Element) -> bytes:
    """The document of *root*."""
    return ('<?xml version="1.0" encoding="UTF-8"?>\n' + _text(root, 0)).encode("utf-8", "replace")


def _text(element: Element, level: int) -> str:
    blanks = "  " * level
    opening = element.name + "".join(f" {name}={quoteattr(_valid(v))}" for name, v in element.attributes.items())
    if not element.content:
        return f"{blanks}<{opening}/>\n"
    if isinstance(element.content, str):
        return f"{blanks}<{opening}>{escape(_valid(element.content))}</{element.name}>\n"
    inside = "".join(_text(child, level + 1) for child in element.content)
    return f"{blanks}<{opening}>\n{inside}{blanks}</{element.name}>\n"


def _valid(text: str) -> str:
    """Without what XML 1.0 (2.2) cannot hold: control characters, halves of characters."""
    return _FORBIDDEN.sub("", text)
