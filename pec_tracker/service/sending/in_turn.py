"""How does everything leave that may leave, by hand? Turn after turn, as the provider's pace gives them.

The verbs do not sleep: who runs them says how a turn is waited for.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from pec_tracker.askers import Act, Asker
from pec_tracker.service.house import Account, House, Stop
from pec_tracker.service.sending import pace
from pec_tracker.service.sending.attempt import Dispatched
from pec_tracker.service.sending.dispatch import dispatch
from pec_tracker.service.sending.turns import held_by_pace
from pec_tracker.service.verbs import verb
from pec_tracker.settings import Per

LONGEST_WAIT: Final = timedelta(minutes=15)
"""What the provider takes only later than that, its hour or its day being full, is left to another round."""

Wait = Callable[[datetime], bool]
"""Waits until a time of the house's clock; False where somebody said stop meanwhile."""


@verb(Act.SEND)
def send_in_turn(
    asker: Asker,
    house: House,
    account: Account,
    *,
    wait: Wait,
    stop: Stop,
    only: Sequence[str] | None = None,
    progress: Callable[[int], None] | None = None,
    refill: Callable[[], bool] | None = None,
) -> list[Dispatched]:
    """Send what waits (`only` these keys), and what *refill* queues, waiting for the provider's pace. Raises what
    `dispatch` raises."""
    began = house.clock.now()
    sent: list[Dispatched] = []
    while True:
        before, since = len(sent), house.clock.now()

        def told(done: int, before: int = before) -> None:
            if progress is not None:
                progress(before + done)

        sent += dispatch(asker, house, account, only=only, progress=told, stop=stop, began=began, refill=refill)
        at = None if stop() else held_by_pace(house, account, began=began, only=only, since=since)
        if at is None or (at - since > LONGEST_WAIT and _is_full(house, account)) or not wait(at):
            return sent


def _is_full(house: House, account: Account) -> bool:
    """Whether it is the provider's hour, or its day, that is full."""
    held = pace.held_back(house, account)
    return held is not None and held.per is not Per.MINUTE
