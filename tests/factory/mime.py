"""How are the entities of a test mail laid out? Headers, bodies and boundaries in CRLF, byte for byte."""

import base64
import zlib
from collections.abc import Sequence
from email.header import Header


def multipart(subtype: str, parts: Sequence[bytes], name: str) -> bytes:
    """A multipart entity, its header first."""
    boundary = boundary_of(name, parts)
    opening = joined([f'Content-Type: multipart/{subtype};\r\n\tboundary="{boundary}"'])
    return opening + b"\r\n" + between(boundary, parts)


def entity(headers: Sequence[str], body: bytes) -> bytes:
    """Header lines, a blank line and a body."""
    return joined(headers) + b"\r\n" + body


def joined(lines: Sequence[str]) -> bytes:
    """Lines, each ended by CRLF."""
    return "".join(f"{line}\r\n" for line in lines).encode()


def b64(content: bytes) -> bytes:
    """Base64 in lines of 76, CRLF."""
    return base64.encodebytes(content).replace(b"\n", b"\r\n")


def encoded(text: str) -> str:
    """A header's text, encoded as RFC 2047 asks and folded with CRLF."""
    return Header(text, "utf-8" if not text.isascii() else "us-ascii").encode(linesep="\r\n")


def boundary_of(name: str, parts: Sequence[bytes]) -> str:
    """A boundary that depends on the parts: a mail nested in one like it keeps its own."""
    return f"{name}.{zlib.crc32(b''.join(parts)):08x}"


def between(boundary: str, parts: Sequence[bytes]) -> bytes:
    """A multipart's body: each part after its boundary line, then the closing one."""
    opened = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return opened + b"--" + boundary.encode() + b"--\r\n"
