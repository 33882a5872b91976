"""How does everything leave that may leave, by hand? Turn after turn, as the provider's pace gives them.

The verbs do not sleep: who runs them says how a turn is waited for.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pec_tracker.askers import Act, Asker
from pec_tracker.errors import PecTrackerError, StorageError
from pec_tracker.pec.sending import WAITING
from pec_tracker.service.attempt import Dispatched
from pec_tracker.service.collect import collect
from pec_tracker.service.dispatch import dispatch
from pec_tracker.service.house import Account, House, Stop
from pec_tracker.service.outbox import OutboxEntry, waiting
from pec_tracker.service.sent_copy import copy_to_sent
from pec_tracker.service.turns import held_by_pace
from pec_tracker.service.verbs import verb

Wait = Callable[[datetime], bool]
"""Waits until a time of the house's clock; False where somebody said stop meanwhile."""


class Progress(Protocol):
    """How far it is: so many are done, of a total where that is known by now."""

    def __call__(self, done: int, total: int | None = None, /) -> None: ...


class Step(StrEnum):
    """What `send_waiting` is at."""

    COLLECT = "collect"
    DISPATCH = "dispatch"


@dataclass(frozen=True, slots=True)
class SentOut:
    """What was tried, what still waits, and whether the mailbox could be collected whole before.

    `not_copied`: why no copy could be put into the folder of sent mails.
    """

    sent: tuple[Dispatched, ...]
    left: tuple[OutboxEntry, ...]
    complete: bool
    not_copied: PecTrackerError | None = None


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
) -> list[Dispatched]:
    """Send what waits (`only` these keys), waiting for the provider's pace. Raises what `dispatch` raises."""
    began = house.clock.now()
    sent: list[Dispatched] = []
    while True:
        before = len(sent)

        def told(done: int, before: int = before) -> None:
            if progress is not None:
                progress(before + done)

        sent += dispatch(asker, house, account, only=only, progress=told, stop=stop, began=began)
        at = None if stop() else held_by_pace(house, account, began=began, only=only)
        if at is None or not wait(at):
            return sent


@verb(Act.SEND)
def send_waiting(
    asker: Asker,
    house: House,
    account: Account,
    *,
    wait: Wait,
    stop: Stop,
    under: Callable[[Step], AbstractContextManager[Progress]] | None = None,
) -> SentOut:
    """Collect the mailbox, send what waits, put the copies where the account wants them.

    Collecting comes first: what receipts show as sent must not go again after a restart or a restored backup. `under`
    gives the progress of each step. Raises what `collect` and `dispatch` raise.
    """
    if under is None:

        def under(_step: Step) -> AbstractContextManager[Progress]:
            return nullcontext(_silent)

    with under(Step.COLLECT) as progress:
        complete = collect(asker, house, account, progress=progress, stop=stop).complete
    with under(Step.DISPATCH) as progress:
        sent = send_in_turn(asker, house, account, wait=wait, stop=stop, progress=progress)
    problem = None if stop() else _copied(asker, house, account)
    left = [entry for entry in waiting(asker, house, account) if entry.send_state in WAITING]
    return SentOut(tuple(sent), tuple(left), complete, problem)


def _silent(_done: int, _total: int | None = None, /) -> None:
    """Progress that nobody watches."""


def _copied(asker: Asker, house: House, account: Account) -> PecTrackerError | None:
    """Copies are comfort: what goes wrong with them changes nothing that was sent."""
    try:
        copy_to_sent(asker, house, account)
    except StorageError:
        raise
    except PecTrackerError as error:
        return error
    return None
