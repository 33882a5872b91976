"""How is a time written? As Italian law reads it, in Europe/Rome; the one place that turns times into local ones."""

from datetime import date, datetime
from typing import Final

from pec_tracker.clock import ROME

NONE: Final = "-"


def rome_time(moment: datetime | None) -> str:
    """A certified time as Italian law reads it: `23/11/2026 10:00:00 (+0100)`, Europe/Rome; `-` for None."""
    return _written(moment, "%d/%m/%Y %H:%M:%S (%z)")


def rome_second(moment: datetime | None) -> str:
    """The same without the offset: `23/11/2026 10:00:00`, where a table has no room or says the zone itself."""
    return _written(moment, "%d/%m/%Y %H:%M:%S")


def rome_cell(moment: datetime | None) -> str:
    """In a table that says the zone once: with its offset only in the hour that autumn repeats; `-` for None."""
    return NONE if moment is None else rome_prose(moment).replace("\u00a0", " ")


def rome_minute(moment: datetime | None) -> str:
    """To the minute: `23/11/2026 10:00`."""
    return _written(moment, "%d/%m/%Y %H:%M")


def rome_day(moment: datetime | None) -> str:
    """The day in Rome: `23/11/2026`."""
    return _written(moment, "%d/%m/%Y")


def rome_date(moment: datetime) -> date:
    """The day in Rome, which is what a term in months ends on."""
    return moment.astimezone(ROME).date()


def rome_prose(moment: datetime) -> str:
    """Within a sentence, so that it is not broken; with its offset only in the hour that autumn repeats."""
    local = moment.astimezone(ROME)
    twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return local.strftime("%d/%m/%Y\u00a0%H:%M:%S") + (local.strftime("\u00a0(%z)") if twice else "")


def _written(moment: datetime | None, form: str) -> str:
    return NONE if moment is None else moment.astimezone(ROME).strftime(form)
