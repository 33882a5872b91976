"""`campaign status` and `campaign report`: who has received it, who has not and why, and what is still to leave?"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pec_tracker.askers import Act, Asker
from pec_tracker.campaign_tokens import CampaignState, Channel, RowState
from pec_tracker.db.engine import reading
from pec_tracker.pec.sending import FOR_A_PERSON, WAITING
from pec_tracker.service.campaigns.campaigns import Kept, campaign_named
from pec_tracker.service.campaigns.difference import Standing
from pec_tracker.service.campaigns.rows import RowStanding, row_standings
from pec_tracker.service.house import Account, House
from pec_tracker.service.verbs import verb


@dataclass(frozen=True, slots=True)
class Report:
    """Every row of a campaign. A row whose letter another row's names too stands where that letter does."""

    campaign: Kept
    rows: tuple[RowStanding, ...]

    def count(self, channel: Channel, standing: Standing) -> int:
        """How many letters (not merged rows) that go this way stand so."""
        return sum(
            one.channel is channel and one.standing is standing and one.state is not RowState.MERGED
            for one in self.rows
        )

    @property
    def states(self) -> Mapping[RowState, int]:
        """How many rows stand in which state."""
        return Counter(one.state for one in self.rows)

    @property
    def waiting(self) -> int:
        """How many letters are still to be written by us."""
        if self.campaign.state is CampaignState.CANCELLED:
            return 0
        return sum(one.state is RowState.WAITING and one.channel is Channel.PEC for one in self.rows)

    @property
    def in_the_outbox(self) -> int:
        """How many letters are queued and have not left, as far as anybody knows."""
        return sum(one.state is RowState.QUEUED and one.send_state in WAITING for one in self.rows)

    @property
    def stopped(self) -> int:
        """How many letters could not be written as they were checked."""
        return self.states.get(RowState.STOPPED, 0)

    @property
    def refused(self) -> int:
        """How many letters a person must look at: the server refused them, or it is uncertain whether they left."""
        return sum(one.state is RowState.QUEUED and one.send_state in FOR_A_PERSON for one in self.rows)

    @property
    def to_be_seen_to(self) -> list[RowStanding]:
        """Rows that need a person: not delivered, stopped, left out."""
        odd = (RowState.STOPPED, RowState.SKIPPED)
        return [one for one in self.rows if one.standing is Standing.FAILED or one.state in odd]

    @property
    def all_received(self) -> bool:
        """Whether every row that the list still has is proven to have received it."""
        return all(one.standing is Standing.DELIVERED for one in self.rows if one.state is not RowState.GONE)

    @property
    def over(self) -> bool:
        """Whether nothing is to be waited for any more."""
        if self.campaign.state is CampaignState.DRAFT:
            return False
        return not self.waiting and not any(one.standing is Standing.OPEN for one in self.rows)


@verb(Act.READ)
def report(asker: Asker, house: House, name: str) -> Report:
    """Where each row of a campaign stands. NotFoundError; a draft has no rows."""
    campaign = campaign_named(asker, house, name)
    with reading(house.engine) as connection:
        rows = list(row_standings(connection, campaign.id))
    return Report(campaign, tuple(_as_named(rows)))


def _as_named(rows: Sequence[RowStanding]) -> list[RowStanding]:
    by_key = {one.letter.key: one for one in rows}
    found = []
    for one in rows:
        first = by_key.get(one.letter.with_row or "")
        if one.state is RowState.MERGED and first is not None:
            one = replace(first, letter=one.letter, state=RowState.MERGED, channel=one.channel)
        found.append(one)
    return found


def duration(account: Account, letters: int) -> timedelta:
    """How long so many letters take, at the provider's pace: of its limits by minute, hour and day the slowest."""
    turns = [window.span * ((letters - 1) // window.count) for window in account.pace.windows if letters]
    return max(turns, default=timedelta(0))


def expected_end(house: House, account: Account, waiting: int) -> datetime | None:
    """When the last of so many letters leaves, at the provider's pace; None where none waits or no pace is set."""
    if not waiting or not account.pace.windows:
        return None
    return house.clock.now() + duration(account, waiting)
