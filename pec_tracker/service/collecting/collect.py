"""What has come? Every folder of a mailbox is looked through once; each UID ends as a mail or as a reason why not.

STATUS says whether anything moved; if so the new UIDs are fetched in batches, and each batch is archived, read and
written whole before the next. What the server owes us, or gives a second time to another mail (`uids`), is asked for
too, and so are the traces of a message of which nobody knows whether it left (`search`). Nothing is changed on the
server.
"""

import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from pec_tracker.askers import Act, Asker
from pec_tracker.db import leases
from pec_tracker.errors import PecTrackerError
from pec_tracker.ledger import together
from pec_tracker.service.collecting.after_collect import mark_collected, tell_of_owed
from pec_tracker.service.collecting.search import search_for_uncertain
from pec_tracker.service.collecting.walk import Progress, Walk
from pec_tracker.service.house import Account, House, Stop
from pec_tracker.service.intake.taken import Taken
from pec_tracker.service.journeys.reconsider import refresh
from pec_tracker.service.mailboxes.login import connected
from pec_tracker.service.sealing import seal
from pec_tracker.service.sending.outbox import follow_up, recover
from pec_tracker.service.verbs import verb

# A spooled mail that no run can still be reading.
ABANDONED_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Collected:
    """What one collect of a mailbox brought. `busy`: another process is at it; `failures`: folders that could not
    be read, each with what the server said."""

    mailbox: str
    taken: Taken = field(default_factory=Taken)
    folders: int = 0
    busy: bool = False
    stopped: bool = False
    failures: tuple[tuple[str, PecTrackerError], ...] = ()
    round_trips: int = 0

    @property
    def complete(self) -> bool:
        """Every chosen folder, and there was one, was looked through to its end."""
        return self.folders > 0 and not (self.busy or self.stopped or self.failures)


@verb(Act.TAKE_IN)
def collect(
    asker: Asker, house: House, account: Account, *, progress: Progress | None = None, stop: Stop | None = None
) -> Collected:
    """Collect everything new in the mailbox; `stop` ends it after the batch at hand.

    Raises ServerError, LoginRefusedError, TlsError, StorageError; what was taken in by then is kept and sealed.
    """
    together.require(house.engine, house.archive)
    if leases.is_held(house.engine, lease_name(account), presence=house.presence):
        return Collected(account.name, busy=True)
    recover(asker, house, account)
    _drop_abandoned(house.spool)
    try:
        with connected(house, account) as imap:
            walk = Walk(house, account, imap, progress or _silent, stop or _never, _idle)
            result = _through_all_folders(walk)
            if result.busy:
                return result
            if result.complete:
                mark_collected(house, account)
            result = replace(result, taken=result.taken + search_for_uncertain(walk, lease_name(account)))
        refresh(house.engine, now=house.clock.now())
        follow_up(asker, house, account)
        tell_of_owed(house, account)
    finally:
        seal(house)
    return result


@verb(Act.TAKE_IN)
def retry_quarantined(asker: Asker, house: House, account: Account) -> Taken:
    """Ask once more for every mail that the server has and we lack; what comes now is taken in like any mail.

    Raises what `collect` raises, and FolderError for a folder that the server refuses.
    """
    from pec_tracker.service.collecting.going_through import GoingThrough

    with connected(house, account) as imap:
        taken = GoingThrough(Walk(house, account, imap, _silent, _never, _idle)).everything()
    tell_of_owed(house, account)
    seal(house)
    return taken


def lease_name(account: Account) -> str:
    """The lease that keeps one collector at a mailbox, however many processes there are."""
    return f"collect:{account.key}"


def _through_all_folders(walk: Walk) -> Collected:
    """Every chosen folder; one that the server refuses is noted, and the others go on.

    To look needs no lease, and writes nothing: only where something has moved one is taken, and looked again.
    """
    wanted = walk.wanted()
    looks = walk.looks(wanted)
    taken = Taken()
    if walk.moved(looks):
        name = lease_name(walk.account)
        with leases.held(walk.house.engine, name, presence=walk.house.presence) as lease:
            if lease is None:
                return Collected(walk.account.name, busy=True)
            walk.renew = lease.renew
            # What reads mails is imported where there is one: most looks find nothing.
            from pec_tracker.service.collecting.going_through import GoingThrough

            taken = GoingThrough(walk).moved(walk.moved(looks))
    return Collected(
        walk.account.name,
        taken,
        folders=len(wanted),
        stopped=walk.stop(),
        failures=tuple(walk.failures),
        round_trips=walk.imap.round_trips,
    )


def _drop_abandoned(spool: Path) -> None:
    """Remove the spooled mails of runs that died; they are fetched again."""
    before = time.time() - ABANDONED_SECONDS
    for leftover in spool.glob("mail-*.eml"):
        with suppress(OSError):
            if leftover.stat().st_mtime < before:
                leftover.unlink()


def _silent(_done: int, _all: int) -> None:
    """Progress that nobody watches."""


def _never() -> bool:
    return False


def _idle() -> None:
    """No lease to renew."""
