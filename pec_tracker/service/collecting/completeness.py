"""Does the archive hold every mail that the server has? UID by UID, folder by folder.

A UID alone proves nothing (see `uids`): size and arrival, as the server says them, are held against the mail that we
keep. Read-only there and here: folders are examined, never selected; no mail is fetched, flagged or written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Connection, func, select

from pec_tracker.askers import Act, Asker
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Folder, Mail, Sighting
from pec_tracker.service.house import Account, House
from pec_tracker.service.intake import uids
from pec_tracker.service.intake.uids import Sighted
from pec_tracker.service.mailboxes.folders import chosen
from pec_tracker.service.mailboxes.login import connected
from pec_tracker.service.verbs import verb
from pec_tracker.wire.imap import FolderError, FolderName, FolderStatus, Identity, ImapConnection

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class FolderReport:
    """One folder as the server shows it now, held against what we have of it.

    `archived` counts UIDs there whose mail we keep; `quarantined` are UIDs there that gave no mail, each with why;
    `missing` are UIDs there that we never saw; `others` are UIDs under which the server shows another mail than the one
    that we keep, by size and arrival (a server that was restored gives UIDs anew); `gone` counts mails that we saw
    there and that are there no longer, under no other UID either. `collected`: by the configuration it is collected.
    `failure` is why the server refused the folder; then nothing of it is known.
    """

    name: str
    collected: bool
    uidvalidity: int | None = None
    on_server: int = 0
    archived: int = 0
    quarantined: tuple[tuple[int, str], ...] = ()
    missing: tuple[int, ...] = ()
    others: tuple[int, ...] = ()
    gone: int = 0
    failure: FolderError | None = field(default=None, compare=False)

    @property
    def complete(self) -> bool:
        """All that is there is archived; a folder that is not collected is complete."""
        lacks = self.failure is not None or self.missing or self.others or self.quarantined
        return not self.collected or not lacks


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
        """The archive has every mail that the server has in the collected folders."""
        return not self.absent and all(folder.complete for folder in self.folders)


@dataclass(frozen=True, slots=True)
class Seen:
    """One sighting: the UID under its UIDVALIDITY, and what it gave."""

    uidvalidity: int
    sighted: Sighted

    @property
    def uid(self) -> int:
        """Its UID."""
        return self.sighted.uid


@verb(Act.READ)
def completeness(asker: Asker, house: House, account: Account) -> Completeness:
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
        missing=sum(len(folder.missing) + len(folder.others) for folder in reports if folder.collected),
        complete=report.complete,
    )
    return report


def _folder(
    house: House, account: Account, imap: ImapConnection, folder: FolderName, *, collected: bool
) -> FolderReport:
    try:
        status = imap.examine(folder.name)
        there = imap.all_uids() if status.messages else []
        said = imap.identities(there) if there else {}
    except FolderError as error:
        return FolderReport(folder.name, collected, failure=error)
    with reading(house.engine) as connection:
        seen = _sightings(connection, account, folder.name)
    return compare(folder.name, status, there, seen, said, collected=collected)


def compare(
    name: str,
    status: FolderStatus,
    there: Sequence[int],
    seen: Sequence[Seen],
    said: Mapping[int, Identity],
    *,
    collected: bool,
) -> FolderReport:
    """The UIDs that are *there* now, held against all that was ever *seen* in a folder of this name. Pure.

    *said* is the size and the arrival that the server tells of each.
    """
    on_server = set(there)
    present = {one.uid: one.sighted for one in seen if one.uidvalidity == status.uidvalidity and one.uid in on_server}
    others = frozenset(uids.others(present, said))
    still_there = {one.mail_id for uid, one in present.items() if one.mail_id is not None and uid not in others}
    gone = [
        one
        for one in seen
        if (one.uid in others or not _is_there(one, status, on_server)) and one.sighted.mail_id not in still_there
    ]
    return FolderReport(
        name=name,
        collected=collected,
        uidvalidity=status.uidvalidity,
        on_server=len(on_server),
        archived=sum(one.mail_id is not None for uid, one in present.items() if uid not in others),
        quarantined=tuple(sorted((uid, one.reason) for uid, one in present.items() if one.reason is not None)),
        missing=tuple(sorted(on_server - present.keys())),
        others=tuple(sorted(others)),
        gone=len({one.sighted.mail_id or (one.uidvalidity, one.uid) for one in gone}),
    )


def _is_there(one: Seen, status: FolderStatus, on_server: set[int]) -> bool:
    """Under the present UIDVALIDITY; what came after the server was asked is there too."""
    came_later = 0 < status.uidnext <= one.uid
    return one.uidvalidity == status.uidvalidity and (one.uid in on_server or came_later)


def _sightings(connection: Connection, account: Account, name: str) -> list[Seen]:
    columns = select(Folder.uidvalidity, Sighting.uid, Sighting.mail_id, Sighting.reason, Mail.size, Mail.internal_at)
    of_folder = (
        columns.join(Folder, Folder.id == Sighting.folder_id)
        .outerjoin(Mail, Mail.id == Sighting.mail_id)
        .where(Folder.mailbox_id == account.id, Folder.name == name)
    )
    return [
        Seen(row.uidvalidity, Sighted(row.uid, row.mail_id, row.reason, row.size, row.internal_at))
        for row in connection.execute(of_folder)
    ]


def _vanished(house: House, account: Account, names: Sequence[str]) -> tuple[tuple[str, int], ...]:
    counted = select(Folder.name, func.count()).join(Sighting, Sighting.folder_id == Folder.id)
    known = counted.where(Folder.mailbox_id == account.id).group_by(Folder.name).order_by(Folder.name)
    with reading(house.engine) as connection:
        return tuple((name, count) for name, count in connection.execute(known) if name not in names)
