"""How do lines become sealed? Segment file, head of the seal before, seal file, then one commit; a crash resumes.

Lines are numbered here and not when they are written: PostgreSQL's commits end out of order. No lock is needed: files
are created exclusively, and a number is a primary key.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256

import structlog
from sqlalchemy import Connection, Engine, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from pec_tracker import crash
from pec_tracker.archive.archive import Archive, LedgerShelf
from pec_tracker.db.engine import reading, storage_errors
from pec_tracker.db.tables import Ledger, Seal
from pec_tracker.errors import LedgerError
from pec_tracker.ledger import leftovers, together
from pec_tracker.ledger.heads import ensure_head
from pec_tracker.ledger.lines import decode
from pec_tracker.ledger.segments import (
    LINES_PER_SEGMENT,
    SealFile,
    finish_seal,
    segment_name,
    write_segment,
)
from pec_tracker.ledger.together import Disagreement

SEALED_WITHIN = timedelta(seconds=60)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _LastSeal:
    number: int
    sha256: str | None


def seal_pending(engine: Engine, archive: Archive, *, now: datetime, force: bool = True) -> list[SealFile]:
    """Seal the lines that wait, at most 1,000 a segment; the seals that this call recorded.

    Without *force* a segment waits until it is full or its oldest line is 60 s old. Raises LedgerError when archive and
    database do not belong together (one was restored, or a line was changed), StorageError.
    """
    found = together.meet(engine, archive).disagreement
    if found not in (None, Disagreement.DATABASE_OLDER):  # what is older is refused below, with the line that it lacks
        raise together.apart(found, archive)
    if found is None:
        leftovers.take_up(engine, archive)
    sealed: list[SealFile] = []
    while True:
        last = _last_seal(engine)  # before the lines are read: whoever seals them meanwhile takes this number
        if not _has_segment(engine, archive.ledger, last, None if force else now - SEALED_WITHIN):
            return sealed
        crash.at("seal.segment-written")
        head = ensure_head(archive.ledger, last.number, partial(_sealed, engine))
        crash.at("seal.head-written")
        seal = finish_seal(archive.ledger, last.number + 1, last.sha256, head)
        crash.at("seal.seal-written")
        if _record(engine, seal, now):
            crash.at("seal.committed")
            _log.info("ledger.sealed", number=seal.number, lines=len(seal.entries), sha256=seal.sha256)
            sealed.append(seal)


def _last_seal(engine: Engine) -> _LastSeal:
    with storage_errors(), reading(engine) as connection:
        row = connection.execute(select(Seal.number, Seal.sha256).order_by(Seal.number.desc()).limit(1)).first()
    return _LastSeal(0, None) if row is None else _LastSeal(row.number, row.sha256)


def _sealed(engine: Engine, number: int) -> str:
    """The SHA-256 of a recorded seal."""
    with storage_errors(), reading(engine) as connection:
        return str(connection.scalar(select(Seal.sha256).where(Seal.number == number)))


def _has_segment(engine: Engine, shelf: LedgerShelf, last: _LastSeal, due_before: datetime | None) -> bool:
    """Whether there is a segment to seal after *last*: left by a crash, by another process, or written now."""
    number = last.number + 1
    if shelf.holds(segment_name(number)):
        return True
    later = next((one for one in together.following(last.number) if together.is_there(shelf, one)), None)
    if later is not None:
        raise LedgerError(
            "{segment} is missing from the archive, which goes on with number {later}; run check",
            segment=segment_name(number),
            later=later,
        )
    lines = _waiting_lines(engine, due_before)
    if not lines:
        return False
    write_segment(shelf, number, lines)  # or another process was first: then its lines are sealed, ours go next
    return True


def _waiting_lines(engine: Engine, due_before: datetime | None) -> list[str]:
    """The next lines to seal, in the order in which they were written: an act never precedes what led to it."""
    waiting = (
        select(Ledger.line_id, Ledger.at, Ledger.line)
        .where(Ledger.seal_number.is_(None))
        .order_by(Ledger.id)
        .limit(LINES_PER_SEGMENT)
    )
    with storage_errors(), reading(engine) as connection:
        rows = connection.execute(waiting).all()
    full = len(rows) == LINES_PER_SEGMENT
    if due_before is not None and not full and all(row.at > due_before for row in rows):
        return []
    for row in rows:
        _require_unchanged(row.line_id, row.line)
    return [row.line for row in rows]


def _require_unchanged(line_id: str, text: str) -> None:
    try:
        same = decode(text).id == line_id
    except LedgerError:
        same = False
    if not same:
        raise LedgerError(
            "the ledger line {line} in the database was changed before it was sealed; bring it back from a backup",
            line=line_id,
        )


def _record(engine: Engine, seal: SealFile, now: datetime) -> bool:
    """Commit the seal and the places of its lines; False when another process had done it."""
    with storage_errors():
        try:
            with engine.begin() as connection:
                connection.execute(
                    insert(Seal).values(
                        number=seal.number,
                        sha256=seal.sha256,
                        previous=seal.previous,
                        count=len(seal.entries),
                        sealed_at=now,
                    )
                )
                _place_lines(connection, seal)
                crash.at("seal.before-commit")
        except IntegrityError:
            with reading(engine) as connection:
                recorded = connection.scalar(select(Seal.sha256).where(Seal.number == seal.number))
            if recorded != seal.sha256:
                raise
            return False
    return True


def _place_lines(connection: Connection, seal: SealFile) -> None:
    differing = _differing(seal, _texts(connection, seal))
    if differing:
        raise LedgerError(
            "segment {number} of the archive holds {count} lines that the database lacks or has otherwise, the first "
            "is {line}: the database is older than the archive; rebuild it",
            number=seal.number,
            count=len(differing),
            line=differing[0],
        )
    place = (
        update(Ledger)
        .where(Ledger.line_id == bindparam("of_line"), Ledger.seal_number.is_(None))
        .values(seal_number=seal.number, position=bindparam("place"))
    )
    connection.execute(
        place,
        [{"of_line": entry.line_id, "place": place_} for place_, entry in enumerate(seal.entries, 1)],
    )
    placed = connection.scalar(select(func.count()).select_from(Ledger).where(Ledger.seal_number == seal.number))
    if placed != len(seal.entries):
        raise LedgerError(
            "segment {number} of the archive repeats lines of an earlier one; run check", number=seal.number
        )


def _texts(connection: Connection, seal: SealFile) -> dict[str, str]:
    ids = [entry.line_id for entry in seal.entries]
    rows = connection.execute(select(Ledger.line_id, Ledger.line).where(Ledger.line_id.in_(ids)))
    return {row.line_id: row.line for row in rows}


def _differing(seal: SealFile, texts: dict[str, str]) -> list[str]:
    """The ids of *seal* whose line *texts* lacks, or has with other bytes."""
    return [
        entry.line_id
        for entry in seal.entries
        if entry.line_id not in texts or sha256(texts[entry.line_id].encode()).hexdigest() != entry.sha256
    ]
