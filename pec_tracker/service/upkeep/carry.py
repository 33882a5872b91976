"""What does only the old database know, before it is replaced? Acts that were not sealed, and lost ledger files.

The old database is asked in plain SQL and never migrated: it may be older or newer than this release, or than the
archive. Its tables of acts and seals have been the same in every release.
"""

from dataclasses import dataclass, field, replace
from hashlib import sha256

import structlog
from sqlalchemy import Engine, text

from pec_tracker.archive.archive import Archive
from pec_tracker.db import leases
from pec_tracker.db.engine import open_as_it_is, reading
from pec_tracker.errors import ConfigurationError, LedgerError, StorageError, UsageError
from pec_tracker.ledger import mend, together
from pec_tracker.ledger.lines import Line, decode
from pec_tracker.ledger.mend import Mended
from pec_tracker.ledger.segments import seal_name
from pec_tracker.ledger.together import Disagreement
from pec_tracker.presence import Presence
from pec_tracker.service.contacts import carried as contacts
from pec_tracker.service.contacts.carried import Kept
from pec_tracker.service.drafts import carried as of_drafts

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Left:
    """What is left in the old database: its unsealed acts in the order in which they were written, ledger files that
    were written again from it, how many of its lines are no ledger lines, and the address book and the drafts, which
    are in no archive. `unreadable`: it could not be asked.
    """

    lines: tuple[Line, ...] = ()
    mended: Mended = field(default_factory=Mended)
    damaged: int = 0
    unreadable: bool = False
    book: Kept = field(default_factory=Kept)
    drafts: of_drafts.Kept = field(default_factory=of_drafts.Kept)


def what_is_left(url: str, archive: Archive, *, presence: Presence) -> Left:
    """Ask the old database at *url*, and write the ledger files that *archive* lost.

    Raises UsageError while a process works on it, ApartError where *archive* is not its archive.
    """
    try:
        engine = open_as_it_is(url)
    except (StorageError, ConfigurationError):
        log.warning("rebuild.old_database_unreadable")
        return Left(unreadable=True)
    try:
        _require_alone(engine, presence)
        _require_its_archive(engine, archive)
        mended = mend.write_again(engine, archive.ledger)
        lines, damaged = _unsealed(engine)
        return _with_book(Left(lines, mended, damaged), engine)
    except StorageError:
        log.warning("rebuild.old_database_unreadable")
        return Left(unreadable=True)
    finally:
        engine.dispose()


def _with_book(left: Left, engine: Engine) -> Left:
    """*left* with the address book and the drafts; where those can't be read, the acts are carried over still."""
    try:
        left = replace(left, book=contacts.kept(engine))
        return replace(left, drafts=of_drafts.kept(engine))
    except StorageError:
        log.warning("rebuild.old_book_unreadable")
        return replace(left, unreadable=True)


def _require_alone(engine: Engine, presence: Presence) -> None:
    if leases.any_held(engine, presence=presence):
        raise UsageError("another process works on this archive; stop `pec-tracker serve` and try again")


def _require_its_archive(engine: Engine, archive: Archive) -> None:
    """An empty mount point would make an empty database, and another archive somebody else's."""
    with reading(engine) as connection:
        first = connection.execute(text("SELECT sha256 FROM seal WHERE number = 1")).scalar()
    try:
        with reading(engine) as connection:
            known = connection.execute(text("SELECT identity FROM archive")).scalar()
    except StorageError:
        known = None  # a release that knew of no identities
    identity, kept = archive.identity(), archive.ledger.read(seal_name(1))
    if known and identity and known != identity:
        raise together.apart(Disagreement.ANOTHER_ARCHIVE, archive)
    if (first or known) and archive.is_bare() and kept is None:
        raise together.apart(Disagreement.ARCHIVE_EMPTIED, archive)
    if first and not (known and identity) and kept is not None and sha256(kept).digest() != bytes(first):
        raise together.apart(Disagreement.ANOTHER_ARCHIVE, archive)


def _unsealed(engine: Engine) -> tuple[tuple[Line, ...], int]:
    """The acts that no seal lists yet, and how many rows are not as acts are written."""
    with reading(engine) as connection:
        rows = connection.execute(text("SELECT line FROM ledger WHERE seal_number IS NULL ORDER BY id")).scalars().all()
    lines: list[Line] = []
    for row in rows:
        try:
            lines.append(decode(row))
        except LedgerError:
            log.warning("rebuild.line_unreadable")
    return tuple(lines), len(rows) - len(lines)
