"""How do the sandbox's mails survive a restart? One folder a mailbox, one file a mail, one journal a folder.

```
STORE/<address>/mailbox.json              account, folders, subscriptions: rewritten whole
STORE/<address>/<uidvalidity>/<uid>.eml   the mail, byte for byte
STORE/<address>/<uidvalidity>/journal     one JSON line for each mail added, flagged or expunged
```
The journal is only appended to: a torn last line, after a kill, is a change that never happened.
The sandbox is a test bench: passwords stand in clear, and nothing is synced.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class StoredMail:
    """What the journal says of one mail that is still there."""

    uid: int
    size: int
    internal_at: datetime
    flags: frozenset[str]


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """The mails and the journal of one folder."""

    path: Path

    def mail_path(self, uid: int) -> Path:
        """Where the mail `uid` stands."""
        return self.path / f"{uid}.eml"

    def add(self, uid: int, raw: bytes, *, internal_at: datetime, flags: Sequence[str]) -> None:
        """Write a mail, then the line that makes it part of the folder."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.mail_path(uid).write_bytes(raw)
        self._append({"add": uid, "size": len(raw), "at": internal_at.isoformat(), "flags": sorted(flags)})

    def flag(self, uid: int, flags: Sequence[str]) -> None:
        """Note the new flags of a mail."""
        self._append({"flag": uid, "flags": sorted(flags)})

    def expunge(self, uid: int) -> None:
        """Note that a mail is gone, and remove it."""
        self._append({"expunge": uid})
        self.mail_path(uid).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)

    def load(self) -> tuple[list[StoredMail], int]:
        """The mails still there, by ascending UID, and the next UID to give."""
        mails: dict[int, StoredMail] = {}
        next_uid = 1
        for line in self._lines():
            if "add" in line:
                uid = int(line["add"])
                next_uid = max(next_uid, uid + 1)
                at = datetime.fromisoformat(line["at"])
                mails[uid] = StoredMail(uid, int(line["size"]), at, frozenset(line["flags"]))
            elif "flag" in line:
                old = mails[int(line["flag"])]
                mails[old.uid] = StoredMail(old.uid, old.size, old.internal_at, frozenset(line["flags"]))
            else:
                mails.pop(int(line["expunge"]), None)
        return [mails[uid] for uid in sorted(mails)], next_uid

    def _append(self, line: Mapping[str, Any]) -> None:
        with (self.path / "journal").open("a", encoding="ascii", newline="\n") as journal:
            journal.write(json.dumps(line, separators=(",", ":")) + "\n")

    def _lines(self) -> Iterator[dict[str, Any]]:
        journal = self.path / "journal"
        if not journal.exists():
            return
        text = journal.read_text(encoding="ascii")
        whole, _, torn = text.rpartition("\n")
        if torn:
            journal.write_text(whole + "\n" if whole else "", encoding="ascii", newline="\n")
        for line in whole.splitlines():
            yield json.loads(line)


@dataclass(frozen=True, slots=True)
class MailboxFiles:
    """The folder on disk of one mailbox."""

    path: Path

    @classmethod
    def of(cls, store: Path, address: str) -> "MailboxFiles":
        """The place of `address` in the folder `store`."""
        return cls(store / quote(address.lower(), safe="@"))

    def folder(self, uidvalidity: int) -> FolderFiles:
        """The files of the folder with that UIDVALIDITY, which no two folders of a mailbox ever share."""
        return FolderFiles(self.path / str(uidvalidity))

    def write_index(self, index: Mapping[str, Any]) -> None:
        """Replace `mailbox.json` at once."""
        self.path.mkdir(parents=True, exist_ok=True)
        fresh = self.path / "mailbox.json.new"
        fresh.write_text(json.dumps(index, indent=1, ensure_ascii=False), encoding="utf-8")
        fresh.replace(self.path / "mailbox.json")


def stored_mailboxes(store: Path) -> Iterator[tuple[MailboxFiles, dict[str, Any]]]:
    """Every mailbox kept in the folder `store`, with its `mailbox.json`."""
    for index in sorted(store.glob("*/mailbox.json")):
        yield MailboxFiles(index.parent), json.loads(index.read_text(encoding="utf-8"))
