"""What is set of a mailbox and of the house, as values that belong together? Made by the configuration, carried whole.

Whoever passes them on names none of their fields: a new one touches its section of the configuration, this file, and
who asks for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a mailbox may send: so many messages in any minute; None: as fast as it can."""

    messages_per_minute: float | None = None

    @property
    def burst(self) -> int:
        """So many may begin at once within a `window`."""
        return max(1, int(self.messages_per_minute or 1))

    @property
    def window(self) -> timedelta:
        """The least time from one message to the one that comes `burst` messages later."""
        if self.messages_per_minute is None:
            return timedelta(0)
        return timedelta(minutes=1) * (self.burst / self.messages_per_minute)


@dataclass(frozen=True, slots=True)
class Folders:
    """Which folders are collected (none named in `include`: all but `exclude`), and which holds the sent mails."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    sent: str | None = None


@dataclass(frozen=True, slots=True)
class Quota:
    """How much space a mailbox has, where its server does not say, and from which percent of it on somebody is told."""

    limit_bytes: int | None = None
    warn_percent: int = 80
    alarm_percent: int = 90


@dataclass(frozen=True, slots=True)
class Terms:
    """How many months after the last of its dates a dossier is kept, by its mailbox's name where that has its own."""

    months: int = 30
    own: Mapping[str, int] = field(default_factory=dict)

    def of(self, mailbox: str) -> int:
        """The term of the mailbox called so."""
        return self.own.get(mailbox, self.months)
