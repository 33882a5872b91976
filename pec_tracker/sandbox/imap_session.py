"""What does the server know of one client? Who it is, which folder it has open, and what it was told of it.

A client counts mails from 1, and learns of what others do to the folder only by untagged answers: the session
keeps the list that the client has in mind, and tells the difference when the protocol allows (RFC 3501 5.2, 7.4.1).
"""

import ssl
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from pec_tracker.clock import Clock
from pec_tracker.sandbox.imap_faults import ImapFaults
from pec_tracker.sandbox.imap_fetch import flag_list
from pec_tracker.sandbox.imap_grammar import BadCommandError, SequenceSet
from pec_tracker.sandbox.imap_wire import ClosedError, Wire
from pec_tracker.sandbox.store import Folder, Mail, Mailbox, Store

CAPABILITIES: Final = (
    "IMAP4rev1",
    "LITERAL+",
    "SASL-IR",
    "ID",
    "ENABLE",
    "IDLE",
    "NAMESPACE",
    "UIDPLUS",
    "UNSELECT",
    "MOVE",
    "CHILDREN",
    "SPECIAL-USE",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "STATUS=SIZE",
    "QUOTA",
    "QUOTA=RES-STORAGE",
)


class RefusedError(Exception):
    """The command is understood and cannot be obeyed: answered with NO and the text."""


@dataclass(frozen=True, slots=True)
class Encryption:
    """How the connection is protected: the context of its certificate, and whether it begins by STARTTLS."""

    context: ssl.SSLContext | None
    starttls: bool


class View:
    """The open folder as the client knows it: `uids[n - 1]` is the UID of its mail n."""

    def __init__(self, folder: Folder, *, read_only: bool) -> None:
        self.folder = folder
        self.read_only = read_only
        self.uids = list(folder.mails)
        self.expunges_told = folder.modseq
        self.flags_told = folder.modseq

    def number_of(self, uid: int) -> int:
        """The number of a mail that the client knows."""
        return bisect_left(self.uids, uid) + 1

    def named(self, chosen: SequenceSet, *, by_uid: bool) -> list[tuple[int, Mail]]:
        """Number and mail of each mail named and still there. BadCommandError for a number beyond the last."""
        if by_uid:
            return self._still_there((self.number_of(uid), uid) for uid in chosen.among(self.uids))
        largest = max((end for ends in chosen.ranges for end in ends if end is not None), default=0)
        if largest > len(self.uids) or not self.uids:
            raise BadCommandError("no such message number")
        numbers = chosen.among(range(1, len(self.uids) + 1))
        return self._still_there((number, self.uids[number - 1]) for number in numbers)

    def _still_there(self, pairs: Iterable[tuple[int, int]]) -> list[tuple[int, Mail]]:
        mails = self.folder.mails
        return [(number, mails[uid]) for number, uid in pairs if uid in mails]

    def take_expunged(self) -> list[int]:
        """The numbers of mails that went, in the order to tell them; the view is without them after."""
        if self.folder.expunge_modseq <= self.expunges_told:
            return []
        self.expunges_told = self.folder.modseq
        gone = [number for number, uid in enumerate(self.uids, 1) if uid not in self.folder.mails]
        self.uids = [uid for uid in self.uids if uid in self.folder.mails]
        return gone[::-1]

    def take_new(self) -> bool:
        """Whether mails have come; the view is with them after."""
        last = self.uids[-1] if self.uids else 0
        new: list[int] = []
        for uid in reversed(self.folder.mails):
            if uid <= last:
                break
            new.append(uid)
        self.uids += reversed(new)
        return bool(new)

    def take_flagged(self) -> list[tuple[int, Mail]]:
        """Number and mail of those whose flags others changed."""
        if self.folder.flags_modseq <= self.flags_told:
            return []
        told, self.flags_told = self.flags_told, self.folder.modseq
        pairs = self._still_there(enumerate(self.uids, 1))
        return [(number, mail) for number, mail in pairs if mail.flagged_modseq > told]


class Session:
    """One connection, from greeting to logout."""

    def __init__(self, store: Store, wire: Wire, clock: Clock, faults: ImapFaults, encryption: Encryption) -> None:
        self.store = store
        self.wire = wire
        self.clock = clock
        self.faults = faults
        self.encryption = encryption
        self.encrypted = encryption.context is not None and not encryption.starttls
        self.address: str | None = None
        self.view: View | None = None
        # What is left to do once the command's answer is sent: the handshake after STARTTLS, the end after LOGOUT.
        self.afterwards: Callable[[], Awaitable[None]] | None = None

    @property
    def mailbox(self) -> Mailbox:
        """The mailbox of who is logged in."""
        if self.address is None:
            raise BadCommandError("log in first")
        return self.store.mailbox(self.address)

    @property
    def opened(self) -> View:
        """The open folder."""
        if self.view is None:
            raise BadCommandError("select a folder first")
        return self.view

    @property
    def writable(self) -> View:
        """The open folder, to be changed."""
        if self.opened.read_only:
            raise RefusedError("[READ-ONLY] the folder is open for reading only")
        return self.opened

    @property
    def must_encrypt(self) -> bool:
        """Whether a login has to wait for STARTTLS."""
        return self.encryption.starttls and not self.encrypted

    def has(self, capability: str) -> bool:
        """Whether the server has a capability that a fault may take away."""
        return capability not in self.faults.without

    def require(self, capability: str) -> None:
        """A command of an extension is unknown where the extension is missing."""
        if not self.has(capability):
            raise BadCommandError("unknown command")

    def capabilities(self) -> str:
        """What the server can do for this client now."""
        offered = [word for word in CAPABILITIES if self.has(word.partition("=")[0]) and self.has(word)]
        if self.must_encrypt:
            offered += ["STARTTLS", "LOGINDISABLED"]
        elif self.address is None:
            offered.append("AUTH=PLAIN")
        return " ".join(offered)

    def folder(self, name: str, code: str = "[NONEXISTENT] ") -> Folder:
        """A folder by name. RefusedError with `code`."""
        folder = self.mailbox.folder(name)
        if folder is None:
            raise RefusedError(f"{code}no such folder")
        return folder

    def open(self, folder: Folder, *, read_only: bool) -> View:
        """Make a folder the open one."""
        self.view = View(folder, read_only=read_only)
        return self.view

    async def announce(self, *, expunges: bool) -> None:
        """Tell what changed in the open folder; mails keep their numbers unless `expunges` may be told."""
        view = self.view
        if view is None:
            return
        if view.folder.gone:
            self.view = None
            await self.wire.bye("the folder is no longer what it was, open it again")
            raise ClosedError
        for number in view.take_expunged() if expunges else ():
            self.wire.line(f"* {number} EXPUNGE")
        if view.take_new():
            self.wire.line(f"* {len(view.uids)} EXISTS")
        for number, mail in view.take_flagged():
            self.wire.write(b"* %d FETCH (UID %d FLAGS %b)\r\n" % (number, mail.uid, flag_list(mail.flags)))
        await self.wire.relieve()
