"""May this database be older than what was sent? Asked before anything leaves, so that a restore sends nothing twice.

Three things tell, none of them a clock. A mailbox that was not looked through since this process started holds back
what was queued before. The archive notes each attempt before the final dot, for a database that is older than it. And
a mark outside of both, in this computer's folder of state, names the newest attempt: a database that has no such line
was restored, together with its archive or not.
"""

import json
import os
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import Connection, Select, or_, select, update

from pec_tracker import osfiles
from pec_tracker.db.engine import in_one_transaction, reading, writing
from pec_tracker.db.tables import ArchiveRow, Attempt, Evidence, Ledger, Mail, Mailbox, Message, Sighting
from pec_tracker.pec.roles import MailRole, MessageOrigin
from pec_tracker.pec.sending import HELD_BACK, WAITING, tokens
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending.doubt import COLUMNS, Doubt, make_uncertain

log = structlog.get_logger()


# Where this computer has no mark: an act so new says that another process lives with this database.
_LIVELY: Final = timedelta(minutes=15)


def looked_through(house: House, account: Account) -> bool:
    """Whether a collect of all of the mailbox has ended since this process started, here or elsewhere."""
    with reading(house.engine) as connection:
        collected = connection.scalar(select(Mailbox.collected_at).where(Mailbox.id == account.id))
    return lifted(house, account.id, collected)


def lifted(house: House, mailbox_id: int, collected_at: datetime | None) -> bool:
    """Whether a mailbox that was collected then has been looked through since this process started."""
    if mailbox_id in house.start.looked:
        return True
    return collected_at is not None and collected_at != house.start.collected.get(mailbox_id)


def recognise(house: House) -> None:
    """Find out whether a backup was restored: then every waiting message is uncertain.

    Asked before a message is queued and before any leaves: what waits then was there before the restore.
    """
    _doubt_noted(house)
    file = _mark_file(house)
    if file is None:
        return
    mark = _read(file)
    now = house.clock.now()
    with reading(house.engine) as connection:
        if not _is_restored(connection, mark, now):
            return

    def work(connection: Connection) -> int:
        waiting = select(*COLUMNS).where(
            Message.origin == MessageOrigin.COMPOSED, Message.send_state.in_(tokens(HELD_BACK))
        )
        return sum(make_uncertain(connection, row, Doubt.RESTORE, at=now) for row in connection.execute(waiting).all())

    log.warning("database.restored", uncertain=in_one_transaction(house.engine, work))
    with reading(house.engine) as connection:
        newest = connection.scalar(select(Ledger.line_id).order_by(Ledger.id.desc()).limit(1))
    mark_attempt(house, newest)


def hold_back(connection: Connection, account: Account, now: datetime) -> None:
    """What waits although a copy or a receipt of it lies in the mailbox may have left: nobody sends it by himself.

    A receipt that counts is stronger: it says that the message did leave (`journeys.rows`).
    """
    for doubt, trace in (
        (Doubt.COPY, copies_of()),
        (Doubt.RECEIPT, select(Evidence.id).where(Evidence.message_id == Message.id, Evidence.counts.is_(False))),
    ):
        traced = select(*COLUMNS).where(
            Message.mailbox_id == account.id,
            Message.send_state.in_(tokens(WAITING)),
            Message.again.is_(False),
            trace.exists(),
        )
        for row in connection.execute(traced).all():
            make_uncertain(connection, row, doubt, at=now)


def copies_of() -> Select[int]:
    """The mails that are copies of a message, in the mailbox: other bytes of it, or the very ones."""
    seen = select(Sighting.uid).where(Sighting.mail_id == Mail.id).exists()
    return select(Mail.id).where(Mail.message_id == Message.id, or_(Mail.role == MailRole.SENT_COPY, seen))


def note_attempt(house: House, key: str, number: int) -> None:
    """Make the attempt known to the archive, durably. Raises StorageError."""
    house.archive.note_attempt(key, number)


def mark_attempt(house: House, line_id: str | None) -> None:
    """Mark the newest attempt's ledger line outside; where that cannot be done, sending goes on."""
    file = None if line_id is None else _mark_file(house)
    if file is None:
        return
    try:
        osfiles.make_private_folder(file.parent)
        osfiles.write_out(file, json.dumps({"line": line_id}).encode("ascii"), replace=True)
    except OSError as error:
        log.warning("mark.failed", reason=error.strerror or type(error).__name__)
        return
    with writing(house.engine) as connection:
        connection.execute(update(ArchiveRow).where(ArchiveRow.marked.is_(False)).values(marked=True))


def markable(house: House) -> bool:
    """Whether this computer's folder of state can be written: without it a whole restored disk is not recognised."""
    if house.marks is None:
        return True
    folder = house.marks
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK)


def _doubt_noted(house: House) -> None:
    """Messages of which the archive notes an attempt that the database does not know are uncertain."""
    noted = house.archive.noted_attempts()
    if not noted:
        return

    def work(connection: Connection) -> None:
        for key, number in sorted(noted):
            waits = select(*COLUMNS).where(Message.key == key, Message.send_state.in_(tokens(HELD_BACK)))
            row = connection.execute(waits).one_or_none()
            known = select(Attempt.id).join(Message).where(Message.key == key, Attempt.number == number)
            if row is not None and connection.execute(known).first() is None:
                make_uncertain(connection, row, Doubt.ARCHIVE, at=house.clock.now(), number=number)

    in_one_transaction(house.engine, work)


def _is_restored(connection: Connection, mark: str | None, now: datetime) -> bool:
    if mark is not None:
        return connection.scalar(select(Ledger.id).where(Ledger.line_id == mark)) is None
    if not connection.scalar(select(ArchiveRow.marked)):
        return False  # nobody ever marked it: an earlier release, or nothing was sent
    newest = connection.scalar(select(Ledger.at).order_by(Ledger.id.desc()).limit(1))
    return newest is None or abs(now - newest) > _LIVELY


def _mark_file(house: House) -> Path | None:
    """Where this computer marks what was sent; None where it has no such place, or the archive no identity."""
    if house.marks is None:
        return None
    identity = house.archive.identity()
    return None if identity is None else house.marks / f"{identity}.json"


def _read(file: Path) -> str | None:
    """The line that the mark names, None where there is no mark; one without sense names no line."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    with suppress(ValueError, TypeError, KeyError):
        return str(json.loads(content)["line"])
    return ""
