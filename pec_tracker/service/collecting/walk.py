"""Which folders of a mailbox have moved since they were collected? STATUS says; to look changes nothing anywhere."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from pec_tracker.db.engine import reading
from pec_tracker.errors import PecTrackerError, ServerError
from pec_tracker.service.collecting.cursors import KnownFolder, Look, known_folders
from pec_tracker.service.house import Account, House, Stop
from pec_tracker.service.intake import uids
from pec_tracker.service.mailboxes.folders import chosen, sent_folder
from pec_tracker.wire.imap import FolderError, FolderName, ImapConnection

log = structlog.get_logger()

Progress = Callable[[int, int], None]  # mails done, mails to do


@dataclass(slots=True)
class Walk:
    """One way through a mailbox's folders over one connection."""

    house: House
    account: Account
    imap: ImapConnection
    progress: Progress
    stop: Stop
    renew: Callable[[], None]
    sent: str | None = None  # the folder that holds copies of what was sent
    folders: list[FolderName] = field(default_factory=list)  # all that the server has, also those not collected
    failures: list[tuple[str, PecTrackerError]] = field(default_factory=list)
    owed: dict[int, list[int]] = field(default_factory=dict)  # by folder, what its server did not give so far

    def moved(self, looks: Sequence[Look]) -> list[tuple[Look, KnownFolder]]:
        """The folders that look otherwise than when they were collected, each as it is known."""
        known = known_folders(self.house, self.account, looks)
        with reading(self.house.engine) as connection:
            self.owed = uids.owed(connection, [one.id for one in known.values()])
        pairs = ((look, known[look.folder.name]) for look in looks)
        return [(look, its) for look, its in pairs if self._has_moved(look, its)]

    def _has_moved(self, look: Look, known: KnownFolder) -> bool:
        """Whether the folder looks otherwise than when it was collected, or still owes us a mail.

        A count that fell is no news: somebody deleted in the webmail.
        """
        more = known.seen_messages is not None and look.status.messages > known.seen_messages
        return known.seen_uidnext != look.status.uidnext or more or known.id in self.owed

    def wanted(self) -> list[FolderName]:
        """The folders that are collected; one that is chosen and not there is a failure."""
        folders = self.folders = self.imap.folders()
        wanted, missing = chosen(self.account, folders)
        for name in missing:
            error = ServerError(
                "the server has no folder {folder}; correct folders.include of the mailbox", folder=name
            )
            self.failures.append((name, error))
        sent = sent_folder(self.account, folders)
        self.sent = sent.name if sent else None
        return wanted

    def looks(self, folders: Sequence[FolderName]) -> list[Look]:
        """How each folder looks now; without those that the server refuses to tell of."""
        looks = []
        for folder in folders:
            if self.stop():
                break
            with self.noting(folder.name):
                looks.append(Look(folder, self.imap.status(folder.name)))
        return looks

    @contextmanager
    def noting(self, folder: str) -> Iterator[None]:
        """A block about one folder: a server's NO to it is noted, and the others go on."""
        try:
            yield
        except FolderError as error:
            self.failures.append((folder, error))
            log.warning("folder.failed", mailbox=self.account.name, error=type(error).__name__)
