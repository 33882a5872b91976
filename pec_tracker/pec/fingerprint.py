"""Which message is this, in hashes? Enough of a MIME tree to compare two copies without keeping either.

A copy that came back from a provider has other headers, and perhaps other line ends, but the same body.
"""

import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pec_tracker.pec import headblock, mime
from pec_tracker.pec.evidence import Fingerprint, Multipart, Part, bare_id
from pec_tracker.pec.fields import addresses, date
from pec_tracker.pec.mime import Entity, Span

# A multipart below this depth, and whatever comes after so many parts, counts as one part: real mail has 3 to 6 levels.
MAX_DEPTH: Final = 20
MAX_PARTS: Final = 1_000

_CHUNK: Final = 1024 * 1024
_HASH_SUFFIX: Final = ".hash"  # RFC 6109 3.3.2.2
_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
# RFC 2045 6.7: anything but escapes, soft line breaks and printable ASCII, and blanks at the end of a line.
_NOT_QUOTED = re.compile(rb"=(?![0-9A-Fa-f]{2}|\r?\n|\Z)|[^\t\r\n -~]|[ \t]\r?\n|\r(?!\n)")
_SHA1_HEX = re.compile(rb"\s*([0-9a-fA-F]{40})\s*")


@dataclass(frozen=True, slots=True)
class _Node:
    """One node of the tree: its place, its entity, where it begins, and the spans of its parts (none for a leaf)."""

    path: tuple[int, ...]
    entity: Entity
    start: int
    spans: tuple[Span, ...]
    cut: bool  # it may have parts that are not in `spans`

    @property
    def name(self) -> str:
        """ "1.2"; "1" for the body of a mail without parts, "" for the root of one with."""
        return ".".join(map(str, self.path or (() if self.spans else (1,))))


def fingerprint(raw: bytes) -> Fingerprint:
    """The hashes of a message: its header fields, its body, and each node of its MIME tree. Never raises.

    Trailing line breaks of the body are left out of its hash: the boundary after an enclosed message takes one.
    An attached message (message/rfc822) is one leaf: a brief receipt has one hash for it (RFC 6109 3.3.2.2).
    """
    whole = mime.entity(raw)
    block = raw[: whole.body.start]
    found = list(headblock.fields_of(block))
    from_addresses = addresses(whole.fields.all(b"from"))
    nodes = list(_nodes(raw))
    return Fingerprint(
        body=_crlf_hash(raw, whole.body, hashlib.sha256()),
        parts=tuple(_part(raw, node, _head(raw, node, found)) for node in nodes if not node.spans),
        message_id=bare_id(whole.fields.text(b"message-id")),
        subject=whole.fields.text(b"subject"),
        sender=from_addresses[0] if from_addresses else None,
        head=headblock.kept(one for one in found if not headblock.is_providers(*one)),
        multiparts=tuple(_multipart(raw, node, _head(raw, node, found)) for node in nodes if node.spans),
        cut=headblock.is_cut(block) or any(node.cut for node in nodes),
        date=date(whole.fields.first(b"date")),
        travelled=any(name in headblock.TRACES for name, _ in found),
    )


def leaves(raw: bytes) -> Iterator[tuple[str, Entity]]:
    """The leaves of a mail's MIME tree with their paths ("1.2"), in order; "1" is the body of a mail without parts."""
    return ((node.name, node.entity) for node in _nodes(raw) if not node.spans)


def _nodes(raw: bytes) -> Iterator[_Node]:
    """The tree in order, each multipart before its parts, at most MAX_PARTS leaves."""
    waiting: list[tuple[tuple[int, ...], Entity, int]] = [((), mime.entity(raw), 0)]
    given = 0
    while waiting and given < MAX_PARTS:
        path, found, start = waiting.pop()
        deep = len(path) >= MAX_DEPTH
        spans = () if deep else mime.children(raw, found)
        kept = spans[: MAX_PARTS - given]
        too_deep = deep and found.type.startswith("multipart/")
        cut = too_deep or len(spans) >= mime.MAX_CHILDREN or headblock.is_cut(raw[start : found.body.start])
        # What still waits when the limit is reached is never given: the last node given says so.
        last = given + 1 >= MAX_PARTS and bool(waiting)
        yield _Node(path, found, start, kept, cut or len(kept) < len(spans) or last)
        given += not spans
        numbered = [((*path, number), span) for number, span in enumerate(kept, 1)]
        waiting.extend((inner, mime.entity(raw, span), span.start) for inner, span in reversed(numbered))


def _head(raw: bytes, node: _Node, whole: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The node's own fields; of those of the whole mail (*whole*) only those of its content."""
    if node.path:
        return list(headblock.fields_of(raw[node.start : node.entity.body.start]))
    return [one for one in whole if one[0].startswith("content-")]


def _multipart(raw: bytes, node: _Node, head: list[tuple[str, str]]) -> Multipart:
    kept = headblock.kept(headblock.without_boundary(head))
    return Multipart(node.name, kept, _around(raw, node.entity.body, node.spans))


def _around(raw: bytes, body: Span, spans: tuple[Span, ...]) -> str:
    """The hash of what stands before the first boundary and after the last; empty where that is blank."""
    before = raw[body.start : spans[0].start].removesuffix(b"\n").rpartition(b"\n")[0].strip()
    after = raw[spans[-1].end : body.end].lstrip().partition(b"\n")[2].strip()
    if not before and not after:
        return ""
    digest = hashlib.sha256(b"%d " % len(before) + before)
    digest.update(after)
    return digest.hexdigest()


def _part(raw: bytes, node: _Node, head: list[tuple[str, str]]) -> Part:
    leaf = node.entity
    sha256, sha1 = _content_hashes(raw, leaf)
    return Part(
        path=node.name,
        content_type=leaf.type,
        filename=leaf.filename,
        sha256=sha256,
        sha1=sha1,
        sha1_encoded=_crlf_hash(raw, leaf.body, hashlib.sha1(usedforsecurity=False)),
        brief_hash=_brief_hash(raw, leaf),
        head=headblock.kept(head),
        clean=_is_clean(raw, leaf),
    )


def _is_clean(raw: bytes, leaf: Entity) -> bool:
    """Whether the encoded content is well-formed to the letter, so that no two programs decode it differently."""
    if leaf.encoding == "base64":
        return _is_clean_base64(raw, leaf.body)
    if leaf.encoding == "quoted-printable":
        return _NOT_QUOTED.search(raw, leaf.body.start, leaf.body.end) is None
    return leaf.encoding in ("", "7bit", "8bit", "binary")


def _is_clean_base64(raw: bytes, body: Span) -> bool:
    """Letters of the alphabet alone, padded at the very end to a multiple of four; a piece at a time."""
    length = padding = 0
    for at in range(body.start, body.end, _CHUNK):
        piece = raw[at : min(at + _CHUNK, body.end)].translate(None, b" \t\r\n")
        content = piece.rstrip(b"=")
        if (padding and content) or content.translate(None, _BASE64):
            return False
        length += len(piece)
        padding += len(piece) - len(content)
    return length % 4 == 0 and padding <= 2


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
