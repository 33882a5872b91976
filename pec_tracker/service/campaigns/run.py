"""How does a campaign leave? Its letters are fed into the outbox, and go from there in the provider's pace.

What else waits in the mailbox's outbox goes first. `serve` does it by itself; by hand it lasts until the last letter.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from pec_tracker.askers import Act, Asker
from pec_tracker.service.campaigns.feed import feed, feeding, waits
from pec_tracker.service.house import Account, House, Stop
from pec_tracker.service.sending import pace
from pec_tracker.service.sending.attempt import Dispatched
from pec_tracker.service.sending.in_turn import Wait, send_in_turn
from pec_tracker.service.sending.turns import next_turns
from pec_tracker.service.verbs import verb


@verb(Act.SEND)
def feed_more(asker: Asker, house: House, account: Account) -> bool:
    """Write the next letters of the mailbox's campaigns into its outbox; whether there were any. Raises as `feed`."""
    moved = True
    while moved:
        fed = feed(asker, house, account)
        if fed.keys:
            return True
        moved = fed.stopped > 0  # those could not be written; the next ones may
    return False


@verb(Act.READ)
def next_to_send(asker: Asker, house: House, accounts: Sequence[Account]) -> dict[int, datetime]:
    """As `next_turns`; a mailbox whose campaigns have letters to write is due when its pace lets the next one go."""
    turns = next_turns(asker, house, accounts)
    now = house.clock.now()
    feeds = feeding(house)
    due = {one.id: max(now, pace.turn(house, one) or now) for one in accounts if asker.sees(one.id) and one.id in feeds}
    return {**due, **turns}


@verb(Act.SEND)
def run(
    asker: Asker,
    house: House,
    account: Account,
    *,
    wait: Wait,
    stop: Stop,
    progress: Callable[[int], None] | None = None,
) -> list[Dispatched]:
    """Send what waits in the mailbox, and all letters of its running campaigns. Raises what `dispatch` raises.

    It ends early where the mailbox is paused or suspended; what is left goes on with the next run, or `serve`.
    """
    refill = partial(feed_more, asker, house, account)
    sent: list[Dispatched] = []
    while not stop():
        before = len(sent)

        def told(done: int, before: int = before) -> None:
            if progress is not None:
                progress(before + done)

        fed = refill()
        sent += send_in_turn(asker, house, account, wait=wait, stop=stop, progress=told, refill=refill)
        if (not fed and len(sent) == before) or not waits(house, account):
            return sent
    return sent
