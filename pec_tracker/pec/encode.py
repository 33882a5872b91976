"""How is a header field written so that no server has a reason to rewrite it, and no value can begin another field?"""

import base64
import re
import unicodedata
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

CRLF: Final = b"\r\n"
FOLD_AT: Final = 76  # RFC 2047 2: no longer where an encoded word stands

_WORD_OCTETS: Final = 39  # 52 letters of base64: `Subject: ` and one encoded word stay within FOLD_AT
_SEGMENT_OCTETS: Final = 54  # of an RFC 2231 value on one line
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'()+,.;=@\[\]^_`{}~ -]{1,60}")
_BIDI_CONTROLS: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LINE_BREAKERS: Final = frozenset({"Cc", "Zl", "Zp"})


def has_controls(text: str) -> bool:
    """Whether `text` holds a control character or a line break of any script: what header injection is made of."""
    return any(unicodedata.category(letter) in _LINE_BREAKERS for letter in text)


def one_line(text: str) -> str:
    """`text` without control characters and line breaks (each a blank), and with U+FFFD for what UTF-8 cannot hold."""
    letters = (" " if unicodedata.category(letter) in _LINE_BREAKERS else letter for letter in text)
    return "".join("\ufffd" if "\ud800" <= letter <= "\udfff" else letter for letter in letters)


def file_name(name: str) -> str:
    """A file's name as a recipient may safely see it: no folders, no controls, nothing that turns reading direction.

    `invoice\\u202efdp.exe` would show as `invoiceexe.pdf`. A name of which nothing is left becomes `attachment`.
    """
    last = re.split(r"[/\\]", one_line(name))[-1]
    shown = "".join(letter for letter in last if letter not in _BIDI_CONTROLS).strip()
    return shown if shown.strip(". ") else "attachment"


def unstructured(name: str, text: str) -> bytes:
    """The field `name` holding `text`, folded: ASCII words as they are, anything else in encoded words (RFC 2047)."""
    flat = one_line(text)
    if not flat:
        return f"{name}:".encode("ascii") + CRLF
    words = flat.split(" ")
    if _is_plain(flat) and all(words) and all(len(word) < FOLD_AT - len(name) - 2 for word in words):
        return folded(name, words)
    return folded(name, list(_encoded_words(flat)))


def phrase(text: str) -> list[str]:
    """A display name as the words of a phrase (RFC 5322 3.2.5): a quoted string, or encoded words."""
    flat = one_line(text)
    if _is_plain(flat) and len(flat) <= FOLD_AT - 16:
        return ['"' + re.sub(r'(["\\])', r"\\\1", flat) + '"']
    return list(_encoded_words(flat))


def folded(name: str, words: list[str]) -> bytes:
    """The field `name` with `words` a blank apart, broken before a word where the line would pass FOLD_AT."""
    lines = [f"{name}:"]
    for word in words:
        if len(lines[-1]) + 1 + len(word) > FOLD_AT and lines[-1].strip() != f"{name}:":
            lines.append("")
        lines[-1] += " " + word
    return "\r\n".join(lines).encode("ascii") + CRLF


def parameter(name: str, value: str) -> bytes:
    """A parameter on lines of its own: quoted where that is safe, else in the form of RFC 2231."""
    if _PLAIN_NAME.fullmatch(value):
        return f';\r\n {name}="{value}"'.encode("ascii")
    segments = list(_percent_segments(value))
    if len(segments) == 1:
        return f";\r\n {name}*=utf-8''{segments[0]}".encode("ascii")
    lines = [f";\r\n {name}*{number}*={text}" for number, text in enumerate(["utf-8''" + segments[0], *segments[1:]])]
    return "".join(lines).encode("ascii")


def parameter_fallback(name: str, value: str) -> bytes:
    """The same for readers that know no RFC 2231: encoded words in quotes, not by the book but as mail programs do."""
    if _PLAIN_NAME.fullmatch(value):
        return f';\r\n {name}="{value}"'.encode("ascii")
    return f';\r\n {name}="'.encode("ascii") + "\r\n ".join(_encoded_words(value)).encode("ascii") + b'"'


def _is_plain(text: str) -> bool:
    """Printable ASCII that nobody would take for an encoded word."""
    return text.isascii() and text.isprintable() and "=?" not in text


def _encoded_words(text: str) -> Iterator[str]:
    """`text` in base64 encoded words, no character cut in two (RFC 2047 5)."""
    chunk = b""
    for letter in text:
        octets = letter.encode("utf-8", "replace")
        if len(chunk) + len(octets) > _WORD_OCTETS:
            yield f"=?utf-8?B?{base64.b64encode(chunk).decode('ascii')}?="
            chunk = b""
        chunk += octets
    yield f"=?utf-8?B?{base64.b64encode(chunk).decode('ascii')}?="


def _percent_segments(text: str) -> Iterator[str]:
    """`text` percent-encoded, in pieces that fit on a line, no octet cut in two."""
    segment = ""
    for octet in text.encode("utf-8", "replace"):
        written = quote(bytes([octet]), safe="")
        if len(segment) + len(written) > _SEGMENT_OCTETS:
            yield segment
            segment = ""
        segment += written
    yield segment
