"""What becomes of a message on its way out? Each state, what may happen in it, and everything that follows from that.

One table. Whoever writes a state (`service/journeys/send_state_rows.py`, nobody else) carries out what stands here;
whoever rebuilds the index from the ledger replays it by the same table.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class SendState(StrEnum):
    """Where a message stands with the server that takes it. What was found in a mailbox is `submitted`."""

    QUEUED = "queued"  # waits for its turn
    SENDING = "sending"  # a process has it in hand
    DEFERRED = "deferred"  # was tried; waits to be tried again
    SUBMITTED = "submitted"  # the server took it, or a receipt proves that it did
    REFUSED = "refused"  # the server said no for good
    UNCERTAIN = "uncertain"  # may have left or not: a receipt tells, or a person decides
    ABANDONED = "abandoned"  # a person gave it up


class Priority(StrEnum):
    """Which message passes which, where several wait in one outbox: the lower rank goes first, then the older."""

    NORMAL = "normal"  # a person wrote it
    PROGRAM = "program"  # another program handed it over
    BULK = "bulk"  # one of many, from a list

    @property
    def rank(self) -> int:
        """As it is stored and sorted."""
        return list(Priority).index(self)

    @classmethod
    def of(cls, rank: int) -> "Priority":
        """The priority that is stored so; what a later release stores is the last of ours."""
        every = list(cls)
        return every[max(0, min(rank, len(every) - 1))]


class Event(StrEnum):
    """What may happen to it."""

    CLAIMED = "claimed"  # a process took it to send it
    RELEASED = "released"  # that process let it go before anything left
    RECOVERED = "recovered"  # that process vanished before anything left
    SERVER_TOOK = "server-took"  # 2xx after the final dot
    SERVER_DEFERRED = "server-deferred"  # for now
    SERVER_REFUSED = "server-refused"  # for good
    REPLY_LOST = "reply-lost"  # the whole message went out, no answer came
    DOUBTED = "doubted"  # it may have left, though no reply says so: `service/sending/doubt.py`
    PROVEN = "proven"  # a receipt that counts says that it left
    RESENT = "resent"  # a person has it sent (once more)
    SETTLED_SENT = "settled-sent"  # a person says that it left
    SETTLED_ABANDONED = "settled-abandoned"  # a person gives it up


class Alerts(StrEnum):
    """Kinds of alerts about a message that has not simply left."""

    UNCERTAIN = "send-uncertain"
    UNRESOLVED = "uncertain-unresolved"
    REFUSED = "send-refused"
    WAITS = "send-waiting"


# Goes by itself, sooner or later.
WAITING: Final = frozenset({SendState.QUEUED, SendState.DEFERRED})
# Would leave by itself if nobody held it back.
HELD_BACK: Final = WAITING | {SendState.SENDING}
# A person must decide, or correct something.
FOR_A_PERSON: Final = frozenset({SendState.UNCERTAIN, SendState.REFUSED})
# May have left: its acceptance is due.
MAY_HAVE_LEFT: Final = frozenset({SendState.SUBMITTED, SendState.UNCERTAIN})
# A receipt that counts proves that it reached the provider, whatever we believed before.
RESOLVED_BY_RECEIPT: Final = frozenset(SendState) - {SendState.SUBMITTED, SendState.SENDING}
# What a decision may be about; what was submitted goes again only knowingly.
RESENDABLE: Final = frozenset({SendState.UNCERTAIN, SendState.REFUSED, SendState.ABANDONED})
RESENDABLE_AGAIN: Final = RESENDABLE | {SendState.SUBMITTED}

_ALL: Final = frozenset(Alerts)


@dataclass(frozen=True, slots=True)
class Change:
    """What an event makes of a message, in full.

    `act`: the ledger line that is written, None where nothing is that outlasts the database. `raises` and `settles`:
    alerts. `reconsidered`: its journeys are looked at again, since what is due or to do next is another. `waits`: it
    gets a time at which it is tried; else it has none. `left`: it is noted when it left (True), or that it has not
    (False); None leaves that as it is. `keeps_reason`: what the server or we said last stands on; else it is replaced
    by what the event says, which may be nothing.
    """

    state: SendState
    act: str | None
    raises: Alerts | None = None
    settles: frozenset[Alerts] = frozenset()
    reconsidered: bool = False
    waits: bool = False
    left: bool | None = None
    keeps_reason: bool = False


class NotPossibleError(ValueError):
    """In this state that cannot happen."""


@dataclass(frozen=True, slots=True)
class _Row:
    of: frozenset[SendState]
    change: Change


# While a reply is on its way a recovery, or a receipt, may have spoken: the server's own yes is better than both, its
# no is better than a doubt, and a receipt is better than its no.
_IN_HAND: Final = frozenset({SendState.SENDING})
_IN_HAND_OR_DOUBTED: Final = _IN_HAND | {SendState.UNCERTAIN}

_TABLE: Final[Mapping[Event, _Row]] = {
    Event.CLAIMED: _Row(WAITING, Change(SendState.SENDING, None, keeps_reason=True)),
    Event.RELEASED: _Row(_IN_HAND, Change(SendState.DEFERRED, None, waits=True)),
    Event.RECOVERED: _Row(_IN_HAND, Change(SendState.QUEUED, None, waits=True, keeps_reason=True)),
    Event.SERVER_TOOK: _Row(
        _IN_HAND_OR_DOUBTED | {SendState.SUBMITTED},
        Change(SendState.SUBMITTED, "message.submitted", settles=_ALL, reconsidered=True, left=True),
    ),
    Event.SERVER_DEFERRED: _Row(
        _IN_HAND_OR_DOUBTED,
        Change(
            SendState.DEFERRED, "message.deferred", settles=frozenset({Alerts.UNCERTAIN, Alerts.UNRESOLVED}),
            waits=True, left=False,
        ),
    ),
    Event.SERVER_REFUSED: _Row(
        _IN_HAND_OR_DOUBTED,
        Change(
            SendState.REFUSED, "message.refused", raises=Alerts.REFUSED,
            settles=frozenset({Alerts.UNCERTAIN, Alerts.UNRESOLVED, Alerts.WAITS}), left=False,
        ),
    ),
    Event.REPLY_LOST: _Row(
        _IN_HAND_OR_DOUBTED,
        Change(
            SendState.UNCERTAIN, "message.uncertain", raises=Alerts.UNCERTAIN, settles=frozenset({Alerts.WAITS}),
            reconsidered=True, left=False,
        ),
    ),
    Event.DOUBTED: _Row(
        HELD_BACK,
        Change(
            SendState.UNCERTAIN, "message.uncertain", raises=Alerts.UNCERTAIN, settles=frozenset({Alerts.WAITS}),
            reconsidered=True,
        ),
    ),
    Event.PROVEN: _Row(RESOLVED_BY_RECEIPT, Change(SendState.SUBMITTED, "message.submitted", settles=_ALL)),
    Event.RESENT: _Row(
        RESENDABLE_AGAIN, Change(SendState.QUEUED, "message.requeued", settles=_ALL, waits=True, left=False)
    ),
    Event.SETTLED_SENT: _Row(
        frozenset({SendState.UNCERTAIN}),
        Change(SendState.SUBMITTED, "message.submitted", settles=_ALL, reconsidered=True),
    ),
    Event.SETTLED_ABANDONED: _Row(
        FOR_A_PERSON | WAITING, Change(SendState.ABANDONED, "message.abandoned", settles=_ALL, reconsidered=True)
    ),
}  # fmt: skip

REPLIED: Final[Mapping[str, Event]] = {
    "submitted": Event.SERVER_TOOK,
    "deferred": Event.SERVER_DEFERRED,
    "refused": Event.SERVER_REFUSED,
    "uncertain": Event.REPLY_LOST,
}


def tokens(states: Iterable[SendState]) -> list[str]:
    """The states as they are stored."""
    return sorted(state.value for state in states)


def possible(event: Event) -> frozenset[SendState]:
    """The states in which *event* may happen."""
    return _TABLE[event].of


def change_of(event: Event) -> Change:
    """What *event* makes of a message, wherever it may happen."""
    return _TABLE[event].change


def after(state: SendState, event: Event) -> Change:
    """What *event* makes of a message in *state*. Raises NotPossibleError."""
    row = _TABLE[event]
    if state not in row.of:
        raise NotPossibleError(f"{event} of a message that is {state}")
    return row.change
