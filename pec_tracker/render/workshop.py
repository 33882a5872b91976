"""Where do mails lie while a PDF is made of them? In a private folder that goes at the end, or with the next one."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pec_tracker import osfiles

PREFIX = "pec-tracker-summary-"

_LOCK = "lock"
# A folder without a lock may have been made at this moment.
_YOUNG_SECONDS = 60.0


@contextmanager
def workshop() -> Iterator[Path]:
    """An empty folder for as long as the block lasts; those of processes that were killed are removed.

    Raises DiskFullError, StorageError; what the block itself meets on the disk, too.
    """
    place = Path(tempfile.gettempdir())
    with osfiles.disk_errors(place), tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        own = Path(name)
        held = osfiles.hold(own / _LOCK)
        try:
            _drop_abandoned(place, own)
            folder = own / "files"
            folder.mkdir()
            yield folder
        finally:
            if held is not None:
                os.close(held)


def _drop_abandoned(place: Path, own: Path) -> None:
    """Only our own user's: what lies under that name in a shared folder may be anybody's."""
    before = time.time() - _YOUNG_SECONDS
    for folder in place.glob(f"{PREFIX}*"):
        with suppress(OSError):
            found = folder.lstat()
            if folder == own or folder.is_symlink() or found.st_uid != own.stat().st_uid or found.st_mtime >= before:
                continue
            lock = folder / _LOCK
            descriptor = osfiles.hold(lock, make=False) if lock.is_file() else None
            if descriptor is not None or not lock.exists():
                if descriptor is not None:
                    os.close(descriptor)
                shutil.rmtree(folder)
