"""What is answered about space? One percentage, rounded once (service.quota.space), in every object and table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from pec_tracker.service.quota.space import percent_used
from pec_tracker.texts import _, error_text, notices, words

if TYPE_CHECKING:
    from pec_tracker.errors import PecTrackerError
    from pec_tracker.service.quota.ask import QuotaReport

MEBIBYTE: Final = 1024 * 1024


def quota_facts(report: "QuotaReport") -> dict[str, Any]:
    """The space of one mailbox as a JSON object (contract of `report quota`)."""
    return {
        "mailbox": report.mailbox,
        "used": report.used,
        "limit": report.limit,
        "percent": report.percent,
        "level": report.level,
        "at": report.at,
        "error": None,
    }


def unasked_facts(mailbox: str, error: "PecTrackerError") -> dict[str, Any]:
    """The same of a mailbox whose server could not be asked."""
    nothing = dict.fromkeys(("used", "limit", "percent", "level", "at"))
    return {"mailbox": mailbox, **nothing, "error": error_text(error)}


def table(reports: "Sequence[QuotaReport]") -> tuple[list[str], list[tuple[object, ...]]]:
    """Columns and rows, one a mailbox."""
    columns = [_("Mailbox"), _("Used (MB)"), _("Limit (MB)"), _("Percent"), _("Level")]
    return columns, [
        (
            report.mailbox,
            _megabytes(report.used),
            None if report.limit is None else _megabytes(report.limit),
            percent_text(report.percent),
            words.word(notices.LEVELS, report.level),
        )
        for report in reports
    ]


def percent_text(percent: float | None) -> str | None:
    """A share as it is read; None where it is not known."""
    return None if percent is None else f"{percent:.1f} %"


def space_text(used: int | None, limit: int | None) -> str | None:
    """The share of the space that is used, as it is read."""
    return percent_text(percent_used(used, limit))


def used_text(used: int, limit: int) -> str:
    """Used and limit in whole MB, and the share."""
    share = percent_used(used, limit) or 0.0
    return _("space used: {used} of {limit} MB ({percent} %)").format(
        used=used // MEBIBYTE, limit=limit // MEBIBYTE, percent=f"{share:.1f}"
    )


def _megabytes(count: int) -> str:
    return f"{count / MEBIBYTE:.1f}"
