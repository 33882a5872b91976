"""Which mails does a SEARCH name? Its keys become one question to ask of each mail (RFC 3501 6.4.4)."""

import base64
import binascii
import quopri
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from pec_tracker.sandbox.imap_grammar import BadCommandError, Cursor, SequenceSet
from pec_tracker.sandbox.imap_mime import Part, header_fields, parse
from pec_tracker.sandbox.store import Mail

CHARSETS: Final = ("US-ASCII", "UTF-8")
MAX_KEYS_DEEP: Final = 50
ENCODED_WORD: Final = re.compile(r"=\?([^?*\s]{1,40})(?:\*[^?\s]*)?\?([bBqQ])\?([^?\s]*)\?=")
BETWEEN_WORDS: Final = re.compile(r"\?=\s+=\?")
BARE_SET: Final = re.compile(rb"[0-9*]")
WITH_FLAG: Final = {
    "ANSWERED": "\\Answered",
    "DELETED": "\\Deleted",
    "DRAFT": "\\Draft",
    "FLAGGED": "\\Flagged",
    "SEEN": "\\Seen",
}
IN_HEADER: Final = ("BCC", "CC", "FROM", "SUBJECT", "TO")


class BadCharsetError(Exception):
    """The search is in a charset that is not spoken here."""


@dataclass(slots=True)
class Candidate:
    """A mail that a search looks at; what it needs of the bytes is read once."""

    number: int
    mail: Mail
    _root: Part | None = field(default=None)

    @property
    def root(self) -> Part:
        """The mail's tree of parts."""
        if self._root is None:
            self._root = parse(self.mail.raw())
        return self._root

    def headers(self, name: bytes) -> Iterator[str]:
        """The values of the headers of that name, decoded."""
        return (decoded(value) for found, value in header_fields(self.root.header) if found == name)


Question = Callable[[Candidate], bool]


@dataclass(frozen=True, slots=True)
class Numbering:
    """The numbers and the UIDs of the folder that is searched, ascending: what `*` means depends on them."""

    uids: Sequence[int]

    def question(self, named: SequenceSet, *, by_uid: bool) -> Question:
        """Whether a mail is in the set."""
        chosen = frozenset(named.among(self.uids if by_uid else range(1, len(self.uids) + 1)))
        return lambda candidate: (candidate.mail.uid if by_uid else candidate.number) in chosen


def read_search(cursor: Cursor, numbering: Numbering) -> Question:
    """The whole question of a SEARCH; BadCharsetError, BadCommandError."""
    if cursor.command[cursor.at : cursor.at + 8].upper() == b"CHARSET ":
        cursor.at += 8
        if cursor.astring().decode("latin-1").upper() not in CHARSETS:
            raise BadCharsetError
        cursor.space()
    keys = [_key(cursor, numbering, depth=0)]
    while not cursor.at_end():
        cursor.space()
        keys.append(_key(cursor, numbering, depth=0))
    return lambda candidate: all(key(candidate) for key in keys)


def decoded(value: bytes) -> str:
    """A header's value with its encoded words read (RFC 2047), folded for comparison without case."""
    text = BETWEEN_WORDS.sub("?==?", value.decode("utf-8", "replace"))
    return ENCODED_WORD.sub(_word, text).casefold()


def _word(match: re.Match[str]) -> str:
    charset, encoding, text = match.groups()
    raw = text.encode("utf-8")
    if encoding in "qQ":
        return _decode(quopri.decodestring(raw, header=True), charset)
    try:
        return _decode(base64.b64decode(raw), charset)
    except binascii.Error:
        return match.group()


def _decode(text: bytes, charset: str) -> str:
    try:
        return text.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        return text.decode("latin-1")


def _key(cursor: Cursor, numbering: Numbering, *, depth: int) -> Question:
    if depth > MAX_KEYS_DEEP:
        raise BadCommandError("too many keys in one another")
    if cursor.next_is(b"("):
        keys = cursor.many(lambda: _key(cursor, numbering, depth=depth + 1))
        return lambda candidate: all(key(candidate) for key in keys)
    if BARE_SET.match(cursor.command, cursor.at):
        return numbering.question(cursor.sequence_set(), by_uid=False)
    name = cursor.atom()
    if name == "NOT":
        cursor.space()
        inner = _key(cursor, numbering, depth=depth + 1)
        return lambda candidate: not inner(candidate)
    if name == "OR":
        cursor.space()
        one = _key(cursor, numbering, depth=depth + 1)
        cursor.space()
        other = _key(cursor, numbering, depth=depth + 1)
        return lambda candidate: one(candidate) or other(candidate)
    if name == "UID":
        cursor.space()
        return numbering.question(cursor.sequence_set(), by_uid=True)
    return _flag_key(name) or _argument_key(name, cursor)


def _flag_key(name: str) -> Question | None:
    if name in ("ALL", "OLD"):  # no mail is \Recent here, so every mail is old
        return lambda candidate: True
    if name in ("RECENT", "NEW"):
        return lambda candidate: False
    wanted = WITH_FLAG.get(name.removeprefix("UN"))
    if wanted is None:
        return None
    present = not name.startswith("UN")
    return lambda candidate: (wanted in candidate.mail.flags) is present


def _argument_key(name: str, cursor: Cursor) -> Question:
    if name not in ARGUMENT_KEYS:
        raise BadCommandError("no such search key")
    cursor.space()
    return ARGUMENT_KEYS[name](name, cursor)


def _keyword(name: str, cursor: Cursor) -> Question:
    keyword = cursor.atom()
    present = name == "KEYWORD"
    return lambda candidate: (keyword in {flag.upper() for flag in candidate.mail.flags}) is present


def _size(name: str, cursor: Cursor) -> Question:
    limit = cursor.number()
    if name == "LARGER":
        return lambda candidate: candidate.mail.size > limit
    return lambda candidate: candidate.mail.size < limit


def _day(name: str, cursor: Cursor) -> Question:
    day = cursor.date()
    compare = {"BEFORE": date.__lt__, "ON": date.__eq__, "SINCE": date.__ge__}[name.removeprefix("SENT")]
    day_of = _sent_day if name.startswith("SENT") else _internal_day

    def question(candidate: Candidate) -> bool:
        found = day_of(candidate)
        return found is not None and compare(found, day) is True

    return question


def _internal_day(candidate: Candidate) -> date:
    return candidate.mail.internal_at.date()


def _sent_day(candidate: Candidate) -> date | None:
    """The day in Date, whatever its zone (RFC 3501 6.4.4)."""
    value = candidate.root.value(b"date")
    try:
        sent: datetime = parsedate_to_datetime((value or b"").decode("latin-1"))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return sent.date()


def _header(name: str, cursor: Cursor) -> Question:
    field_name = cursor.astring().lower() if name == "HEADER" else name.lower().encode("ascii")
    if name == "HEADER":
        cursor.space()
    wanted = _text(cursor)
    return lambda candidate: any(wanted in value for value in candidate.headers(field_name))


def _anywhere(name: str, cursor: Cursor) -> Question:
    wanted = _text(cursor)

    def question(candidate: Candidate) -> bool:
        root = candidate.root
        if name == "TEXT" and any(wanted in decoded(value) for _, value in header_fields(root.header)):
            return True
        return any(wanted in text for text in _texts(root))

    return question


def _text(cursor: Cursor) -> str:
    return cursor.astring().decode("utf-8", "replace").casefold()


def _texts(part: Part) -> Iterator[str]:
    """The text parts below `part`, decoded, and the headers of all parts."""
    for child in part.children:
        yield decoded(child.header)
        yield from _texts(child)
    if part.kind.startswith(b"text/"):
        charset = next((value for name, value in part.parameters if name.lower() == b"charset"), b"")
        yield _decode(_unencoded(part), charset.decode("latin-1")).casefold()


def _unencoded(part: Part) -> bytes:
    encoding = (part.value(b"content-transfer-encoding") or b"").lower()
    if encoding == b"quoted-printable":
        return quopri.decodestring(part.content)
    if encoding == b"base64":
        try:
            return base64.b64decode(part.content)
        except binascii.Error:
            return part.content
    return part.content


ARGUMENT_KEYS: Final[dict[str, Callable[[str, Cursor], Question]]] = {
    **dict.fromkeys(("KEYWORD", "UNKEYWORD"), _keyword),
    **dict.fromkeys(("LARGER", "SMALLER"), _size),
    **dict.fromkeys(("BEFORE", "ON", "SINCE", "SENTBEFORE", "SENTON", "SENTSINCE"), _day),
    **dict.fromkeys((*IN_HEADER, "HEADER"), _header),
    **dict.fromkeys(("BODY", "TEXT"), _anywhere),
}
