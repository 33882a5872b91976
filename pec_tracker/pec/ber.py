"""Where do the values of an ASN.1 structure lie? A walker over BER and DER that copies nothing it need not.

Real receipts come in BER with indefinite lengths (seen: Aruba 2026) as well as in DER. Signatures cover bytes, so
values are found as offsets into what was received. Anything malformed raises `BerError`, nothing else.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

INTEGER: Final = 0x02
OCTET_STRING: Final = 0x04
OID: Final = 0x06
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18
SEQUENCE: Final = 0x30
SET: Final = 0x31

_CONSTRUCTED: Final = 0x20
_INDEFINITE: Final = 0x80
# Deeper than any CMS or certificate that exists; keeps recursion bounded on hostile bytes.
_DEEPEST: Final = 24
# The end of an indefinite length is found by walking what lies inside, once for each level. Real ones have six levels.
_DEEPEST_INDEFINITE: Final = 12
_DEEPEST_STRING: Final = 5  # as OpenSSL's ASN1_MAX_STRING_NEST


class BerError(ValueError):
    """The bytes are not the ASN.1 structure that they should be."""


class Value(NamedTuple):
    """One value: its tag octet, its content `[start:stop]`, and `[begin:end]` with tag and length."""

    tag: int
    begin: int
    start: int
    stop: int
    end: int


def value_at(encoded: bytes, begin: int, limit: int, depth: int = 0) -> Value:
    """The value that begins at `begin` and must end by `limit`."""
    if begin + 2 > limit:
        raise BerError("a value is cut short")
    tag, length = encoded[begin], encoded[begin + 1]
    if tag & 0x1F == 0x1F:
        raise BerError("tag numbers above 30 do not occur in CMS")
    start = begin + 2
    if length == _INDEFINITE:
        return _indefinite(encoded, tag, begin, limit, depth)
    if length > _INDEFINITE:
        octets = length & 0x7F
        # Four octets of length are 4 GiB: more than any mail.
        if octets > 4 or start + octets > limit:
            raise BerError("a length cannot be")
        length = int.from_bytes(encoded[start : start + octets], "big")
        start += octets
    stop = start + length
    if stop > limit:
        raise BerError("a value is longer than what holds it")
    return Value(tag, begin, start, stop, stop)


def _indefinite(encoded: bytes, tag: int, begin: int, limit: int, depth: int) -> Value:
    if not tag & _CONSTRUCTED or depth >= _DEEPEST_INDEFINITE:
        raise BerError("an indefinite length where none can be")
    at = begin + 2
    while encoded[at : at + 2] != b"\x00\x00":
        at = value_at(encoded, at, limit, depth + 1).end
    if at + 2 > limit:
        raise BerError("a value has no end")
    return Value(tag, begin, begin + 2, at, at + 2)


def expect(encoded: bytes, begin: int, limit: int, tag: int) -> Value:
    """The value at `begin`, which must have this tag."""
    value = value_at(encoded, begin, limit)
    if value.tag != tag:
        raise BerError(f"tag {value.tag:#04x} where {tag:#04x} should be")
    return value


def children(encoded: bytes, parent: Value) -> Iterator[Value]:
    """The values inside a constructed value, in order."""
    at = parent.start
    while at < parent.stop:
        child = value_at(encoded, at, parent.stop)
        yield child
        at = child.end


def octets(encoded: bytes, value: Value, depth: int = 0) -> bytes:
    """The octets of an OCTET STRING, whole or in BER pieces; the caller has checked the tag."""
    if not value.tag & _CONSTRUCTED:
        return encoded[value.start : value.stop]
    if depth >= _DEEPEST_STRING:
        raise BerError("an octet string in too many pieces")
    return b"".join(octets(encoded, piece, depth + 1) for piece in children(encoded, value))


def integer(encoded: bytes, value: Value) -> int:
    """The number of an INTEGER."""
    if value.stop == value.start:
        raise BerError("a number without digits")
    return int.from_bytes(encoded[value.start : value.stop], "big", signed=True)


def der(encoded: bytes, value: Value, depth: int = 0) -> bytes:
    """The value encoded anew with definite, shortest lengths; the order of its parts is kept."""
    if depth >= _DEEPEST:
        raise BerError("too many levels")
    if value.tag & _CONSTRUCTED:
        content = b"".join(der(encoded, child, depth + 1) for child in children(encoded, value))
    else:
        content = encoded[value.start : value.stop]
    return wrapped(value.tag, content)


def wrapped(tag: int, content: bytes) -> bytes:
    """`content` under this tag, DER."""
    if len(content) < _INDEFINITE:
        return bytes((tag, len(content))) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes((tag, _INDEFINITE | len(length))) + length + content
