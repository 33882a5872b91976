"""Everything is looked at, once: before it what can be fetched again is, after it what nobody names is moved aside."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pec_tracker.askers import Act, Asker
from pec_tracker.db.engine import read_only
from pec_tracker.ledger import leftovers
from pec_tracker.ledger.mend import Mended
from pec_tracker.service.collecting.refetch import Refetched, refetch
from pec_tracker.service.dating.stamps import known_anchors
from pec_tracker.service.house import Account, House
from pec_tracker.service.upkeep.check import Anchorage, CheckReport, check
from pec_tracker.service.upkeep.repair import put_aside
from pec_tracker.service.verbs import verb


@dataclass(frozen=True, slots=True)
class LookedOver:
    """What was found, and what was mended: written again from the database, or lost for good; fetched again by
    mailbox; moved aside. The files by name."""

    report: CheckReport
    mended: Mended = field(default_factory=Mended)
    refetched: tuple[Refetched, ...] = ()
    aside: tuple[str, ...] = ()


@verb(Act.KEEP, of_all=True)
def look_over(
    asker: Asker,
    house: House,
    *,
    belongs: bool,
    mended: Mended | None = None,
    refetching: Sequence[Account] = (),
    setting_aside: bool = False,
    processes: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> LookedOver:
    """Fetch again what *refetching* lost, read everything, set aside what nobody names where that was asked.

    *belongs*: archive and database belong together, so what a killed run left may be taken up; *mended* before this.
    """
    if belongs and not read_only(house.engine):
        leftovers.take_up(house.engine, house.archive, of_earlier_releases=True)
    refetched = tuple(refetch(asker, house, account) for account in refetching)
    report = check(
        asker,
        house.engine,
        house.archive,
        processes=processes or os.cpu_count() or 1,
        progress=progress,
        anchorage=Anchorage(house.trust, known_anchors(house.authorities), house.clock.now()),
    )
    aside = tuple(put_aside(asker, house, report.findings)) if setting_aside else ()
    return LookedOver(report, mended or Mended(), refetched, aside)
