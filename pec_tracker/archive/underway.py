"""Which objects is a process about to write? Noted before, so that what a killed run leaves can be told from a plant.

    ROOT/underway/<16 hex digits>.note      the names of the objects, one a line; locked while its process lives
    ROOT/aside/<object>                     what a killed run had written and nobody names

The operating system drops the lock with the process: a note that can be locked belongs to nobody any more. What a note
names is only ever moved aside, and only where neither ledger nor database names it.
"""

import os
import secrets
import threading
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pec_tracker import osfiles
from pec_tracker.archive.scan import is_object_name

# A note begins anew when it is so long; the batches that nobody may have committed yet are taken along.
_LONGEST_BYTES = 1 << 18
_BATCHES_KEPT = 64
_TRIES = 3


def notes_folder(root: Path) -> Path:
    """Where the notes lie."""
    return root / "underway"


def aside_folder(root: Path) -> Path:
    """Where what nobody names is moved."""
    return root / "aside"


class Note:
    """What this process is about to write into the archive *root*; threads may share it."""

    def __init__(self, root: Path) -> None:
        self._folder = notes_folder(root)
        self._lock = threading.Lock()
        self._recent: deque[tuple[str, ...]] = deque(maxlen=_BATCHES_KEPT)
        self._path = self._folder
        self._descriptor = -1
        self._size = 0
        self._pid = 0
        self._release: weakref.finalize[..., Note] | None = None

    def add(self, names: Iterable[str], *, synced: bool) -> None:
        """Note *names* before their objects are written; *synced*: durable when it returns. Raises OSError."""
        with self._lock:
            batch = tuple(names)
            self._recent.append(batch)
            if self._pid != os.getpid() or self._size > _LONGEST_BYTES:
                self._begin([name for some in self._recent for name in some])
            else:
                self._append(batch)
            if synced:
                os.fsync(self._descriptor)

    def close(self) -> None:
        """Let go of the note: what it names is committed, or the next run takes it up."""
        with self._lock:
            if self._release is not None:
                self._release()
            self._release, self._pid = None, 0

    def _append(self, names: Iterable[str]) -> None:
        content = "".join(f"{name}\n" for name in names).encode("ascii")
        self._size += os.write(self._descriptor, content)

    def _begin(self, names: list[str]) -> None:
        before = self._path if self._pid == os.getpid() else None
        release = self._release
        osfiles.make_private_folder(self._folder)
        held = None
        for _ in range(_TRIES):  # another process may take it up between the making and the locking
            self._path = self._folder / f"{secrets.token_hex(8)}.note"
            held = osfiles.hold(self._path)
            if held is not None:
                break
        if held is None:  # a file system without locks: there every note counts as a living process's
            held = osfiles.open_to_append(self._path)
        self._descriptor, self._size, self._pid = held, 0, os.getpid()
        self._append(names)
        os.fsync(self._descriptor)
        osfiles.sync_folder(self._folder)
        self._release = weakref.finalize(self, os.close, held)
        if release is not None:
            release()
        if before is not None:
            before.unlink(missing_ok=True)


@contextmanager
def abandoned(root: Path) -> Iterator[list[tuple[Path, frozenset[str]]]]:
    """The notes of processes that are gone, each with the names in it; locked while the block lasts."""
    held: list[int] = []
    found: list[tuple[Path, frozenset[str]]] = []
    try:
        for path in _notes(root):
            descriptor = osfiles.hold(path, make=False)
            if descriptor is not None:
                held.append(descriptor)
                found.append((path, _names(path)))
        yield found
    finally:
        for descriptor in held:
            os.close(descriptor)


def underway(root: Path, *, but: Iterable[Path] = ()) -> frozenset[str]:
    """Every name in the notes that lie there now, except in those of *but*."""
    left_out = set(but)
    return frozenset(name for path in _notes(root) if path not in left_out for name in _names(path))


def _notes(root: Path) -> list[Path]:
    folder = notes_folder(root)
    return sorted(folder.glob("*.note")) if folder.is_dir() else []


def _names(path: Path) -> frozenset[str]:
    with suppress(OSError):
        return frozenset(filter(is_object_name, path.read_text("ascii", "replace").split("\n")))
    return frozenset()
