"""What do a mail's header fields say? Raw lines in; names, text, addresses, ids, dates out, whatever the bytes are.

Nothing here raises. Of the standard library's `email` only the date parser is used: its header objects fail on real
mail (RecursionError, IndexError) and cost ten times as much.
"""

import binascii
import codecs
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from encodings import normalize_encoding
from encodings.aliases import aliases
from functools import lru_cache
from io import BytesIO
from itertools import chain, islice
from typing import Final
from urllib.parse import unquote_to_bytes

from pec_tracker.pec.evidence import bare_id

# A header block past this is cut: a provider's is 2 to 8 kB, and the rest of a hostile one says nothing.
MAX_BLOCK: Final = 4 * 1024 * 1024
# A single value past this is cut: 20,000 addresses fit.
MAX_VALUE: Final = 1024 * 1024
MAX_IDS: Final = 1_000
# Of one list of addresses; no provider takes more than 500 recipients, and nobody reads more.
MAX_ADDRESSES: Final = 20_000
# Header blocks up to this size are remembered for a while: a provider's is 2 to 8 kB.
MAX_REMEMBERED: Final = 16 * 1024

# The fields that the product reads; the others are counted, not kept.
WANTED: Final = frozenset(
    name.encode()
    for name in (
        "content-type",
        "content-transfer-encoding",
        "content-disposition",
        "message-id",
        "subject",
        "date",
        "from",
        "to",
        "cc",
        "in-reply-to",
        "references",
        "x-riferimento-message-id",
        "x-ricevuta",
        "x-trasporto",
        "x-tiporicevuta",
        "x-pec-tracker",
        "x-pec-tracker-rebuilt",
        "x-rem-subject",
    )
)

_NAME = re.compile(rb"[!-9;-~]+[ \t]*")  # RFC 5322 3.6.8, and the blanks before the colon of 4.5
# A line that is neither a field, nor the continuation of one, nor blank; the blanks before a colon are obsolete.
_MALFORMED = re.compile(rb"\n(?![\r\n \t])(?![!-9;-~]++:)(?=.)", re.DOTALL)
_WORD = re.compile(r"=\?([^?\s]{1,64})\?([bBqQ])\?([^?]*)\?=")  # RFC 2047 2
_PARAMETER = re.compile(r';\s*([^=;\s]+)\s*=\s*("(?:[^"\\]|\\.?)*+(?:"|\Z)|[^;\s]*)', re.DOTALL)  # RFC 2045 5.1
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_EXTENDED = re.compile(r"(?:\*([0-9]{1,3}))?(\*)?")  # RFC 2231 3 and 4: name*0*=
# Quoted string, comment, angle address, separator, text: an unclosed quote takes the rest, so that each byte is
# looked at once (RFC 5322 3.4).
_ADDRESS_TOKEN = re.compile(r'"(?:[^"\\]|\\.?)*+(?:"|\Z)|\([^()]*\)|<[^<>]*>|[,;:]|[^",;:<>()]+|.', re.DOTALL)
_ANGLE_ID = re.compile(r"<([^<>]+)>")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # neither PostgreSQL nor UTF-8 takes these
_NOT_CHARSETS: Final = frozenset({"unicode_escape", "raw_unicode_escape", "punycode", "idna", "utf_7"})
MAX_CHARSET: Final = 64  # letters of a charset's name
# Python looks for a module of any name that it does not know, and remembers each: only what can be one is asked for.
_CODECS: Final = frozenset({*aliases, *aliases.values(), "koi8_u", "koi8_t", "cp720", "cp737", "cp874", "utf_8_sig"})


@dataclass(frozen=True, slots=True)
class Fields:
    """The wanted fields of one header block: lower-case name to values, unfolded, in order.

    `any` says whether there is a header field at all, wanted or not; `cut` that the block was longer than is read;
    `malformed` that a line is no field (RFC 5322 2.2), `bare_cr` that a CR stands without its LF.
    """

    values: Mapping[bytes, list[bytes]]
    any: bool
    cut: bool = False
    malformed: bool = False
    bare_cr: bool = False

    def first(self, name: bytes) -> bytes | None:
        """The first value of the field; None without one."""
        found = self.values.get(name)
        return found[0] if found else None

    def all(self, name: bytes) -> list[bytes]:
        """Every value of the field."""
        return self.values.get(name, [])

    def text(self, name: bytes) -> str | None:
        """The first value, decoded; None without one."""
        value = self.first(name)
        return None if value is None else decoded_text(value)

    def token(self, name: bytes) -> str | None:
        """The first value, trimmed and lower-case; None where it is absent or blank."""
        value = self.text(name)
        return (value.strip().lower() or None) if value else None


@dataclass(frozen=True, slots=True)
class Parametrised:
    """A Content-Type or Content-Disposition: `value` lower-case, `parameters` by lower-case name."""

    value: str
    parameters: Mapping[str, str]


_NO_VALUE: Final = Parametrised("", {})


def cut_fields(block: bytes) -> Fields:
    """Cut a header block (without the blank line after it) into its wanted fields.

    Lines that are neither a field nor the continuation of one are skipped: broken relays insert them.
    """
    # The same mail is looked at several times: for what it says, for its hashes, for its words.
    return _recently_cut(block) if len(block) <= MAX_REMEMBERED else _large_cut(block[: MAX_BLOCK + 1])


def _cut_fields(whole: bytes) -> Fields:
    block = whole[:MAX_BLOCK]
    kept: dict[bytes, list[list[int]]] = {}  # where each value begins and ends
    current: list[int] | None = None
    seen = False
    at = 0
    for line in _lines(block):
        start, at = at, at + len(line) + 1
        if line.startswith((b" ", b"\t")):
            if current is not None:
                current[1] = at - 1
            continue
        current = None
        name, colon, _ = line.partition(b":")
        if not colon:
            continue
        seen = seen or _NAME.fullmatch(name) is not None
        name_length = len(name) + 1
        name = name.rstrip().lower()
        if name in WANTED:
            current = [start + name_length, at - 1]
            kept.setdefault(name, []).append(current)
    values = {name: [_unfolded(block[one[0] : one[1]]) for one in found] for name, found in kept.items()}
    malformed = block.startswith((b" ", b"\t")) or _MALFORMED.search(b"\n" + block) is not None
    bare_cr = block.count(b"\r") != block.count(b"\r\n")
    return Fields(values, seen, len(whole) > MAX_BLOCK, malformed, bare_cr)


def _lines(block: bytes) -> Iterable[bytes]:
    """The lines without their LF; those of a hostile block one by one, which may be millions."""
    if len(block) <= MAX_REMEMBERED:
        return block.split(b"\n")
    return (line[:-1] if line.endswith(b"\n") else line for line in BytesIO(block))


_recently_cut = lru_cache(maxsize=64)(_cut_fields)
_large_cut = lru_cache(maxsize=1)(_cut_fields)


def _unfolded(written: bytes) -> bytes:
    """RFC 5322 2.2.3: the line break goes, the blank after it stays."""
    if b"\n" not in written:
        return written.strip()[:MAX_VALUE]
    joined = bytearray()
    for line in BytesIO(written):
        joined += line.rstrip(b"\r\n")
    return bytes(joined.strip()[:MAX_VALUE])


def decoded_text(value: bytes) -> str:
    """Header text with its encoded words decoded (RFC 2047); 8-bit bytes are UTF-8 or else ISO-8859-1."""
    text = _eight_bit(value)
    return storable(_words_decoded(text) if "=?" in text else text)


def storable(text: str) -> str:
    """The text without NUL, and with U+FFFD for lone surrogates: any database and any encoder takes it."""
    if text.isascii() and "\x00" not in text:
        return text
    return _UNSTORABLE.sub(lambda found: "" if found[0] == "\x00" else "\ufffd", text)


def _eight_bit(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _words_decoded(text: str) -> str:
    pieces: list[str] = []
    pending: list[bytes] = []  # neighbours in one charset may share a character between them
    pending_charset = ""
    at = 0
    for word in _WORD.finditer(text):
        between = text[at : word.start()]
        charset = word[1].partition("*")[0].lower()  # RFC 2231 5: charset*language
        adjacent = bool(pending) and not between.strip()
        if pending and not (adjacent and charset == pending_charset):
            pieces.append(in_charset(b"".join(pending), pending_charset))
            pending = []
        if not adjacent:
            pieces.append(between)
        pending.append(_word_bytes(word[2], word[3]))
        pending_charset = charset
        at = word.end()
    if pending:
        pieces.append(in_charset(b"".join(pending), pending_charset))
    pieces.append(text[at:])
    return "".join(pieces)


def _word_bytes(encoding: str, encoded: str) -> bytes:
    content = encoded.encode("utf-8", "replace")
    if encoding in "qQ":
        return binascii.a2b_qp(content, header=True)
    try:
        return binascii.a2b_base64(content + b"=" * (-len(content) % 4))
    except binascii.Error:
        return content


def in_charset(content: bytes, charset: str) -> str:
    """*content* as text of *charset*; where that is no charset of mail, as UTF-8 or else ISO-8859-1."""
    codec = _codec(charset)
    if codec is None:
        return _eight_bit(content)
    return content.decode(codec, "replace")


@lru_cache(maxsize=256)
def _codec(charset: str) -> str | None:
    """Python's name of a charset; None for what is no charset of mail (`unicode_escape` is one to Python)."""
    if len(charset) > MAX_CHARSET or normalize_encoding(charset).lower().replace(".", "_") not in _CODECS:
        return None
    try:
        found = codecs.lookup(charset)
        b"text".decode(found.name, "replace")
    except (LookupError, ValueError):  # unknown, a NUL in the name, or no text encoding (rot13, hex, undefined)
        return None
    return None if found.name.replace("-", "_") in _NOT_CHARSETS else found.name


def addresses(values: Iterable[bytes]) -> tuple[str, ...]:
    """The addresses of address lists (From, To, Cc), as written, without names, comments and groups; the first
    MAX_ADDRESSES of them.
    """
    return tuple(islice((address for value in values for address in _addresses(_eight_bit(value))), MAX_ADDRESSES))


def _addresses(text: str) -> Iterator[str]:
    angle: str | None = None
    words: list[str] = []
    tokens = (found[0] for found in _ADDRESS_TOKEN.finditer(text))
    for token in chain(tokens, ","):
        if token in (",", ";", ":"):
            address = angle if angle is not None else "".join(words).strip()
            # A group's name and a list of nobody have no @; what has blanks inside is a name without its address.
            if "@" in address and len(address.split()) == 1:
                yield storable(address)
            angle, words = None, []
        elif token.startswith("<") and token.endswith(">") and len(token) > 1:
            angle = "".join(token[1:-1].split()).rpartition(":")[2]  # RFC 5322 4.4: <@route:address>
        elif not token.startswith("("):
            words.append(token)


def ids(values: Iterable[bytes]) -> tuple[str, ...]:
    """The message ids of In-Reply-To or References, without `<>`, in order, at most MAX_IDS."""
    found: list[str] = []
    for value in values:
        text = decoded_text(value)
        written = _ANGLE_ID.findall(text) or text.split()
        found.extend(bare for one in written[:MAX_IDS] if (bare := bare_id(one)) is not None)
    return tuple(found[:MAX_IDS])


def date(value: bytes | None) -> datetime | None:
    """The Date field with its zone; None where it cannot be read, or where it has no zone."""
    if value is None or len(value) > 200:
        return None
    try:
        read = parsedate_to_datetime(value.decode("ascii"))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if read.tzinfo is None:  # "-0000" (RFC 5322 3.3): the instant in UTC; no zone at all: no instant
        return read.replace(tzinfo=UTC) if b"-0000" in value else None
    return read


def parametrised(value: bytes | None) -> Parametrised:
    """A Content-Type or Content-Disposition cut into its value and parameters; empty without one."""
    if value is None:
        return _NO_VALUE
    # Receipts repeat the same few values; a long one is hostile and not worth the memory.
    return _remembered(value) if len(value) <= 256 else _parametrised(value[:65536])


def _parametrised(value: bytes) -> Parametrised:
    text = storable(_eight_bit(value))
    head, semicolon, _ = text.partition(";")
    parameters: dict[str, str] = {}
    if semicolon:
        for name, written in _PARAMETER.findall(text):
            parameters.setdefault(name.lower(), _unquoted(written))
    return Parametrised(head.strip().lower(), parameters)


_remembered = lru_cache(maxsize=2048)(_parametrised)


def _unquoted(written: str) -> str:
    if not written.startswith('"'):
        return written
    inner = written[1:-1] if len(written) > 1 and written.endswith('"') else written[1:]
    return _ESCAPED.sub(r"\1", inner) if "\\" in inner else inner


def filename(disposition: Parametrised, content_type: Parametrised) -> str | None:
    """A part's file name: of Content-Disposition, else the name of Content-Type (RFC 2183, RFC 2231, RFC 2047)."""
    return _named(disposition.parameters, "filename") or _named(content_type.parameters, "name")


def _named(parameters: Mapping[str, str], name: str) -> str | None:
    if not parameters:
        return None
    plain = parameters.get(name)
    if plain is not None:
        return storable(_words_decoded(plain)).strip() or None
    pieces: list[tuple[int, bool, str]] = []
    for key, value in parameters.items():
        extended = _EXTENDED.fullmatch(key[len(name) :]) if key.startswith(name) else None
        if extended is not None:
            pieces.append((int(extended[1] or 0), extended[2] is not None, value))
    return _continued(sorted(pieces)) if pieces else None


def _continued(pieces: list[tuple[int, bool, str]]) -> str | None:
    """RFC 2231 3 and 4: the first extended piece names the charset, extended pieces are percent-encoded."""
    charset = "utf-8"
    content = b""
    for number, extended, value in pieces:
        if extended and number == 0 and value.count("'") >= 2:
            charset, _, value = value.split("'", 2)
        content += unquote_to_bytes(value) if extended else value.encode("utf-8", "replace")
    return storable(in_charset(content, charset.lower())).strip() or None
