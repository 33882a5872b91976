"""How do objects lie in a folder? As plain files named by their SHA-256, durable before anyone relies on them.

    ROOT/FORMAT
    ROOT/IDENTITY
    ROOT/objects/ab/ab12...ef.eml
    ROOT/underway/                       what each process is about to write, see `underway`

New files are written aside, synced, renamed into place, and their folders synced: at every moment an object is whole
or absent.
"""

import hashlib
import re
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path

import structlog

from pec_tracker import crash, osfiles
from pec_tracker.archive import aside, attempts
from pec_tracker.archive.archive import LedgerShelf
from pec_tracker.archive.local_format import Findings, format_findings
from pec_tracker.archive.local_ledger import LocalLedger, ledger_folder
from pec_tracker.archive.objects import Object, Suffix
from pec_tracker.archive.rehash import Rehash
from pec_tracker.archive.rehash_all import rehash_all
from pec_tracker.archive.scan import INCOMING, Shelf, scan
from pec_tracker.archive.underway import Note
from pec_tracker.errors import ApartError, ObjectDamagedError, ObjectMissingError, PecTrackerError, StorageError

FORMAT_LINE = "pec-tracker archive 1"
FORMAT_TEXT = f"""{FORMAT_LINE}

objects/ab/<sha256>.eml|.json|.der|.msg  one file each, never changed: its name is the SHA-256 of its bytes
                       |.pdf|.png|.jpg
ledger/00000001.jsonl                    what was done, one act a line
ledger/00000001.seal                     the SHA-256 of each of those lines, and of the seal before
ledger/00000001.head                     the SHA-256 of that seal, and of heads before it

To check an object:   sha256sum objects/ab/<file>        and compare with its name
To check a segment:   split the .jsonl into one file a line, named as the .seal says, then   sha256sum -c <seal>
"""

# Measured on 4,000 mails: one syncfs takes a third of the time of an fsync for each; few files are quicker alone.
WHOLE_SYNC_FROM = 16

# A file written aside that no run can still be writing.
_ABANDONED_SECONDS = 86_400

IDENTITY_HEAD = "pec-tracker archive identity"
_IDENTITY = re.compile(rb"pec-tracker archive identity\n([0-9a-f]{32})\n")

_SHA256 = re.compile(r"[0-9a-f]{64}")

_log = structlog.get_logger()


def format_file(root: Path) -> Path:
    """The file that says what the folder *root* is."""
    return root / "FORMAT"


def identity_file(root: Path) -> Path:
    """The file that tells this archive from every other one."""
    return root / "IDENTITY"


def read_identity(root: Path) -> str | None:
    """The archive's identity (32 hex digits); None where it has none, or has no such file. Raises StorageError."""
    with osfiles.disk_errors(root):
        try:
            match = _IDENTITY.fullmatch(identity_file(root).read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
    return None if match is None else match[1].decode("ascii")


def give_identity(root: Path, identity: str | None = None) -> str | None:
    """Write *identity*, by default a new one, where the archive has none that can be read; the one that it has then."""
    if read_identity(root) is not None:
        return read_identity(root)
    with osfiles.disk_errors(root):
        identity_file(root).unlink(missing_ok=True)
        text = f"{IDENTITY_HEAD}\n{identity or secrets.token_hex(16)}\n"
        osfiles.create_durably(identity_file(root), text.encode("ascii"))
    return read_identity(root)


def prepare(root: Path) -> None:
    """Make the archive's folders, its FORMAT file and its identity, durably, where they are missing. Raises OSError.

    An archive of an earlier release has a FORMAT and no identity: whether it is ours, only the database can tell.
    """
    folders = (root, root / "objects", root / "objects" / INCOMING, ledger_folder(root))
    for folder in folders:
        osfiles.make_private_folder(folder)
    if not format_file(root).exists():
        give_identity(root)  # first: a FORMAT without it would be an earlier release's
        osfiles.create_durably(format_file(root), FORMAT_TEXT.encode("ascii"))
    for folder in (root.parent, *folders[:2]):
        osfiles.sync_folder(folder)


class LocalArchive:
    """The archive in the folder *root*, which is made when the first object is kept.

    From *whole_sync_from* new files on, one call syncs the whole file system; below, each file and folder is synced.
    *identity* is that of the archive which the database knows: a folder without it, such as the empty mount point of a
    disk that is not there, is never written to. *refusal* is raised by whatever would write.
    Raises StorageError when *root* holds another format.
    """

    def __init__(
        self,
        root: Path,
        *,
        whole_sync_from: int = WHOLE_SYNC_FROM,
        identity: str | None = None,
        refusal: PecTrackerError | None = None,
    ) -> None:
        self.root = root
        self._objects = root / "objects"
        self._incoming = self._objects / INCOMING
        self._whole_sync_from = whole_sync_from
        self._prepared = False
        self._identity = identity
        self._refusal = refusal
        self._note = Note(root)
        self.ledger: LedgerShelf = LocalLedger(root, self._make_ledger)
        _require_known_format(root)

    @property
    def place(self) -> str:
        """See `Archive.place`."""
        return str(self.root)

    def put_many(self, objects: Sequence[Object]) -> list[str]:
        """See `Archive.put_many`."""
        crash.at("archive.before-write")
        wanted = {self.path(kept.sha256, kept.suffix): kept.content for kept in objects}
        if wanted:
            self._require_ours()
        with osfiles.disk_errors(self.root):
            if wanted and not self._prepared:
                prepare(self.root)
                self._drop_abandoned()
                self._identity = read_identity(self.root)
                self._prepared = True
            if wanted:
                self._note.add([path.name for path in wanted], synced=len(wanted) < self._whole_sync_from)
            new = {path: content for path, content in wanted.items() if not self._is_kept(path, content)}
            for folder in {path.parent for path in new}:
                osfiles.make_private_folder(folder)
            self._keep(new, {path.parent for path in wanted})
        crash.at("archive.done")
        return [kept.sha256 for kept in objects]

    def get(self, sha256: str, suffix: Suffix) -> bytes:
        """See `Archive.get`."""
        path = self.path(sha256, suffix)
        with osfiles.disk_errors(self.root):
            try:
                content = path.read_bytes()
            except FileNotFoundError as error:
                raise ObjectMissingError(
                    "the object {object} is missing from {folder}; bring it back from a backup, then run check",
                    object=path.name,
                    folder=path.parent,
                ) from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise _damaged(path)
        return content

    def path(self, sha256: str, suffix: Suffix) -> Path:
        """The file of an object, there or not."""
        if not _SHA256.fullmatch(sha256):
            raise ValueError("the name of an object is a SHA-256 in 64 lower-case hex digits")
        return self._objects / sha256[:2] / f"{sha256}{suffix}"

    def holds(self, sha256: str, suffix: Suffix) -> bool:
        """See `Archive.holds`."""
        return self.path(sha256, suffix).is_file()

    def delete(self, sha256: str, suffix: Suffix) -> None:
        """See `Archive.delete`."""
        path = self.path(sha256, suffix)
        self._require_ours()
        with osfiles.disk_errors(self.root):
            path.unlink(missing_ok=True)
            osfiles.sync_folder(path.parent)

    def objects(self) -> Iterator[tuple[str, Suffix, int]]:
        """See `Archive.objects`. What does not belong is passed over: `check` names it."""
        for shelf in scan(self._objects):
            for name in shelf.names:
                with suppress(FileNotFoundError), osfiles.disk_errors(self.root):
                    yield name[:64], Suffix(name[64:]), (shelf.folder / name).stat().st_size

    def identity(self) -> str | None:
        """See `Archive.identity`."""
        return read_identity(self.root)

    def give_identity(self, identity: str | None = None) -> str | None:
        """See `Archive.give_identity`."""
        return give_identity(self.root, identity)

    def make_ready(self, identity: str | None) -> None:
        """See `Archive.make_ready`."""
        with osfiles.disk_errors(self.root):
            if read_identity(self.root) is None:
                self.root.mkdir(parents=True, exist_ok=True)
                give_identity(self.root, identity)
            prepare(self.root)

    def is_bare(self) -> bool:
        """See `Archive.is_bare`."""
        return read_identity(self.root) is None and not format_file(self.root).exists()

    def is_empty(self) -> bool:
        """See `Archive.is_empty`."""
        with osfiles.disk_errors(self.root):
            return not self.root.exists() or next(self.root.iterdir(), None) is None

    def note_attempt(self, key: str, number: int) -> None:
        """See `Archive.note_attempt`."""
        attempts.note(self.root, key, number)

    def noted_attempts(self) -> set[tuple[str, int]]:
        """See `Archive.noted_attempts`."""
        return attempts.noted(self.root)

    def forget_attempt(self, key: str, number: int) -> None:
        """See `Archive.forget_attempt`."""
        attempts.forget(self.root, key, number)

    def take_up(self, named: Callable[[Collection[str]], set[str]], *, of_earlier_releases: bool) -> list[str]:
        """See `Archive.take_up`."""
        return aside.take_up(self.root, named, of_earlier_releases=of_earlier_releases)

    def set_aside(self, names: Iterable[str]) -> list[str]:
        """See `Archive.set_aside`."""
        return aside.set_aside(self.root, names)

    def bring_back(self, names: Iterable[str]) -> None:
        """See `Archive.bring_back`."""
        aside.bring_back(self.root, names)

    def format_findings(self) -> Findings:
        """See `Archive.format_findings`."""
        return format_findings(format_file(self.root), FORMAT_LINE)

    def shelves(self) -> Iterator[Shelf]:
        """See `Archive.shelves`."""
        return scan(self._objects)

    def shelf_of(self, name: str) -> Shelf:
        """See `Archive.shelf_of`."""
        return Shelf(self.path(name[:64], Suffix(name[64:])).parent, (name,), ())

    def rehash(
        self, shelves: Sequence[Shelf], processes: int
    ) -> "AbstractContextManager[Iterator[tuple[str, Rehash]]]":
        """See `Archive.rehash`."""
        return rehash_all([(str(shelf.folder), shelf.names) for shelf in shelves], processes)

    def close(self) -> None:
        """Hold no file of the archive open, so that its disk can be unmounted; it may be used again."""
        self._note.close()

    def _make_ledger(self) -> None:
        self._require_ours()
        if not ledger_folder(self.root).is_dir():
            with osfiles.disk_errors(self.root):
                prepare(self.root)

    def _require_ours(self) -> None:
        """Asked before each writing: a disk may go away while `serve` runs, and leave its mount point empty."""
        if self._refusal is not None:
            raise self._refusal
        if self._identity is not None and read_identity(self.root) != self._identity:
            raise ApartError(
                "the folder {folder} is not the archive that the database knows: is its disk mounted? "
                "Nothing is written there; mount the disk, or put the archive back",
                folder=self.root,
            )

    def _is_kept(self, path: Path, content: bytes) -> bool:
        """Whether *path* holds *content*; a truncated leftover of a dying disk is written again, other bytes never."""
        try:
            kept = path.read_bytes()
        except FileNotFoundError:
            return False
        if kept == content:
            return True
        if not content.startswith(kept):
            raise _damaged(path)
        _log.warning("object.repaired", object=path.name, bytes_found=len(kept), bytes_right=len(content))
        return False

    def _keep(self, new: dict[Path, bytes], folders: set[Path]) -> None:
        """Make *new* and the names in *folders* durable: who renamed what was found there may have died before this."""
        many = len(new) >= self._whole_sync_from or len(folders) >= self._whole_sync_from
        with osfiles.whole_sync(self._objects) if many else nullcontext() as sync:
            aside = self._write_aside(new, synced=sync is None)
            crash.at("archive.written")
            try:
                if sync is not None:
                    sync()
                crash.at("archive.synced")
                for path, temporary in aside.items():
                    temporary.replace(path)
            except BaseException:
                _remove(aside.values())
                raise
            crash.at("archive.renamed")
            if sync is not None:
                sync()
                return
        for folder in (*sorted(folders), self._objects) if folders else ():
            osfiles.sync_folder(folder)

    def _write_aside(self, new: dict[Path, bytes], *, synced: bool) -> dict[Path, Path]:
        aside = {path: self._incoming / f"{path.name}.{secrets.token_hex(8)}" for path in new}
        try:
            for path, content in new.items():
                osfiles.create(aside[path], content, synced=synced)
        except BaseException:
            _remove(aside.values())
            raise
        return aside

    def _drop_abandoned(self) -> None:
        before = time.time() - _ABANDONED_SECONDS
        for leftover in self._incoming.iterdir():
            with suppress(FileNotFoundError):
                if leftover.stat().st_mtime < before:
                    leftover.unlink()


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        with suppress(OSError):  # the failure that led here is the one to report
            path.unlink(missing_ok=True)


def _require_known_format(root: Path) -> None:
    with osfiles.disk_errors(root), suppress(FileNotFoundError):
        first = format_file(root).read_bytes().partition(b"\n")[0].strip()
        if first != FORMAT_LINE.encode("ascii"):
            raise StorageError(
                "{file} does not say '{expected}': the folder is no archive of ours, or a newer release wrote it",
                file=format_file(root),
                expected=FORMAT_LINE,
            )


def _damaged(path: Path) -> ObjectDamagedError:
    return ObjectDamagedError(
        "the object {object} in {folder} no longer has the bytes that its name says; "
        "keep it for inquiry, bring it back from a backup, then run check",
        object=path.name,
        folder=path.parent,
    )
