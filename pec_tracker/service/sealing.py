"""When does what a verb wrote become sealed? At its end; in `serve`, by the one job that seals for all.

What may not wait is sealed at once everywhere: a queued message and a decision, which a lost database must not take
with it (docs/decisions/0012), and whatever a proof is made of.
"""

from pec_tracker.ledger import seals
from pec_tracker.service import fence
from pec_tracker.service.house import House


def seal(house: House) -> None:
    """Seal what waits, unless a job does that within a minute. Raises LedgerError, StorageError."""
    if not house.served:
        seal_now(house)


def seal_now(house: House) -> None:
    """Seal what waits; the archive's notes of attempts of which the ledger tells now are dropped."""
    seals.seal_pending(house.engine, house.archive.root, now=house.clock.now())
    fence.forget_sealed(house)
