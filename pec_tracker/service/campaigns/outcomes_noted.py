"""`campaign outcome`: what came of a letter on paper, or handed over? Noted by a person, and never certified.

Each note is a record in the archive, named by a ledger line; a later one does not take an earlier one away.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, select, update

from pec_tracker.askers import Act, Asker, signature
from pec_tracker.campaign_tokens import Channel, Noted
from pec_tracker.db.campaigns import CampaignRow
from pec_tracker.db.engine import in_one_transaction
from pec_tracker.errors import NotFoundError, UsageError
from pec_tracker.ledger import lines, records, seals, together
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.service.campaigns.campaigns import campaign_named
from pec_tracker.service.campaigns.report import report
from pec_tracker.service.campaigns.rows import RowStanding
from pec_tracker.service.house import House
from pec_tracker.service.verbs import verb


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody says of a letter: what happened on which day; `number` of the registered letter."""

    what: Noted
    day: date
    number: str = ""
    text: str = ""


@verb(Act.SEND)
def note_outcome(asker: Asker, house: House, name: str, row: int, note: Note) -> RowStanding:
    """Note what came of the letter of a row (by its number): where it stands now.

    Raises NotFoundError for a row that is not there, UsageError for one that goes by PEC, or a day that is to come.
    """
    campaign = campaign_named(asker, house, name)
    found = next((one for one in report(asker, house, name).rows if one.letter.number == row), None)
    if found is None:
        raise NotFoundError("{name} has no row {row}; campaign report shows them", name=campaign.name, row=row)
    if found.channel not in (Channel.PAPER, Channel.HAND):
        raise UsageError("row {row} does not go on paper or by hand: its receipts say what came of it", row=row)
    now = house.clock.now()
    if note.day > now.date():
        raise UsageError("{day} is yet to come; note it when it has happened", day=note.day.isoformat())
    together.require(house.engine, house.archive)
    by = signature(asker)
    event = {**asdict(note), "day": note.day.isoformat(), "by": by}
    record = records.campaign_outcome(campaign.key, found.letter.key, outcome=event, by=by)
    house.archive.put_many([record])
    line = lines.new_line(LedgerAct.CAMPAIGN_OUTCOME, at=now, campaign=campaign.key, record=record.sha256)

    def work(connection: Connection) -> None:
        add_event(connection, campaign.id, found.letter.key, event)
        lines.append(connection, [line])

    in_one_transaction(house.engine, work)
    seals.seal_pending(house.engine, house.archive, now=now)
    return next(one for one in report(asker, house, name).rows if one.letter.key == found.letter.key)


def add_event(connection: Connection, campaign_id: int, row_key: str, event: Mapping[str, Any]) -> None:
    """Write an event after those that the row has."""
    this = CampaignRow.campaign_id == campaign_id, CampaignRow.row_key == row_key
    kept = connection.execute(select(CampaignRow.outcome).where(*this).with_for_update()).scalar()
    events = [*(kept or {}).get("events", ()), dict(event)]
    connection.execute(update(CampaignRow).where(*this).values(outcome={"events": events}))


def day_of(event: Mapping[str, Any]) -> date:
    """The day of an event."""
    return datetime.fromisoformat(event["day"]).date()
