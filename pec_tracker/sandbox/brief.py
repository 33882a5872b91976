"""What does the original look like in a brief delivery receipt? Attachments give way to their hashes.

RFC 6109 3.3.2.2: the MIME tree stays; each part with a name becomes a text part, its name + `.hash`, holding the SHA-1
of the content in 40 hex digits. The hash is over the content as transferred (the base64 form: "SHOULD"). Opaque S/MIME
is left whole, so that for such originals the brief form is the complete one.
"""

import hashlib
import re
from email.message import Message
from email.parser import BytesHeaderParser
from itertools import pairwise
from urllib.parse import quote

from pec_tracker.sandbox.original import Field, Letter, decoded

_OPAQUE = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_DEEPEST = 50  # parts below this stay as they are
_UNNAMED_MESSAGE = "message.eml"  # RFC 6109 does not say; the hash must have some name


def brief_form(letter: Letter, *, depth: int = 0) -> Letter:
    """*letter* with every named part, at any depth, replaced by its hash."""
    shape = _shape(letter)
    kind = shape.get_content_type()
    if kind in _OPAQUE or depth > _DEEPEST:
        return letter
    boundary = shape.get_boundary()
    if shape.get_content_maintype() == "multipart" and boundary:
        body = _brief_parts(letter.body, boundary, depth=depth)
        return letter if body == letter.body else Letter(letter.fields, body)
    name = shape.get_filename()  # `filename` of Content-Disposition, or `name` of Content-Type
    if name is None and kind == "message/rfc822":  # an attached message goes whole, named or not
        name = _UNNAMED_MESSAGE
    return letter if name is None else _hashed(letter, decoded(name))


def _brief_parts(body: bytes, boundary: str, *, depth: int) -> bytes:
    """*body* with each of its parts in brief form; boundary lines, preamble and epilogue byte for byte."""
    line = re.compile(
        rb"(?:\A|(?<=\r\n))--" + re.escape(boundary.encode("ascii", "replace")) + rb"(--)?[ \t]*(?:\r\n|\Z)"
    )
    marks = list(line.finditer(body))
    pieces, position = [], 0
    for mark, following in pairwise(marks):
        if mark.group(1):
            break
        content, line_break = body[mark.end() : following.start()], b""
        if content.endswith(b"\r\n"):
            content, line_break = content[:-2], b"\r\n"
        pieces += [body[position : mark.end()], _brief_part(content, depth=depth + 1), line_break]
        position = following.start()
    return b"".join((*pieces, body[position:]))


def _brief_part(content: bytes, *, depth: int) -> bytes:
    part = Letter.read(content)
    brief = brief_form(part, depth=depth)
    return content if brief is part else brief.raw


def _hashed(letter: Letter, name: str) -> Letter:
    """A text part with the hash of *letter*'s body; on an original without parts, the other fields stay."""
    others = tuple(field for field in letter.fields if not field.name.lower().startswith("content-"))
    described = (
        _named_field("Content-Type", 'text/plain; charset="us-ascii"', "name", name),
        Field("Content-Transfer-Encoding", b"Content-Transfer-Encoding: 7bit\r\n"),
        _named_field("Content-Disposition", "attachment", "filename", name),
    )
    digest = hashlib.sha1(letter.body, usedforsecurity=False).hexdigest()
    return Letter((*others, *described), digest.encode("ascii"))


def _named_field(header: str, value: str, parameter: str, name: str) -> Field:
    """A field with *name* + `.hash` as a parameter, encoded where it is not plain (RFC 2231)."""
    given = quote(f"{name}.hash", safe="")
    plain = re.fullmatch(r"[ !#-\[\]-~]+", name)
    written = f'{parameter}="{name}.hash"' if plain else f"{parameter}*=utf-8''{given}"
    return Field(header, f"{header}: {value};\r\n {written}\r\n".encode("ascii"))


def _shape(letter: Letter) -> Message:
    return BytesHeaderParser().parsebytes(b"".join(field.raw for field in letter.fields) + b"\r\n")
