"""What did runs that were killed leave? What nobody names is moved aside, by the next run that seals.

Nothing is deleted: a mail that was fetched and not yet indexed may be gone from the server meanwhile.
"""

import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

import structlog
from sqlalchemy import Connection, Engine, select

from pec_tracker import osfiles
from pec_tracker.archive.local import ledger_folder
from pec_tracker.archive.objects import Suffix
from pec_tracker.archive.underway import abandoned, aside_folder, notes_folder, underway
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Certificate, Ledger, Mail, Message
from pec_tracker.ledger.lines import decode, named_objects

_CHUNK = 500  # names in one question to the database

# A file written aside that is not locked yet may have been opened at this moment.
_YOUNG_SECONDS = 2.0

_log = structlog.get_logger()


def take_up(engine: Engine, root: Path, *, of_earlier_releases: bool = False) -> list[str]:
    """Move aside what killed runs wrote and nobody names, drop their half written files; the objects' names.

    *of_earlier_releases*: also look through the ledger's own folder, where these wrote aside. Raises StorageError.
    """
    moved: list[str] = []
    with osfiles.disk_errors(root), abandoned(root) as notes:
        for path, names in notes:
            there = {name for name in names if _place(root, name).is_file()} - underway(root, but=[path])
            moved += set_aside(root, there - named(engine, there), but=path)
            with suppress(PermissionError):  # Windows keeps the name while we hold the file: the next run drops it
                path.unlink(missing_ok=True)
        _drop_half_written(notes_folder(root))
        if of_earlier_releases:
            _drop_half_written(ledger_folder(root))
    if moved:
        _log.warning("objects.set_aside", count=len(moved))
    return moved


def set_aside(root: Path, names: Iterable[str], *, but: Path | None = None) -> list[str]:
    """Move objects out of the shelves, into `aside`; another process that writes one now keeps it. Raises OSError."""
    moved = []
    for name in sorted(names):
        place, aside = _place(root, name), aside_folder(root) / name
        osfiles.make_private_folder(aside.parent)
        with suppress(FileNotFoundError):
            place.replace(aside)
            if name in underway(root, but=[but] if but else ()) and not place.exists():
                aside.replace(place)  # noted by somebody since we looked: it counts on what it saw there
            else:
                moved.append(name)
    return moved


def bring_back(root: Path, names: Iterable[str]) -> None:
    """Put objects back that were moved aside and that are named after all. Raises OSError."""
    for name in names:
        place, aside = _place(root, name), aside_folder(root) / name
        if aside.is_file() and not place.exists():
            osfiles.make_private_folder(place.parent)
            aside.replace(place)
            osfiles.sync_folder(place.parent)


def named(engine: Engine, names: Collection[str]) -> set[str]:
    """Which of the objects *names* the database or a line of its ledger names. Raises StorageError."""
    found: set[str] = set()
    wanted = set(names)
    with reading(engine) as connection:
        for column, suffix in (
            (Mail.sha256, Suffix.MAIL),
            (Message.raw, Suffix.MAIL),
            (Message.record, Suffix.RECORD),
            (Certificate.sha256, Suffix.CERTIFICATE),
        ):
            hashes = sorted(name[:64] for name in wanted if name.endswith(suffix))
            for start in range(0, len(hashes), _CHUNK):
                asked = select(column).where(column.in_(hashes[start : start + _CHUNK]))
                found |= {f"{sha256}{suffix}" for sha256 in connection.scalars(asked)}
        return found | _named_by_lines(connection, wanted - found)


def _named_by_lines(connection: Connection, wanted: set[str]) -> set[str]:
    """Lines are asked from the newest on: what was under way was noted there last."""
    found: set[str] = set()
    if not wanted:
        return found
    newest_first = select(Ledger.line).order_by(Ledger.id.desc())
    with connection.execution_options(yield_per=1_000).execute(newest_first) as stream:
        for text in stream.scalars():
            if any(name[:64] in text for name in wanted):
                found |= {sha256 + suffix for sha256, suffix in named_objects(decode(text))} & wanted
                if found == wanted:
                    break
    return found


def _place(root: Path, name: str) -> Path:
    return root / "objects" / name[:2] / name


def _drop_half_written(folder: Path) -> None:
    """Segments and seals that a killed run wrote aside; a living one holds the lock of its own."""
    if folder.is_dir():
        osfiles.remove_unheld(folder.glob(".*.tmp"), before=time.time() - _YOUNG_SECONDS)
