"""What does every verb work with? The archive, the database, the clock, whom we trust; and each mailbox's account."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from pec_tracker.archive.archive import Archive
from pec_tracker.clock import Clock
from pec_tracker.pec.limits import Limits
from pec_tracker.presence import Presence
from pec_tracker.settings import Folders, Pace, Quota
from pec_tracker.wire.endpoint import Endpoint, Login

if TYPE_CHECKING:  # most commands trust nobody: what reads certificates is imported by those that do
    from pec_tracker.pec.trust import Trust

Stop = Callable[[], bool]  # has somebody said that the work should end?


@dataclass(frozen=True, slots=True)
class StampAuthority:
    """A time-stamp authority (RFC 3161): its chain must end at one of `anchors` (certificates, DER)."""

    name: str
    url: str
    anchors: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Start:
    """How a process found the database when it started, so that what came since can be told without a clock.

    `newest`: the highest number of a message; `collected`: when each mailbox had last been looked through; `looked`:
    those that this process has looked through itself.
    """

    newest: int = 0
    collected: Mapping[int, datetime | None] = field(default_factory=dict)
    looked: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class House:
    """The collaborators of the verbs. `start` is how this process found the database: the restore fence."""

    engine: Engine
    archive: Archive
    trusting: "Callable[[], Trust]"  # see `trust`
    clock: Clock
    start: Start
    spool: Path  # big mails rest here on their way to the archive
    uncertain_after: timedelta = timedelta(hours=1)  # then a person is asked about an uncertain message
    authorities: tuple[StampAuthority, ...] = ()  # asked in this order, until one answers
    stamp_every: timedelta = timedelta(0)  # the least time between two time-stamps
    trust_folder: Path | None = None  # the anchors that the user added, which `trust` holds too
    fetch_revocation: bool = False  # from where trusted certificates name it
    presence: Presence = field(default_factory=Presence)  # by which others see whether this process lives
    served: bool = False  # by the watch: its jobs seal, and note that mailboxes were looked through, for all verbs
    provider_domains: frozenset[str] = frozenset()  # in which providers give PEC addresses themselves
    marks: Path | None = None  # outside of all that is backed up together, what was sent last is marked here

    @property
    def trust(self) -> "Trust":
        """Whom we trust. Read when it is first asked for: raises ConfigurationError, UsageError then."""
        return self.trusting()


@dataclass(frozen=True, slots=True)
class Account:
    """One mailbox as the verbs see it: its row, its servers, its settings. `login` reads the secret when asked."""

    id: int
    key: str
    name: str
    address: str
    smtp: Endpoint
    imap: Endpoint
    login: Callable[[], Login] = field(repr=False)
    limits: Limits = field(default_factory=Limits)
    folders: Folders = field(default_factory=Folders)
    sender_name: str | None = None
    reply_to: str | None = None
    pace: Pace = field(default_factory=Pace)
    copy_to_sent: bool = False
    interval_minutes: float = 5.0
    quota: Quota = field(default_factory=Quota)
    agreement: str | None = None  # the provider, where it allows automatic programs only by agreement
    notary: bool = False  # once a day it writes a PEC to itself that quotes the newest seal

    @property
    def interval(self) -> timedelta:
        """How often it is looked into."""
        return timedelta(minutes=self.interval_minutes)
