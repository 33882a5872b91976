"""`campaign chair`: was everybody convened in time? The sheet that the chair of the assembly has before him.

At least five days before the first call; the day of receipt counts, the day of the call does not (disp. att. c.c. art.
66(3); Cass. 18635/2021). That count rests on one ruling, so exactly five days are told as the limit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from pec_tracker.askers import Act, Asker
from pec_tracker.campaign_tokens import Channel, Noted, RowState, Timely
from pec_tracker.clock import ROME
from pec_tracker.pec.states import State
from pec_tracker.service.campaigns.campaigns import Kept
from pec_tracker.service.campaigns.outcomes_noted import day_of
from pec_tracker.service.campaigns.report import report
from pec_tracker.service.campaigns.rows import RECEIVED, RowStanding
from pec_tracker.service.house import House
from pec_tracker.service.verbs import verb

DAYS: Final = 5


@dataclass(frozen=True, slots=True)
class Convened:
    """One row of the sheet: when its letter left and arrived, as a day in Rome; `days` before the call; `noted`: by a
    person, and not by a receipt."""

    row: RowStanding
    sent: date | None
    received: date | None
    days: int | None
    timely: Timely
    noted: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """The sheet of a campaign for a call."""

    campaign: Kept
    call: date
    rows: tuple[Convened, ...]

    def count(self, *timely: Timely) -> int:
        """How many rows are so."""
        return sum(one.timely in timely for one in self.rows)


@verb(Act.READ)
def chair(asker: Asker, house: House, name: str, call: date) -> Sheet:
    """The sheet of a campaign for the first call on *call*, over all ways. NotFoundError."""
    found = report(asker, house, name)
    rows = [_convened(one, call) for one in found.rows if one.state is not RowState.GONE]
    return Sheet(found.campaign, call, tuple(rows))


def _convened(row: RowStanding, call: date) -> Convened:
    events: Sequence[dict[str, object]] = (row.outcome or {}).get("events", ())
    noted = row.channel in (Channel.PAPER, Channel.HAND)
    if noted:
        days = {str(event["what"]): day_of(event) for event in events}
        sent = days.get(Noted.POSTED)
        received = next((days[what] for what in RECEIVED if what in days), None)
        if events and events[-1]["what"] == Noted.RETURNED and Noted.NOTICE_LEFT not in days:
            received = None
    else:
        sent = None if row.accepted_at is None else row.accepted_at.astimezone(ROME).date()
        delivered = row.journey is State.DELIVERED and row.at is not None
        received = row.at.astimezone(ROME).date() if delivered and row.at is not None else None
    before = None if received is None else (call - received).days
    return Convened(row, sent, received, before, _timely(before), noted)


def _timely(days: int | None) -> Timely:
    if days is None:
        return Timely.MISSING
    if days < DAYS:
        return Timely.LATE
    return Timely.AT_THE_LIMIT if days == DAYS else Timely.IN_TIME
