"""Do this database and this archive belong together, as they are now? Asked before anything is written.

A restored backup, a disk that is not mounted and a wrong path look alike to whoever only writes on. The answer is
found by opening files whose names are known: no folder is listed, so it may be asked at every start.
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import IntegrityError

from pec_tracker.archive.archive import Archive, LedgerShelf
from pec_tracker.db.engine import read_only, reading, storage_errors
from pec_tracker.db.tables import ArchiveRow, Ledger, Seal
from pec_tracker.errors import ApartError, LedgerError, PecTrackerError, StorageError
from pec_tracker.ledger.lines import id_at_end
from pec_tracker.ledger.segments import read_lines, read_seal, seal_name, segment_name

# So many numbers after the newest known one are probed: a seal may be lost where later ones are there.
PROBED = 32


class Disagreement(StrEnum):
    """How archive and database do not belong together; the values are stable names."""

    DATABASE_OLDER = "database-older"
    ARCHIVE_OLDER = "archive-older"
    ARCHIVE_EMPTIED = "archive-emptied"
    ANOTHER_ARCHIVE = "another-archive"


@dataclass(frozen=True, slots=True)
class Meeting:
    """What came of holding archive and database together: the archive's identity where it is known, what is wrong."""

    identity: str | None
    disagreement: Disagreement | None


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database says: the archive's identity, its newest seal and its first."""

    identity: str | None
    number: int
    sha256: str | None
    first: str | None


def disagreement(engine: Engine, archive: Archive) -> Disagreement | None:
    """How archive and database disagree, None where they belong together. Raises StorageError."""
    with storage_errors():
        return _disagreement(engine, archive, _known(engine))


def meet(engine: Engine, archive: Archive) -> Meeting:
    """As `disagreement`; where they belong together both know the archive's identity from then on.

    An archive of an earlier release is given one here, once its newest seal is the database's. Raises StorageError.
    """
    with storage_errors():
        known = _known(engine)
        found = _disagreement(engine, archive, known)
    identity = archive.identity()
    if found is None and not read_only(engine):
        if identity is None and not archive.is_bare():
            identity = archive.give_identity(known.identity)
        if identity is not None and known.identity is None:
            _note(engine, identity)
    return Meeting(known.identity or identity, found)


def require(engine: Engine, archive: Archive) -> None:
    """Raise ApartError, with what to do, where archive and database do not belong together."""
    found = meet(engine, archive).disagreement
    if found is not None:
        raise apart(found, archive)


def apart(found: Disagreement, archive: Archive) -> ApartError:
    """The error that says *found* to a person, and what to do."""
    match found:
        case Disagreement.DATABASE_OLDER:
            return ApartError(
                "the database is older than the archive in {folder}: nothing is written or sent until "
                "`pec-tracker rebuild` has made it again; what only this database knows is carried over",
                folder=archive.place,
            )
        case Disagreement.ARCHIVE_OLDER:
            return ApartError(
                "the archive in {folder} is older than the database, or lacks its newest seal: nothing is written or "
                "sent. Put back its newest copy; or let `pec-tracker check --repair` write the ledger again from the "
                "database, then `pec-tracker check --refetch` fetch the mails that still lie on the server",
                folder=archive.place,
            )
        case Disagreement.ARCHIVE_EMPTIED:
            return ApartError(
                "the archive in {folder} is empty, and the database knows what was in it: is its disk mounted? Nothing "
                "is written or sent. Mount the disk, or put the archive back; only if it is lost for good: "
                "`pec-tracker check --repair --into-empty`",
                folder=archive.place,
            )
        case Disagreement.ANOTHER_ARCHIVE:
            return ApartError(
                "the folder {folder} holds another archive than the one that the database knows: nothing is written or "
                "sent. Correct `data` or `database` in the configuration, or put the right archive there",
                folder=archive.place,
            )


def _known(engine: Engine) -> _Known:
    columns = select(Seal.number, Seal.sha256)
    with reading(engine) as connection:
        last = connection.execute(columns.order_by(Seal.number.desc()).limit(1)).first()
        first = connection.scalar(select(Seal.sha256).where(Seal.number == 1))
        identity = connection.scalar(select(ArchiveRow.identity))
    return _Known(identity, last.number if last else 0, last.sha256 if last else None, first)


def _disagreement(engine: Engine, archive: Archive, known: _Known) -> Disagreement | None:
    identity, shelf = archive.identity(), archive.ledger
    if known.identity and identity and known.identity != identity:
        return Disagreement.ANOTHER_ARCHIVE
    bare = archive.is_bare() and _sealed(shelf, 1) is None
    if bare and (known.number or known.identity):
        return Disagreement.ARCHIVE_EMPTIED
    newest = _sealed(shelf, known.number) if known.number else None
    if known.number and newest is None:
        return _without_newest(shelf, known, ours=bool(known.identity and identity))
    if newest != known.sha256 and not _knows(engine, shelf, known.number):
        return Disagreement.DATABASE_OLDER if _follows(shelf, known, identity) else Disagreement.ANOTHER_ARCHIVE
    after = following(known.number)
    unknown = any(is_there(shelf, number) and not _knows(engine, shelf, number) for number in after)
    return Disagreement.DATABASE_OLDER if unknown else None


def _without_newest(shelf: LedgerShelf, known: _Known, *, ours: bool) -> Disagreement:
    """The archive lacks the newest seal that the database knows."""
    first = _sealed(shelf, 1)
    if ours or (first is not None and first == known.first):
        return Disagreement.ARCHIVE_OLDER
    return Disagreement.ARCHIVE_EMPTIED if first is None else Disagreement.ANOTHER_ARCHIVE


def _follows(shelf: LedgerShelf, known: _Known, identity: str | None) -> bool:
    """Whether an archive whose seal differs from the database's is still the same archive."""
    return bool(identity and known.identity) or (known.number > 1 and _sealed(shelf, 1) == known.first)


def following(number: int) -> range:
    """The numbers after *number* at which a later seal is looked for."""
    return range(number + 1, number + 1 + PROBED)


def is_there(shelf: LedgerShelf, number: int) -> bool:
    """Whether the archive has a segment or a seal of this number."""
    return shelf.holds(seal_name(number)) or shelf.holds(segment_name(number))


def _sealed(shelf: LedgerShelf, number: int) -> str | None:
    """The SHA-256 of the seal file *number*, None where it cannot be read."""
    try:
        content = shelf.read(seal_name(number))
    except StorageError:
        return None
    return None if content is None else hashlib.sha256(content).hexdigest()


def _knows(engine: Engine, shelf: LedgerShelf, number: int) -> bool:
    """Whether the database has every line of this seal: then a crash came between the file and its commit, or another
    process is about to commit.

    Lines are committed before the file that holds them is written. So the file is read first, and then the database,
    as it stands by then: one that was looked at before the file was there would seem to lack them.
    """
    try:
        if shelf.holds(seal_name(number)):
            wanted = {entry.line_id: entry.sha256 for entry in read_seal(shelf, number).entries}
        else:
            wanted = {_id_of(line): hashlib.sha256(line).hexdigest() for line in read_lines(shelf, number)}
    except PecTrackerError:
        return False
    with reading(engine) as connection:
        rows = connection.execute(select(Ledger.line_id, Ledger.line).where(Ledger.line_id.in_(wanted)))
        return {row.line_id: hashlib.sha256(row.line.encode()).hexdigest() for row in rows} == wanted


def _id_of(line: bytes) -> str:
    found = id_at_end(line)
    if found is None:
        raise LedgerError("this is not a ledger line in its canonical form")
    return found


def _note(engine: Engine, identity: str) -> None:
    row = insert(ArchiveRow).values(id=1, identity=identity)
    with storage_errors(), suppress(IntegrityError), engine.begin() as connection:  # another process met it meanwhile
        connection.execute(row)
