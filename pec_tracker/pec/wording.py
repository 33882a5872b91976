"""Which texts of a mail would a person look for? What its author wrote, and the names of its files."""

import re
from collections.abc import Iterator
from typing import Final

from pec_tracker.pec import mime
from pec_tracker.pec.fields import in_charset
from pec_tracker.pec.fingerprint import leaves

MAX_TEXT: Final = 64 * 1024  # bytes of one text: nobody looks for a word of page 40
MAX_LEAVES: Final = 200

# What is never closed takes the rest with it, so that each letter is looked at once.
_TAG = re.compile(r"<(?:script|style)\b.*?(?:</(?:script|style)>|\Z)|<[^>]*(?:>|\Z)", re.DOTALL | re.IGNORECASE)


def wording(raw: bytes) -> Iterator[str]:
    """The plain texts of a mail (HTML without its tags where there is no plain one) and its file names."""
    plain = False
    html: list[str] = []
    for number, (_path, leaf) in enumerate(leaves(raw)):
        if number >= MAX_LEAVES:
            break
        if leaf.filename:
            yield leaf.filename
        elif leaf.type == "text/plain":
            plain = True
            yield _text(raw, leaf)
        elif leaf.type == "text/html":
            html.append(_text(raw, leaf))
    if not plain:
        yield from (_TAG.sub(" ", text) for text in html)


def _text(raw: bytes, leaf: mime.Entity) -> str:
    head = mime.Entity(leaf.fields, mime.Span(leaf.body.start, min(leaf.body.end, leaf.body.start + MAX_TEXT)),
                       leaf.content_type)  # fmt: skip
    content = mime.decoded(raw, head)
    if content is None:
        return ""
    return in_charset(content, leaf.content_type.parameters.get("charset", "utf-8").lower())
