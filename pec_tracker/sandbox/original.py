"""What did the client send, and what does the provider make of it? A mail as header fields and body, bytes kept.

The provider touches two fields of the original only (RFC 6109 2.2.1): Message-ID becomes its own identifier, and
X-Riferimento-Message-ID keeps the client's. Everything after the first blank line stays as it came.
"""

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header
from email.utils import getaddresses
from typing import Self

from pec_tracker.pec.standard import X_RIFERIMENTO

_LINE_END = re.compile(rb"\r\n|\r|\n")
_FOLD = re.compile(r"\r\n(?=[ \t])")
_PLAIN = re.compile(r"[!-~]+( [!-~]+)*")
_LINE_WIDTH = 76
_LONGEST_WORD = 900  # a line may hold 998 characters (RFC 5322 2.1.1), name and prefix included
_ENCODED_WORD_BYTES = 45  # 60 base64 characters: an encoded word holds 75 (RFC 2047 2)


@dataclass(frozen=True, slots=True)
class Field:
    """One header field: its name, and all its bytes with folding and the last CRLF."""

    name: str
    raw: bytes

    @property
    def value(self) -> str:
        """The unfolded value, still with its encoded words; bytes that are not UTF-8 are read as Latin-1."""
        text = _text(self.raw).partition(":")[2]
        return _FOLD.sub("", text).strip()


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail cut in two at its first blank line: fields above, body below, line ends CRLF."""

    fields: tuple[Field, ...]
    body: bytes

    @classmethod
    def read(cls, raw: bytes) -> Self:
        """Cut *raw*. Lines above the blank line that are no fields (`name: value`, or folded) are left out."""
        head, _, body = _with_leading_break(crlf(raw)).partition(b"\r\n\r\n")
        unfolded = re.split(rb"\r\n(?![ \t])", head.removeprefix(b"\r\n"))
        fields = (_field(line) for line in unfolded)
        return cls(tuple(field for field in fields if field is not None), body)

    @property
    def raw(self) -> bytes:
        """The mail as bytes again."""
        return b"".join(field.raw for field in self.fields) + b"\r\n" + self.body

    def named(self, *names: str) -> tuple[Field, ...]:
        """The fields of these names, in the mail's order; case is ignored."""
        wanted = {name.lower() for name in names}
        return tuple(field for field in self.fields if field.name.lower() in wanted)

    def without(self, test: Callable[[Field], bool]) -> Self:
        """This letter without the fields for which *test* holds."""
        return type(self)(tuple(field for field in self.fields if not test(field)), self.body)

    def first(self, name: str) -> str | None:
        """The value of the first field of that name; None where there is none."""
        return next((field.value for field in self.named(name)), None)

    def addresses(self, *names: str) -> tuple[str, ...]:
        """Every address in these fields, as written, in order, each once (compared without case)."""
        once: dict[str, str] = {}
        for _, address in getaddresses([field.value for field in self.named(*names)]):
            if address:
                once.setdefault(address.lower(), address)
        return tuple(once.values())

    @property
    def subject(self) -> str | None:
        """The subject as text, encoded words decoded; None where there is no such field."""
        value = self.first("Subject")
        return None if value is None else decoded(value)

    @property
    def reference(self) -> str | None:
        """The client's Message-ID without its brackets; None where there is none."""
        value = "".join((self.first("Message-ID") or "").split())
        return value.removeprefix("<").removesuffix(">") or None


def rewritten(letter: Letter, *, identifier: str) -> Letter:
    """The original as the provider passes it on: its own Message-ID, the client's in X-Riferimento-Message-ID."""
    kept = letter.without(lambda field: field.name.lower() in ("message-id", X_RIFERIMENTO.lower()))
    added = [field_of("Message-ID", f"<{identifier}>")]
    if letter.reference is not None:
        added.append(field_of(X_RIFERIMENTO, f"<{letter.reference}>"))
    return Letter((*kept.fields, *added), kept.body)


def crlf(raw: bytes) -> bytes:
    """*raw* with every line end as CRLF: the canonical form that S/MIME signs (RFC 8551 3.1.1)."""
    return _LINE_END.sub(b"\r\n", raw)


def field_of(name: str, value: str) -> Field:
    """A field with a value that needs neither folding nor encoding; raw UTF-8 where the value is not ASCII."""
    return Field(name, f"{name}: {value}\r\n".encode())


def text_field(name: str, text: str, *, prefix: str = "") -> Field:
    """A field with any text: folded where that is plain, else in encoded words (RFC 2047) after the plain *prefix*."""
    whole = prefix + text
    if _PLAIN.fullmatch(whole) and "=?" not in whole and max(map(len, whole.split(" "))) < _LONGEST_WORD:
        return Field(name, _folded(f"{name}: {whole}").encode("ascii"))
    first = f"{name}: {prefix}".rstrip()
    return Field(name, "\r\n ".join((first, *_encoded_words(text))).encode("ascii") + b"\r\n")


def decoded(value: str) -> str:
    """*value* with its encoded words read; what cannot be read stays as it stands."""
    try:
        chunks: Sequence[tuple[bytes | str, str | None]] = decode_header(value)
    except (HeaderParseError, ValueError):
        return value
    return "".join(chunk if isinstance(chunk, str) else _charset_text(chunk, charset) for chunk, charset in chunks)


def _charset_text(chunk: bytes, charset: str | None) -> str:
    try:
        return chunk.decode(charset or "raw_unicode_escape", "replace")
    except LookupError:
        return chunk.decode("ascii", "replace")


def _with_leading_break(raw: bytes) -> bytes:
    """So that a mail without any field, which begins with its blank line, is cut like the others."""
    return b"\r\n" + raw


def _field(line: bytes) -> Field | None:
    name, colon, _ = line.partition(b":")
    if not colon or not name or name.startswith((b" ", b"\t")):
        return None
    return Field(_text(name).strip(), line + b"\r\n")


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _folded(line: str) -> str:
    """*line* broken before single blanks, so that most lines keep to `_LINE_WIDTH`."""
    lines, current = [], ""
    for word in line.split(" "):
        if current and len(current) + 1 + len(word) > _LINE_WIDTH:
            lines.append(current)
            current = " " + word
        else:
            current = f"{current} {word}" if current else word
    return "\r\n".join([*lines, current]) + "\r\n"


def _encoded_words(text: str) -> list[str]:
    words, chunk = [], b""
    for character in text:
        encoded = character.encode("utf-8", "replace")
        if len(chunk) + len(encoded) > _ENCODED_WORD_BYTES:
            words.append(chunk)
            chunk = b""
        chunk += encoded
    return [f"=?UTF-8?B?{base64.b64encode(word).decode('ascii')}?=" for word in (*words, chunk)]
