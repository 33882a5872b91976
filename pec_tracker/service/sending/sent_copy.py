"""Does the user see in the webmail what we sent? A copy is put into the folder of sent mails, once, if none is there.

Comfort, not proof: whatever goes wrong here changes no send state. Providers that keep a copy themselves do so within
seconds, so we look only at messages that left a while ago; a copy that was collected counts, and so does one that the
server finds by its Message-ID (after a crash between putting it there and noting so).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Row, exists, func, select, update

from pec_tracker import crash
from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import Act, Asker
from pec_tracker.db.engine import in_one_transaction, reading
from pec_tracker.db.tables import Mail, Message, Sighting
from pec_tracker.errors import ObjectDamagedError, ObjectMissingError
from pec_tracker.ledger import lines
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.pec.roles import MailRole, MessageOrigin
from pec_tracker.pec.sending import SendState
from pec_tracker.service.house import Account, House, Stop
from pec_tracker.service.mailboxes.folders import sent_folder
from pec_tracker.service.mailboxes.login import connected
from pec_tracker.service.verbs import verb
from pec_tracker.wire.imap import ImapConnection

log = structlog.get_logger()

# The provider's own copy comes first, where it keeps one.
WAIT = timedelta(minutes=2)
# After so long without success the copy is given up: a mailbox that is full, or a folder that takes nothing.
GIVE_UP = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Copies:
    """How many messages turned out to have their copy already, and how many got one from us."""

    found: int = 0
    made: int = 0


@verb(Act.SEND)
def copy_to_sent(asker: Asker, house: House, account: Account, *, stop: Stop | None = None) -> Copies:
    """Give each message sent from the mailbox its copy in the folder of sent mails, where the account wants that.

    Connects only when a copy is wanted. Raises ServerError and its kin, FolderError when the server takes no copy.
    """
    if not account.copy_to_sent:
        return Copies()
    found = _note_collected(house, account)
    wanted = _without_copy(house, account)
    if not wanted:
        return Copies(found)
    made = 0
    with connected(house, account) as imap:
        folder = sent_folder(account, imap.folders())
        if folder is None:
            log.info("copies.no_folder", mailbox=account.name, messages=len(wanted))
            return Copies(found)
        for row in wanted:
            if stop is not None and stop():
                break
            if _is_there(imap, folder.name, row.reference):
                found += 1
                _note(house, row, by="server")
            elif _put(house, imap, folder.name, row):
                made += 1
                _note(house, row, by="us")
    log.info("copies.made", mailbox=account.name, found=found, made=made)
    return Copies(found, made)


def _note_collected(house: House, account: Account) -> int:
    """Messages whose copy has been collected, be it ours of before a crash, the provider's or another program's."""
    collected = (
        exists()
        .where(Mail.message_id == Message.id)
        .where(
            (Mail.role == MailRole.SENT_COPY)
            | ((Mail.role == MailRole.ORIGINAL) & exists().where(Sighting.mail_id == Mail.id))
        )
    )
    rows = _rows(house, account, collected)
    for row in rows:
        _note(house, row, by="server")
    return len(rows)


def _without_copy(house: House, account: Account) -> list[Row[*tuple[Any, ...]]]:
    return _rows(house, account, _left_at() <= house.clock.now() - WAIT)


def _rows(house: House, account: Account, condition: Any) -> list[Row[*tuple[Any, ...]]]:
    """Composed messages that left lately and have no copy yet, for which *condition* holds; the oldest first."""
    columns = (
        select(Message.id, Message.key, Message.reference, Message.raw, _left_at().label("left_at"))
        .where(
            Message.mailbox_id == account.id,
            Message.origin == MessageOrigin.COMPOSED,
            Message.send_state == SendState.SUBMITTED.value,
            Message.copied_at.is_(None),
            _left_at() > house.clock.now() - GIVE_UP,
            condition,
        )
        .order_by(Message.id)
    )
    with reading(house.engine) as connection:
        return list(connection.execute(columns))


def _left_at() -> Any:
    """When the server took it; a receipt alone does not say when."""
    return func.coalesce(Message.submitted_at, Message.created_at)


def _is_there(imap: ImapConnection, folder: str, reference: str) -> bool:
    imap.examine(folder)  # anew each time: another program may have put it there meanwhile
    return bool(imap.search_reference(reference))


def _put(house: House, imap: ImapConnection, folder: str, row: Row[*tuple[Any, ...]]) -> bool:
    """Put the very bytes that were sent; False when the archive cannot give them, which `check` tells."""
    try:
        raw = house.archive.get(row.raw, Suffix.MAIL)
    except (ObjectMissingError, ObjectDamagedError) as error:
        log.warning("copy.failed", message=row.key, error=type(error).__name__)
        return False
    left_at: datetime = row.left_at
    imap.append(folder, raw, flags=("\\Seen",), internal_at=left_at)
    crash.at("copy.put")
    return True


def _note(house: House, row: Row[*tuple[Any, ...]], *, by: str) -> None:
    now = house.clock.now()

    def work(connection: Any) -> None:
        noted = update(Message).where(Message.id == row.id, Message.copied_at.is_(None)).values(copied_at=now)
        if connection.execute(noted).rowcount == 1:
            lines.append(connection, [lines.new_line(LedgerAct.MESSAGE_COPIED, at=now, message=row.key, by=by)])

    in_one_transaction(house.engine, work)
