"""What is a ledger line? One act, in ids, hashes and times; it names nobody. Written in one canonical way.

A line's bytes, with its line feed, are what a seal lists: `split -l 1` of a segment gives the files that `sha256sum -c`
checks.
"""

import base64
import itertools
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, insert

from pec_tracker.archive.objects import Suffix
from pec_tracker.db.tables import Ledger
from pec_tracker.errors import LedgerError

Scalar = str | int | float | bool | None
Fact = Scalar | Sequence[Scalar]

# The facts that name objects, by their SHA-256: one, or a list of them under the plural.
OBJECT_FACTS: Mapping[str, Suffix] = {
    "mail": Suffix.MAIL,
    "mails": Suffix.MAIL,
    "record": Suffix.RECORD,
    "records": Suffix.RECORD,
    "certificate": Suffix.CERTIFICATE,
    "certificates": Suffix.CERTIFICATE,
    "outlook": Suffix.OUTLOOK,
    "answers": Suffix.CERTIFICATE,  # revocation lists and OCSP answers, DER too
    "pdfs": Suffix.PDF,  # look-ups in registers, by the form in which they were kept
    "pngs": Suffix.PNG,
    "jpegs": Suffix.JPEG,
}

_SCALARS = (str, int, float, bool, type(None))
_json = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
_TAIL = re.compile(rb'"id":"([0-9a-v]{26})"}\n')  # of every line: `id` is the last of the sorted keys
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIELDS = {"act", "at", "facts", "id"}
_ID = re.compile(r"[0-9a-v]{26}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
# A line as nearly all are, in its canonical form but for the order of its facts: nothing escaped, no fractions.
_TEXT = r"[ !#-\[\]-~]*"
_PLAIN_SCALAR = rf'(?:"{_TEXT}"|null|true|false|0|-?[1-9][0-9]{{0,17}})'
_PLAIN_FACT = rf'"[0-9a-z_]+":(?:{_PLAIN_SCALAR}|\[(?:{_PLAIN_SCALAR}(?:,{_PLAIN_SCALAR})*)?\])'
_PLAIN_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z"
_PLAIN = re.compile(
    rf'\{{"act":"({_TEXT})","at":"({_PLAIN_TIME})",'
    rf'"facts":(\{{(?:{_PLAIN_FACT}(?:,{_PLAIN_FACT})*)?\}}),"id":"([0-9a-v]{{26}})"\}}\n'
)
_turns = itertools.count()
_asker: ContextVar[str | None] = ContextVar("asker", default=None)


@dataclass(frozen=True, slots=True)
class Line:
    """One act: `id` in time order and unique everywhere, `at` in UTC, `facts` flat: scalars, or lists of scalars."""

    id: str
    at: datetime
    act: str
    facts: Mapping[str, Fact]


def new_line(act: str, *, at: datetime, **facts: Fact) -> Line:
    """A line for *act* (`ledger.acts`) with a new id. What *facts* names may not be a person, an address or a subject.

    Within `asked_by` it says who asked, by his key.
    """
    utc = at.astimezone(UTC)
    asker = _asker.get()
    told = facts if asker is None else {"asker": asker, **facts}
    return Line(new_id(utc), utc, str(act), {name: _plain(fact) for name, fact in told.items()})


@contextmanager
def asked_by(key: str) -> Iterator[None]:
    """The lines made meanwhile, in this thread or in what it awaits, say that *key* asked."""
    token = _asker.set(key)
    try:
        yield
    finally:
        _asker.reset(token)


def new_id(at: datetime) -> str:
    """26 characters of lower-case base32 (RFC 4648, section 7: its digits sort as their values).

    Microseconds since 1970 (56 bits), this process's turn (24), chance (48): ids of one process sort as they were
    made at one time, ids of two processes differ.
    """
    passed = min(max(0, (at - _EPOCH) // _MICROSECOND), (1 << 56) - 1)  # to the year 4253
    turn = next(_turns) & 0xFFFFFF
    value = passed.to_bytes(7) + turn.to_bytes(3) + os.urandom(6)
    return base64.b32hexencode(value)[:26].decode("ascii").lower()


def encode(line: Line) -> str:
    """The canonical text of *line*: JSON with sorted keys, no blanks, ASCII, one line feed at its end."""
    fields = {"act": line.act, "at": _time_text(line.at), "facts": line.facts, "id": line.id}
    return _json.encode(fields) + "\n"


def decode(text: str) -> Line:
    """The line that *text* is the canonical form of. Raises LedgerError for anything else."""
    return _plain_line(text) or _canonical_line(text)


def _plain_line(text: str) -> Line | None:
    """The line that *text* is the canonical form of, if that can be told without writing it again."""
    found = _PLAIN.fullmatch(text)
    if found is None:
        return None
    act, at, told, line_id = found.groups()
    facts = json.loads(told)
    if told.count('":') != len(facts) or list(facts) != sorted(facts):  # a name that stands twice, or not in its place
        return None
    try:
        return Line(line_id, datetime.fromisoformat(at), act, facts)
    except ValueError:
        return None


def _canonical_line(text: str) -> Line:
    try:
        fields = json.loads(text)
        line = Line(fields["id"], datetime.fromisoformat(fields["at"]), fields["act"], fields["facts"])
        canonical = fields.keys() == _FIELDS and _well_typed(line) and encode(line) == text
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise _not_a_line() from error
    if not canonical:
        raise _not_a_line()
    return line


def id_at_end(raw: bytes) -> str | None:
    """The id that the bytes of a line end with, without reading the rest; None when they are no line's end."""
    tail = _TAIL.fullmatch(raw[-35:])
    return None if tail is None else tail[1].decode("ascii")


def append(connection: Connection, lines: Sequence[Line]) -> None:
    """Add *lines* to the ledger inside the caller's transaction; they are sealed later."""
    if lines:
        connection.execute(
            insert(Ledger),
            [{"line_id": line.id, "act": line.act, "at": line.at, "line": encode(line)} for line in lines],
        )


def named_objects(line: Line) -> Iterator[tuple[str, Suffix]]:
    """The objects that *line* names, see OBJECT_FACTS."""
    for name, suffix in OBJECT_FACTS.items():
        fact = line.facts.get(name)
        if fact is None:
            continue
        for sha256 in fact if isinstance(fact, list) else (fact,):
            if isinstance(sha256, str) and _SHA256.fullmatch(sha256):
                yield sha256, suffix


def _plain(fact: Fact) -> Fact:
    """*fact* as reading it back gives it; an error in our own code when it is not flat."""
    if isinstance(fact, _SCALARS):
        return fact
    assert isinstance(fact, Sequence)
    plain = list(fact)
    if not all(isinstance(item, _SCALARS) for item in plain):
        raise TypeError("a fact is a scalar or a list of scalars")
    return plain


def _well_typed(line: Line) -> bool:
    return (
        _ID.fullmatch(line.id) is not None
        and isinstance(line.act, str)
        and isinstance(line.facts, dict)
        and all(_is_fact(fact) for fact in line.facts.values())
    )


def _is_fact(fact: object) -> bool:
    if isinstance(fact, list):
        return all(isinstance(item, _SCALARS) for item in fact)
    return isinstance(fact, _SCALARS)


def _time_text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def _not_a_line() -> LedgerError:
    return LedgerError("this is not a ledger line in its canonical form")
