"""Does the archive hold every mail that the server has? UID by UID, folder by folder (promise P2).

Read-only there and here: folders are examined, never selected; nothing is fetched, flagged or written.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Connection, func, select

from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Folder, Sighting
from pec_tracker.service.folders import chosen
from pec_tracker.service.house import Account, House
from pec_tracker.service.suspension import connected
from pec_tracker.wire.imap import FolderError, FolderName, FolderStatus, ImapConnection

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class FolderReport:
    """One folder as the server shows it now, held against what we have of it.

    `archived` counts UIDs there whose mail we keep; `quarantined` are UIDs there that gave no mail, each with why;
    `missing` are UIDs there that we never saw; `gone` counts mails that we saw there and that are there no longer,
    under no other UID either. `collected`: by the configuration it is collected. `failure` is why the server refused
    the folder; then nothing of it is known.
    """

    name: str
    collected: bool
    uidvalidity: int | None = None
    on_server: int = 0
    archived: int = 0
    quarantined: tuple[tuple[int, str], ...] = ()
    missing: tuple[int, ...] = ()
    gone: int = 0
    failure: FolderError | None = field(default=None, compare=False)

    @property
    def complete(self) -> bool:
        """All that is there is archived or in quarantine; a folder that is not collected is complete."""
        return not self.collected or (self.failure is None and not self.missing)


@dataclass(frozen=True, slots=True)
class Completeness:
    """All folders of a mailbox; `absent` are those that the configuration asks for and the server does not have;
    `vanished` names folders that we know and the server no longer has, with how many UIDs we saw in them."""

    mailbox: str
    folders: tuple[FolderReport, ...]
    absent: tuple[str, ...] = ()
    vanished: tuple[tuple[str, int], ...] = ()

    @property
    def complete(self) -> bool:
        """Nothing that the server has in the collected folders is without its mail or its reason."""
        return not self.absent and all(folder.complete for folder in self.folders)


@dataclass(frozen=True, slots=True)
class Seen:
    """One sighting: the UID under its UIDVALIDITY, and the mail's row, or the reason why it gave none."""

    uidvalidity: int
    uid: int
    mail_id: int | None
    reason: str | None


def completeness(house: House, account: Account) -> Completeness:
    """Ask the server for the UIDs of every folder that can be opened, and compare.

    Raises ServerError, LoginRefusedError, TlsError; a folder that the server refuses is a FolderReport with `failure`.
    """
    with connected(house, account) as imap:
        folders = imap.folders()
        wanted, absent = chosen(account, folders)
        names = {folder.name for folder in wanted}
        # The server first, then the database: what is collected between the two is no finding.
        reports = tuple(
            _folder(house, account, imap, folder, collected=folder.name in names)
            for folder in folders
            if folder.selectable
        )
    vanished = _vanished(house, account, [folder.name for folder in folders])
    report = Completeness(account.name, reports, tuple(absent), vanished)
    log.info(
        "mailbox.compared",
        mailbox=account.key,
        on_server=sum(folder.on_server for folder in reports),
        missing=sum(len(folder.missing) for folder in reports if folder.collected),
        complete=report.complete,
    )
    return report


def _folder(
    house: House, account: Account, imap: ImapConnection, folder: FolderName, *, collected: bool
) -> FolderReport:
    try:
        status = imap.examine(folder.name)
        there = imap.all_uids() if status.messages else []
    except FolderError as error:
        return FolderReport(folder.name, collected, failure=error)
    with reading(house.engine) as connection:
        seen = _sightings(connection, account, folder.name)
    return compare(folder.name, status, there, seen, collected=collected)


def compare(
    name: str, status: FolderStatus, there: Sequence[int], seen: Sequence[Seen], *, collected: bool
) -> FolderReport:
    """The UIDs that are *there* now, held against all that was ever *seen* in a folder of this name. Pure."""
    on_server = set(there)
    present = {one.uid: one for one in seen if one.uidvalidity == status.uidvalidity and one.uid in on_server}
    still_there = {one.mail_id for one in present.values() if one.mail_id is not None}
    gone = [one for one in seen if not _is_there(one, status, on_server) and one.mail_id not in still_there]
    return FolderReport(
        name=name,
        collected=collected,
        uidvalidity=status.uidvalidity,
        on_server=len(on_server),
        archived=sum(one.mail_id is not None for one in present.values()),
        quarantined=tuple(sorted((uid, one.reason) for uid, one in present.items() if one.reason is not None)),
        missing=tuple(sorted(on_server - present.keys())),
        gone=len({one.mail_id or (one.uidvalidity, one.uid) for one in gone}),
    )


def _is_there(one: Seen, status: FolderStatus, on_server: set[int]) -> bool:
    """Under the present UIDVALIDITY; what came after the server was asked is there too."""
    came_later = 0 < status.uidnext <= one.uid
    return one.uidvalidity == status.uidvalidity and (one.uid in on_server or came_later)


def _sightings(connection: Connection, account: Account, name: str) -> list[Seen]:
    columns = select(Folder.uidvalidity, Sighting.uid, Sighting.mail_id, Sighting.reason)
    of_folder = columns.join(Folder, Folder.id == Sighting.folder_id).where(
        Folder.mailbox_id == account.id, Folder.name == name
    )
    return [Seen(*row) for row in connection.execute(of_folder)]


def _vanished(house: House, account: Account, names: Sequence[str]) -> tuple[tuple[str, int], ...]:
    counted = select(Folder.name, func.count()).join(Sighting, Sighting.folder_id == Folder.id)
    known = counted.where(Folder.mailbox_id == account.id).group_by(Folder.name).order_by(Folder.name)
    with reading(house.engine) as connection:
        return tuple((name, count) for name, count in connection.execute(known) if name not in names)
