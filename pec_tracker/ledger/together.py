"""Do this database and this archive belong together, as they are now? Asked before anything is written.

A restored backup, a disk that is not mounted and a wrong path look alike to whoever only writes on. The answer is
found by opening files whose names are known: no folder is listed, so it may be asked at every start.
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.exc import IntegrityError

from pec_tracker.archive.local import format_file, give_identity, read_identity
from pec_tracker.db.engine import read_only, reading, storage_errors
from pec_tracker.db.tables import ArchiveRow, Ledger, Seal
from pec_tracker.errors import ApartError, LedgerError, PecTrackerError
from pec_tracker.ledger.lines import id_at_end
from pec_tracker.ledger.segments import read_lines, read_seal, seal_path, segment_path

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


def disagreement(engine: Engine, archive_root: Path) -> Disagreement | None:
    """How archive and database disagree, None where they belong together. Raises StorageError."""
    with storage_errors(), reading(engine) as connection:
        return _disagreement(connection, archive_root, _known(connection))


def meet(engine: Engine, archive_root: Path) -> Meeting:
    """As `disagreement`; where they belong together both know the archive's identity from then on.

    An archive of an earlier release is given one here, once its newest seal is the database's. Raises StorageError.
    """
    with storage_errors(), reading(engine) as connection:
        known = _known(connection)
        found = _disagreement(connection, archive_root, known)
    identity = read_identity(archive_root)
    if found is None and not read_only(engine):
        if identity is None and format_file(archive_root).exists():
            identity = give_identity(archive_root, known.identity)
        if identity is not None and known.identity is None:
            _note(engine, identity)
    return Meeting(known.identity or identity, found)


def require(engine: Engine, archive_root: Path) -> None:
    """Raise ApartError, with what to do, where archive and database do not belong together."""
    found = meet(engine, archive_root).disagreement
    if found is not None:
        raise apart(found, archive_root)


def apart(found: Disagreement, archive_root: Path) -> ApartError:
    """The error that says *found* to a person, and what to do."""
    match found:
        case Disagreement.DATABASE_OLDER:
            return ApartError(
                "the database is older than the archive in {folder}: nothing is written or sent until "
                "`pec-tracker rebuild` has made it again; what only this database knows is carried over",
                folder=archive_root,
            )
        case Disagreement.ARCHIVE_OLDER:
            return ApartError(
                "the archive in {folder} is older than the database, or lacks its newest seal: nothing is written or "
                "sent. Put back its newest copy; or let `pec-tracker check --repair` write the ledger again from the "
                "database, then `pec-tracker check --refetch` fetch the mails that still lie on the server",
                folder=archive_root,
            )
        case Disagreement.ARCHIVE_EMPTIED:
            return ApartError(
                "the archive in {folder} is empty, and the database knows what was in it: is its disk mounted? Nothing "
                "is written or sent. Mount the disk, or put the archive back; only if it is lost for good: "
                "`pec-tracker check --repair --into-empty`",
                folder=archive_root,
            )
        case Disagreement.ANOTHER_ARCHIVE:
            return ApartError(
                "the folder {folder} holds another archive than the one that the database knows: nothing is written or "
                "sent. Correct `data` or `database` in the configuration, or put the right archive there",
                folder=archive_root,
            )


def _known(connection: Connection) -> _Known:
    columns = select(Seal.number, Seal.sha256)
    last = connection.execute(columns.order_by(Seal.number.desc()).limit(1)).first()
    first = connection.scalar(select(Seal.sha256).where(Seal.number == 1))
    identity = connection.scalar(select(ArchiveRow.identity))
    return _Known(identity, last.number if last else 0, last.sha256 if last else None, first)


def _disagreement(connection: Connection, root: Path, known: _Known) -> Disagreement | None:
    identity = read_identity(root)
    if known.identity and identity and known.identity != identity:
        return Disagreement.ANOTHER_ARCHIVE
    bare = identity is None and not format_file(root).exists() and _sealed(root, 1) is None
    if bare and (known.number or known.identity):
        return Disagreement.ARCHIVE_EMPTIED
    newest = _sealed(root, known.number) if known.number else None
    if known.number and newest is None:
        return _without_newest(root, known, ours=bool(known.identity and identity))
    if newest != known.sha256 and not _knows(connection, root, known.number):
        return Disagreement.DATABASE_OLDER if _follows(root, known, identity) else Disagreement.ANOTHER_ARCHIVE
    after = following(known.number)
    unknown = any(is_there(root, number) and not _knows(connection, root, number) for number in after)
    return Disagreement.DATABASE_OLDER if unknown else None


def _without_newest(root: Path, known: _Known, *, ours: bool) -> Disagreement:
    """The archive lacks the newest seal that the database knows."""
    first = _sealed(root, 1)
    if ours or (first is not None and first == known.first):
        return Disagreement.ARCHIVE_OLDER
    return Disagreement.ARCHIVE_EMPTIED if first is None else Disagreement.ANOTHER_ARCHIVE


def _follows(root: Path, known: _Known, identity: str | None) -> bool:
    """Whether an archive whose seal differs from the database's is still the same archive."""
    return bool(identity and known.identity) or (known.number > 1 and _sealed(root, 1) == known.first)


def following(number: int) -> range:
    """The numbers after *number* at which a later seal is looked for."""
    return range(number + 1, number + 1 + PROBED)


def is_there(root: Path, number: int) -> bool:
    """Whether the archive has a segment or a seal of this number."""
    return seal_path(root, number).exists() or segment_path(root, number).exists()


def _sealed(root: Path, number: int) -> str | None:
    """The SHA-256 of the seal file *number*, None where it cannot be read."""
    try:
        return hashlib.sha256(seal_path(root, number).read_bytes()).hexdigest()
    except OSError:
        return None


def _knows(connection: Connection, root: Path, number: int) -> bool:
    """Whether the database has every line of this seal: then a crash came between the file and its commit."""
    try:
        if seal_path(root, number).exists():
            wanted = {entry.line_id: entry.sha256 for entry in read_seal(root, number).entries}
        else:
            wanted = {_id_of(line): hashlib.sha256(line).hexdigest() for line in read_lines(root, number)}
    except PecTrackerError:
        return False
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
