"""Does anybody look into this mailbox? A watch that has ended is as silent as one with nothing to say."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import select

from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Mailbox
from pec_tracker.errors import PecTrackerError
from pec_tracker.service.house import Account, House

INTERVALS: Final = 3  # so many may be missed: one for the jitter, one for a server that was down for a moment


def unwatched(house: House, accounts: Sequence[Account]) -> Iterator[tuple[str, PecTrackerError]]:
    """The mailboxes that nobody has looked through for three of their intervals, by `serve` or by hand; what to do.

    A look in the future was dated by a clock that was ahead, and says nothing about today.
    """
    now = house.clock.now()
    with reading(house.engine) as connection:
        looked = {row.id: row.collected_at for row in connection.execute(select(Mailbox.id, Mailbox.collected_at))}
    for account in accounts:
        last = looked.get(account.id)
        span = INTERVALS * account.interval
        if last is None:
            yield (
                "never-collected",
                PecTrackerError(
                    "mailbox {mailbox} was never collected whole: run `pec-tracker collect`, or keep `serve` running",
                    mailbox=account.name,
                ),
            )
        elif last > now + span:
            yield (
                "collected-in-the-future",
                PecTrackerError(
                    "mailbox {mailbox} was last collected by a clock that was ahead, so nobody knows when: check the "
                    "date of this computer, then `pec-tracker collect`",
                    mailbox=account.name,
                ),
            )
        elif now - last > span:
            yield (
                "unwatched",
                PecTrackerError(
                    "nobody has looked into mailbox {mailbox} for {minutes} minutes, more than three of its intervals: "
                    "is `pec-tracker serve` running? By hand: `pec-tracker collect`",
                    mailbox=account.name,
                    minutes=int((now - last) / timedelta(minutes=1)),
                ),
            )
