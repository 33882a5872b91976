"""Which UIDs gave no mail, and which mails could not be read? Each with its reason; nothing is passed over."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from pec_tracker.askers import Act, Asker
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Folder, Mail, Mailbox, Sighting
from pec_tracker.pec.standard import Kind
from pec_tracker.service.house import House
from pec_tracker.service.verbs import among, verb


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One UID without a mail, or one mail that could not be read (`sha256` names its bytes in the archive)."""

    mailbox: str
    folder: str | None
    uid: int | None
    reason: str
    seen_at: datetime
    sha256: str | None


@verb(Act.READ)
def quarantined(asker: Asker, house: House, mailboxes: Collection[str] = ()) -> list[Quarantined]:
    """Everything in quarantine, the oldest first; only of these *mailboxes* where any are named."""
    missing = (
        select(Mailbox.name, Folder.name.label("folder"), Sighting.uid, Sighting.reason, Sighting.seen_at)
        .join(Folder, Folder.id == Sighting.folder_id)
        .join(Mailbox, Mailbox.id == Folder.mailbox_id)
        .where(Sighting.mail_id.is_(None), among(asker, Mailbox.id))
    )
    unreadable = (
        select(Mailbox.name, Mail.sha256, Mail.warnings, Mail.archived_at)
        .join(Mailbox, Mailbox.id == Mail.mailbox_id)
        .where(Mail.kind == Kind.UNREADABLE, among(asker, Mailbox.id))
    )
    with reading(house.engine) as connection:
        entries = [
            Quarantined(row.name, row.folder, row.uid, row.reason or "", row.seen_at, None)
            for row in connection.execute(missing)
        ]
        entries += [
            Quarantined(row.name, None, None, ", ".join(row.warnings), row.archived_at, row.sha256)
            for row in connection.execute(unreadable)
        ]
    wanted = (entry for entry in entries if not mailboxes or entry.mailbox in mailboxes)
    return sorted(wanted, key=lambda entry: (entry.seen_at, entry.mailbox, entry.uid or 0))
