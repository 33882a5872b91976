"""What is a mail of each kind to us? One row a kind; whoever decides by kinds asks here, and lists none himself.

Only what one kind alone is (an acceptance lists all recipients, a delivery encloses the original) is asked of the kind.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from pec_tracker.pec.standard import Kind
from pec_tracker.pec.states import State


class About(Enum):
    """Whom a receipt or notice about a message that somebody sent is about."""

    ALL = auto()  # all its recipients: what the submission is answered with, before anything else certifies it
    ONE = auto()  # one of them: by `consegna`, or else the only one that it lists
    NOBODY = auto()  # between providers, never to a user (RFC 6109 2.1.1.1.1, 3.2.3): listed where seen, moves nothing
    UNTOLD = auto()  # about a sent message, and whom we cannot tell yet
    OTHER = auto()  # it is about no sent message: it brings one, or is nothing of PEC


class Side(Enum):
    """Whose provider issues a receipt or notice (RFC 6109 3.1 to 3.3)."""

    SENDER = auto()
    RECIPIENT = auto()


@dataclass(frozen=True, slots=True)
class Traits:
    """What a kind is. `shows`: the state of a journey of which it is the evidence, a last delay notice aside.

    `follows_acceptance`: it cannot be older than the acceptance. `issued`: providers alone issue it, and sign it.
    `envelope`: it brings a message. `answers`: its In-Reply-To and References name what it answers; a receipt encloses
    our own original, whose In-Reply-To names a message of someone else. `authored`: its own body is what somebody
    wrote. `verifiable`: we know how to tell whether it is genuine.
    """

    about: About
    side: Side | None = None
    shows: State | None = None
    follows_acceptance: bool = False
    issued: bool = True
    envelope: bool = False
    answers: bool = False
    authored: bool = False
    verifiable: bool = True

    @property
    def certifies(self) -> bool:
        """It certifies something of a message that somebody sent."""
        return self.about in (About.ALL, About.ONE)

    @property
    def about_sent_mail(self) -> bool:
        """It belongs to a message that somebody sent."""
        return self.about is not About.OTHER


TRAITS: Final[Mapping[Kind, Traits]] = {
    Kind.ACCEPTANCE: Traits(About.ALL, Side.SENDER, State.ACCEPTED),
    Kind.NON_ACCEPTANCE: Traits(About.ALL, Side.SENDER, State.NOT_ACCEPTED),
    Kind.TAKEN_IN_CHARGE: Traits(About.NOBODY, Side.RECIPIENT, follows_acceptance=True),
    Kind.DELIVERY: Traits(About.ONE, Side.RECIPIENT, State.DELIVERED, follows_acceptance=True),
    Kind.NON_DELIVERY: Traits(About.ONE, Side.RECIPIENT, State.FAILED, follows_acceptance=True),
    Kind.DELAY_NOTICE: Traits(About.ONE, Side.SENDER, State.DELAYED, follows_acceptance=True),
    Kind.VIRUS_NOTICE: Traits(About.NOBODY, Side.RECIPIENT),
    Kind.TRANSPORT_ENVELOPE: Traits(About.OTHER, envelope=True, answers=True),
    Kind.ANOMALY_ENVELOPE: Traits(About.OTHER, envelope=True, answers=True, authored=True),
    Kind.REM_EVIDENCE: Traits(About.UNTOLD, verifiable=False),
    Kind.ORDINARY: Traits(About.OTHER, issued=False, answers=True, authored=True),
    Kind.UNREADABLE: Traits(About.OTHER, issued=False),
}
