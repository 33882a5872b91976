"""What does a PDF say to the eye? The words on its pages, read as typst writes them, without typst.

Only that form is read: what it never has (pictures, forms, notes, layers, words that cannot be seen) is refused, for
with it a page could show other words than those found here. Drawn shapes and the shapes of letters are not compared.
Sources: ISO 32000-2 9.4 (text), 9.10.3 (ToUnicode).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from pec_tracker.render.pdf_file import NotReadError, PdfFile, one, opened

MAX_PAGES: Final = 2_000
MAX_TOTAL: Final = 64 * 1024 * 1024  # bytes of all pages together, unpacked

_REFERENCE: Final = re.compile(rb"(\d{1,9}) 0 R")
_FOREIGN: Final = (b"/Annots", b"/AcroForm", b"/OpenAction", b"/AA", b"/OCProperties", b"/XObject", b"/JavaScript",
                   b"/Pattern", b"/Shading", b"/Encrypt", b"/Prev", b"/ObjStm", b"/XRefStm")  # fmt: skip
_MAPPED: Final = re.compile(rb"<([0-9A-Fa-f]{4})> <((?:[0-9A-Fa-f]{4}){1,16})>\n")
_RANGES: Final = re.compile(rb"beginbfrange")
# Of a page's program: a text, a name, a number, an operator, or anything else by one byte.
_TOKEN: Final = re.compile(
    rb"\(|<<[^<>]*>>|<[0-9A-Fa-f\s]*>|/[^\s/\[\]()<>]*|[+-]?\d*\.?\d+|[A-Za-z'\"*]+[01]?|[\[\]]|\s+|.", re.DOTALL
)
_INSIDE: Final = re.compile(rb"[^()\\]+|\\.|[()]", re.DOTALL)
_SHOWING: Final = frozenset({b"Tj", b"'", b'"'})
_KNOWN: Final = frozenset(
    b"BDC EMC BMC q Q cm cs CS sc SC scn SCN g G rg RG BT ET Tf Tr Tm Td TJ Tj gs"
    b" re m l c h f f* S s n W W* w J j M d i ri B b".split()
)
_ESCAPES: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_ESCAPE: Final = re.compile(rb"\\([nrtbf()\\]|[0-7]{1,3})", re.DOTALL)
_PALE: Final = 0.75  # of white: lighter text is not there for a reader


def pages(pdf: bytes) -> list[str]:
    """The text of each page, in the order in which it is drawn; blanks as they come. Raises NotReadError."""
    file = opened(pdf)
    if any(name in file.dictionary(file.root) for name in _FOREIGN):
        raise NotReadError("foreign")
    total, told = 0, []
    fonts: dict[int, Mapping[bytes, str]] = {}
    for page in _page_dictionaries(file, one(rb"/Pages", file.dictionary(file.root))):
        resources = file.dictionary(one(rb"/Resources", page))
        if any(name in page or name in resources for name in _FOREIGN):
            raise NotReadError("foreign")
        program = file.stream(one(rb"/Contents", page))
        total += len(program)
        if total > MAX_TOTAL:
            raise NotReadError("size")
        told.append(_shown(program, _fonts(file, resources, fonts)))
    return told


def _page_dictionaries(file: PdfFile, number: int) -> Iterator[bytes]:
    waiting, seen = [number], 0
    while waiting:
        seen += 1
        if seen > MAX_PAGES:
            raise NotReadError("pages")
        told = file.dictionary(waiting.pop())
        kids = re.search(rb"/Kids\[([0-9R ]*)\]", told)
        if told.startswith(b"<</Type/Page/"):
            yield told
        elif kids:
            waiting.extend(int(kid) for kid in reversed(_REFERENCE.findall(kids[1])))
        else:
            raise NotReadError("pages")


def _fonts(file: PdfFile, resources: bytes, known: dict[int, Mapping[bytes, str]]) -> dict[bytes, Mapping[bytes, str]]:
    table = re.search(rb"/Font<<([^<>]*)>>", resources)
    fonts = {}
    for name, number in re.findall(rb"/(\w+) (\d{1,9}) 0 R", table[1] if table else b""):
        if int(number) not in known:
            known[int(number)] = _letters(file.stream(one(rb"/ToUnicode", file.dictionary(int(number)))))
        fonts[name] = known[int(number)]
    return fonts


def _letters(cmap: bytes) -> dict[bytes, str]:
    if _RANGES.search(cmap):
        raise NotReadError("cmap")
    return {
        bytes.fromhex(code.decode()): bytes.fromhex(text.decode()).decode("utf-16-be", "replace")
        for code, text in _MAPPED.findall(cmap)
    }


def _shown(program: bytes, fonts: Mapping[bytes, Mapping[bytes, str]]) -> str:
    """The text that a page's program shows."""
    told: list[str] = []
    operands: list[bytes] = []
    font: Mapping[bytes, str] | None = None
    fills, light = [], 0.0
    for token in _tokens(program):
        if token.isspace():
            continue
        if not token[:1].isalpha() and token not in _SHOWING:
            operands.append(token)
            continue
        if token not in _KNOWN:
            raise NotReadError("operator")
        if token == b"Tf":
            font = fonts.get(operands[-2][1:]) if len(operands) > 1 else None
            if float(operands[-1]) < 4:
                raise NotReadError("small")
        elif token == b"Tr" and operands[-1:] != [b"0"]:
            raise NotReadError("unseen")
        elif token in (b"scn", b"sc", b"g", b"rg"):
            light = min((float(one) for one in operands if one[:1] in b"+-.0123456789"), default=1.0)
        elif token == b"q":
            fills.append(light)
        elif token == b"Q" and fills:
            light = fills.pop()
        elif token in (b"TJ", b"Tj"):
            if font is None or light > _PALE:
                raise NotReadError("unseen")
            told += [_read(one, font) for one in operands if one[:1] in (b"(", b"<")]
        operands.clear()
    return "".join(told)


def _tokens(program: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(program):
        found = _TOKEN.match(program, at)
        assert found is not None  # its last alternative takes any byte
        end = _string_end(program, at) if found[0] == b"(" else found.end()
        yield program[at:end]
        at = end


def _string_end(program: bytes, at: int) -> int:
    """Where the string that begins at a parenthesis ends: parentheses in pairs belong to it (ISO 32000-2 7.3.4.2)."""
    depth = 0
    for found in _INSIDE.finditer(program, at):
        depth += {b"(": 1, b")": -1}.get(found[0], 0)
        if depth == 0:
            return found.end()
    raise NotReadError("string")


def _read(written: bytes, font: Mapping[bytes, str]) -> str:
    if written.startswith(b"<"):
        codes = bytes.fromhex(written[1:-1].decode("ascii"))
    else:
        codes = _ESCAPE.sub(_unescaped, written[1:-1])
    try:
        return "".join(font[codes[at : at + 2]] for at in range(0, len(codes), 2))
    except KeyError as error:
        raise NotReadError("letter") from error


def _unescaped(found: "re.Match[bytes]") -> bytes:
    code = found[1]
    return bytes([int(code, 8) & 255]) if code.isdigit() else _ESCAPES.get(code, code)
