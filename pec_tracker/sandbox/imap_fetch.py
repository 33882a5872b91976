"""What does a FETCH ask for, and what is the answer? (RFC 3501 6.4.5)

Items are read once, then rendered for each mail.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from pec_tracker.sandbox.imap_grammar import BadCommandError, Cursor, internal_date
from pec_tracker.sandbox.imap_mime import Part, chosen_fields, locate, parse
from pec_tracker.sandbox.imap_structure import body_structure, envelope
from pec_tracker.sandbox.store import Mail

ITEM: Final = re.compile(rb"[A-Za-z0-9.]+")
PART_NUMBER: Final = re.compile(rb"[1-9]\d{0,8}(?=[.\]])")
SECTION_TEXT: Final = re.compile(rb"HEADER\.FIELDS\.NOT|HEADER\.FIELDS|HEADER|TEXT|MIME", re.IGNORECASE)
MACROS: Final = {
    "FAST": ("FLAGS", "INTERNALDATE", "RFC822.SIZE"),
    "ALL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"),
    "FULL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"),
}
PLAIN_ITEMS: Final = frozenset({"FLAGS", "UID", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY", "BODYSTRUCTURE"})


@dataclass(frozen=True, slots=True)
class Section:
    """A piece of a mail's bytes: of which part, which of its texts, from which octet, how many.

    `label` is what the answer calls it; `peek` leaves the mail unread.
    """

    label: bytes
    numbers: tuple[int, ...] = ()
    text: str = ""
    fields: frozenset[bytes] = frozenset()
    partial: tuple[int, int] | None = None
    peek: bool = False


# RFC 3501 6.4.5: the old names; only RFC822.HEADER leaves the mail unread.
OLD_SECTIONS: Final = {
    "RFC822": Section(b"RFC822"),
    "RFC822.HEADER": Section(b"RFC822.HEADER", text="HEADER", peek=True),
    "RFC822.TEXT": Section(b"RFC822.TEXT", text="TEXT"),
}

Item = str | Section


@dataclass(slots=True)
class Opened:
    """A mail while its FETCH is answered: its bytes are read, and its parts found, only when an item needs them."""

    mail: Mail
    _raw: bytes | None = field(default=None)
    _root: Part | None = field(default=None)

    @property
    def raw(self) -> bytes:
        """The mail's bytes."""
        if self._raw is None:
            self._raw = self.mail.raw()
        return self._raw

    @property
    def root(self) -> Part:
        """The mail's tree of parts."""
        if self._root is None:
            self._root = parse(self.raw)
        return self._root


def read_items(cursor: Cursor, *, by_uid: bool) -> list[Item]:
    """The items that a FETCH names; UID is among them when mails are named by UID."""
    groups = cursor.one_or_many(lambda: _item(cursor))
    items = [item for group in groups for item in group]
    if not items:
        raise BadCommandError("what to fetch?")
    if by_uid and "UID" not in items:
        items.insert(0, "UID")
    return items


def marks_seen(items: list[Item]) -> bool:
    r"""Whether fetching these items sets \Seen."""
    return any(isinstance(item, Section) and not item.peek for item in items)


def render(mail: Mail, items: list[Item], *, announce_longer: int = 0) -> list[bytes]:
    """The items' values, in pieces to be joined; a literal's announced length is off by `announce_longer`."""
    opened = Opened(mail)
    pieces: list[bytes] = []
    for item in items:
        if pieces:
            pieces.append(b" ")
        if isinstance(item, str):
            pieces += (item.encode("ascii"), b" ", _plain(opened, item))
            continue
        content = _section(opened, item)
        pieces += (b"%b {%d}\r\n" % (item.label, len(content) + announce_longer), content)
    return pieces


def _item(cursor: Cursor) -> tuple[Item, ...]:
    name = cursor.take(ITEM, "an item").group().decode("ascii").upper()
    if name in ("BODY", "BODY.PEEK") and cursor.next_is(b"["):
        return (_read_section(cursor, peek=name == "BODY.PEEK"),)
    if name in PLAIN_ITEMS:
        return (name,)
    if name in OLD_SECTIONS:
        return (OLD_SECTIONS[name],)
    if name in MACROS:
        return MACROS[name]
    raise BadCommandError("no such item")


def _read_section(cursor: Cursor, *, peek: bool) -> Section:
    start = cursor.at
    cursor.expect(b"[")
    numbers: list[int] = []
    while match := PART_NUMBER.match(cursor.command, cursor.at):
        cursor.at = match.end()
        numbers.append(int(match.group()))
        if not cursor.skip(b"."):
            break
    text, fields = "", frozenset[bytes]()
    if not cursor.next_is(b"]"):
        text = cursor.take(SECTION_TEXT, "a section").group().decode("ascii").upper()
        if text.startswith("HEADER.FIELDS"):
            cursor.space()
            fields = frozenset(name.lower() for name in cursor.many(cursor.astring))
    if text == "MIME" and not numbers:
        raise BadCommandError("MIME of which part?")
    cursor.expect(b"]")
    label = b"BODY" + cursor.command[start : cursor.at]
    if b"{" in label:  # a field name came as a literal: said again in a form that stands in one line
        label = b"BODY[%b]" % _section_name(numbers, text, fields)
    partial = _partial(cursor)
    if partial:
        label += b"<%d>" % partial[0]
    return Section(label, tuple(numbers), text, fields, partial, peek)


def _section_name(numbers: list[int], text: str, fields: frozenset[bytes]) -> bytes:
    words = ".".join([*map(str, numbers), text]).encode("ascii")
    return words + b" (" + b" ".join(sorted(fields)) + b")"


def _partial(cursor: Cursor) -> tuple[int, int] | None:
    if not cursor.skip(b"<"):
        return None
    first = cursor.number()
    cursor.expect(b".")
    count = cursor.number()
    cursor.expect(b">")
    if count == 0:
        raise BadCommandError("a partial of no octets")
    return first, count


def _plain(opened: Opened, item: str) -> bytes:
    mail = opened.mail
    if item == "UID":
        return b"%d" % mail.uid
    if item == "FLAGS":
        return flag_list(mail.flags)
    if item == "RFC822.SIZE":
        return b"%d" % mail.size
    if item == "INTERNALDATE":
        return b'"%b"' % internal_date(mail.internal_at).encode("ascii")
    if item == "ENVELOPE":
        return envelope(opened.root)
    return body_structure(opened.root, extended=item == "BODYSTRUCTURE")


def flag_list(flags: frozenset[str]) -> bytes:
    """Flags in parentheses."""
    return b"(" + " ".join(sorted(flags)).encode("ascii") + b")"


def _section(opened: Opened, section: Section) -> bytes:
    content = _whole_section(opened, section)
    if section.partial is None:
        return content
    first, count = section.partial
    return content[first : first + count]


def _whole_section(opened: Opened, section: Section) -> bytes:
    """The section's bytes; none where the mail has no such part (as Dovecot answers)."""
    if not section.numbers and not section.text:
        return opened.raw  # the usual case: no need to look into the mail
    part = locate(opened.root, section.numbers)
    if part is None:
        return b""
    if section.text == "MIME":
        return part.header
    if not section.text:
        return part.content
    if section.numbers:
        if not part.is_message:
            return b""
        part = part.children[0]
    if section.text == "TEXT":
        return part.content
    if section.text == "HEADER":
        return part.header
    return chosen_fields(part.header, section.fields, inverted=section.text.endswith("NOT"))
