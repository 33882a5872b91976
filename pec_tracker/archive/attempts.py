"""Which messages are on their way at this moment? A small file for each attempt, durable before the final dot.

    ROOT/underway/<message key>-<number>.attempt

A database that was restored beside this archive finds here what it does not know; the sealed ledger tells later.
"""

import re
from pathlib import Path

from pec_tracker import osfiles
from pec_tracker.archive.underway import notes_folder

_NAME = re.compile(r"([a-z0-9]+)-([1-9][0-9]{0,8})\.attempt")


def note(root: Path, key: str, number: int) -> None:
    """Note the attempt durably. Raises StorageError."""
    with osfiles.disk_errors(root):
        osfiles.make_private_folder(notes_folder(root))
        osfiles.create_durably(_file(root, key, number), b"")


def noted(root: Path) -> set[tuple[str, int]]:
    """Every attempt that is noted: the message's key, and the attempt's number."""
    folder = notes_folder(root)
    names = (path.name for path in folder.glob("*.attempt")) if folder.is_dir() else ()
    return {(match[1], int(match[2])) for name in names if (match := _NAME.fullmatch(name))}


def forget(root: Path, key: str, number: int) -> None:
    """Drop the note of an attempt. Raises StorageError."""
    with osfiles.disk_errors(root):
        _file(root, key, number).unlink(missing_ok=True)


def _file(root: Path, key: str, number: int) -> Path:
    return notes_folder(root) / f"{key}-{number}.attempt"
