"""What becomes of one message, until nothing more will? Sent where it waits, its receipts collected, in turns.

Another process may send it or collect the mailbox meanwhile (`serve`): then its outcome is read where that writes it.
The verb does not sleep: who runs it says how the time until the next look passes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from pec_tracker.askers import Act, Asker
from pec_tracker.errors import LoginRefusedError, PecTrackerError, ServerError
from pec_tracker.pec.sending import WAITING, SendState
from pec_tracker.pec.states import State
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.house import Account, House, Stop
from pec_tracker.service.queries.find import FoundMessage, Query, find
from pec_tracker.service.queries.show import Dossier, EvidenceShown, show
from pec_tracker.service.sending.in_turn import Wait, send_in_turn
from pec_tracker.service.sending.trial_message import PREFIX
from pec_tracker.service.verbs import verb

# Nothing that is worth waiting for comes after these: an ordinary mailbox gives no delivery receipt (RFC 6109 2.2.3).
FINAL: Final = frozenset({State.DELIVERED, State.FAILED, State.NOT_ACCEPTED, State.EXTERNAL})
_WILL_NOT_LEAVE: Final = frozenset({SendState.REFUSED, SendState.ABANDONED})

# Real seconds between looks. Receipts of a provider that is well come within a minute; later ones can wait for half.
FIRST_LOOK, LAST_LOOK, SLOWER = 2.0, 30.0, 1.5


class Ending(StrEnum):
    """Why the following ended."""

    SETTLED = "settled"  # every recipient has an outcome, or it will not leave
    DEADLINE = "deadline"
    INTERRUPTED = "interrupted"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Followed:
    """Where the message stands at the end; `error` is what ended it where that is the ending."""

    ending: Ending
    message: FoundMessage
    error: PecTrackerError | None = None

    @property
    def delivered(self) -> bool:
        """Every recipient has it in his mailbox."""
        return all(one.state == State.DELIVERED for one in self.message.recipients)

    @property
    def open(self) -> tuple[str, ...]:
        """Who has no outcome yet."""
        return tuple(one.address for one in self.message.recipients if State(one.state) not in FINAL)


@dataclass(frozen=True, slots=True)
class Watcher:
    """What whoever follows is asked and told: `turn` waits for the provider's pace, `rest` for so many real seconds
    (False: somebody said stop), `heard` is given each new evidence, `trouble` a server's error, once while it lasts."""

    turn: Wait
    rest: Callable[[float], bool]
    stop: Stop
    heard: Callable[[Sequence[EvidenceShown]], None]
    trouble: Callable[[PecTrackerError], None]


@verb(Act.SEND)
def follow(asker: Asker, house: House, account: Account, key: str, *, until: datetime, watcher: Watcher) -> Followed:
    """Follow the message *key* of the mailbox to its outcome, or *until* a time of the house's clock.

    No PecTrackerError is raised: one that another look would not mend is part of where the message stands.
    """
    return _Following(asker, house, account, key, until, watcher).to_the_end()


@dataclass(slots=True)
class _Following:
    asker: Asker
    house: House
    account: Account
    key: str
    until: datetime
    watcher: Watcher
    seen: set[tuple[str, str | None]] = field(default_factory=set)
    trouble: str | None = None  # what was told of last

    def to_the_end(self) -> Followed:
        """Look, tell, rest; again."""
        rest = FIRST_LOOK
        while True:
            error = self._work()
            dossier = show(self.asker, self.house, self.key)
            self._tell(dossier)
            message = dossier.message
            if is_settled(message):
                return Followed(Ending.SETTLED, message)
            if error is not None:
                return Followed(Ending.ERROR, message, error)
            left = self.house.clock.real_seconds(self.until - self.house.clock.now())
            if left <= 0:
                return Followed(Ending.DEADLINE, message)
            if self.watcher.stop() or not self.watcher.rest(min(rest, left)):
                return Followed(Ending.INTERRUPTED, message)
            rest = min(LAST_LOOK, rest * SLOWER)

    def _work(self) -> PecTrackerError | None:
        """Send it where it waits, collect what came. What a later look may mend is told of; the rest is given back."""
        for act in (self._send, self._collect):
            try:
                act()
            except LoginRefusedError as error:  # offered again and again it locks the account
                return error
            except ServerError as error:
                self._tell_trouble(error)
                return None
            except PecTrackerError as error:
                return error
        self.trouble = None
        return None

    def _send(self) -> None:
        message = show(self.asker, self.house, self.key).message
        if SendState(message.send_state) in WAITING and not self.watcher.stop():
            send_in_turn(
                self.asker, self.house, self.account, only=[self.key], stop=self.watcher.stop, wait=self._in_time
            )

    def _in_time(self, at: datetime) -> bool:
        """Wait for a turn that comes before the deadline."""
        return at <= self.until and self.watcher.turn(at)

    def _collect(self) -> None:
        if not self.watcher.stop():
            collect(self.asker, self.house, self.account, stop=self.watcher.stop)

    def _tell(self, dossier: Dossier) -> None:
        new = [one for one in dossier.evidence if (one.sha256, one.recipient) not in self.seen]
        self.seen |= {(one.sha256, one.recipient) for one in new}
        if new:
            self.watcher.heard(new)

    def _tell_trouble(self, error: PecTrackerError) -> None:
        if self.trouble != str(error):
            self.trouble = str(error)
            self.watcher.trouble(error)


@verb(Act.READ)
def newest_trial(asker: Asker, house: House, account: Account) -> FoundMessage | None:
    """The newest trial message that the mailbox wrote to itself (`sending.trial_message`)."""
    found = find(asker, house, Query(mailbox=account.name, recipient=account.address, subject=PREFIX.strip(" :")))
    return next((one for one in found.messages if (one.subject or "").startswith(PREFIX)), None)


def is_settled(message: FoundMessage) -> bool:
    """Whether every recipient has an outcome, or the message will not leave."""
    if SendState(message.send_state) in _WILL_NOT_LEAVE:
        return True
    return all(State(one.state) in FINAL for one in message.recipients)
