"""What did somebody send? The text that a reader sees first, and every other part with its size and hash.

Of the bytes of a mail alone; a part is what a mail program would save: its decoded content.
"""

import binascii
import hashlib
from dataclasses import dataclass
from typing import Final

from pec_tracker.pec import fields, mime
from pec_tracker.pec.fingerprint import leaves
from pec_tracker.pec.mime import Entity

MAX_TEXT: Final = 20_000  # characters of the text that are kept; a page has about 3,000
_MAX_BYTES: Final = 4 * MAX_TEXT + 4  # no charset of mail takes more than four bytes for a character


@dataclass(frozen=True, slots=True)
class PartSent:
    """One part beside the text: `name` as the sender wrote it (None: none), `size` in bytes of the decoded content."""

    name: str | None
    type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Contents:
    """`text` is None where no part is plain text; `cut` says that it goes on after MAX_TEXT characters."""

    text: str | None
    cut: bool
    attachments: tuple[PartSent, ...]


def contents(raw: bytes) -> Contents:
    """The contents of a mail. The first plain text without a file's name is the text; all else is an attachment, in
    order, an HTML version of the text too. Never raises."""
    text: str | None = None
    cut = False
    parts = []
    for _, leaf in leaves(raw):
        if text is None and leaf.type == "text/plain" and leaf.filename is None:
            text, cut = _text(raw, leaf)
        else:
            parts.append(_part(raw, leaf))
    return Contents(text, cut, tuple(parts))


def _text(raw: bytes, leaf: Entity) -> tuple[str, bool]:
    content = _decoded(raw, leaf)
    charset = leaf.content_type.parameters.get("charset", "utf-8")
    whole = fields.in_charset(content[:_MAX_BYTES], charset).replace("\r\n", "\n")
    return fields.storable(whole[:MAX_TEXT]), len(whole) > MAX_TEXT or len(content) > _MAX_BYTES


def _part(raw: bytes, leaf: Entity) -> PartSent:
    content = _decoded(raw, leaf)
    return PartSent(leaf.filename, leaf.type, len(content), hashlib.sha256(content).hexdigest())


def _decoded(raw: bytes, leaf: Entity) -> bytes:
    """The content, or its bytes as they are where they cannot be decoded (as `fingerprint` hashes them)."""
    try:
        return b"".join(mime.decoded_chunks(raw, leaf))
    except binascii.Error:
        return leaf.body.of(raw)
