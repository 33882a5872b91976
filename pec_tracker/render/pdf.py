"""How does the summary become a PDF/A-3b that carries the raw mails? By typst, where it is installed (extra `pdf`).

The same facts give the same bytes: typst's own fonts only, dated by the facts, no look at the machine.
"""

import json
import re
import unicodedata
import zlib
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any, Final

from pec_tracker.render.wording import template

STANDARD: Final = "a-3b"

# As typst writes it. ISO 32000-2 7.11.4: an embedded file is a stream, and streams stand in the file by themselves.
_EMBEDDED: Final = re.compile(rb"<</Length (\d+)/Type/EmbeddedFile(/Filter/FlateDecode)?[^\n]{0,400}>>\nstream\n")
_PRODUCER: Final = re.compile(rb"Typst [0-9.]+")
# What typst's own fonts can draw: Latin, Greek, Cyrillic and the punctuation of European languages.
_DRAWABLE: Final = re.compile("[\x20-\x7e\xa0-\u017f\u0192\u01cd-\u01dc\u0218-\u021b\u0386-\u03ce\u0400-\u045f"
                              "\u2010-\u2015\u2018-\u201e\u2020-\u2022\u2026\u2030\u2032\u2033\u2039\u203a\u20ac"
                              "\u2116\u2122\u200b]")  # fmt: skip


def is_possible() -> bool:
    """Whether typst is installed."""
    return find_spec("typst") is not None


def summary(facts: Mapping[str, Any], mails: Mapping[str, bytes]) -> bytes:
    """The summary of *facts* (see `templates/summary.typ`) as PDF/A-3b, with *mails* attached byte for byte."""
    import typst  # an extra; `is_possible` says whether it is there

    files: Any = {"main": template("summary.typ").encode(), **mails}
    told = json.dumps({**_drawable(facts), "files": sorted(mails)}, ensure_ascii=True)
    return typst.compile(
        files, sys_inputs={"facts": told}, format="pdf", pdf_standards=STANDARD, ignore_system_fonts=True
    )


def attachments(pdf: bytes) -> Iterator[bytes]:
    """Each file attached to a PDF that `summary` made; one that cannot be unpacked is empty."""
    for found in _EMBEDDED.finditer(pdf):
        content = pdf[found.end() : found.end() + int(found[1])]
        try:
            yield zlib.decompress(content) if found[2] else content
        except zlib.error:
            yield b""


def producer(pdf: bytes) -> bytes | None:
    """Which release of typst made a PDF: only the same one makes the same bytes."""
    found = _PRODUCER.search(pdf)
    return found[0] if found else None


def _drawable(value: Any) -> Any:
    """Text that the fonts can draw: any other character by its code point, which PDF/A would otherwise refuse."""
    if isinstance(value, str):
        composed = unicodedata.normalize("NFC", value)
        return "".join(one if _DRAWABLE.match(one) else f"[U+{ord(one):04X}]" for one in composed)
    if isinstance(value, Mapping):
        return {key: _drawable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_drawable(inner) for inner in value]
    return value
