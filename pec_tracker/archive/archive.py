"""What does whoever keeps the bytes have to be able to do? The archive as everyone else sees it: names, never paths.

Objects are named by their SHA-256; the ledger's files by number and kind (`ledger.segments`). All are written once.
What a method raises besides what it says: StorageError, of which DiskFullError is one.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol

from pec_tracker.archive.finding import Finding
from pec_tracker.archive.objects import Object, Suffix
from pec_tracker.archive.rehash import Rehash
from pec_tracker.archive.scan import Shelf

NO_FILE: Final = " (no file)"


class LedgerShelf(Protocol):
    """The files of the ledger: small, each appears whole or not at all, and is never changed."""

    @property
    def place(self) -> str:
        """Where they lie, for a person."""

    def create(self, name: str, content: bytes) -> bool:
        """Make the file *name*, durable when it returns; False when it was there before, whoever made it."""

    def read(self, name: str) -> bytes | None:
        """The bytes of the file *name*, None where there is none."""

    def holds(self, name: str) -> bool:
        """Whether there is a file *name*, without reading it."""

    def names(self) -> list[str]:
        """All that lies there, sorted; what is no file ends with NO_FILE. Grows with the years."""


class Archive(Protocol):
    """Where the bytes live. Names of objects are hex SHA-256; every reading is hashed again."""

    @property
    def place(self) -> str:
        """Where it is, for a person."""

    @property
    def ledger(self) -> LedgerShelf:
        """The ledger's files."""

    # --- objects ---

    def put_many(self, objects: Sequence[Object]) -> list[str]:
        """Keep all of *objects*, durable when it returns; their names, in order. Repeating it changes nothing.

        An object already there is read again: ObjectDamagedError when it holds other bytes. What it had kept when it
        raises is whole.
        """

    def get(self, sha256: str, suffix: Suffix) -> bytes:
        """The bytes of one object. Raises ObjectMissingError, ObjectDamagedError."""

    def holds(self, sha256: str, suffix: Suffix) -> bool:
        """Whether the object is there, without reading it."""

    def delete(self, sha256: str, suffix: Suffix) -> None:
        """Let the object go, durably; nothing happens when it is gone already."""

    def objects(self) -> Iterator[tuple[str, Suffix, int]]:
        """Every object: name, suffix, size in bytes."""

    # --- which archive it is ---

    def identity(self) -> str | None:
        """What tells it from every other one (32 hex digits); None where it has none, or none that can be read."""

    def give_identity(self, identity: str | None = None) -> str | None:
        """Give it *identity*, by default a new one, where it has none; the one that it has then."""

    def make_ready(self, identity: str | None) -> None:
        """Make what an archive consists of where that is missing, with *identity* where it has none."""

    def is_bare(self) -> bool:
        """Whether nothing says that it is an archive: a new one, or one whose disk is not there."""

    def is_empty(self) -> bool:
        """Whether nothing at all lies there."""

    # --- what is under way ---

    def note_attempt(self, key: str, number: int) -> None:
        """Note, durably, that the message *key* is about to leave for the *number*th time."""

    def noted_attempts(self) -> set[tuple[str, int]]:
        """Every attempt that is noted: the message's key, and the attempt's number."""

    def forget_attempt(self, key: str, number: int) -> None:
        """Drop the note of an attempt."""

    def take_up(self, named: Callable[[Collection[str]], set[str]], *, of_earlier_releases: bool) -> list[str]:
        """Move aside what killed runs wrote and nobody names, drop their half written files; the objects' names.

        *named* tells which of some objects are named. *of_earlier_releases*: also look where these wrote aside.
        """

    def set_aside(self, names: Iterable[str]) -> list[str]:
        """Move objects (name with suffix) off the shelves; those moved. What a process writes now stays."""

    def bring_back(self, names: Iterable[str]) -> None:
        """Put objects back that were moved aside and that are named after all."""

    # --- looked through ---

    def format_findings(self) -> list[Finding]:
        """What is wrong with the file that says what this is."""

    def shelves(self) -> Iterator[Shelf]:
        """Every object by its shelf, in order, and what lies there that should not."""

    def shelf_of(self, name: str) -> Shelf:
        """The shelf of the object *name* (with suffix), with it alone, be it there or not."""

    def rehash(self, shelves: Sequence[Shelf], processes: int) -> AbstractContextManager[Iterator[tuple[str, Rehash]]]:
        """Read the objects of *shelves* again, by so many processes, while the block does something else; where each
        shelf is, and what came of it."""

    def close(self) -> None:
        """Let go of what is held open; it may be used again."""
