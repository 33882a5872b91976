"""What is answered to the chair of an assembly? Who was convened by which way, when, and whether in time."""

from typing import TYPE_CHECKING, Any, Final

from pec_tracker.campaign_tokens import Timely
from pec_tracker.texts import N_, _, campaigns, words

if TYPE_CHECKING:
    from datetime import date

    from pec_tracker.service.campaigns.chair import Convened, Sheet

COLUMNS: Final = (
    N_("Unit"), N_("Owner"), N_("Sent by"), N_("Sent"), N_("Received"), N_("Days before the call"), N_("Outcome"),
)  # fmt: skip


def sheet_facts(sheet: "Sheet") -> dict[str, Any]:
    """The sheet as a JSON object (contract of `campaign chair`)."""
    return {
        "campaign": sheet.campaign.name,
        "call": sheet.call,
        "in_time": sheet.count(Timely.IN_TIME),
        "at_the_limit": sheet.count(Timely.AT_THE_LIMIT),
        "late": sheet.count(Timely.LATE),
        "missing": sheet.count(Timely.MISSING),
        "rows": [_facts(one) for one in sheet.rows],
    }


def _facts(one: "Convened") -> dict[str, Any]:
    return {
        "row": one.row.letter.number,
        "unit": one.row.letter.unit or None,
        "name": one.row.letter.name,
        "channel": one.row.channel,
        "sent": one.sent,
        "received": one.received,
        "days": one.days,
        "outcome": one.timely,
        "noted": one.noted,
        "key": one.row.message,
    }


def table(sheet: "Sheet") -> tuple[list[str], list[list[object]]]:
    """Columns and rows, one an owner."""
    return [_(name) for name in COLUMNS], [_row(one) for one in sheet.rows]


def _row(one: "Convened") -> list[object]:
    letter = one.row.letter
    way = "-" if one.row.channel is None else words.word(campaigns.CHANNELS, one.row.channel)
    told = words.word(campaigns.TIMELY, one.timely)
    days = "" if one.days is None else one.days
    return [letter.unit, letter.name, way, day(one.sent), day(one.received), days, told]


def day(moment: "date | None") -> str:
    """A day as one writes it; nothing for none."""
    return "" if moment is None else f"{moment:%d/%m/%Y}"


def summary_text(sheet: "Sheet") -> str:
    """How many were convened in time, and by what it is counted."""
    told = _(
        "Call of {day}: {in_time} of {count} in time, {limit} at the limit, {late} late, {missing} missing. Counted: "
        "at least 5 days, the day of receipt included, that of the call not (disp. att. c.c. art. 66; Cass. "
        "18635/2021). Letters on paper and by hand as somebody noted them."
    )
    return told.format(
        day=day(sheet.call),
        in_time=sheet.count(Timely.IN_TIME),
        count=len(sheet.rows),
        limit=sheet.count(Timely.AT_THE_LIMIT),
        late=sheet.count(Timely.LATE),
        missing=sheet.count(Timely.MISSING),
    )
