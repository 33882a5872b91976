"""What is in one mailbox of the sandbox? Its folders, its subscriptions, and how much of its space is used."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from pec_tracker.errors import NotFoundError, UsageError
from pec_tracker.sandbox.store_files import MailboxFiles
from pec_tracker.sandbox.store_folder import INBOX, SEPARATOR, Folder, canonical_name

MAX_NAME_LENGTH: Final = 1_000


@dataclass(frozen=True, slots=True)
class Account:
    """A mailbox that the sandbox offers. `quota_bytes` is its space; `sent_folder` is marked as the Sent folder."""

    address: str
    login: str
    password: str
    quota_bytes: int = 1 << 30
    sent_folder: str = "INBOX.Inviata"


class StoreFull(Exception):  # noqa: N818 - a state of the mailbox that the provider turns into a 5.2.2
    """The mailbox has no room for this mail: `used` and `quota` in bytes."""

    def __init__(self, *, used: int, quota: int) -> None:
        self.used = used
        self.quota = quota
        super().__init__(f"{used} of {quota} bytes used")


class Mailbox:
    """The folders of one account. Folder names are Unicode, their levels parted by a dot."""

    def __init__(self, account: Account, *, files: MailboxFiles | None, first_uidvalidity: int) -> None:
        self.account = account
        self.folders: dict[str, Folder] = {}
        self.subscribed: set[str] = set()
        self.used = 0
        self._files = files
        self._next_uidvalidity = first_uidvalidity

    def create_standard_folders(self) -> None:
        r"""INBOX, and the folders that RFC 6154 gives a use."""
        self._new_folder(INBOX, None)
        self._new_folder(canonical_name(self.account.sent_folder), "\\Sent")
        for name, use in (("Drafts", "\\Drafts"), ("Trash", "\\Trash"), ("Junk", "\\Junk")):
            self._new_folder(name, use)
        self.subscribed = set(self.folders)
        self.save()

    def folder(self, name: str) -> Folder | None:
        """The folder of that name, or None."""
        return self.folders.get(canonical_name(name))

    def create(self, name: str) -> Folder:
        """A new, empty folder. UsageError when the name is taken or cannot be."""
        name = canonical_name(name)
        levels = name.split(SEPARATOR)
        if name in self.folders or not all(levels) or len(name) > MAX_NAME_LENGTH:
            raise UsageError("the folder {name} exists already or its name cannot be; choose another", name=name)
        folder = self._new_folder(name, None)
        self.save()
        return folder

    def delete(self, name: str) -> None:
        """Remove a folder and its mails; the folders below it stay. UsageError for INBOX, NotFoundError."""
        folder = self._existing(name)
        if folder.name == INBOX:
            raise UsageError("INBOX cannot be deleted")
        del self.folders[folder.name]
        self.used -= folder.size()
        self.save()
        folder.drop()

    def rename(self, old: str, new: str) -> None:
        """Rename a folder and those below it; renaming INBOX moves its mails out instead (RFC 3501 6.3.5)."""
        folder, new = self._existing(old), canonical_name(new)
        if folder.name == INBOX:
            self.move(folder, list(folder.mails), self.create(new))
            return
        below = folder.name + SEPARATOR
        pairs = {name: new + name[len(folder.name) :] for name in self.folders if name.startswith(below)}
        pairs[folder.name] = new
        if not all(new.split(SEPARATOR)) or any(name in self.folders for name in pairs.values()):
            raise UsageError("the folder {name} exists already or its name cannot be; choose another", name=new)
        for before, after in pairs.items():
            renamed = self.folders.pop(before)
            renamed.name = after
            self.folders[after] = renamed
        self.save()

    def change_uidvalidity(self, name: str) -> Folder:
        """Number the mails of a folder anew, from 1, under a new UIDVALIDITY; open sessions lose the folder."""
        old = self._existing(name)
        fresh = self._new_folder(old.name, old.special_use)
        for mail in old.mails.values():
            fresh.add(mail.raw(), internal_at=mail.internal_at, flags=mail.flags)
        self.save()
        old.drop()
        return fresh

    def add(self, folder: Folder, raw: bytes, *, internal_at: datetime, flags: Iterable[str]) -> int:
        """Append a mail; its UID. StoreFull when it does not fit."""
        self.make_sure_of_room(len(raw))
        self.used += len(raw)
        return folder.add(raw, internal_at=internal_at, flags=flags)

    def make_sure_of_room(self, size: int) -> None:
        """StoreFull when `size` more bytes do not fit."""
        if self.used + size > self.account.quota_bytes:
            raise StoreFull(used=self.used, quota=self.account.quota_bytes)

    def copy(self, source: Folder, uids: Sequence[int], target: Folder) -> list[int]:
        """Copy mails with flags and internal dates, all or none; the new UIDs, in the same order."""
        mails = [source.mails[uid] for uid in uids]
        self.make_sure_of_room(sum(mail.size for mail in mails))
        return [self.add(target, mail.raw(), internal_at=mail.internal_at, flags=mail.flags) for mail in mails]

    def move(self, source: Folder, uids: Sequence[int], target: Folder) -> list[int]:
        """Move mails, which needs no room; the new UIDs, in the same order."""
        mails = [source.mails[uid] for uid in uids]
        moved = [target.add(mail.raw(), internal_at=mail.internal_at, flags=mail.flags) for mail in mails]
        source.remove(uids)
        return moved

    def expunge(self, folder: Folder, uids: Sequence[int]) -> None:
        """Remove mails for good."""
        if uids:
            self.used -= folder.remove(uids)

    def subscribe(self, name: str) -> None:
        """Note a name as subscribed; it need not exist (RFC 3501 6.3.6)."""
        self.subscribed.add(canonical_name(name))
        self.save()

    def unsubscribe(self, name: str) -> None:
        """Forget a subscription."""
        self.subscribed.discard(canonical_name(name))
        self.save()

    def save(self) -> None:
        """Write account, folders and subscriptions, where the store is on disk."""
        if self._files is None:
            return
        folders = [
            {"name": folder.name, "uidvalidity": folder.uidvalidity, "special_use": folder.special_use}
            for folder in self.folders.values()
        ]
        self._files.write_index(
            {
                "account": asdict(self.account),
                "next_uidvalidity": self._next_uidvalidity,
                "folders": folders,
                "subscribed": sorted(self.subscribed),
            }
        )

    @classmethod
    def load(cls, files: MailboxFiles, index: dict[str, Any]) -> "Mailbox":
        """The mailbox as its files tell it."""
        mailbox = cls(Account(**index["account"]), files=files, first_uidvalidity=index["next_uidvalidity"])
        for line in index["folders"]:
            name, uidvalidity = line["name"], line["uidvalidity"]
            folder = Folder.load(name, uidvalidity, line["special_use"], files.folder(uidvalidity))
            mailbox.folders[name] = folder
            mailbox.used += folder.size()
        mailbox.subscribed = set(index["subscribed"])
        return mailbox

    def _existing(self, name: str) -> Folder:
        folder = self.folder(name)
        if folder is None:
            raise NotFoundError("the sandbox has no folder {name}; create it first", name=name)
        return folder

    def _new_folder(self, name: str, special_use: str | None) -> Folder:
        uidvalidity = self._next_uidvalidity
        self._next_uidvalidity += 1
        files = self._files.folder(uidvalidity) if self._files else None
        folder = self.folders[name] = Folder(name, uidvalidity, special_use, files)
        return folder
