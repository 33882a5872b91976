"""What is attached to a message? The parts with a file's name, or that say of themselves that they are attached."""

from collections.abc import Iterator

from pec_tracker.pec import mime
from pec_tracker.pec.fingerprint import leaves
from pec_tracker.pec.mime import Entity


def attached(raw: bytes) -> Iterator[Entity]:
    """The attachments of a mail, in their order."""
    return (part for _, part in leaves(raw) if is_attached(part))


def is_attached(part: Entity) -> bool:
    """Whether a leaf is an attachment."""
    disposition = part.fields.token(b"content-disposition") or ""
    return part.filename is not None or disposition.startswith("attachment")


def content_of(raw: bytes, part: Entity) -> bytes:
    """The bytes of an attachment; none where it cannot be decoded."""
    return mime.decoded(raw, part) or b""
