"""How far was each folder collected, and how did it look then? Rows are found by name and UIDVALIDITY.

A folder under another UIDVALIDITY is another folder: it starts from its first UID, and its mails are known by their
bytes (RFC 3501 2.3.1.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select, update

from pec_tracker.db.engine import in_one_transaction, reading, writing
from pec_tracker.db.tables import Folder
from pec_tracker.ledger import lines, records
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.service.house import Account, House
from pec_tracker.wire.imap import FolderName, FolderStatus


@dataclass(frozen=True, slots=True)
class KnownFolder:
    """A folder under one UIDVALIDITY, as the database has it."""

    id: int
    name: str
    uidvalidity: int
    last_uid: int
    seen_uidnext: int | None
    seen_messages: int | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """How a folder looked before it was opened: while it looks so, nothing is new in it."""

    folder: FolderName
    status: FolderStatus


def known_folders(house: House, account: Account, looks: Sequence[Look]) -> dict[str, KnownFolder]:
    """Each folder's row under its present UIDVALIDITY, by name; a new one starts from its first UID."""
    wanted = {(look.folder.name, look.status.uidvalidity) for look in looks}
    with reading(house.engine) as connection:
        there = _rows(connection, account, wanted)
    new = sorted(wanted - there.keys())
    if new:
        objects = {each: records.folder(account.key, *each) for each in new}
        house.archive.put_many(list(objects.values()))
        now = house.clock.now()

        def add(connection: Connection) -> dict[tuple[str, int], KnownFolder]:
            missing = sorted(wanted - _rows(connection, account, wanted).keys())
            if missing:
                rows = [
                    {"mailbox_id": account.id, "name": name, "uidvalidity": uidvalidity, "last_uid": 0}
                    for name, uidvalidity in missing
                ]
                connection.execute(insert(Folder), rows)
            acts = [
                lines.new_line(LedgerAct.FOLDER_KNOWN, at=now, mailbox=account.key, record=objects[each].sha256)
                for each in missing
            ]
            lines.append(connection, acts)
            return _rows(connection, account, wanted)

        there = in_one_transaction(house.engine, add)
    return {name: known for (name, _), known in there.items()}


def _rows(connection: Connection, account: Account, wanted: set[tuple[str, int]]) -> dict[tuple[str, int], KnownFolder]:
    columns = (
        Folder.id, Folder.name, Folder.uidvalidity, Folder.last_uid, Folder.seen_uidnext, Folder.seen_messages,
    )  # fmt: skip
    rows = connection.execute(select(*columns).where(Folder.mailbox_id == account.id))
    known = (KnownFolder(*row) for row in rows)
    return {(one.name, one.uidvalidity): one for one in known if (one.name, one.uidvalidity) in wanted}


def mark_seen(house: House, seen: Sequence[tuple[KnownFolder, FolderStatus]]) -> None:
    """Remember how folders looked when they were collected to their end: while they look so, nothing is fetched."""
    if not seen:
        return
    changed = (
        update(Folder)
        .where(Folder.id == bindparam("of_folder"))
        .values(seen_uidnext=bindparam("uidnext"), seen_messages=bindparam("messages"))
    )
    rows = [{"of_folder": known.id, "uidnext": status.uidnext, "messages": status.messages} for known, status in seen]
    with writing(house.engine) as connection:
        connection.execute(changed, rows)


def lower_cursor(house: House, known: KnownFolder, last_uid: int) -> None:
    """The server gives UIDs anew from there on."""
    with writing(house.engine) as connection:
        connection.execute(update(Folder).where(Folder.id == known.id).values(last_uid=last_uid))
