"""What did the server answer to a FETCH? Strict reading of its lines, so that a slipped literal is never taken as mail.

Pure. imaplib gives each answer as pairs (text ending in `{n}`, literal) followed by the text that closes it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

_LITERAL_MARK = re.compile(rb"\{\d+\+?\}$")
# One item of an answer, its literal already replaced by \0. BODY[...] may carry an origin <n>.
_ITEM = (
    rb"(?:UID (?P<uid>\d+)"
    rb"|RFC822\.SIZE (?P<size>\d+)"
    rb'|INTERNALDATE "(?P<date>[^"]*)"'
    rb'|BODY\[\](?:<\d+>)? (?P<body>\x00|NIL|"(?:[^"\\]|\\.)*")'
    rb"|FLAGS \([^()]*\)|MODSEQ \(\d+\))"
)
_ITEMS = re.compile(_ITEM, re.I)
_ANSWER = re.compile(rb"\d+ \( *(?:" + re.sub(rb"\?P<\w+>", rb"?:", _ITEM) + rb"(?: |(?=\))))+\)", re.I)
_DATE = re.compile(r"\s*(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class GarbledAnswerError(ValueError):
    """An answer is not what FETCH allows: from here on no byte of this connection can be trusted."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one FETCH answer says; None is what it does not mention (or, for `body`, gives as NIL)."""

    uid: int | None
    size: int | None
    internal_at: datetime | None
    body: bytes | None


def answers(pieces: Iterable[bytes | tuple[bytes, bytes] | None]) -> Iterator[Answer]:
    """Each FETCH answer of a command, unsolicited ones included. Raises GarbledAnswerError."""
    text, literals = b"", list[bytes]()
    for piece in pieces:
        if piece is None:
            continue
        if isinstance(piece, tuple):
            text += _LITERAL_MARK.sub(b"\x00", piece[0])
            literals.append(piece[1])
        else:
            yield _answer(text + piece, literals)
            text, literals = b"", []
    if literals:
        raise GarbledAnswerError("an answer does not end")


def uid_set(uids: Sequence[int]) -> str:
    """An IMAP sequence set: ascending UIDs, runs as `first:last`."""
    runs: list[list[int]] = []
    for uid in sorted(uids):
        if runs and uid == runs[-1][1] + 1:
            runs[-1][1] = uid
        else:
            runs.append([uid, uid])
    return ",".join(str(first) if first == last else f"{first}:{last}" for first, last in runs)


def internal_date(text: str) -> datetime | None:
    """RFC 3501 date-time, such as `17-Jul-1996 02:44:25 -0700`, with its own offset; None when it is none."""
    match = _DATE.fullmatch(text)
    if match is None or match[2].lower() not in _MONTHS:
        return None
    day, year, hour, minute, second = (int(match[n]) for n in (1, 3, 4, 5, 6))
    offset = timedelta(hours=int(match[8]), minutes=int(match[9])) * (-1 if match[7] == "-" else 1)
    try:
        zone = timezone(offset) if offset else UTC
        return datetime(year, _MONTHS.index(match[2].lower()) + 1, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        return None


def as_internal_date(at: datetime) -> str:
    """The quoted RFC 3501 date-time of an aware `at`, in English whatever the locale."""
    return f'"{at.day:2d}-{_MONTHS[at.month - 1].title()}-{at.year:04d} {at:%H:%M:%S %z}"'


def _answer(text: bytes, literals: list[bytes]) -> Answer:
    if _ANSWER.fullmatch(text) is None or text.count(b"\x00") != len(literals) or len(literals) > 1:
        raise GarbledAnswerError("an answer to FETCH is not as the standard says")
    uid = size = date = body = None
    for item in _ITEMS.finditer(text):
        uid, size = item["uid"] or uid, item["size"] or size
        date, body = item["date"] or date, item["body"] or body
    return Answer(
        uid=int(uid) if uid else None,
        size=int(size) if size else None,
        internal_at=internal_date(date.decode("latin-1")) if date else None,
        body=_body(body, literals),
    )


def _body(token: bytes | None, literals: list[bytes]) -> bytes | None:
    if token is None or token.upper() == b"NIL":
        return None
    return literals[0] if token == b"\x00" else re.sub(rb"\\(.)", rb"\1", token[1:-1])
