"""How does the summary become a PDF/A-3b that carries the raw mails? By typst, where it is installed (extra `pdf`).

The same facts give the same bytes: typst's own fonts only, dated by the facts, no look at the machine.
"""

import json
import re
import unicodedata
import zlib
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from pec_tracker import crash
from pec_tracker.render import pdf_join
from pec_tracker.render.wording import template
from pec_tracker.render.workshop import workshop

STANDARD: Final = "a-3b"
MAX_ATTACHED: Final = 512 * 1024 * 1024  # bytes, unpacked, of all that a PDF carries: a package has 30 MB a mail
AT_ONCE: Final = 512 * 1024  # bytes of mails that typst is given together; it keeps some rounds in memory
FACTS: Final = "facts.json"
MAIN: Final = "main.typ"
MADE: Final = "made.pdf"

# What the template prints of each kind of block, in its order.
_TEXTS: Final[Mapping[str, tuple[str, ...]]] = {
    "title": ("text",),
    "heading": ("text",),
    "lead": ("texts",),
    "note": ("texts",),
    "table": ("heads", "rows"),
    "quoted": ("lines",),
    "pairs": ("lines",),
    "list": ("texts",),
    "journey": ("moments",),
    "code": ("texts",),
}

# As typst writes it. ISO 32000-2 7.11.4: an embedded file is a stream, and streams stand in the file by themselves.
_EMBEDDED: Final = re.compile(rb"<</Length (\d{1,10})/Type/EmbeddedFile(/Filter/FlateDecode)?[^\n]{0,400}>>\nstream\n")
_PRODUCER: Final = re.compile(rb"Typst [0-9.]+")
# What typst's own fonts can draw: Latin, Greek, Cyrillic and the punctuation of European languages.
_DRAWABLE: Final = re.compile("[\x20-\x7e\xa0-\xac\xae-\u017f\u0192\u01cd-\u01dc\u0218-\u021b"
                              "\u0386-\u038a\u038c\u038e-\u03a1\u03a3-\u03ce\u0400-\u045f"
                              "\u2010-\u2015\u2018-\u201e\u2020-\u2022\u2026\u2030\u2032\u2033\u2039\u203a\u20ac"
                              "\u2116\u2122\u200b]")  # fmt: skip


def is_possible() -> bool:
    """Whether all that makes a summary is installed."""
    return find_spec("typst") is not None and find_spec("segno") is not None


def summary(facts: Mapping[str, Any], mails: Mapping[str, bytes]) -> bytes:
    """The summary of *facts* (see `service/proof/summary.py`) as PDF/A-3b, with *mails* and the facts attached.

    Raises DiskFullError, StorageError.
    """
    told = encoded(facts)
    with workshop() as folder:
        sizes = {member: _laid(folder / member, mails[member]) for member in sorted(mails)}
        _laid(folder / FACTS, told)
        crash.at("summary.files-written")
        drawn = json.dumps(_code(facts["code"]))
        pages = _compiled(folder, "summary.typ", facts=told.decode("ascii"), drawn=drawn)
        return pdf_join.joined(pages, _attached(folder, sizes, facts))


def _laid(file: Path, content: bytes) -> int:
    """Write a file; its size."""
    file.parent.mkdir(parents=True, exist_ok=True)
    return file.write_bytes(content)


def _attached(folder: Path, sizes: Mapping[str, int], facts: Mapping[str, Any]) -> Iterator[pdf_join.Attached]:
    """The mails that lie in *folder* as typst attaches them, some at a time."""
    for members in _some(sizes):
        drawn = json.dumps({"date": facts["date"], "files": members})
        yield from pdf_join.attached_to(_compiled(folder, "attached.typ", drawn=drawn))


def _some(sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """The names, as many together as typst is given at once."""
    waiting: list[str] = []
    size = 0
    for name in sizes:
        if waiting and size + sizes[name] > AT_ONCE:
            yield waiting
            waiting, size = [], 0
        waiting.append(name)
        size += sizes[name]
    if waiting:
        yield waiting


def _compiled(folder: Path, source: str, **inputs: str) -> bytes:
    import typst  # an extra; `is_possible` says whether it is there

    (folder / MAIN).write_bytes(template(source).encode())
    made = folder / MADE  # as bytes it would lie in memory twice, at the moment at which typst holds the most
    typst.compile(
        folder / MAIN,
        output=made,
        root=folder,
        sys_inputs=inputs,
        format="pdf",
        pdf_standards=STANDARD,
        ignore_system_fonts=True,
    )
    return made.read_bytes()


def encoded(facts: Mapping[str, Any]) -> bytes:
    """The facts as they are attached: what the fonts can draw, so that the page says just that."""
    return json.dumps(_drawable(facts), ensure_ascii=True, sort_keys=True).encode("ascii")


def printed(facts: Mapping[str, Any]) -> Iterator[str]:
    """Every text on the pages, in the order in which the blocks are drawn; page numbers and repeated heads apart."""
    for block in _drawable(facts)["blocks"]:
        for name in _TEXTS[block["kind"]]:
            yield from _leaves(block[name])


def heads(facts: Mapping[str, Any]) -> Iterator[str]:
    """The heads of tables, which stand again on each page that a table goes on to."""
    return ("".join(block["heads"]) for block in _drawable(facts)["blocks"] if block["kind"] == "table")


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):  # a moment of the journey
        yield from (value["at"], value["what"])
    else:
        for inner in value:
            yield from _leaves(inner)


def _code(text: str) -> dict[str, Any]:
    """A QR code as runs of dark modules, `[x, length]` by line."""
    import segno

    lines = [bytes(line) for line in segno.make(text, error="m", micro=False).matrix]
    runs = [[[at.start(), len(at[0])] for at in re.finditer(b"\x01+", line)] for line in lines]
    return {"size": len(lines), "code": runs}


def attachments(pdf: bytes) -> Iterator[bytes]:
    """Each mail attached to a PDF that `summary` made; one that cannot be unpacked is empty."""
    return (content for kind, content in attached(pdf) if b"/Subtype/application#2Fjson" not in kind)


def attached(pdf: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The dictionary and the content of every attached file; past MAX_ATTACHED they are empty."""
    left = MAX_ATTACHED
    for found in _EMBEDDED.finditer(pdf):
        packed = pdf[found.end() : found.end() + int(found[1])]
        content = _unpacked(packed, left) if found[2] else packed
        left -= len(content)
        yield found[0], content


def _unpacked(packed: bytes, most: int) -> bytes:
    unpacking = zlib.decompressobj()
    try:
        content = unpacking.decompress(packed, max(most, 1))
    except zlib.error:
        return b""
    return content if unpacking.eof else b""


def attached_facts(pdf: bytes) -> list[bytes]:
    """The facts that a PDF carries: one, of a release that attached them."""
    return [content for kind, content in attached(pdf) if b"/Subtype/application#2Fjson" in kind]


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
