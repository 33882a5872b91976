"""How full is a mailbox? The one place that turns bytes into percent, and percent into a level."""

from enum import StrEnum

from pec_tracker.settings import Quota


class Level(StrEnum):
    """How full is full."""

    FINE = "fine"
    WARNING = "warning"
    ALARM = "alarm"
    UNKNOWN = "unknown"


def percent_used(used: int | None, limit: int | None) -> float | None:
    """The share that is used, to one decimal, as every answer, alert and level has it; None where no limit is known."""
    return None if used is None or not limit else round(100 * used / limit, 1)


def level_of(percent: float | None, quota: Quota) -> Level:
    """The level of a share of the space in percent."""
    if percent is None:
        return Level.UNKNOWN
    if percent >= quota.alarm_percent:
        return Level.ALARM
    return Level.WARNING if percent >= quota.warn_percent else Level.FINE
