"""Which sealed lines speak of a message, and which seals list them? Nothing after the seal asked for is looked at."""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from pec_tracker.db.chunks import chunks
from pec_tracker.db.tables import Ledger, Seal
from pec_tracker.errors import LedgerError, NotFoundError
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.ledger.lines import Line, decode

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_OF_MESSAGES = [act for act in LedgerAct if act.startswith("message.")]


@dataclass(frozen=True, slots=True)
class SealedLine:
    """A line with its bytes as sealed, and the number of its seal."""

    line: Line
    content: bytes
    seal: int


def seal_at(connection: Connection, as_of: int | datetime | None) -> int:
    """The number of the seal meant: itself, the newest whose lines are no younger than a time, or the newest of all.

    NotFoundError where there is none.
    """
    if isinstance(as_of, datetime):
        newest = func.max(Ledger.at)
        sealed = select(Ledger.seal_number).where(Ledger.seal_number.is_not(None)).group_by(Ledger.seal_number)
        numbers = list(connection.scalars(sealed.having(newest <= as_of)))
        found = max((number for number in numbers if number is not None), default=None)
    else:
        wanted = select(func.max(Seal.number))
        found = connection.scalar(wanted if as_of is None else wanted.where(Seal.number == as_of))
    if found is None:
        raise NotFoundError("the ledger has no seal {wanted}; `pec-tracker check` counts them", wanted=as_of or "")
    return int(found)


def lines_of(
    connection: Connection, *, message: str, mailbox: str, mails: Iterable[str], times: Iterable[datetime], until: int
) -> list[SealedLine]:
    """The lines sealed by seal *until* that name the message, its mailbox, or one of *mails* (taken in at *times*)."""
    wanted = set(mails)
    found: dict[str, SealedLine] = {}
    for acts, name in ((_OF_MESSAGES, f'"message":"{message}"'), ([LedgerAct.MAILBOX_KNOWN], f'"mailbox":"{mailbox}"')):
        named = and_(Ledger.act.in_(acts), Ledger.line.contains(name, autoescape=True))
        found.update((line.line.id, line) for line in _read(connection, named, until))
    for some in chunks(sorted(set(times))):
        # Lines have no index by object; their ids begin with their time.
        taken_in = or_(*(and_(Ledger.line_id >= _first_id(at), Ledger.line_id < _first_id(at, 1)) for at in some))
        for line in _read(connection, and_(Ledger.act.startswith("mail."), taken_in), until):
            if line.line.facts.get("mail") in wanted and line.line.facts.get("mailbox") == mailbox:
                found[line.line.id] = line
    return [found[line_id] for line_id in sorted(found)]


def require_sealed(lines: Sequence[SealedLine], seals: Mapping[str, bytes]) -> None:
    """LedgerError unless each line stands in its seal as it is."""
    for one in lines:
        entry = f"{sha256(one.content).hexdigest()}  {one.line.id}.json\n".encode()
        if entry not in seals.get(f"{one.seal:08}.seal", b""):
            raise LedgerError(
                "the ledger line {line} in the database is not as it was sealed; run check, then rebuild",
                line=one.line.id,
            )


def _read(connection: Connection, condition: ColumnElement[bool], until: int) -> Iterator[SealedLine]:
    rows = connection.execute(
        select(Ledger.line, Ledger.seal_number).where(Ledger.seal_number <= until, condition).order_by(Ledger.line_id)
    )
    for row in rows:
        yield SealedLine(decode(row.line), row.line.encode("ascii"), row.seal_number)


def _first_id(at: datetime, later: int = 0) -> str:
    """The smallest id that a line of this time (or so many microseconds later) can have."""
    micros = (at.astimezone(UTC) - _EPOCH) // _MICROSECOND + later
    return base64.b32hexencode(max(0, micros).to_bytes(7) + bytes(9))[:26].decode("ascii").lower()
