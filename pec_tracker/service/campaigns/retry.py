"""`campaign retry-failed`: which letters go again to those whom they did not reach? Only what is proven to have failed.

What another try cannot mend (an address that does not exist, a virus) is told of: there the list is to be corrected.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, update

from pec_tracker.askers import Act, Asker
from pec_tracker.campaign_tokens import CampaignState, RowState
from pec_tracker.db.campaigns import Campaign, CampaignRow
from pec_tracker.db.engine import in_one_transaction
from pec_tracker.errors import UsageError
from pec_tracker.ledger import lines, seals, together
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.pec.states import NextStep
from pec_tracker.service.campaigns.campaigns import Kept
from pec_tracker.service.campaigns.difference import Standing
from pec_tracker.service.campaigns.report import report
from pec_tracker.service.campaigns.rows import RowStanding
from pec_tracker.service.house import House
from pec_tracker.service.verbs import verb

_TO_BE_CORRECTED: Final = frozenset({NextStep.CHECK_ADDRESS, NextStep.REMOVE_VIRUS})


@dataclass(frozen=True, slots=True)
class Retried:
    """What goes again, and what does not because it would fail again."""

    campaign: Kept
    again: tuple[RowStanding, ...]
    to_be_corrected: tuple[RowStanding, ...]


@verb(Act.SEND)
def retry_failed(asker: Asker, house: House, name: str, *, rows: Collection[int] = (), dry: bool = False) -> Retried:
    """Write once more to those whom their letter did not reach (of *rows*, by their numbers, only); *dry*: only say so.

    The campaign runs afterwards. UsageError where it never started or is cancelled, or a row did not fail; ApartError.
    """
    found = report(asker, house, name)
    campaign = found.campaign
    if campaign.state in (CampaignState.DRAFT, CampaignState.CANCELLED):
        raise UsageError("{name} does not run: it was never started, or it was cancelled", name=campaign.name)
    failed = [one for one in found.rows if one.standing is Standing.FAILED and one.state is RowState.QUEUED]
    unknown = sorted(set(rows) - {one.letter.number for one in failed})
    if unknown:
        raise UsageError(
            "the letter of row {row} is not proven to have failed; campaign report says where it stands", row=unknown[0]
        )
    chosen = [one for one in failed if not rows or one.letter.number in rows]
    again = [one for one in chosen if one.next_step not in _TO_BE_CORRECTED]
    corrected = [one for one in chosen if one.next_step in _TO_BE_CORRECTED]
    if again and not dry:
        together.require(house.engine, house.archive)
        in_one_transaction(house.engine, lambda connection: _write(connection, house, campaign, again))
        seals.seal_pending(house.engine, house.archive, now=house.clock.now())
    return Retried(campaign, tuple(again), tuple(corrected))


def _write(connection: Connection, house: House, campaign: Kept, again: Collection[RowStanding]) -> None:
    for one in again:
        row = update(CampaignRow).where(
            CampaignRow.campaign_id == campaign.id,
            CampaignRow.row_key == one.letter.key,
            CampaignRow.state == RowState.QUEUED.value,
            CampaignRow.tries == one.tries,
            CampaignRow.message_key == one.message,
        )
        connection.execute(row.values(state=RowState.WAITING.value, tries=one.tries + 1))
    connection.execute(update(Campaign).where(Campaign.id == campaign.id).values(state=CampaignState.RUNNING.value))
    line = lines.new_line(LedgerAct.CAMPAIGN_RETRIED, at=house.clock.now(), campaign=campaign.key, rows=len(again))
    lines.append(connection, [line])
