"""What do a header's fields say, in the form in which two copies of a message are compared?

A form is equal only where every mail program reads the same: what follows the grammar to the letter is put into one
form, all else stays as it stands. See docs/decisions/0009.
"""

import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Final

from pec_tracker.pec import letters
from pec_tracker.pec.evidence import Head, ascii_lower
from pec_tracker.pec.fields import MAX_BLOCK

# Fields past this many are kept as one hash: real mail has 10 to 40.
MAX_FIELDS: Final = 500
# A header that names a thousand recipients, each on lines of his own, has a few thousand lines.
MAX_LINES: Final = 50_000
# A longer value is kept as its hash.
MAX_KEPT: Final = 64
# A longer Content-Type or Content-Disposition is compared as it stands.
MAX_TYPED: Final = 16 * 1024

# What a provider changes in an original. Received, Return-Path: RFC 5321 4.4; the two ids: RFC 6109 2.2.1;
# X-TipoRicevuta: seen, Sogei 2019. Seen in 12 real originals of Aruba, Sogei and Namirial, 2014 to 2024: nothing else.
PROVIDER_FIELDS: Final = frozenset(
    {"received", "return-path", "message-id", "x-riferimento-message-id", "x-tiporicevuta"}
)
# What servers write into a mail that passes them, and no mail program writes into the copy that it keeps.
TRACES: Final = frozenset(
    {
        "received",
        "return-path",
        "delivered-to",
        "x-original-to",
        "envelope-to",
        "x-envelope-to",
        "authentication-results",
        "arc-seal",
        "received-spf",
    }
)

_DECODED: Final = frozenset({"subject", "from", "to", "cc", "reply-to"})
_TYPED: Final = frozenset({"content-type", "content-disposition"})
_CHARSETS: Final = {
    "utf-8": "utf-8",
    "us-ascii": "ascii",
    "iso-8859-1": "latin-1",
    "iso-8859-15": "iso8859-15",
    "windows-1252": "cp1252",
}

_BLANKS = re.compile(r"[ \t]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SPECIALS = re.compile(r'[()<>\[\]:;@\\,."\x00-\x1f\x7f]')  # RFC 5322 3.2.3: in an address list these part it
# RFC 2047 2 and 5: a word of its own, between blanks.
_WORD = re.compile(r"(?<!\S)=\?([A-Za-z0-9-]{1,40})(?:\*[A-Za-z0-9-]*)?\?([bBqQ])\?([!->@-~]*)\?=(?!\S)")
_Q = re.compile(r"(?:=[0-9A-Fa-f]{2}|[!-<>-~])*")
_TOKEN: Final = r"[!#$%&'*+.0-9A-Z^_`a-z{|}~-]+"  # RFC 2045 5.1
_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_VALUE = re.compile(rf"({_TOKEN}(?:/{_TOKEN})?) ?((?:; ?{_TOKEN}=(?:{_TOKEN}|{_QUOTED}) ?)*);?")
_PARAMETER = re.compile(rf"; ?({_TOKEN})=({_TOKEN}|{_QUOTED})")
_ESCAPED = re.compile(r"\\(.)")


def is_cut(block: bytes) -> bool:
    """Whether a header block is longer than is compared of one."""
    return len(block) > MAX_BLOCK or (len(block) > MAX_LINES and block.count(b"\n") > MAX_LINES)


def fields_of(block: bytes) -> Iterator[tuple[str, str]]:
    """Each field of a header block as (name in lower case, value as compared); a line that is none has no name.

    A mailbox file's `From ` line and a byte order mark before the first field are no fields.
    """
    text = _text(block[:MAX_BLOCK].removeprefix(b"\xef\xbb\xbf"))
    name, value = "", None
    for number, line in enumerate(text.split("\n", MAX_LINES)[:MAX_LINES]):
        line = line.removesuffix("\r")
        if number == 0 and line.startswith(("From ", ">From ")):
            continue
        if line.startswith((" ", "\t")) and value is not None:
            # To some programs a line of blanks ends the header: it must not vanish among the other blanks.
            value.append(line if line.strip(" \t") else "\n")
            continue
        if value is not None:
            yield name, _compared(name, "".join(value))
        before, colon, after = line.partition(":")
        name, value = (ascii_lower(before), [after]) if colon else ("", [line])
        if not line:
            value = None
    if value is not None:
        yield name, _compared(name, "".join(value))


def kept(found: Iterable[tuple[str, str]]) -> Head:
    """Fields as a fingerprint keeps them: long values as hashes, and past MAX_FIELDS all the rest as one."""
    listed = list(found)
    head = [(_short(name), _short(value)) for name, value in listed[:MAX_FIELDS]]
    rest = listed[MAX_FIELDS:]
    if rest:
        head.append(("", _hash("\n".join(f"{name}\0{value}" for name, value in rest))))
    return tuple(head)


def is_providers(name: str, value: str) -> bool:
    """Whether a field is one that a provider may change; not where it could hide a line."""
    return name in PROVIDER_FIELDS and _CONTROL.search(value) is None


def without_boundary(head: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Fields of a multipart without its boundary, which says nothing of how it reads once its parts are known."""
    return [(name, _BOUNDARY.sub("", value) if name == "content-type" else value) for name, value in head]


_BOUNDARY = re.compile(r"\x00boundary=[^\x00]*")


def _text(block: bytes) -> str:
    """The block as text, of which no two blocks share one: what is no UTF-8, and NUL, become lone surrogates."""
    return block.decode("utf-8", "surrogateescape").replace("\x00", "\udc00")


def _compared(name: str, value: str) -> str:
    text = _BLANKS.sub(" ", value).strip(" ")
    if name in _DECODED:
        return _decoded(text, is_list=name != "subject")
    if name in _TYPED:
        return _typed(text)
    if name == "content-transfer-encoding":
        return ascii_lower(text)
    return text


def _typed(text: str) -> str:
    """A Content-Type or Content-Disposition that follows the grammar, its parameters each after a NUL, which no value
    holds (`_text`)."""
    found = _VALUE.fullmatch(text) if len(text) <= MAX_TYPED else None
    if found is None:
        return text
    pairs = [(ascii_lower(name), _unquoted(value)) for name, value in _PARAMETER.findall(found[2])]
    if len({name for name, _ in pairs}) != len(pairs):
        return text
    written = sorted((name, ascii_lower(value) if name == "charset" else value) for name, value in pairs)
    return ascii_lower(found[1]) + "".join(f"\x00{name}={value}" for name, value in written)


def _unquoted(value: str) -> str:
    return _ESCAPED.sub(r"\1", value[1:-1]) if value.startswith('"') else value


def _decoded(text: str, *, is_list: bool) -> str:
    """Text with its encoded words decoded; as it stands where any mail program could read it otherwise."""
    if not text.isascii():
        return "\x00" + text  # raw 8-bit: programs guess its charset
    if "=?" not in text:
        return text
    pieces: list[str] = []
    at = 0
    for run in _runs(text):
        between = text[at : run[0].start()]
        decoded = _words(run, is_list=is_list)
        if decoded is None:
            return text
        # Blanks between neighbouring words are no text (RFC 2047 6.2), also where the charset changes.
        pieces += ["" if pieces and not between.strip() else between, decoded]
        at = run[-1].end()
    pieces.append(text[at:])
    whole = "".join(pieces)
    # Glued or malformed words: some programs decode them, others do not.
    return text if "=?" in whole else letters.normal("NFC", _BLANKS.sub(" ", whole).strip(" "))


def _runs(text: str) -> Iterator[list[re.Match[str]]]:
    """The encoded words, neighbours of one charset and encoding together."""
    run: list[re.Match[str]] = []
    for word in _WORD.finditer(text):
        if run and (text[run[-1].end() : word.start()].strip() or word[1].lower() != run[0][1].lower()):
            yield run
            run = []
        run.append(word)
    if run:
        yield run


def _words(run: list[re.Match[str]], *, is_list: bool) -> str | None:
    """Neighbouring words of one charset, which may share a character; None where they are not read for certain."""
    charset = _CHARSETS.get(run[0][1].lower())
    if charset is None:
        return None
    try:
        decoded = b"".join(_word_bytes(word[2], word[3]) for word in run).decode(charset)
    except ValueError:  # binascii.Error and UnicodeDecodeError are
        return None
    return None if (_SPECIALS if is_list else _CONTROL).search(decoded) else decoded


def _word_bytes(encoding: str, encoded: str) -> bytes:
    if encoding in "bB":
        return binascii.a2b_base64(encoded, strict_mode=True)
    if _Q.fullmatch(encoded) is None:
        raise ValueError(encoded)
    return binascii.a2b_qp(encoded.encode("ascii"), header=True)


def _short(value: str) -> str:
    is_plain = len(value) <= MAX_KEPT and value.replace("\x00", "").isprintable() and not value.startswith("sha256:")
    return value.replace("\x00", "; ") if is_plain and "; " not in value else _hash(value)


def _hash(value: str) -> str:
    return "sha256:" + hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
