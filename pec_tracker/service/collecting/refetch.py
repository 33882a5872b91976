"""Which mails did the archive lose that still lie on the server? They are fetched and put back, byte for byte.

Only what has the SHA-256 that the index knows is put back: a folder made anew, or a mail that was changed, gives none.
"""

from collections import defaultdict
from dataclasses import dataclass

import structlog
from sqlalchemy import select

from pec_tracker.archive.objects import Object, Suffix
from pec_tracker.askers import Act, Asker
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Folder, Mail, Sighting
from pec_tracker.ledger import together
from pec_tracker.service.house import Account, House
from pec_tracker.service.mailboxes.login import connected
from pec_tracker.service.verbs import verb
from pec_tracker.wire.imap import Fetched, FolderError

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Refetched:
    """How many lost mails of a mailbox came back, and the names of those that did not."""

    mailbox: str
    restored: int
    missing: tuple[str, ...]


@verb(Act.KEEP)
def refetch(asker: Asker, house: House, account: Account) -> Refetched:
    """Fetch again every mail of *account* that the index knows and the archive lacks.

    Raises ApartError, ServerError, LoginRefusedError, StorageError; what came by then is kept.
    """
    together.require(house.engine, house.archive)
    lost = _lost(house, account)
    places = _places(house, account, lost)
    restored: set[str] = set()
    if places:
        with connected(house, account) as imap:
            for (folder, uidvalidity), uids in places.items():
                try:
                    if imap.examine(folder).uidvalidity != uidvalidity:
                        continue
                    for batch in imap.fetch(sorted(uids), spool=house.spool):
                        found = [item for item in map(_object, batch) if item is not None and item.sha256 in lost]
                        house.archive.put_many(found)
                        restored |= {item.sha256 for item in found}
                except FolderError:
                    log.warning("folder.failed", mailbox=account.name)
    log.info("mails.refetched", mailbox=account.name, restored=len(restored), missing=len(lost - restored))
    return Refetched(account.name, len(restored), tuple(f"{name}{Suffix.MAIL}" for name in sorted(lost - restored)))


def _lost(house: House, account: Account) -> set[str]:
    with reading(house.engine) as connection:
        known = connection.scalars(select(Mail.sha256).where(Mail.mailbox_id == account.id)).all()
    return {sha256 for sha256 in known if not house.archive.holds(sha256, Suffix.MAIL)}


def _places(house: House, account: Account, lost: set[str]) -> dict[tuple[str, int], set[int]]:
    """Where the lost mails were seen: UIDs by folder and UIDVALIDITY."""
    columns = (
        select(Mail.sha256, Folder.name, Folder.uidvalidity, Sighting.uid)
        .join(Sighting, Sighting.mail_id == Mail.id)
        .join(Folder, Folder.id == Sighting.folder_id)
        .where(Mail.mailbox_id == account.id)
    )
    places: dict[tuple[str, int], set[int]] = defaultdict(set)
    if lost:
        with reading(house.engine) as connection:
            for row in connection.execute(columns):
                if row.sha256 in lost:
                    places[row.name, row.uidvalidity].add(row.uid)
    return places


def _object(item: Fetched) -> Object | None:
    if item.path is None:
        return None if item.raw is None else Object(item.raw, Suffix.MAIL)
    try:
        return Object(item.path.read_bytes(), Suffix.MAIL)
    finally:
        item.path.unlink(missing_ok=True)
