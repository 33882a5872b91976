"""What differs between operating systems about files? All that is Unix-only stands here, with a portable branch.

So do the signals that end a program.
"""

import ctypes
import errno
import functools
import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from pec_tracker.errors import DiskFullError, StorageError

WINDOWS = sys.platform == "win32"

# Before 5.8 syncfs() did not report that earlier writes had failed (syncfs(2), "Versions").
SYNCFS_REPORTS_SINCE = (5, 8)

# The quota of a user and the size limit of a file are, to who must make room, a full disk.
_NO_ROOM = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}

# Links that a file system (exFAT, some network shares) does not have.
_NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EMLINK}

# Not on Windows, which has no descriptors of folders.
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)

# What was written once is not for writing again; on Windows the read-only attribute would also forbid deleting.
_WRITTEN_ONCE = 0o600 if WINDOWS else 0o400
_PRIVATE_FOLDER = 0o700
_PRIVATE_FILE = 0o600


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Name what a refusal of the disk under *folder* means: DiskFullError, else StorageError."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DiskFullError(
                "no space is left under {folder}; free some space and run the same command again: "
                "nothing was left half written",
                folder=folder,
            ) from error
        raise StorageError(
            "the folder {folder} cannot be used ({reason}: {file}); check the disk and the permissions",
            folder=folder,
            reason=error.strerror or type(error).__name__,
            file=error.filename or folder,
        ) from error


def make_private_folder(folder: Path) -> None:
    """Make *folder* and what is missing above it; only its owner may look into it."""
    folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)


def make_private_file(path: Path) -> None:
    """Make the empty file *path* where there is none; only its owner may read and write it."""
    if not path.exists():
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, _PRIVATE_FILE))


def create(path: Path, content: bytes, *, synced: bool, locked: bool = False) -> None:
    """Write *content* to the new file *path*, private and written once; *synced*: durable. Raises FileExistsError.

    *locked*: while it is written its lock says that its writer lives.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, _WRITTEN_ONCE)
    try:
        if locked and not WINDOWS:  # whose locks would keep the bytes from being read
            _lock(descriptor)
        written = os.write(descriptor, content)
        while written < len(content):  # one call may take only a part
            written += os.write(descriptor, memoryview(content)[written:])
        if synced:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def create_durably(path: Path, content: bytes, *, by_way_of: Path | None = None) -> bool:
    """Make *path* appear whole and on durable storage, or not at all; False when it was there before.

    It is written beside, or in the folder *by_way_of* on the same disk: what a killed run leaves there is found without
    looking through a folder of a million files.
    """
    if by_way_of is not None:
        make_private_folder(by_way_of)
    temporary = (by_way_of or path.parent) / f".{path.name}.{secrets.token_hex(8)}.tmp"
    try:
        create(temporary, content, synced=True, locked=True)
        _rename_to_new(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
        sync_folder(path.parent)  # a file found there, too: who made it may have died before this
    return True


def write_out(path: Path, content: bytes | Iterable[bytes], *, replace: bool) -> None:
    """Give *content*, or its pieces in order, to a person as the file *path*, private, whole or not at all.

    Never through a symbolic link.
    FileExistsError where something has that name, unless *replace*: then it is that name's file that goes.
    """
    if not replace and os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    temporary = path.with_name(f".{path.name[:80]}.{secrets.token_hex(8)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(temporary, flags, _PRIVATE_FILE), "wb") as file:
            file.writelines([content] if isinstance(content, bytes) else content)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(path)
        else:
            _rename_to_new(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def _rename_to_new(temporary: Path, path: Path) -> None:
    if WINDOWS:
        temporary.rename(path)  # refuses a name that exists
        return
    try:
        os.link(temporary, path)  # so does a link; a rename would replace
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        temporary.rename(path)


def sync_folder(folder: Path) -> None:
    """Make the names in *folder* durable. Windows has no such call: NTFS journals its names."""
    if WINDOWS:
        return
    with suppress(FileNotFoundError):
        descriptor = os.open(folder, _FOLDER)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def whole_sync(folder: Path) -> Iterator[Callable[[], None] | None]:
    """What makes all of *folder*'s file system durable, or None where one call cannot and report failures.

    Enter before the writes: Linux reports failed ones to the descriptors that were open then.
    """
    syncfs = _syncfs()
    if syncfs is None:
        yield None
        return
    descriptor = os.open(folder, _FOLDER)
    try:
        yield functools.partial(_call_syncfs, syncfs, descriptor)
    finally:
        os.close(descriptor)


def _call_syncfs(syncfs: Callable[[int], int], descriptor: int) -> None:
    if syncfs(descriptor) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@functools.cache
def _syncfs() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux") or kernel_version(os.uname().release) < SYNCFS_REPORTS_SINCE:
        return None
    function: Callable[[int], int] | None = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    return function


def kernel_version(release: str) -> tuple[int, int]:
    """Major and minor number of a kernel's *release*; (0, 0) when it is not written that way."""
    major, _, rest = release.partition(".")
    minor = rest.partition(".")[0].partition("-")[0]
    return (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else (0, 0)


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Whether this process alone holds the lock file *path*, for as long as the block lasts; never waits.

    It saves double work and keeps no promise: the operating system drops it when the process ends.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, _PRIVATE_FILE)
    try:
        yield _lock(descriptor)
    finally:
        os.close(descriptor)


def open_to_append(path: Path) -> int:
    """The descriptor of *path*, made where there is none, for appending. Raises OSError."""
    return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), _PRIVATE_FILE)


def hold(path: Path, *, make: bool = True) -> int | None:
    """The descriptor of *path*, opened for appending and locked until it is closed; None where another holds it.

    *make*: make the file where there is none. Raises OSError.
    """
    try:
        descriptor = open_to_append(path) if make else os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    if _lock(descriptor) and path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
        return descriptor
    os.close(descriptor)
    return None


def remove_unheld(paths: Iterable[Path], *, before: float) -> None:
    """Remove those of *paths* that were last written *before* this time (seconds since 1970) and that nobody holds."""
    for path in paths:
        with suppress(OSError):
            if path.stat().st_mtime < before:
                descriptor = hold(path, make=False)
                if descriptor is not None:
                    os.close(descriptor)
                    path.unlink(missing_ok=True)


def _lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def end_as_by_ctrl_c() -> None:
    """Let the system's request to end (SIGTERM) raise KeyboardInterrupt, so that what is open is closed.

    Only in the main thread, and only where nobody else hears that signal.
    """
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)


class ToldToStop:
    """Has this process been asked to end, by the system or by Ctrl-C? Made in the main thread, then called.

    As a context manager it gives the signals back to whoever heard them before. In another thread it hears nothing.
    A flag and no lock: a signal may come while one is held.
    """

    def __init__(self) -> None:
        self._stop = False
        self._before: dict[int, Any] = {}
        if threading.current_thread() is not threading.main_thread():
            return
        for name in ("SIGTERM", "SIGINT", "SIGBREAK"):  # the last one is Windows'
            number = getattr(signal, name, None)
            if number is not None:
                self._before[number] = signal.signal(number, self._hear)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __call__(self) -> bool:
        """Whether to stop now."""
        return self._stop

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        self._stop = True


class ToldToReload:
    """Has this process been asked to read its configuration again (SIGHUP)? Made in the main thread, then called.

    Each asking is heard once. Windows has no such signal: there a changed file is seen all the same, a moment later.
    """

    def __init__(self) -> None:
        self._told = False
        number = getattr(signal, "SIGHUP", None)
        if number is not None and threading.current_thread() is threading.main_thread():
            signal.signal(number, self._hear)

    def __call__(self) -> bool:
        """Whether somebody asked since the last call."""
        told, self._told = self._told, False
        return told

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        self._told = True
