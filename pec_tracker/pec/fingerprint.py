"""Which message is this, in hashes? Enough of a MIME tree to compare two copies without keeping either.

A copy that came back from a provider has other headers, and perhaps other line ends, but the same body.
"""

import binascii
import hashlib
import re
from collections.abc import Iterator
from typing import Final

from pec_tracker.pec import mime
from pec_tracker.pec.evidence import Fingerprint, Part, bare_id
from pec_tracker.pec.fields import addresses
from pec_tracker.pec.mime import Entity, Span

# A multipart below this depth, and whatever comes after so many parts, counts as one part: real mail has 3 to 6 levels.
MAX_DEPTH: Final = 20
MAX_PARTS: Final = 1_000

_CHUNK: Final = 1024 * 1024
_HASH_SUFFIX: Final = ".hash"  # RFC 6109 3.3.2.2
_SHA1_HEX = re.compile(rb"\s*([0-9a-fA-F]{40})\s*")


def fingerprint(raw: bytes) -> Fingerprint:
    """The hashes of a message: its body, and each leaf of its MIME tree. Never raises.

    Trailing line breaks of the body are left out of its hash: the boundary after an enclosed message takes one.
    An attached message (message/rfc822) is one leaf: a brief receipt has one hash for it (RFC 6109 3.3.2.2).
    """
    whole = mime.entity(raw)
    from_addresses = addresses(whole.fields.all(b"from"))
    return Fingerprint(
        body=_crlf_hash(raw, whole.body, hashlib.sha256()),
        parts=tuple(_part(raw, path, leaf) for path, leaf in leaves(raw)),
        message_id=bare_id(whole.fields.text(b"message-id")),
        subject=whole.fields.text(b"subject"),
        sender=from_addresses[0] if from_addresses else None,
    )


def leaves(raw: bytes) -> Iterator[tuple[str, Entity]]:
    """The leaves of a mail's MIME tree with their paths ("1.2"), in order; "1" is the body of a mail without parts."""
    waiting: list[tuple[tuple[int, ...], Entity]] = [((), mime.entity(raw))]
    given = 0
    while waiting and given < MAX_PARTS:
        path, found = waiting.pop()
        spans = mime.children(raw, found) if len(path) < MAX_DEPTH else ()
        if not spans:
            given += 1
            yield ".".join(map(str, path or (1,))), found
            continue
        numbered = [((*path, number), span) for number, span in enumerate(spans[: MAX_PARTS - given], 1)]
        waiting.extend((inner, mime.entity(raw, span)) for inner, span in reversed(numbered))


def _part(raw: bytes, path: str, leaf: Entity) -> Part:
    sha256, sha1 = _content_hashes(raw, leaf)
    return Part(
        path=path,
        content_type=leaf.type,
        filename=leaf.filename,
        sha256=sha256,
        sha1=sha1,
        sha1_encoded=_crlf_hash(raw, leaf.body, hashlib.sha1(usedforsecurity=False)),
        brief_hash=_brief_hash(raw, leaf),
    )


def _content_hashes(raw: bytes, leaf: Entity) -> tuple[str, str]:
    """SHA-256 and SHA-1 of the decoded content; of the bytes as they are where they cannot be decoded."""
    try:
        return _hashes(mime.decoded_chunks(raw, leaf))
    except binascii.Error:
        return _hashes(iter([leaf.body.of(raw)]))


def _hashes(chunks: Iterator[bytes]) -> tuple[str, str]:
    sha256, sha1 = hashlib.sha256(), hashlib.sha1(usedforsecurity=False)
    for chunk in chunks:
        sha256.update(chunk)
        sha1.update(chunk)
    return sha256.hexdigest(), sha1.hexdigest()


def _crlf_hash(raw: bytes, span: Span, into: "hashlib._Hash") -> str:
    """Hash the span with CRLF line ends and without trailing line breaks, a piece at a time."""
    end = _without_trailing_breaks(raw, span)
    at = span.start
    while at < end:
        stop = min(at + _CHUNK, end)
        if stop < end and raw[stop - 1] == 0x0D:  # a pair of CR and LF stays together
            stop += 1
        piece = raw[at:stop]
        if piece.count(b"\n") != piece.count(b"\r\n"):
            piece = piece.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        into.update(piece)
        at = stop
    return into.hexdigest()


def _without_trailing_breaks(raw: bytes, span: Span) -> int:
    end = span.end
    while end > span.start:
        piece = raw[max(span.start, end - _CHUNK) : end]
        kept = len(piece.rstrip(b"\r\n"))
        end -= len(piece) - kept
        if kept:
            break
    return end


def _brief_hash(raw: bytes, leaf: Entity) -> str | None:
    """The 40 hex digits that stand for an attachment in a brief receipt; None for any other part."""
    if leaf.type != "text/plain" or leaf.body.end - leaf.body.start > 200:
        return None
    name = leaf.filename
    if name is None or not name.lower().endswith(_HASH_SUFFIX):
        return None
    found = _SHA1_HEX.fullmatch(mime.decoded(raw, leaf) or b"")
    return found[1].decode("ascii").lower() if found else None
