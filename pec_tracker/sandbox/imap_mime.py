"""Where in a mail do its parts stand? A tree of byte ranges, so that a section is cut out of the very bytes.

Never fails: what is not MIME is one part of text. The sandbox reads mails by its own code, not by the tracker's.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")
EMPTY_HEADER: Final = re.compile(rb"\r?\n")
LINES: Final = re.compile(rb"[^\n]*\n|[^\n]+")
FOLD: Final = re.compile(rb"\r?\n(?=[ \t])")
END_OF_LINE: Final = re.compile(rb"[ \t]*(?:\r?\n|\Z)")
MEDIA_TYPE: Final = re.compile(rb"\s*([\w!#$&^.+-]+)\s*/\s*([\w!#$&^.+-]+)")
PARAMETER: Final = re.compile(rb';\s*([^=;\s"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s]*)')
PLAIN_PARAMETERS: Final = ((b"charset", b"us-ascii"),)  # of what has no type (RFC 2045 5.2)
MAX_DEPTH: Final = 64  # deeper parts are shown as one; a tree of 5,000 levels serves no client
MAX_VALUE: Final = 8_192  # of a header that is read for its structure


@dataclass(slots=True)
class Part:
    """A part, or a whole message: its header at [start, body), its content at [body, end) of `raw`."""

    raw: bytes
    start: int
    body: int
    end: int
    kind: bytes = b"text/plain"
    parameters: tuple[tuple[bytes, bytes], ...] = ()
    children: list["Part"] = field(default_factory=list)

    @property
    def header(self) -> bytes:
        """The header with the blank line that ends it."""
        return self.raw[self.start : self.body]

    @property
    def content(self) -> bytes:
        """What follows the header, not decoded."""
        return self.raw[self.body : self.end]

    @property
    def is_multipart(self) -> bool:
        """Whether its children are parts."""
        return self.kind.startswith(b"multipart/")

    @property
    def is_message(self) -> bool:
        """Whether its only child is the message it encloses."""
        return self.kind == b"message/rfc822"

    def value(self, name: bytes) -> bytes | None:
        """The first header of that name, unfolded, or None."""
        return next((value for found, value in header_fields(self.header) if found == name.lower()), None)


def parse(raw: bytes) -> Part:
    """The tree of a whole mail."""
    return _message(raw, 0, len(raw), depth=0, default=b"text/plain")


def locate(root: Part, numbers: Sequence[int]) -> Part | None:
    """The part that IMAP numbers so (RFC 3501 6.4.5), or None.

    A message that is not multipart has one part, 1: its own content.
    """
    part, whole = root, True
    for number in numbers:
        if part.is_message and not whole:
            part, whole = part.children[0], True
        if part.is_multipart and number <= len(part.children):
            part, whole = part.children[number - 1], False
        elif whole and not part.is_multipart and number == 1:
            whole = False
        else:
            return None
    return part


def header_fields(header: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name in lower case and unfolded value of each field, in order."""
    for line in FOLD.sub(b"", header).split(b"\n"):
        name, colon, value = line.partition(b":")
        if colon:
            yield name.strip().lower(), value.strip(b" \t\r")


def chosen_fields(header: bytes, names: frozenset[bytes], *, inverted: bool) -> bytes:
    """The lines of the named fields (or of all others), as they stand, and a blank line."""
    lines: list[bytes] = []
    keep = False
    for line in LINES.findall(header):
        if not line.strip(b"\r\n"):
            break
        if line[:1] not in b" \t":
            keep = (line.partition(b":")[0].strip().lower() in names) is not inverted
        if keep:
            lines.append(line if line.endswith(b"\n") else line + b"\r\n")
    return b"".join(lines) + b"\r\n"


def media_type(value: bytes) -> tuple[bytes, tuple[tuple[bytes, bytes], ...]]:
    """Type in lower case and parameters of a Content-Type or a like header; no type when it is unreadable."""
    value = value[:MAX_VALUE]
    match = MEDIA_TYPE.match(value)
    kind = b"%b/%b" % (match[1].lower(), match[2].lower()) if match else b""
    return kind, parameters(value)


def parameters(value: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """The `name=value` pairs of a structured header, unquoted, in order."""
    return tuple(
        (match[1], re.sub(rb"\\(.)", rb"\1", match[2][1:-1]) if match[2][:1] == b'"' else match[2])
        for match in PARAMETER.finditer(value[:MAX_VALUE])
    )


def _message(raw: bytes, start: int, end: int, *, depth: int, default: bytes) -> Part:
    part = Part(raw, start, _end_of_header(raw, start, end), end, default)
    value = part.value(b"content-type")
    if value is None:
        part.parameters = PLAIN_PARAMETERS if default == b"text/plain" else ()
    else:
        kind, part.parameters = media_type(value)
        part.kind = kind or b"text/plain"
    if part.is_multipart:
        _add_children(part, depth)
        if not part.children:
            part.kind, part.parameters = b"text/plain", PLAIN_PARAMETERS
    elif part.is_message:
        if depth >= MAX_DEPTH:
            part.kind = b"application/octet-stream"
        else:
            part.children = [_message(raw, part.body, end, depth=depth + 1, default=b"text/plain")]
    return part


def _add_children(part: Part, depth: int) -> None:
    boundary = next((value for name, value in part.parameters if name.lower() == b"boundary"), b"")
    if not boundary or depth >= MAX_DEPTH:
        return
    default = b"message/rfc822" if part.kind == b"multipart/digest" else b"text/plain"
    part.children = [
        _message(part.raw, start, end, depth=depth + 1, default=default)
        for start, end in _between(part.raw, b"--" + boundary, part.body, part.end)
    ]


def _between(raw: bytes, delimiter: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The ranges between delimiter lines; the line end before a delimiter belongs to it (RFC 2046 5.1.1)."""
    opened: int | None = None
    at = raw.find(delimiter, start, end)
    while at >= 0:
        behind = at + len(delimiter)
        closing = raw[behind : behind + 2] == b"--"
        line_end = END_OF_LINE.match(raw, behind, end)
        if (at == start or raw[at - 1] == 0x0A) and (closing or line_end):
            if opened is not None:
                yield opened, max(opened, _before_line_end(raw, at))
            if closing:
                return
            opened = line_end.end() if line_end else behind
        at = raw.find(delimiter, behind, end)
    if opened is not None:
        yield opened, end


def _before_line_end(raw: bytes, at: int) -> int:
    return at - 2 if raw[at - 2 : at] == b"\r\n" else at - 1


def _end_of_header(raw: bytes, start: int, end: int) -> int:
    empty = EMPTY_HEADER.match(raw, start, end)
    if empty:
        return empty.end()
    blank = BLANK_LINE.search(raw, start, end)
    return blank.end() if blank else end
