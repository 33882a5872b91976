"""`campaign start`, `pause`, `resume`, `cancel`: what was checked by its id becomes the list that is sent.

The list is a record in the archive, named by a ledger line, before its first letter is written; so is each later one.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from sqlalchemy import Connection, insert, select, update

from pec_tracker import crash
from pec_tracker.askers import Act, Asker, signature
from pec_tracker.campaign_tokens import CampaignState, Channel, RowState
from pec_tracker.db.base import table
from pec_tracker.db.campaigns import Campaign, CampaignRow
from pec_tracker.db.engine import in_one_transaction, reading
from pec_tracker.errors import UsageError
from pec_tracker.ledger import lines, records, seals, together
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.service.campaigns.campaigns import Kept, campaign_named
from pec_tracker.service.campaigns.checked import Checked, Letter
from pec_tracker.service.campaigns.difference import SENT, Change, RowChange, RowNow, difference
from pec_tracker.service.campaigns.rows import row_standings
from pec_tracker.service.house import Account, House
from pec_tracker.service.verbs import verb

log = structlog.get_logger()

PREVIEWS: Final = 3  # the first letter, the last, the largest


@dataclass(frozen=True, slots=True)
class Started:
    """A campaign that runs now, by which check, and what that changed of the list before."""

    campaign: Kept
    check_id: str
    changes: tuple[RowChange, ...]


def due_letters(connection: Connection, campaign_id: int, checked: Checked) -> list[Letter]:
    """Of what was *checked* the letters that a start would send; of one that was never started, all."""
    now = _rows_now(connection, campaign_id)
    waiting = {one.letter.key for one in now if one.state is RowState.WAITING}
    return [
        one.letter
        for one in difference(now, checked.letters)
        if one.letter.sends and (one.change in SENT or (one.change is Change.SAME and one.letter.key in waiting))
    ]


def to_be_seen(sent: Sequence[Letter]) -> list[Letter]:
    """Of the letters that would be *sent*, those that must be looked at before: the first, the last, the largest."""
    if not sent:
        return []
    largest = max(sent, key=lambda one: (sum(file.size for file in one.files), len(one.text), -one.number))
    return list({one.key: one for one in (sent[0], sent[-1], largest)}.values())


def checked_now(house: House, campaign: Kept) -> Checked:
    """What the newest check made. UsageError where there is none that could be started."""
    with reading(house.engine) as connection:
        kept = connection.execute(select(Campaign.checked).where(Campaign.id == campaign.id)).scalar()
    if kept is None:
        raise UsageError("{name} is not checked as it stands now: campaign check", name=campaign.name)
    return Checked.of_json(kept)


@verb(Act.READ)
def what_would_change(asker: Asker, house: House, name: str) -> list[RowChange]:
    """What the newest check would change of the list that was started; nothing of one that was not."""
    campaign = campaign_named(asker, house, name)
    checked = checked_now(house, campaign)
    with reading(house.engine) as connection:
        return difference(_rows_now(connection, campaign.id), checked.letters)


@verb(Act.SEND)
def start(asker: Asker, house: House, account: Account, name: str, *, check: str) -> Started:
    """Let what was checked as *check* be sent. Nothing leaves here: `feed` writes the letters.

    Raises UsageError where it was checked anew since, its previews were not looked at, or it was cancelled; ApartError.
    """
    campaign = campaign_named(asker, house, name)
    checked = checked_now(house, campaign)
    with reading(house.engine) as connection:
        due = due_letters(connection, campaign.id, checked)
    _require_startable(campaign, due, account, check)
    together.require(house.engine, house.archive)
    record = records.campaign(campaign.key, campaign.name, check=check, letters=checked.as_json(), by=signature(asker))
    house.archive.put_many([record])
    crash.at("campaign.archived")
    now = house.clock.now()

    def work(connection: Connection) -> tuple[RowChange, ...]:
        row = connection.execute(
            select(Campaign.check_id, Campaign.state).where(Campaign.id == campaign.id).with_for_update()
        ).one()
        if row.check_id != check or row.state == CampaignState.CANCELLED:
            raise UsageError("{name} was changed at this moment by somebody else; look at it again", name=campaign.name)
        changes = write_list(connection, campaign.id, checked)
        started = {
            "state": CampaignState.RUNNING.value,
            "started_check": check,
            "record": record.sha256,
            "started_at": campaign.started_at or now,
        }
        connection.execute(update(Campaign).where(Campaign.id == campaign.id).values(started))
        facts = {"campaign": campaign.key, "mailbox": account.key, "check": check, "record": record.sha256}
        lines.append(connection, [lines.new_line(LedgerAct.CAMPAIGN_STARTED, at=now, **facts)])
        return tuple(changes)

    changes = in_one_transaction(house.engine, work)
    crash.at("campaign.started")
    seals.seal_pending(house.engine, house.archive, now=house.clock.now())
    log.info("campaign.started", campaign=campaign.key, letters=sum(1 for _ in checked.sent(Channel.PEC)))
    return Started(campaign_named(asker, house, campaign.name), check, changes)


def _require_startable(campaign: Kept, due: Sequence[Letter], account: Account, check: str) -> None:
    if campaign.state is CampaignState.CANCELLED:
        raise UsageError("the campaign {name} was cancelled; make a new one", name=campaign.name)
    if campaign.check_id != check:
        raise UsageError(
            "what was checked as {check} is no longer what {name} says; it was checked anew as {now}: read what that "
            "check says, and start with its id",
            check=check,
            name=campaign.name,
            now=campaign.check_id,
        )
    if campaign.mailbox_id != account.id:
        raise UsageError("{name} is sent from the mailbox {mailbox}", name=campaign.name, mailbox=campaign.mailbox)
    unseen = [one for one in to_be_seen(due) if one.key not in campaign.previewed]
    if unseen:
        raise UsageError(
            "look at the letters first: campaign preview; not yet seen: {rows}",
            rows=", ".join(f"{one.number} ({one.name})" for one in unseen),
        )


def write_list(connection: Connection, campaign_id: int, checked: Checked) -> list[RowChange]:
    """Let the rows of a campaign be what was *checked*: what is proven stays, nothing goes twice."""
    changes = difference(_rows_now(connection, campaign_id), checked.letters)
    added = [_row(campaign_id, one.letter) for one in changes if one.change is Change.NEW]
    if added:
        connection.execute(insert(table(CampaignRow)), added)
    for one in changes:
        values = _changed(one)
        if values:
            this = CampaignRow.campaign_id == campaign_id, CampaignRow.row_key == one.letter.key
            connection.execute(update(CampaignRow).where(*this).values(values))
    return changes


def _changed(one: RowChange) -> dict[str, Any]:
    """What of a row that is there is to be written."""
    match one.change:
        case Change.CORRECTED:
            return {**_written(one.letter), "problem": None}
        case Change.AGAIN:
            return {**_written(one.letter), "problem": None, "tries": CampaignRow.tries + 1}
        case Change.GONE:
            return {"state": RowState.GONE.value}
        case Change.SAME if one.before is not None and one.before.number != one.letter.number:
            return {"number": one.letter.number, "content": one.letter.as_json()}
    return {}


def _row(campaign_id: int, letter: Letter) -> dict[str, Any]:
    return {"campaign_id": campaign_id, "row_key": letter.key, "tries": 0, **_written(letter)}


def _written(letter: Letter) -> dict[str, Any]:
    return {
        "number": letter.number,
        "channel": None if letter.channel is None else letter.channel.value,
        "state": _state(letter).value,
        "content": letter.as_json(),
    }


def _state(letter: Letter) -> RowState:
    if letter.skipped is not None:
        return RowState.SKIPPED
    return RowState.WAITING if letter.with_row is None else RowState.MERGED


def _rows_now(connection: Connection, campaign_id: int) -> list[RowNow]:
    return [RowNow(one.letter, one.state, one.standing) for one in row_standings(connection, campaign_id)]


@verb(Act.READ)
def running(asker: Asker, house: House, name: str) -> Kept:
    """The campaign, where it runs. NotFoundError, UsageError."""
    campaign = campaign_named(asker, house, name)
    if campaign.state is not CampaignState.RUNNING:
        raise UsageError(_CANNOT[campaign.state], name=campaign.name)
    return campaign


@verb(Act.SEND)
def pause(asker: Asker, house: House, name: str) -> Kept:
    """Write no more letters of it until it is resumed. UsageError where it does not run."""
    campaign = campaign_named(asker, house, name)
    line = lines.new_line(LedgerAct.CAMPAIGN_PAUSED, at=house.clock.now(), campaign=campaign.key)
    return _decide(asker, house, campaign, CampaignState.PAUSED, line, {CampaignState.RUNNING})


@verb(Act.SEND)
def resume(asker: Asker, house: House, name: str) -> Kept:
    """Go on with one that was paused. UsageError where it was not."""
    campaign = campaign_named(asker, house, name)
    line = lines.new_line(LedgerAct.CAMPAIGN_RESUMED, at=house.clock.now(), campaign=campaign.key)
    return _decide(asker, house, campaign, CampaignState.RUNNING, line, {CampaignState.PAUSED})


@verb(Act.SEND)
def cancel(asker: Asker, house: House, name: str) -> Kept:
    """Write no more letters of it for good; what was sent is followed as ever. UsageError where it does not run."""
    campaign = campaign_named(asker, house, name)
    line = lines.new_line(LedgerAct.CAMPAIGN_CANCELLED, at=house.clock.now(), campaign=campaign.key)
    running = {CampaignState.RUNNING, CampaignState.PAUSED}
    return _decide(asker, house, campaign, CampaignState.CANCELLED, line, running)


# Why nothing becomes of it, for each state.
_CANNOT: Final[Mapping[CampaignState, str]] = {
    CampaignState.DRAFT: "{name} was not started yet: campaign check, then campaign start",
    CampaignState.RUNNING: "{name} runs already",
    CampaignState.PAUSED: "{name} is paused already; campaign resume goes on with it",
    CampaignState.CANCELLED: "{name} was cancelled; make a new campaign",
}


def _decide(
    asker: Asker,
    house: House,
    campaign: Kept,
    to: CampaignState,
    line: lines.Line,
    among: Collection[CampaignState],
) -> Kept:
    together.require(house.engine, house.archive)

    def work(connection: Connection) -> None:
        changed = update(Campaign).where(Campaign.id == campaign.id, Campaign.state.in_([one.value for one in among]))
        if connection.execute(changed.values(state=to.value)).rowcount == 0:
            state = connection.execute(select(Campaign.state).where(Campaign.id == campaign.id)).scalar_one()
            raise UsageError(_CANNOT[CampaignState(state)], name=campaign.name)
        lines.append(connection, [line])

    in_one_transaction(house.engine, work)
    seals.seal_pending(house.engine, house.archive, now=line.at)
    return campaign_named(asker, house, campaign.name)
