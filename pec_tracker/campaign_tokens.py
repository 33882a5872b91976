"""Which tokens does a campaign know? One home for them: tables, files and words go by these."""

from enum import StrEnum


class CampaignState(StrEnum):
    """What becomes of a campaign's letters. That all of them are written is no state: no row waits then."""

    DRAFT = "draft"  # nothing of it was ever started
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"


class Channel(StrEnum):
    """By which way a row's letter goes."""

    PEC = "pec"
    ORDINARY = "ordinary"  # electronic mail without legal value
    PAPER = "paper"
    HAND = "hand"


class RowState(StrEnum):
    """Where a row of a started campaign stands; what became of its letter is the message's to say."""

    WAITING = "waiting"  # nothing of it has left
    QUEUED = "queued"  # its letter is in the outbox, or was
    STOPPED = "stopped"  # its letter could not be written as it was checked
    SKIPPED = "skipped"  # the check left it out
    MERGED = "merged"  # the letter of another row names it too
    GONE = "gone"  # a later list has it no more; what was sent stays sent


class Noted(StrEnum):
    """What a person notes of a letter on paper, or handed over."""

    POSTED = "posted"
    DELIVERED = "delivered"
    NOTICE_LEFT = "notice-left"  # avviso di giacenza
    RETURNED = "returned"
    HANDED = "handed"


class Timely(StrEnum):
    """Whether somebody was convened in time."""

    IN_TIME = "in-time"
    AT_THE_LIMIT = "at-the-limit"
    LATE = "late"
    MISSING = "missing"
