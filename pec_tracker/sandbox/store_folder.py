"""What is in one folder of the sandbox? Mails with UID, flags and internal date.

All of it runs in one event loop, so nothing is locked. What changes a folder tells the folder's listeners, which
is how IDLE learns of new mail.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Self

from pec_tracker.sandbox.store_files import FolderFiles

INBOX: Final = "INBOX"
SEPARATOR: Final = "."


@dataclass(slots=True)
class Mail:
    """One mail in one folder. Its bytes are in memory, or on disk under its UID."""

    uid: int
    size: int
    internal_at: datetime
    flags: frozenset[str]
    flagged_modseq: int = 0  # the folder's modseq when the flags last changed; 0: never since they were read
    _bytes: bytes | None = None
    _files: FolderFiles | None = None

    def raw(self) -> bytes:
        """The mail as it was delivered; empty when it was expunged in the meantime."""
        if self._bytes is not None:
            return self._bytes
        if self._files is None:
            return b""
        try:
            return self._files.mail_path(self.uid).read_bytes()
        except FileNotFoundError:
            return b""


@dataclass(slots=True, eq=False)
class Folder:
    """A folder: its mails by ascending UID. A UID is never given twice under one UIDVALIDITY (RFC 3501 2.3.1.1)."""

    name: str
    uidvalidity: int
    special_use: str | None = None
    files: FolderFiles | None = None
    mails: dict[int, Mail] = field(default_factory=dict)
    next_uid: int = 1
    gone: bool = False
    # Each change takes the next number; the last expunge and the last flag change are kept apart, so that a
    # session that missed only new mails need not compare everything.
    modseq: int = 1
    expunge_modseq: int = 0
    flags_modseq: int = 0
    listeners: set[Callable[[], None]] = field(default_factory=set)

    @classmethod
    def load(cls, name: str, uidvalidity: int, special_use: str | None, files: FolderFiles) -> Self:
        """The folder as its journal tells it."""
        folder = cls(name, uidvalidity, special_use, files)
        stored, folder.next_uid = files.load()
        for mail in stored:
            folder.mails[mail.uid] = Mail(mail.uid, mail.size, mail.internal_at, mail.flags, 0, None, files)
        return folder

    def add(self, raw: bytes, *, internal_at: datetime, flags: Iterable[str]) -> int:
        """Append a mail; its new UID."""
        uid, kept = self.next_uid, frozenset(flags)
        if self.files:
            self.files.add(uid, raw, internal_at=internal_at, flags=sorted(kept))
        self.next_uid += 1
        self.modseq += 1
        bytes_here = None if self.files else raw
        self.mails[uid] = Mail(uid, len(raw), internal_at, kept, 0, bytes_here, self.files)
        self._tell()
        return uid

    def set_flags(self, uid: int, flags: Iterable[str]) -> None:
        """Replace the flags of a mail."""
        mail, wanted = self.mails[uid], frozenset(flags)
        if mail.flags == wanted:
            return
        if self.files:
            self.files.flag(uid, sorted(wanted))
        self.modseq += 1
        mail.flags, mail.flagged_modseq, self.flags_modseq = wanted, self.modseq, self.modseq
        self._tell()

    def remove(self, uids: Iterable[int]) -> int:
        """Expunge mails; how many bytes that freed."""
        freed = 0
        for uid in uids:
            mail = self.mails.pop(uid)
            freed += mail.size
            if self.files:
                self.files.expunge(uid)
        self.modseq += 1
        self.expunge_modseq = self.modseq
        self._tell()
        return freed

    def drop(self) -> None:
        """The folder itself goes: sessions that have it open are told."""
        self.gone = True
        if self.files:
            self.files.remove()
        self._tell()

    def size(self) -> int:
        """The bytes of its mails."""
        return sum(mail.size for mail in self.mails.values())

    def unseen(self) -> int:
        r"""How many mails lack \Seen."""
        return sum("\\Seen" not in mail.flags for mail in self.mails.values())

    def _tell(self) -> None:
        for listener in tuple(self.listeners):
            listener()


def canonical_name(name: str) -> str:
    """INBOX is the same in any case, as first level of a longer name too (RFC 3501 5.1)."""
    first, separator, rest = name.partition(SEPARATOR)
    return INBOX + separator + rest if first.upper() == INBOX else name


def parents(name: str) -> Sequence[str]:
    """The names above `name`, nearest last: `a.b.c` gives `a`, `a.b`."""
    levels = name.split(SEPARATOR)
    return [SEPARATOR.join(levels[:count]) for count in range(1, len(levels))]
