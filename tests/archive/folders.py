"""An archive that is a folder, and where things lie in it, for the tests to break."""

from pathlib import Path

from pec_tracker.archive.archive import Archive, LedgerShelf
from pec_tracker.archive.local import LocalArchive
from pec_tracker.archive.objects import Suffix


def shelf(root: Path) -> LedgerShelf:
    """The ledger of the archive in the folder *root*."""
    return LocalArchive(root).ledger


def folder_of(archive: Archive) -> Path:
    """The folder that *archive* is."""
    assert isinstance(archive, LocalArchive)
    return archive.root


def object_path(archive: Archive, sha256: str, suffix: Suffix) -> Path:
    """The file of an object."""
    assert isinstance(archive, LocalArchive)
    return archive.path(sha256, suffix)


def segment_path(root: Path, number: int) -> Path:
    """The file of a segment's lines."""
    return root / f"ledger/{number:08}.jsonl"


def seal_path(root: Path, number: int) -> Path:
    """The file of a segment's seal."""
    return root / f"ledger/{number:08}.seal"


def stamp_path(root: Path, number: int) -> Path:
    """The file of the time-stamp over a seal."""
    return root / f"ledger/{number:08}.tsr"


def head_path(root: Path, number: int) -> Path:
    """The file of a seal's head."""
    return root / f"ledger/{number:08}.head"
