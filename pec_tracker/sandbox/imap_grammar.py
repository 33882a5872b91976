"""What did the client say? Reads the pieces of an IMAP command, one after the other (RFC 3501 section 9).

A command arrives as one run of bytes, its literals in place: `{5}` CR LF and five bytes.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final, TypeVar

from pec_tracker.sandbox.imap_names import decode_name

ATOM: Final = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
ASTRING: Final = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\]+')  # an astring may hold "]"
PATTERN: Final = re.compile(rb'[^\x00-\x20\x7f-\xff(){"\\]+')  # a list pattern may hold "%" and "*" too
FLAG: Final = re.compile(rb'\\?[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
QUOTED: Final = re.compile(rb'"((?:[^"\\\r\n]|\\["\\])*)"')
LITERAL: Final = re.compile(rb"\{(\d{1,10})\+?\}\r\n")
IN_QUOTES: Final = re.compile(rb"[\x20-\x7e]{0,1000}")
NUMBER: Final = re.compile(rb"\d{1,10}")
SEQUENCE: Final = re.compile(rb"[0-9*:,]+")
DATE: Final = re.compile(r"\s?(\d{1,2})-([a-z]{3})-(\d{4})", re.IGNORECASE)
DATE_TIME: Final = re.compile(r"\s?(\d{1,2})-([a-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)", re.IGNORECASE)
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SYSTEM_FLAGS: Final = ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")
MAX_NUMBER: Final = 2**32 - 1

T = TypeVar("T")


class BadCommandError(Exception):
    """The command does not follow the grammar, or comes at the wrong time: answered with BAD."""


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Message numbers or UIDs as the client wrote them: ranges of first and last, None for `*`."""

    ranges: tuple[tuple[int | None, int | None], ...]

    def among(self, known: Sequence[int]) -> list[int]:
        """Those of `known` (ascending) that the set names, ascending.

        `*` is the largest; `n:*` beyond it still names it (RFC 3501 section 9, seq-range).
        """
        if not known:
            return []
        chosen: set[int] = set()
        for first, last in self.ranges:
            ends = (known[-1] if first is None else first, known[-1] if last is None else last)
            chosen.update(known[bisect_left(known, min(ends)) : bisect_right(known, max(ends))])
        return sorted(chosen)


class Cursor:
    """A place in a command: each method reads one thing and moves behind it, or raises BadCommandError."""

    def __init__(self, command: bytes) -> None:
        self.command = command
        self.at = 0

    def take(self, pattern: re.Pattern[bytes], what: str) -> re.Match[bytes]:
        """What `pattern` matches here."""
        match = pattern.match(self.command, self.at)
        if match is None:
            raise BadCommandError(f"{what} expected")
        self.at = match.end()
        return match

    def next_is(self, token: bytes) -> bool:
        """Whether `token` comes next."""
        return self.command.startswith(token, self.at)

    def skip(self, token: bytes) -> bool:
        """Whether `token` came next; it is read then."""
        if self.next_is(token):
            self.at += len(token)
            return True
        return False

    def expect(self, token: bytes) -> None:
        """Read `token`."""
        if not self.skip(token):
            raise BadCommandError(f"{token.decode('ascii')!r} expected")

    def space(self) -> None:
        """Read one space."""
        self.expect(b" ")

    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self.at >= len(self.command)

    def end(self) -> None:
        """Nothing may be left."""
        if not self.at_end():
            raise BadCommandError("too many arguments")

    def atom(self) -> str:
        """A word, in upper case: names of commands, items and keys."""
        return self.take(ATOM, "a word").group().decode("ascii").upper()

    def number(self) -> int:
        """A number of 32 bits."""
        number = int(self.take(NUMBER, "a number").group())
        if number > MAX_NUMBER:
            raise BadCommandError("number too large")
        return number

    def string(self) -> bytes:
        """A quoted string or a literal."""
        if self.next_is(b"{"):
            size = int(self.take(LITERAL, "a literal").group(1))
            start, self.at = self.at, self.at + size
            if self.at > len(self.command):
                raise BadCommandError("literal cut short")
            return self.command[start : self.at]
        return re.sub(rb"\\(.)", rb"\1", self.take(QUOTED, "a string").group(1))

    def astring(self) -> bytes:
        """A string, or a word that needs no quotes."""
        if self.next_is(b'"') or self.next_is(b"{"):
            return self.string()
        return self.take(ASTRING, "a string").group()

    def name(self) -> str:
        """The name of a folder."""
        return _decoded(self.astring())

    def pattern(self) -> str:
        """A pattern of LIST: a name with `*` and `%`."""
        if self.next_is(b'"') or self.next_is(b"{"):
            return _decoded(self.string())
        return _decoded(self.take(PATTERN, "a pattern").group())

    def many(self, item: Callable[[], T]) -> list[T]:
        """A list in parentheses, empty too, its items parted by spaces."""
        self.expect(b"(")
        items: list[T] = []
        while not self.skip(b")"):
            if items:
                self.space()
            items.append(item())
        return items

    def one_or_many(self, item: Callable[[], T]) -> list[T]:
        """A list in parentheses, or one item bare."""
        return self.many(item) if self.next_is(b"(") else [item()]

    def flag(self) -> str:
        r"""A flag; those of the system in their own spelling. `\Recent` is the server's alone."""
        flag = self.take(FLAG, "a flag").group().decode("ascii")
        if not flag.startswith("\\"):
            return flag
        for known in SYSTEM_FLAGS:
            if known.lower() == flag.lower():
                return known
        raise BadCommandError("no such flag")

    def sequence_set(self) -> SequenceSet:
        """Numbers and ranges, parted by commas."""
        text = self.take(SEQUENCE, "a sequence set").group().decode("ascii")
        return SequenceSet(tuple(_range(piece) for piece in text.split(",")))

    def date(self) -> date:
        """A day: `1-Feb-2026`, quoted or not."""
        match = DATE.fullmatch(self.astring().decode("latin-1"))
        if match is None:
            raise BadCommandError("a date expected")
        return _checked(lambda: date(int(match[3]), _month(match[2]), int(match[1])))

    def date_time(self) -> datetime:
        """A time: `" 1-Feb-2026 10:00:00 +0100"`."""
        match = DATE_TIME.fullmatch(self.string().decode("latin-1"))
        if match is None:
            raise BadCommandError("a date and time expected")
        day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = match.groups()
        offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes)) * (-1 if sign == "-" else 1)
        numbers = (int(year), _month(month), int(day), int(hour), int(minute), int(second))
        # .astimezone: a time in the year 1 or 9999 may have no UTC.
        return _checked(lambda: datetime(*numbers, tzinfo=timezone(offset)).astimezone(UTC))


def internal_date(at: datetime) -> str:
    """A time as IMAP writes it, in UTC, without quotes: ` 1-Feb-2026 10:00:00 +0000`."""
    utc = at.astimezone(UTC)
    return f"{utc.day:2d}-{MONTHS[utc.month - 1]}-{utc.year:04d} {utc:%H:%M:%S} +0000"


def quoted(text: bytes) -> bytes:
    """A string for the client: in quotes where the grammar allows it, else as a literal."""
    if not IN_QUOTES.fullmatch(text):
        return b"{%d}\r\n%b" % (len(text), text)
    return b'"%b"' % text.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def _decoded(name: bytes) -> str:
    try:
        return decode_name(name)
    except ValueError as error:
        raise BadCommandError("the name is not modified UTF-7") from error


def _range(piece: str) -> tuple[int | None, int | None]:
    first, colon, last = piece.partition(":")
    return (_end(first), _end(last if colon else first))


def _end(number: str) -> int | None:
    if number == "*":
        return None
    if not number.isdigit() or not 0 < int(number[:11]) <= MAX_NUMBER:
        raise BadCommandError("a sequence set expected")
    return int(number)


def _month(name: str) -> int:
    if name.title() not in MONTHS:
        raise BadCommandError("no such month")
    return MONTHS.index(name.title()) + 1


def _checked(make: Callable[[], T]) -> T:
    try:
        return make()
    except (ValueError, OverflowError) as error:
        raise BadCommandError("no such date") from error
