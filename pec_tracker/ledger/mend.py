"""Which ledger files did the archive lose that the database still holds? They are written again, byte for byte.

A segment is its lines in their order, a seal is a function of them and of the seal before, a head one of the seals up
to it: a seal that is written again has the SHA-256 that was recorded, or it is not written.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Engine, text

from pec_tracker.archive.archive import LedgerShelf
from pec_tracker.db.engine import reading, storage_errors
from pec_tracker.ledger.heads import Heads, head_name
from pec_tracker.ledger.lines import id_at_end
from pec_tracker.ledger.segments import Entry, seal_name, seal_with, segment_name

# In plain SQL: the tables of every release have these columns, so that a database of another one can be asked too.
_SEALS = text("SELECT number FROM seal ORDER BY number")
_LINES = text("SELECT line FROM ledger WHERE seal_number = :number ORDER BY position")
_FIRST_LINES = 160  # bytes: what a seal says before it lists


@dataclass(frozen=True, slots=True)
class Mended:
    """The files that were written again, and those that the database cannot give back as they were; by name."""

    written: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


def write_again(engine: Engine, shelf: LedgerShelf) -> Mended:
    """Write the segments, seals and heads that *shelf* lacks. Raises StorageError, DiskFullError."""
    written: list[str] = []
    lost: list[str] = []
    heads = Heads()
    gone_heads: dict[str, bytes] = {}
    with storage_errors(), reading(engine) as connection:
        previous: str | None = None
        for number in connection.scalars(_SEALS).all():
            segment, seal = segment_name(number), seal_name(number)
            recorded = _recorded(engine, number)
            kept = shelf.read(seal)
            gone = [name for name in (segment, seal) if not shelf.holds(name)]
            if gone:
                lines = [line.encode() for line in connection.scalars(_LINES, {"number": number})]
                content = _seal(previous, heads.newest, lines, recorded)
                if content is None or shelf.read(segment) not in (None, b"".join(lines)):
                    lost += gone
                else:
                    written += _write(shelf, {segment: b"".join(lines), seal: content}, gone)
                    kept = content
            if kept is not None and b"\n# head " in kept[:_FIRST_LINES]:  # an old release's were never there
                written += _write(shelf, gone_heads, gone_heads)
                gone_heads.clear()
            previous = recorded if gone or kept is None else sha256(kept).hexdigest()
            head, name = heads.add(recorded), head_name(number)
            if head is not None and not shelf.holds(name):
                gone_heads[name] = head
    return Mended(tuple(written), tuple(lost))


def _recorded(engine: Engine, number: int) -> str | None:
    """The SHA-256 of a seal as the database has it, in hex."""
    with reading(engine) as connection:
        raw = connection.execute(text("SELECT sha256 FROM seal WHERE number = :number"), {"number": number}).scalar()
    return None if raw is None else bytes(raw).hex()


def _seal(previous: str | None, head: str | None, lines: Sequence[bytes], recorded: str | None) -> bytes | None:
    """The seal of *lines* that has the SHA-256 *recorded*; None where none has."""
    entries = []
    for line in lines:
        line_id = id_at_end(line)
        if line_id is None:
            return None
        entries.append(Entry(sha256(line).hexdigest(), line_id))
    return seal_with(recorded, previous, head, entries) if entries else None


def _write(shelf: LedgerShelf, contents: Mapping[str, bytes], gone: Iterable[str]) -> list[str]:
    names = list(gone)
    for name in names:
        shelf.create(name, contents[name])
    return names
