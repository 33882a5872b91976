"""What does IMAP tell of a mail without its text? ENVELOPE and BODYSTRUCTURE (RFC 3501 7.4.2)."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from pec_tracker.sandbox.imap_grammar import quoted
from pec_tracker.sandbox.imap_mime import MAX_VALUE, Part, header_fields, media_type

MAX_ADDRESSES: Final = 65_536  # bytes of one address header that are read
Address = tuple[bytes | None, bytes | None, bytes | None, bytes | None]
END_OF_GROUP: Final[Address] = (None, None, None, None)
PIECES: Final = re.compile(rb'"(?:[^"\\]|\\.)*"?|[,;:<>()]|[^",;:<>()]+')


def envelope(message: Part) -> bytes:
    """Date, subject, the addresses, In-Reply-To and Message-ID, as they stand in the header."""
    fields: dict[bytes, bytes] = {}
    for name, value in header_fields(message.header):
        fields.setdefault(name, value)
    sender = addresses(fields.get(b"from"))
    items = [
        nstring(fields.get(b"date")),
        nstring(fields.get(b"subject")),
        sender,
        # RFC 3501 7.4.2: the server sets these to From where they are missing or empty.
        _or_else(addresses(fields.get(b"sender")), sender),
        _or_else(addresses(fields.get(b"reply-to")), sender),
        addresses(fields.get(b"to")),
        addresses(fields.get(b"cc")),
        addresses(fields.get(b"bcc")),
        nstring(fields.get(b"in-reply-to")),
        nstring(fields.get(b"message-id")),
    ]
    return b"(" + b" ".join(items) + b")"


def addresses(value: bytes | None) -> bytes:
    """An address header as a list of (name, route, mailbox, host), or NIL."""
    found = [b"(" + b" ".join(map(nstring, address)) + b")" for address in _split_addresses(value or b"")]
    return b"(" + b"".join(found) + b")" if found else b"NIL"


def body_structure(part: Part, *, extended: bool) -> bytes:
    """BODYSTRUCTURE, or BODY without the extension fields."""
    fields = _multipart(part, extended=extended) if part.is_multipart else _single(part, extended=extended)
    if extended:
        fields += [] if part.is_multipart else [nstring(part.value(b"content-md5"))]
        fields += [
            _disposition(part.value(b"content-disposition")),
            _languages(part.value(b"content-language")),
            nstring(part.value(b"content-location")),
        ]
    return b"(" + b" ".join(fields) + b")"


def nstring(value: bytes | None) -> bytes:
    """A string, or NIL."""
    return b"NIL" if value is None else quoted(value)


def _or_else(found: bytes, other: bytes) -> bytes:
    return other if found == b"NIL" else found


def _multipart(part: Part, *, extended: bool) -> list[bytes]:
    inner = b"".join(body_structure(child, extended=extended) for child in part.children)
    fields = [inner, quoted(part.kind.partition(b"/")[2])]
    return [*fields, _pairs(part.parameters)] if extended else fields


def _single(part: Part, *, extended: bool) -> list[bytes]:
    kind, _, subtype = part.kind.partition(b"/")
    encoding = part.value(b"content-transfer-encoding")
    fields = [
        quoted(kind),
        quoted(subtype),
        _pairs(part.parameters),
        nstring(part.value(b"content-id")),
        nstring(part.value(b"content-description")),
        quoted(encoding[:MAX_VALUE] if encoding else b"7bit"),
        b"%d" % (part.end - part.body),
    ]
    lines = b"%d" % part.raw.count(b"\n", part.body, part.end)
    if part.is_message:
        enclosed = part.children[0]
        return [*fields, envelope(enclosed), body_structure(enclosed, extended=extended), lines]
    return [*fields, lines] if kind == b"text" else fields


def _pairs(pairs: Sequence[tuple[bytes, bytes]]) -> bytes:
    if not pairs:
        return b"NIL"
    return b"(" + b" ".join(quoted(text) for pair in pairs for text in pair) + b")"


def _languages(value: bytes | None) -> bytes:
    words = re.findall(rb"[^\s,]+", (value or b"")[:MAX_VALUE])
    return b"(" + b" ".join(map(quoted, words)) + b")" if words else b"NIL"


def _disposition(value: bytes | None) -> bytes:
    if value is None:
        return b"NIL"
    _, pairs = media_type(value)
    return b"(%b %b)" % (quoted(value.partition(b";")[0].strip().lower()), _pairs(pairs))


def _split_addresses(value: bytes) -> Iterator[Address]:
    """Every address, and where groups begin and end (RFC 3501 7.4.2); nothing fails."""
    reading = _Reading()
    in_group = False
    for piece in [*PIECES.findall(value[:MAX_ADDRESSES]), b","]:
        separates = not reading.comments and (piece in (b",", b";") or (piece == b":" and reading.bracketed is None))
        if not separates:
            reading.take(piece)
            continue
        if piece == b":":
            in_group = True
            yield (None, None, reading.words(reading.name) or b"", None)
        else:
            yield from reading.address()
        if piece == b";" and in_group:
            in_group = False
            yield END_OF_GROUP
        reading = _Reading()


class _Reading:
    """One address while its pieces come: `Name <route:local@host> (comment)`."""

    def __init__(self) -> None:
        self.name: list[bytes] = []
        self.bracketed: list[bytes] | None = None
        self.comment: list[bytes] = []
        self.comments = 0
        self._closed = False

    def take(self, piece: bytes) -> None:
        """Put the next piece where it belongs."""
        if piece == b"(":
            self.comments += 1
        elif self.comments:
            self.comments -= piece == b")"
            self.comment += [] if piece == b")" else [piece]
        elif piece == b"<":
            self.bracketed, self._closed = [], False
        elif piece == b">":
            self._closed = True
        elif self.bracketed is not None and not self._closed:
            self.bracketed.append(piece)
        elif self.bracketed is None:
            self.name.append(piece)

    def address(self) -> Iterator[Address]:
        """The address, when the pieces make one; a comment is the name where there is no other."""
        route, _, whole = b"".join(self.name if self.bracketed is None else self.bracketed).rpartition(b":")
        local, at, host = whole.strip().rpartition(b"@")
        local, host = (local, host) if at else (host, local)
        name = self.words(self.comment if self.bracketed is None else self.name)
        if local or host:
            yield (name, route.strip() or None, local, host)  # no host is "": NIL would begin a group

    @staticmethod
    def words(pieces: list[bytes]) -> bytes | None:
        """The pieces as one text, quotes taken off; None when there is nothing."""
        text = b"".join(pieces).strip()
        if len(text) > 1 and text[:1] == text[-1:] == b'"':
            text = re.sub(rb"\\(.)", rb"\1", text[1:-1])
        return text or None
