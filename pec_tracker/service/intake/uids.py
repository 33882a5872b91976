"""Which UIDs must be asked for again? A UID that was seen is no proof that its mail was collected.

A server may leave a mail out of an answer, and one that was restored from its own backup gives UIDs a second time, to
other mails, under the same UIDVALIDITY (which RFC 3501 2.3.1.1 forbids). Bytes decide; what a server says of size and
arrival tells which bytes to ask for.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, func, select

from pec_tracker.db.chunks import chunks
from pec_tracker.db.tables import Folder, Mail, Sighting
from pec_tracker.wire.imap import Identity

# Why a UID gave no mail: it is no longer there; the server lists it and gives nothing; it refuses to give it.
GONE: Final = "gone"
LEFT_OUT: Final = "left-out"
REFUSED: Final = "refused"

# What is there and was not given: asked for again, by itself.
OWED: Final = (LEFT_OUT, REFUSED)

# So many UIDs below the newest known one are looked at again when a folder has changed.
WINDOW: Final = 200

# So many mails that the server owes are asked for in one look at a folder.
ASKED_AGAIN: Final = 50


@dataclass(frozen=True, slots=True)
class Sighted:
    """What a UID gave: a mail, known by size and arrival, or the reason why none."""

    uid: int
    mail_id: int | None
    reason: str | None
    size: int | None = None
    internal_at: datetime | None = None


def is_another(sighted: Sighted, said: Identity | None) -> bool:
    """Whether the server shows another mail under this UID than the one that we keep: by size and by arrival.

    One of the two alone says nothing: servers reckon sizes in their own ways, and the same mail may lie there twice.
    """
    if sighted.mail_id is None or said is None or said.size is None or said.internal_at is None:
        return False
    return said.size != sighted.size and said.internal_at != sighted.internal_at


def sighted_in(connection: Connection, folder_id: int, uids: Sequence[int]) -> dict[int, Sighted]:
    """What each of these UIDs of the folder gave, by UID."""
    columns = select(Sighting.uid, Sighting.mail_id, Sighting.reason, Mail.size, Mail.internal_at)
    found: dict[int, Sighted] = {}
    for some in chunks(list(uids)):
        rows = columns.outerjoin(Mail, Mail.id == Sighting.mail_id).where(
            Sighting.folder_id == folder_id, Sighting.uid.in_(some)
        )
        found |= {row.uid: Sighted(*row) for row in connection.execute(rows)}
    return found


def owed(connection: Connection, folder_ids: Collection[int]) -> dict[int, list[int]]:
    """The UIDs that each folder's server owes us, ascending."""
    found: dict[int, list[int]] = {}
    columns = select(Sighting.folder_id, Sighting.uid).order_by(Sighting.uid)
    for some in chunks(sorted(folder_ids)):
        wanted = columns.where(Sighting.folder_id.in_(some), Sighting.reason.in_(OWED))
        for row in connection.execute(wanted):
            found.setdefault(row.folder_id, []).append(row.uid)
    return found


def owed_count(connection: Connection, mailbox_id: int) -> int:
    """How many mails of the mailbox lie on the server, which does not give them."""
    counted = select(func.count()).select_from(Sighting).join(Folder, Folder.id == Sighting.folder_id)
    return connection.scalar(counted.where(Folder.mailbox_id == mailbox_id, Sighting.reason.in_(OWED))) or 0


def never_seen(there: Sequence[int], sighted: Mapping[int, Sighted]) -> list[int]:
    """The UIDs *there* of which nothing was ever noted."""
    return [uid for uid in there if uid not in sighted]


def others(sighted: Mapping[int, Sighted], said: Mapping[int, Identity]) -> list[int]:
    """The UIDs under which the server shows another mail than the one that we keep, ascending."""
    return sorted(uid for uid, one in sighted.items() if is_another(one, said.get(uid)))
