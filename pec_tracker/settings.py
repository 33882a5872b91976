"""What is set of a mailbox and of the house, as values that belong together? Made by the configuration, carried whole.

Whoever passes them on names none of their fields: a new one touches its section of the configuration, this file, and
who asks for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class Per(StrEnum):
    """In how much time a provider counts what it takes."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


class Why(StrEnum):
    """What keeps a mailbox's messages back."""

    TRAFFIC = "traffic"  # the provider said that it is too much: the pause, or the slower pace after it
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    AGREEMENT = "agreement"  # the provider allows automatic programs only by agreement, which nobody acknowledged


@dataclass(frozen=True, slots=True)
class Window:
    """In any `span` at most `count` messages begin; `per` is how that is said, `said` the number in it."""

    per: Per
    said: float
    count: int
    span: timedelta


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a mailbox may send: so many messages in any minute, hour and 24 hours; None: no such limit."""

    messages_per_minute: float | None = None
    messages_per_hour: int | None = None
    messages_per_day: int | None = None

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

    @property
    def windows(self) -> tuple[Window, ...]:
        """The limits that there are."""
        found = []
        if self.messages_per_minute is not None:
            found.append(Window(Per.MINUTE, self.messages_per_minute, self.burst, self.window))
        for per, count, span in (
            (Per.HOUR, self.messages_per_hour, timedelta(hours=1)),
            (Per.DAY, self.messages_per_day, timedelta(days=1)),
        ):
            if count is not None:
                found.append(Window(per, count, count, span))
        return tuple(found)


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
