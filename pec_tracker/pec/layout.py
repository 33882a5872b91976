"""Would another reader find other parts in this mail, or other bytes in them? Then what it certifies is a guess.

Ours takes the first of two header fields, looks at whole lines, goes on after a malformed one. Others take the last,
break lines at a lone CR, stop. Where it makes a difference the mail has a fault: it is kept, shown, and does not count.
Looked at are the mail itself, the signed multipart and its direct parts; what a user wrote inside his message is his.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final

from pec_tracker.pec import mime
from pec_tracker.pec.fields import Parametrised, filename, parametrised
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
_LONGEST_TEXT: Final = 64 * 1024
_NOTHING: Final = Parametrised("", {})
_LIBERAL_END: Final = re.compile(rb"(?:--)?[ \t]*+(?:[\r\n]|\Z)")
_END: Final = re.compile(rb"(?:--)?[ \t]*+(?:\r?\n|\r?\Z)")
_BAD_QUOTED: Final = re.compile(rb"=(?![0-9A-Fa-f]{2}|\r?\n)|[ \t]\r?\n")


def faults(
    raw: bytes,
    outer: Entity,
    content: Entity,
    parts: tuple[Entity, ...],
    certification: Entity,
    is_daticert: Callable[[Entity], bool],
) -> Iterator[str]:
    """Stable names of what another reader may read otherwise, some of them more than once.

    `outer` is the mail, `content` its signed multipart, `parts` the direct parts of that, `certification` the one of
    them that was taken for the certification data.
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
        yield from _of_names(part)
        if part.type.startswith("multipart/"):
            if _may_hold_certification(raw, part) and _holds_certification(raw, part, is_daticert):
                yield "nested-certification"
        elif part is certification:
            if not _is_encoded_plainly(raw, part):
                yield "daticert-odd-encoding"
            if POSTACERT_NAME in _names(part):
                yield "part-names-differ"
        elif _encoding(part) not in _AS_IS and (part.type == "message/rfc822" or POSTACERT_NAME in _names(part)):
            yield "original-encoded"  # RFC 2046 5.2.1 forbids it, and readers differ in taking it off
    if content.fields.malformed:
        yield "part-field-malformed"


def _of_fields(entity: Entity) -> Iterator[str]:
    if entity.fields.bare_cr:
        yield "part-field-malformed"
    for name in _ONCE:
        values = entity.fields.values.get(name)
        if values is None:
            continue
        if len(values) > 1:
            yield "part-field-repeated"
        if name in _STRUCTURED and not _is_plain(values[0]):
            yield "part-parameter-unclear"


def _is_plain(value: bytes) -> bool:
    """Whether every reader cuts this field alike."""
    return len(value) <= _LONGEST and _is_cut_alike(value)


@lru_cache(maxsize=1024)  # receipts repeat the same few values
def _is_cut_alike(value: bytes) -> bool:
    """Whether it follows the grammar, and no parameter stands twice, in whichever form."""
    if _PLAIN.fullmatch(value) is None:
        return False
    plain: set[bytes] = set()
    extended: set[bytes] = set()
    for name, star in _PARAMETER_NAME.findall(value):
        known = name.lower()
        if known in plain or (star and known == b"boundary"):
            return False
        (extended if star else plain).add(known)
    return plain.isdisjoint(extended)


def _of_names(part: Entity) -> Iterator[str]:
    """Two names of one part, or one of them on what can't be what it says."""
    names = _names(part)
    if names.isdisjoint(_NAMES):
        return
    composite, encloses = part.type.startswith("multipart/"), part.type.startswith("message/")
    if len(names) > 1 or composite or (encloses and POSTACERT_NAME not in names):
        yield "part-names-differ"


def _names(part: Entity) -> frozenset[str]:
    """The names of both fields, lower-case."""
    disposition, content_type = part.fields.first(b"content-disposition"), part.fields.first(b"content-type")
    if len(disposition or b"") + len(content_type or b"") > _LONGEST:
        return _names_in.__wrapped__(disposition, content_type)  # hostile, and not worth the memory
    return _names_in(disposition, content_type)


@lru_cache(maxsize=512)
def _names_in(disposition: bytes | None, content_type: bytes | None) -> frozenset[str]:
    both = (filename(parametrised(disposition), _NOTHING), filename(_NOTHING, parametrised(content_type)))
    return frozenset(name.lower() for name in both if name is not None)


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
        before = raw[at - 1 : at]
        after = at + len(delimiter)
        on_a_line = before in (b"\r", b"\n") and _LIBERAL_END.match(raw, after, body.end) is not None
        if on_a_line and (before == b"\r" or _END.match(raw, after, body.end) is None):
            return False
        at = raw.find(delimiter, after, body.end)
    return False


def _may_hold_certification(raw: bytes, multipart: Entity) -> bool:
    """False for the texts that a provider writes for people: there no part has a name, or a type that matters."""
    if multipart.body.end - multipart.body.start > _LONGEST_TEXT or multipart.type == "multipart/digest":
        return True
    within = multipart.body.of(raw).lower()
    return b"name" in within or b"xml" in within or b"message" in within or b"digest" in within


def _holds_certification(raw: bytes, multipart: Entity, is_daticert: Callable[[Entity], bool]) -> bool:
    """Whether certification data or a mail lies deeper than where they are looked for: who walks all parts finds it."""
    waiting: list[tuple[int, Entity]] = [(0, multipart)]
    looked_at = 0
    while waiting:
        depth, found = waiting.pop()
        looked_at += 1
        if looked_at > MAX_NESTED or depth > MAX_DEPTH or found.type == "multipart/digest":
            return True  # what has no type in a digest is a mail (RFC 2046 5.1.5)
        if not found.type.startswith("multipart/"):
            if found.type == "message/rfc822" or POSTACERT_NAME in _names(found) or is_daticert(found):
                return True
            continue
        spans = mime.children(raw, found)[: MAX_NESTED + 1]
        waiting.extend((depth + 1, mime.entity(raw, span)) for span in spans)
    return False
