"""How does everything that waits leave, by hand? Collected first, then sent turn after turn, then copied."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pec_tracker.askers import Act, Asker
from pec_tracker.errors import PecTrackerError, StorageError
from pec_tracker.pec.sending import WAITING
from pec_tracker.service.campaigns.run import run
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.house import Account, House, Stop
from pec_tracker.service.sending.attempt import Dispatched
from pec_tracker.service.sending.in_turn import Wait
from pec_tracker.service.sending.outbox import OutboxEntry, waiting
from pec_tracker.service.sending.sent_copy import copy_to_sent
from pec_tracker.service.verbs import verb


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
def send_waiting(
    asker: Asker,
    house: House,
    account: Account,
    *,
    wait: Wait,
    stop: Stop,
    under: Callable[[Step], AbstractContextManager[Progress]],
) -> SentOut:
    """Collect the mailbox, send what waits, running campaigns too, put the copies where the account wants them.

    Collecting comes first: what receipts show as sent must not go again after a restart or a restored backup. `under`
    gives the progress of each step. Raises what `collect` and `dispatch` raise.
    """
    with under(Step.COLLECT) as progress:
        complete = collect(asker, house, account, progress=progress, stop=stop).complete
    return _send(asker, house, account, wait=wait, stop=stop, under=under, complete=complete)


@verb(Act.SEND)
def send_campaigns(
    asker: Asker,
    house: House,
    account: Account,
    *,
    wait: Wait,
    stop: Stop,
    under: Callable[[Step], AbstractContextManager[Progress]],
) -> SentOut:
    """Send the letters of the mailbox's running campaigns, and what else waits in it.

    Only where something waits from before is the mailbox collected first, as in `send_waiting`, which raises the same.
    """
    if any(entry.send_state in WAITING for entry in waiting(asker, house, account)):
        return send_waiting(asker, house, account, wait=wait, stop=stop, under=under)
    return _send(asker, house, account, wait=wait, stop=stop, under=under, complete=True)


def _send(
    asker: Asker,
    house: House,
    account: Account,
    *,
    wait: Wait,
    stop: Stop,
    under: Callable[[Step], AbstractContextManager[Progress]],
    complete: bool,
) -> SentOut:
    with under(Step.DISPATCH) as progress:
        sent = run(asker, house, account, wait=wait, stop=stop, progress=progress)
    problem = None if stop() else _copied(asker, house, account)
    left = [entry for entry in waiting(asker, house, account) if entry.send_state in WAITING]
    return SentOut(tuple(sent), tuple(left), complete, problem)


def _copied(asker: Asker, house: House, account: Account) -> PecTrackerError | None:
    """Copies are comfort: what goes wrong with them changes nothing that was sent."""
    try:
        copy_to_sent(asker, house, account)
    except StorageError:
        raise
    except PecTrackerError as error:
        return error
    return None
