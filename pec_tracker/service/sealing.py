"""When does what a verb wrote become sealed? At its end; in `serve`, by the one job that seals for all.

What may not wait is sealed at once everywhere: a queued message and a decision, which a lost database must not take
with it (docs/decisions/0012), and whatever a proof is made of.
"""

from sqlalchemy import select

from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Attempt, Ledger, Message
from pec_tracker.ledger import seals
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.service.house import House


def seal(house: House) -> None:
    """Seal what waits, unless a job does that within a minute. Raises LedgerError, StorageError."""
    if not house.served:
        seal_now(house)


def seal_now(house: House) -> None:
    """Seal what waits; the archive's notes of attempts of which the ledger tells now are dropped."""
    seals.seal_pending(house.engine, house.archive, now=house.clock.now())
    forget_sealed(house)


def forget_sealed(house: House) -> None:
    """Drop the archive's notes of attempts that stand in the sealed ledger, which tells of them from now on."""
    noted = house.archive.noted_attempts()
    if not noted:
        return
    with reading(house.engine) as connection:
        waiting = select(Ledger.id).where(Ledger.seal_number.is_(None), Ledger.act == LedgerAct.MESSAGE_ATTEMPTED.value)
        if connection.scalar(waiting.limit(1)) is not None:
            return
        known = {
            (row.key, row.number)
            for row in connection.execute(
                select(Message.key, Attempt.number)
                .join(Attempt, Attempt.message_id == Message.id)
                .where(Message.key.in_(sorted({key for key, _ in noted})[:500]))
            )
        }
    for key, number in noted & known:
        house.archive.forget_attempt(key, number)
