"""Where do the sandbox's mails live? In the mailboxes of its store: what SMTP delivers into, and IMAP reads from.

Everything runs in one event loop, without locks. Given a folder, accounts, folders, UIDs, flags and UIDVALIDITY
survive a restart (`store_files`).
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pec_tracker.errors import NotFoundError
from pec_tracker.sandbox.store_files import MailboxFiles, stored_mailboxes
from pec_tracker.sandbox.store_folder import INBOX, Folder, Mail
from pec_tracker.sandbox.store_mailbox import Account, Mailbox, StoreFull

__all__ = ["Account", "Folder", "Mail", "Mailbox", "Store", "StoreFull"]


class Store:
    """Every mailbox of the sandbox, by address.

    `folder` keeps them on disk, None in memory only. `first_uidvalidity` is the UIDVALIDITY of the first folder of
    each mailbox that is new: a store in memory that starts anew under the same clients should be given another one.
    """

    def __init__(self, folder: Path | None, *, first_uidvalidity: int = 1) -> None:
        self._folder = folder
        self._first_uidvalidity = first_uidvalidity
        self._mailboxes: dict[str, Mailbox] = {}
        if folder is not None:
            for files, index in stored_mailboxes(folder):
                mailbox = Mailbox.load(files, index)
                self._mailboxes[mailbox.account.address.lower()] = mailbox

    def add_account(self, account: Account) -> None:
        """Offer a mailbox with its standard folders; one that is there already takes over the new account's terms."""
        key = account.address.lower()
        if key in self._mailboxes:
            self._mailboxes[key].account = account
            self._mailboxes[key].save()
            return
        files = MailboxFiles.of(self._folder, account.address) if self._folder else None
        mailbox = Mailbox(account, files=files, first_uidvalidity=self._first_uidvalidity)
        mailbox.create_standard_folders()
        self._mailboxes[key] = mailbox

    def accounts(self) -> Sequence[Account]:
        """Every account, in the order in which they were added or loaded."""
        return [mailbox.account for mailbox in self._mailboxes.values()]

    def account_for_login(self, login: str) -> Account | None:
        """The account with that user name, compared without case."""
        return next((account for account in self.accounts() if account.login.lower() == login.lower()), None)

    def account_for_address(self, address: str) -> Account | None:
        """The account with that address, compared without case."""
        mailbox = self._mailboxes.get(address.lower())
        return mailbox.account if mailbox else None

    def mailbox(self, address: str) -> Mailbox:
        """The mailbox of an address. NotFoundError."""
        try:
            return self._mailboxes[address.lower()]
        except KeyError:
            raise NotFoundError("{address} is not a mailbox of this sandbox; add it first", address=address) from None

    def deliver(
        self, address: str, raw: bytes, *, folder: str = INBOX, flags: Sequence[str] = (), internal_at: datetime
    ) -> int:
        """Put a mail into a folder; its UID. StoreFull when over quota, NotFoundError for address or folder."""
        mailbox = self.mailbox(address)
        target = mailbox.folder(folder)
        if target is None:
            raise NotFoundError("the sandbox has no folder {name}; create it first", name=folder)
        return mailbox.add(target, raw, internal_at=internal_at, flags=flags)

    def used(self, address: str) -> int:
        """Bytes in use in a mailbox."""
        return self.mailbox(address).used
