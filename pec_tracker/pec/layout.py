"""Would another reader find other parts in this mail, or other bytes in them? Then what it certifies is a guess.

Ours takes the first of two header fields, looks at whole lines, goes on after a malformed one. Others take the last,
break lines at a lone CR, stop. Where it makes a difference the mail has a fault: it is kept, shown, and does not count.
Looked at are the mail itself, the signed multipart and its direct parts; what a user wrote inside his message is his.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from pec_tracker.pec import fields, mime
from pec_tracker.pec.fields import Parametrised, parametrised
from pec_tracker.pec.mime import Entity
from pec_tracker.pec.standard import DATICERT_NAME, POSTACERT_NAME

# What the product takes the certification data and the original by; RFC 6109 4.3.3 has the second name; never seen.
DATICERT_NAMES: Final = frozenset({DATICERT_NAME, "certdata.xml"})
_NAMES: Final = DATICERT_NAMES | {POSTACERT_NAME}

MAX_DEPTH: Final = 5  # how far down certification data is looked for where none should be
MAX_NESTED: Final = 100

_STRUCTURED: Final = (b"content-type", b"content-disposition")
_ONCE: Final = (*_STRUCTURED, b"content-transfer-encoding")
_AS_IS: Final = frozenset({b"", b"7bit", b"8bit", b"binary"})
_ENCODINGS: Final = _AS_IS | {b"base64", b"quoted-printable"}
# RFC 2045 5.1 without comments and escapes, which few readers take; possessive, so that no byte is looked at twice.
_PLAIN: Final = re.compile(
    rb'[^\s;"()]++(?:\s*+;\s*+(?:[^\s=;"()]++\s*+=\s*+(?:"[^"\\]*+"|[^\s;"()]++))?+)*+\s*+',
)
_PARAMETER_NAME: Final = re.compile(rb';\s*+([^\s=;"()*]++)(\*?)[^\s=;"()]*+\s*+=\s*+(?:"[^"]*+")?+')
_LONGEST: Final = 4096
_LIBERAL_END: Final = re.compile(rb"(?:--)?[ \t]*+(?:[\r\n]|\Z)")
_END: Final = re.compile(rb"(?:--)?[ \t]*+(?:\r?\n|\r?\Z)")
_BAD_QUOTED: Final = re.compile(rb"=(?![0-9A-Fa-f]{2}|\r?\n)|[ \t]\r?\n")


def faults(
    raw: bytes, outer: Entity, content: Entity, parts: tuple[Entity, ...], is_daticert: Callable[[Entity], bool]
) -> Iterator[str]:
    """Stable names of what another reader may read otherwise, some of them more than once.

    `outer` is the mail, `content` its signed multipart, `parts` the direct parts of that.
    """
    for multipart in (outer, content):
        if _encoding(multipart) not in _AS_IS:
            yield "multipart-encoded"  # RFC 2045 6.4 forbids it; some readers decode, others don't
        if not _is_cut_plainly(raw, multipart):
            yield "boundary-unclear"
    for entity in (outer, content, *parts):
        yield from _of_fields(entity)
    for part in parts:
        if part.fields.malformed:
            yield "part-field-malformed"  # elsewhere the header ends there
        yield from _of_part(raw, part, is_daticert)
    if content.fields.malformed:
        yield "part-field-malformed"


def _of_fields(entity: Entity) -> Iterator[str]:
    if any(len(entity.fields.all(name)) > 1 for name in _ONCE):
        yield "part-field-repeated"
    if entity.fields.bare_cr:
        yield "part-field-malformed"
    values = [value for name in _STRUCTURED if (value := entity.fields.first(name)) is not None]
    if not all(map(_is_plain, values)):
        yield "part-parameter-unclear"


def _is_plain(value: bytes) -> bool:
    """Whether every reader cuts this field alike, and no parameter stands twice, in whichever form."""
    if len(value) > _LONGEST or _PLAIN.fullmatch(value) is None:
        return False
    plain: set[bytes] = set()
    extended: set[bytes] = set()
    for name, star in _PARAMETER_NAME.findall(value):
        known = name.lower()
        if (not star and known in plain) or (star and known == b"boundary"):
            return False
        (extended if star else plain).add(known)
    return plain.isdisjoint(extended)


def _of_part(raw: bytes, part: Entity, is_daticert: Callable[[Entity], bool]) -> Iterator[str]:
    composite = part.type.startswith("multipart/")
    names = _names(part)
    if len(names) > 1 and not names.isdisjoint(_NAMES):
        yield "part-names-differ"
    holds_text = composite or part.type.startswith("message/")
    if (holds_text and not names.isdisjoint(DATICERT_NAMES)) or (composite and POSTACERT_NAME in names):
        yield "part-names-differ"
    if composite:
        if _holds_certification(raw, part, is_daticert):
            yield "nested-certification"
    elif is_daticert(part):
        if POSTACERT_NAME in names:
            yield "part-names-differ"
        if not _is_encoded_plainly(raw, part):
            yield "daticert-odd-encoding"
    elif (part.type == "message/rfc822" or POSTACERT_NAME in names) and _encoding(part) not in _AS_IS:
        yield "original-encoded"  # RFC 2046 5.2.1 forbids it, and readers differ in taking it off


def _names(part: Entity) -> set[str]:
    """The names of both fields, lower-case."""
    nothing = Parametrised("", {})
    disposition = parametrised(part.fields.first(b"content-disposition"))
    both = (fields.filename(disposition, nothing), fields.filename(nothing, part.content_type))
    return {name.lower() for name in both if name is not None}


def _encoding(entity: Entity) -> bytes:
    return (entity.fields.first(b"content-transfer-encoding") or b"").lower()


def _is_encoded_plainly(raw: bytes, part: Entity) -> bool:
    """Whether every decoder gives the same bytes."""
    encoding = _encoding(part)
    if encoding == b"base64":
        return mime.is_plain_base64(raw, part)
    if encoding == b"quoted-printable":
        return _BAD_QUOTED.search(part.body.of(raw).rstrip(b" \t\r\n")) is None
    return encoding in _ENCODINGS


def _is_cut_plainly(raw: bytes, multipart: Entity) -> bool:
    """Whether the boundary stands on lines of its own alone, also for who breaks lines at a lone CR."""
    boundary = multipart.content_type.parameters.get("boundary", "").rstrip().encode("utf-8", "replace")
    delimiter = b"--" + boundary
    body = multipart.body
    at = raw.find(delimiter, body.start, body.end)
    for _ in range(2 * mime.MAX_CHILDREN):
        if at < 0:
            return True
        before = raw[at - 1 : at] if at > body.start else b"\n"
        after = at + len(delimiter)
        on_a_line = before in (b"\r", b"\n") and _LIBERAL_END.match(raw, after, body.end) is not None
        if on_a_line and (before == b"\r" or _END.match(raw, after, body.end) is None):
            return False
        at = raw.find(delimiter, after, body.end)
    return False


def _holds_certification(raw: bytes, multipart: Entity, is_daticert: Callable[[Entity], bool]) -> bool:
    """Whether certification data or a mail lies deeper than where they are looked for: who walks all parts finds it."""
    waiting: list[tuple[int, Entity]] = [(0, multipart)]
    looked_at = 0
    while waiting:
        depth, found = waiting.pop()
        looked_at += 1
        if looked_at > MAX_NESTED or depth > MAX_DEPTH:
            return True
        if not found.type.startswith("multipart/"):
            if found.type == "message/rfc822" or POSTACERT_NAME in _names(found) or is_daticert(found):
                return True
            continue
        spans = mime.children(raw, found)[: MAX_NESTED + 1]
        waiting.extend((depth + 1, mime.entity(raw, span)) for span in spans)
    return False
