"""What waits in the ledger is sealed; what dates it from outside is noted, and asked for where that is wanted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pec_tracker.askers import Act, Asker
from pec_tracker.ledger.seals import seal_pending
from pec_tracker.ledger.segments import SealFile
from pec_tracker.service.dating import notary, stamps
from pec_tracker.service.house import Account, House
from pec_tracker.service.verbs import verb


@dataclass(frozen=True, slots=True)
class Sealing:
    """The seals that were made now, what came of asking for a time-stamp, and the last seals that are dated: number,
    kind, source, time. `authorities`: whether there is anybody to ask."""

    sealed: tuple[SealFile, ...]
    stamping: stamps.Stamping
    dated: tuple[tuple[int, str, str, datetime], ...]
    authorities: bool

    @property
    def acts(self) -> int:
        """How many acts were sealed."""
        return sum(len(one.entries) for one in self.sealed)


@verb(Act.AUDIT, of_all=True)
def seal(asker: Asker, house: House, accounts: Sequence[Account], *, stamp: bool) -> Sealing:
    """Seal, note the stamps and the acceptances of *accounts* that are here already, *stamp* where asked."""
    sealed = seal_pending(house.engine, house.archive, now=house.clock.now())
    stamps.record_found(asker, house)
    for account in accounts:
        notary.record_acceptances(asker, house, account)
    stamping = stamps.stamp_newest(asker, house) if stamp else stamps.Stamping()
    dated = tuple(stamps.newest_stamps(asker, house))
    return Sealing(tuple(sealed), stamping, dated, authorities=bool(house.authorities))
