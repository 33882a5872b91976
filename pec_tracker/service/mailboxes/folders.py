"""Which folders of a mailbox are looked through, and which one holds the copies of what was sent? Pure."""

from collections.abc import Sequence

from pec_tracker.service.house import Account
from pec_tracker.wire.imap import DRAFTS, JUNK, SENT, TRASH, FolderName

# Neither proof nor letters: what was thrown away, not yet written, or suspected (RFC 6154 names).
LEFT_OUT = frozenset({TRASH, DRAFTS, JUNK})


def chosen(account: Account, folders: Sequence[FolderName]) -> tuple[list[FolderName], list[str]]:
    """The folders to collect, and the configured ones that the server does not have.

    All but Trash, Drafts and Junk, unless the configuration names those to collect; names without regard to case.
    """
    selectable = [folder for folder in folders if folder.selectable]
    if account.folders.include:
        there = {folder.name.lower() for folder in selectable}
        wanted = {name.lower() for name in account.folders.include}
        found = [folder for folder in selectable if folder.name.lower() in wanted]
        return found, [name for name in account.folders.include if name.lower() not in there]
    unwanted = {name.lower() for name in account.folders.exclude}
    usual = [
        folder for folder in selectable if folder.special_use not in LEFT_OUT and folder.name.lower() not in unwanted
    ]
    return usual, []


def sent_folder(account: Account, folders: Sequence[FolderName]) -> FolderName | None:
    """The folder of sent mails: the configured one where the server has it, else the server's own; None: none."""
    selectable = [folder for folder in folders if folder.selectable]
    configured = (account.folders.sent or "").lower()
    by_name = next((folder for folder in selectable if folder.name.lower() == configured), None)
    return by_name or next((folder for folder in selectable if folder.special_use == SENT), None)
