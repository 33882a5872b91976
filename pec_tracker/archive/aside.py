"""What did runs that were killed leave? What nobody names is moved aside, by the next run that seals.

Nothing is deleted: a mail that was fetched and not yet indexed may be gone from the server meanwhile.
"""

import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path

import structlog

from pec_tracker import osfiles
from pec_tracker.archive.local_ledger import ledger_folder
from pec_tracker.archive.underway import abandoned, aside_folder, notes_folder, underway

# A file written aside that is not locked yet may have been opened at this moment.
_YOUNG_SECONDS = 2.0

_log = structlog.get_logger()


def take_up(root: Path, named: Callable[[Collection[str]], set[str]], *, of_earlier_releases: bool) -> list[str]:
    """See `Archive.take_up`."""
    moved: list[str] = []
    with osfiles.disk_errors(root), abandoned(root) as notes:
        for path, names in notes:
            there = {name for name in names if _place(root, name).is_file()} - underway(root, but=[path])
            moved += _set_aside(root, there - named(there), but=path)
            with suppress(PermissionError):  # Windows keeps the name while we hold the file: the next run drops it
                path.unlink(missing_ok=True)
        _drop_half_written(notes_folder(root))
        if of_earlier_releases:
            _drop_half_written(ledger_folder(root))
    if moved:
        _log.warning("objects.set_aside", count=len(moved))
    return moved


def set_aside(root: Path, names: Iterable[str]) -> list[str]:
    """See `Archive.set_aside`."""
    with osfiles.disk_errors(root):
        return _set_aside(root, names)


def bring_back(root: Path, names: Iterable[str]) -> None:
    """See `Archive.bring_back`."""
    with osfiles.disk_errors(root):
        for name in names:
            place, aside = _place(root, name), aside_folder(root) / name
            if aside.is_file() and not place.exists():
                osfiles.make_private_folder(place.parent)
                aside.replace(place)
                osfiles.sync_folder(place.parent)


def _set_aside(root: Path, names: Iterable[str], *, but: Path | None = None) -> list[str]:
    """Another process that writes one now keeps it. Raises OSError."""
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


def _place(root: Path, name: str) -> Path:
    return root / "objects" / name[:2] / name


def _drop_half_written(folder: Path) -> None:
    """Segments and seals that a killed run wrote aside; a living one holds the lock of its own."""
    if folder.is_dir():
        osfiles.remove_unheld(folder.glob(".*.tmp"), before=time.time() - _YOUNG_SECONDS)
