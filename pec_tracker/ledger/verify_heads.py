"""Are the heads as the seals make them? Each disagreement by name; a changed head is told from a changed seal."""

import errno
import os
from collections.abc import Iterator
from hashlib import sha256

from pec_tracker.archive.archive import LedgerShelf
from pec_tracker.archive.finding import Finding, FindingKind
from pec_tracker.archive.scan import foreign_file
from pec_tracker.errors import StorageError
from pec_tracker.ledger.heads import Heads, head_name
from pec_tracker.ledger.segments import SealFile


def read_or_why(shelf: LedgerShelf, name: str) -> tuple[bytes | None, str]:
    """The bytes of a file; None where it cannot be read, and then the reason."""
    try:
        content = shelf.read(name)
    except StorageError as error:
        return None, str(error.params.get("reason", type(error).__name__))
    return content, "" if content is not None else os.strerror(errno.ENOENT)


class HeadsExaminer:
    """Walks along with whoever walks the seals in order from the first; *there*: the numbers that have a head."""

    def __init__(self, shelf: LedgerShelf, there: frozenset[int]) -> None:
        self._shelf = shelf
        self._there = there
        self._heads = Heads()
        self._lying: str | None = None  # the SHA-256 of the newest head as it lies there
        self._headless: list[int] = []  # seals without one, before the next that says one

    def agree(self, seal: SealFile) -> bool:
        """Whether *seal*, the next, says the head of the one before it; what two of three say is held for right."""
        if seal.head is None or seal.head == self._heads.newest:
            return True
        unknown = self._heads.newest is None
        if unknown or seal.head == self._lying:
            self._heads.tell(seal.head)  # the seal before is gone, or was changed
            return True
        return False

    def missing(self, seal: SealFile) -> Iterator[Finding]:
        """The heads that *seal* rests on and that are gone; an old release wrote none."""
        if seal.head is not None:
            for number in self._headless:
                text = "{head} is gone from the archive; `pec-tracker check --repair` writes it again"
                yield self._finding(FindingKind.HEAD_MISSING, number, text)
            self._headless.clear()

    def follow(self, number: int, seal_sha256: str | None) -> Iterator[Finding]:
        """Go on to the seal *number*; None where its hash is not known. Its head is there once the next is sealed."""
        expected = self._heads.add(seal_sha256)
        self._lying = None
        if number not in self._there:
            self._headless.append(number)
            return
        name = head_name(number)
        content, reason = read_or_why(self._shelf, name)
        if content is None:
            text = "{file} cannot be read ({reason})"
            yield Finding(FindingKind.HEAD_UNREADABLE, name, text, {"file": name, "reason": reason})
            return
        self._lying = sha256(content).hexdigest()
        if expected is not None and content != expected:
            text = (
                "{head} does not name the seals and heads before it; move it away, then `pec-tracker check --repair` "
                "writes it again"
            )
            yield self._finding(FindingKind.HEAD_REPLACED, number, text)

    def beyond(self) -> Iterator[Finding]:
        """Heads of no seal."""
        for number in sorted(self._there):
            if number > self._heads.number:
                yield foreign_file(f"ledger/{head_name(number)}")

    def _finding(self, kind: FindingKind, number: int, text: str) -> Finding:
        name = head_name(number)
        return Finding(kind, name, text, {"head": name})
