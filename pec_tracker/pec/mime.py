"""Where in a received mail do the signed part, the signature, the daticert and the original lie?

Offsets into the raw bytes, never re-serialised: a signature covers bytes, not meanings. Everything is found with
`bytes.find` and one pass over the headers, so that 60 MB cost no copy and 5,000 nested parts no recursion: each call
goes down one level, and the caller says how far.
"""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pec_tracker.pec.fields import Fields, Parametrised, cut_fields, filename, parametrised
from pec_tracker.pec.standard import PKCS7_PROTOCOLS

# Direct children that are looked at: a receipt has two or three; a hostile mail has millions of empty ones.
MAX_CHILDREN: Final = 1_000
# Lines that begin like a boundary and are none: an inner boundary may look so, 10 million lines are an attack.
MAX_NEAR_DELIMITERS: Final = 100_000

_CHUNK: Final = 1024 * 1024
_BLANK_LINE = re.compile(rb"\n\r?\n")  # stops at the end of the headers, so it never runs over a body
_AFTER_DELIMITER = re.compile(rb"(--)?[ \t]*(?:\r?\n|\r?\Z)")  # RFC 2046 5.1.1: transport padding
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64 + b"="))


@dataclass(frozen=True, slots=True)
class Span:
    """`raw[start:end]`."""

    start: int
    end: int

    def of(self, raw: bytes) -> bytes:
        """The bytes of the span."""
        return raw[self.start : self.end]


@dataclass(frozen=True, slots=True)
class SignedParts:
    """The two halves of an outermost multipart/signed (RFC 1847 2.1, RFC 8551 3.5.3).

    `content` is the signed entity without the line break that belongs to the boundary after it.
    `signature` is the decoded CMS: None where there is no signature part, empty where it is empty or undecodable.
    `sound` says whether there are exactly two parts with a PKCS#7 protocol and part type.
    """

    content: Span
    signature: bytes | None
    protocol: str | None
    micalg: str | None
    sound: bool


@dataclass(frozen=True, slots=True)
class Entity:
    """One MIME entity (a mail or a part): its header fields, and where its body lies."""

    fields: Fields
    body: Span
    content_type: Parametrised

    @property
    def type(self) -> str:
        """`type/subtype`, lower-case; text/plain where it is absent or malformed (RFC 2045 5.2)."""
        value = self.content_type.value
        return value if "/" in value else "text/plain"

    @property
    def encoding(self) -> str:
        """Content-Transfer-Encoding, lower-case; empty where it is absent."""
        return self.fields.token(b"content-transfer-encoding") or ""

    @property
    def filename(self) -> str | None:
        """The file name, decoded, where there is one."""
        return filename(parametrised(self.fields.first(b"content-disposition")), self.content_type)


def entity(raw: bytes, span: Span | None = None) -> Entity:
    """Cut the entity at `span` (default: the whole mail) into header fields and body.

    The headers end at the first blank line. Without one, a span with header fields is all headers, one without is all
    body. A mailbox file's `From ` line and a UTF-8 byte order mark before the first field are passed over.
    """
    start, end = (span.start, span.end) if span else (0, len(raw))
    if raw.startswith((b"\n", b"\r\n"), start, end):
        return _entity(b"", Span(raw.index(b"\n", start) + 1, end))
    blank = _BLANK_LINE.search(raw, start, end)
    head_end, body_start = (blank.start() + 1, blank.end()) if blank else (end, end)
    if raw.startswith(b"\xef\xbb\xbf", start):
        start += 3
    found = _entity(raw[start:head_end], Span(body_start, end))
    if blank is None and not found.fields.any:
        return _entity(b"", Span(start, end))
    return found


def _entity(block: bytes, body: Span) -> Entity:
    fields = cut_fields(block)
    return Entity(fields, body, parametrised(fields.first(b"content-type")))


def children(raw: bytes, of: Entity) -> tuple[Span, ...]:
    """The direct parts of a multipart, in order, at most MAX_CHILDREN; none for any other type.

    Each span leaves out the line break that belongs to the boundary after it (RFC 2046 5.1.1). Where the closing
    boundary is missing the last part goes to the end.
    """
    boundary = of.content_type.parameters.get("boundary", "")
    if not of.type.startswith("multipart/") or not boundary:
        return ()
    delimiter = b"--" + boundary.rstrip().encode("utf-8", "replace")
    spans: list[Span] = []
    begun: int | None = None
    for line_start, line_end, closing in _delimiters(raw, of.body, delimiter):
        if begun is not None:
            spans.append(Span(begun, max(begun, _before_break(raw, line_start))))
        begun = None if closing else line_end
        if closing or len(spans) >= MAX_CHILDREN:
            return tuple(spans)
    if begun is not None:
        spans.append(Span(begun, of.body.end))
    return tuple(spans)


def _delimiters(raw: bytes, body: Span, delimiter: bytes) -> Iterator[tuple[int, int, bool]]:
    """Start and end of each delimiter line in the body, and whether it is the closing one.

    The whole line is compared: an inner boundary may begin with the outer one (seen: Aruba 2026).
    """
    at = body.start
    near = 0
    needle = b"\n" + delimiter
    # The line break before the first delimiter may be the one that ends the headers.
    found = at if raw.startswith(delimiter, at, body.end) else _next(raw, needle, at, body.end)
    while found >= 0:
        rest = _AFTER_DELIMITER.match(raw, found + len(delimiter), body.end)
        if rest is not None:
            yield found, rest.end(), rest[1] is not None
            at = rest.end() - 1
        elif near < MAX_NEAR_DELIMITERS:
            near += 1
            at = found + len(delimiter)
        else:
            return
        found = _next(raw, needle, at, body.end)


def _next(raw: bytes, needle: bytes, at: int, end: int) -> int:
    found = raw.find(needle, max(at, 0), end)
    return found + 1 if found >= 0 else -1


def _before_break(raw: bytes, line_start: int) -> int:
    """Where the line before ends, without its line break."""
    end = line_start - 1
    return end - 1 if end > 0 and raw[end - 1] == 0x0D else end


def signed_parts(raw: bytes, outer: Entity) -> SignedParts | None:
    """The signed content and the signature of a multipart/signed; None for any other mail, or one without parts."""
    if outer.type != "multipart/signed":
        return None
    parts = children(raw, outer)
    if not parts:
        return None
    protocol = (outer.content_type.parameters.get("protocol") or "").strip().lower() or None
    micalg = (outer.content_type.parameters.get("micalg") or "").strip().lower() or None
    second = entity(raw, parts[1]) if len(parts) > 1 else None
    typed = second is not None and second.type in PKCS7_PROTOCOLS
    # Where neither says PKCS#7 (PGP/MIME) there is no signature of the kind that PEC knows.
    claimed = second is not None and (typed or protocol in PKCS7_PROTOCOLS)
    return SignedParts(
        content=parts[0],
        signature=(decoded(raw, second) or b"") if second is not None and claimed else None,
        protocol=protocol,
        micalg=micalg,
        sound=len(parts) == 2 and typed and protocol in PKCS7_PROTOCOLS,
    )


def decoded(raw: bytes, part: Entity) -> bytes | None:
    """The body with its transfer encoding taken off; None where its base64 is cut short."""
    view = memoryview(raw)[part.body.start : part.body.end]
    if part.encoding == "base64":
        try:
            return binascii.a2b_base64(view)
        except binascii.Error:
            return None
    if part.encoding == "quoted-printable":
        return binascii.a2b_qp(view)
    return bytes(view)


def is_plain_base64(raw: bytes, part: Entity) -> bool:
    """Whether the body is base64 to the letter: blanks between lines, padding at the end alone. What else stands there
    some decoders pass over, and others stop at.
    """
    text = part.body.of(raw).translate(None, b" \t\r\n")
    kept = text.rstrip(b"=")
    return len(text) % 4 == 0 and len(text) - len(kept) <= 2 and not kept.translate(None, _BASE64)


def decoded_chunks(raw: bytes, part: Entity) -> Iterator[bytes]:
    """The content of `decoded`, base64 in pieces of at most 1 MB; raises binascii.Error where that is None."""
    if part.encoding != "base64":
        yield decoded(raw, part) or b""
        return
    rest = b""
    for at in range(part.body.start, part.body.end, _CHUNK):
        piece = rest + raw[at : min(at + _CHUNK, part.body.end)].translate(None, _NOT_BASE64)
        whole = len(piece) - len(piece) % 4
        yield binascii.a2b_base64(piece[:whole])
        rest = piece[whole:]
    if rest:
        yield binascii.a2b_base64(rest)
