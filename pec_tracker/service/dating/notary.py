"""Who swears that the ledger is this old? The provider: once a day the mailbox writes a PEC to itself about it.

Its subject quotes the newest seal, `pec-tracker sigillo 00000042 <SHA-256>`; the signed acceptance repeats the subject
in its certification data, with a certified time, and so dates the seal and all that it chains.
"""

import hashlib
from datetime import date, datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Connection, Row, insert, select

from pec_tracker import crash
from pec_tracker.askers import Act, Asker
from pec_tracker.clock import ROME
from pec_tracker.db.chunks import chunks
from pec_tracker.db.engine import in_one_transaction, reading
from pec_tracker.db.tables import Evidence, Mail, Message, Seal, Stamp
from pec_tracker.errors import StorageError
from pec_tracker.ledger import lines, seals
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.ledger.quotes import Quote, quoted
from pec_tracker.pec.compose import Draft, new_tracker_id
from pec_tracker.pec.standard import Kind
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending.send import queue
from pec_tracker.service.verbs import verb
from pec_tracker.texts import _

log = structlog.get_logger()

KIND: Final = "pec"
DAYS: Final = 60  # for which an acceptance that comes late (collected late, trusted late) is still looked for


@verb(Act.AUDIT)
def write_to_self(asker: Asker, house: House, account: Account) -> str | None:
    """Queue today's PEC, unless it is there; its key, or None where nothing was to do.

    The day is Italy's. Two processes, or one killed in between, make one message: its key is the mailbox's and the
    day's, and the database holds each key once. Raises what `send.queue` raises.
    """
    if not account.notary:
        return None
    key = key_of(account, house.clock.now().astimezone(ROME).date())
    if _there(house, key):
        return None
    seals.seal_pending(house.engine, house.archive, now=house.clock.now())
    newest = _newest(house)
    if newest is None:
        return None
    draft = Draft(
        sender=account.address,
        to=(account.address,),
        subject=newest.subject,
        text=_(
            "This message dates the archive of this mailbox: its subject holds the SHA-256 of the newest seal of the "
            "ledger, and the provider's receipt certifies when. Keep the receipt."
        ),
    )
    try:
        queue(asker, house, account, draft, tracker_id=key)
    except StorageError:
        if _there(house, key):  # another process was first
            return None
        raise
    crash.at("notary.queued")
    log.info("notary.queued", seal=newest.number)
    return key


@verb(Act.AUDIT)
def record_acceptances(asker: Asker, house: House, account: Account) -> int:
    """Write down which seals the provider's acceptances have dated; returns how many are new."""
    today = house.clock.now().astimezone(ROME).date()
    keys = [key_of(account, today - timedelta(days=ago)) for ago in range(DAYS)]

    def work(connection: Connection) -> int:
        return sum(_record(connection, row, now=house.clock.now()) for row in _unrecorded(connection, keys))

    if not account.notary:
        return 0
    with reading(house.engine) as connection:  # where nothing came, nothing is written
        if not _unrecorded(connection, keys):
            return 0
    count = in_one_transaction(house.engine, work)
    if count:
        log.info("notary.recorded", seals=count)
    return count


def replay(connection: Connection, act: lines.Line) -> None:
    """Make again the row that the ledger line `seal.notarised` speaks of."""
    number, mail, at = act.facts["seal"], act.facts["mail"], datetime.fromisoformat(str(act.facts["certified_at"]))
    connection.execute(insert(Stamp).values(seal_number=number, kind=KIND, source=mail, sha256=mail, stamped_at=at))


def key_of(account: Account, day: date) -> str:
    """The key of the message that notarises this mailbox's ledger on *day*."""
    return new_tracker_id(hashlib.sha256(f"notary {account.key} {day.isoformat()}".encode()).digest()[:16])


def _there(house: House, key: str) -> bool:
    with reading(house.engine) as connection:
        return connection.scalar(select(Message.id).where(Message.key == key)) is not None


def _newest(house: House) -> Quote | None:
    newest = select(Seal.number, Seal.sha256).order_by(Seal.number.desc()).limit(1)
    with reading(house.engine) as connection:
        row = connection.execute(newest).one_or_none()
    return None if row is None else Quote(row.number, row.sha256)


def _unrecorded(connection: Connection, keys: list[str]) -> list[Row[*tuple[Any, ...]]]:
    """Acceptances that are proof, of these messages, and that no stamp speaks of yet."""
    accepted = (
        select(Evidence.subject, Evidence.issued_at, Mail.sha256)
        .join(Mail, Mail.id == Evidence.mail_id)
        .join(Message, Message.id == Evidence.message_id)
        .where(Evidence.kind == Kind.ACCEPTANCE.value, Evidence.counts.is_(True))
        .where(~select(Stamp.id).where(Stamp.kind == KIND, Stamp.sha256 == Mail.sha256).exists())
    )
    found: list[Row[*tuple[Any, ...]]] = []
    for some in chunks(keys):
        found += connection.execute(accepted.where(Message.key.in_(some))).all()
    return found


def _record(connection: Connection, row: Row[*tuple[Any, ...]], *, now: datetime) -> bool:
    """The row and the line of one acceptance; False where it quotes no seal that we have (`check` names that)."""
    seal = quoted(row.subject)
    if seal is None or row.issued_at is None:
        return False
    known = connection.scalar(select(Seal.number).where(Seal.number == seal.number, Seal.sha256 == seal.sha256))
    if known is None:
        return False
    connection.execute(
        insert(Stamp).values(
            seal_number=seal.number, kind=KIND, source=row.sha256, sha256=row.sha256, stamped_at=row.issued_at
        )
    )
    act = lines.new_line(
        LedgerAct.SEAL_NOTARISED,
        at=now,
        seal=seal.number,
        sha256=seal.sha256,
        mail=row.sha256,
        certified_at=row.issued_at.isoformat(),
    )
    lines.append(connection, [act])
    return True
