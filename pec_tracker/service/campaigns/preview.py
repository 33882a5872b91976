"""`campaign preview` and `campaign test`: what does the letter of a row look like? Composed as it will be, and noted as
seen: three of them must be before a campaign starts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection, select, update

from pec_tracker.askers import Act, Asker
from pec_tracker.campaign_tokens import Channel
from pec_tracker.db.campaigns import Campaign
from pec_tracker.db.engine import in_one_transaction, reading
from pec_tracker.errors import NotFoundError
from pec_tracker.pec.compose import Attachment, Draft, compose
from pec_tracker.service.campaigns.campaigns import Kept, campaign_named
from pec_tracker.service.campaigns.check import TRIAL_ID
from pec_tracker.service.campaigns.checked import Checked, Letter
from pec_tracker.service.campaigns.feed import as_checked
from pec_tracker.service.campaigns.letter import draft_of
from pec_tracker.service.campaigns.start import checked_now, due_letters, to_be_seen
from pec_tracker.service.house import Account, House
from pec_tracker.service.verbs import verb

TRIAL: Final = "[PROVA] "  # before the subject of a letter to oneself


@dataclass(frozen=True, slots=True)
class Preview:
    """A letter as it will leave: `raw` of one by PEC; of another None. `documents` are its own and those for all."""

    letter: Letter
    documents: tuple[Attachment, ...]
    raw: bytes | None


@dataclass(frozen=True, slots=True)
class Previewed:
    """What was looked at, and the rows (their numbers) that still must be before a start."""

    campaign: Kept
    previews: tuple[Preview, ...]
    unseen: tuple[int, ...]


@verb(Act.SEND)
def preview(asker: Asker, house: House, account: Account, name: str, *, rows: Sequence[int] = ()) -> Previewed:
    """The letters of these rows (by number; else those that must be seen before a start). NotFoundError, UsageError."""
    campaign = campaign_named(asker, house, name)
    checked = checked_now(house, campaign)
    with reading(house.engine) as connection:
        wanted = to_be_seen(due_letters(connection, campaign.id, checked))
    letters = [_letter(checked, number) for number in rows] if rows else wanted
    previews = [_preview(house, account, checked, letter) for letter in letters]

    def work(connection: Connection) -> list[str]:
        this = Campaign.id == campaign.id
        columns = select(Campaign.check_id, Campaign.previewed).where(this).with_for_update()
        row = connection.execute(columns).one()
        seen = list(dict.fromkeys([*row.previewed, *(one.key for one in letters)]))
        if row.check_id == campaign.check_id:
            connection.execute(update(Campaign).where(this).values(previewed=seen))
        return seen

    seen = in_one_transaction(house.engine, work)
    unseen = tuple(one.number for one in wanted if one.key not in seen)
    return Previewed(campaign, tuple(previews), unseen)


@verb(Act.SEND)
def trial_draft(asker: Asker, house: House, account: Account, name: str, *, row: int | None = None) -> Draft:
    """The letter of a row (by number; else the first) to the mailbox itself, as a trial. NotFoundError, UsageError."""
    campaign = campaign_named(asker, house, name)
    checked = checked_now(house, campaign)
    letter = _letter(checked, row) if row is not None else next(one for one in checked.letters if one.sends)
    to_oneself = replace(letter, address=account.address, subject=f"{TRIAL}{letter.subject}")
    return draft_of(account, to_oneself, _documents(checked, letter), checked.receipt_form)


def _letter(checked: Checked, number: int) -> Letter:
    for one in checked.letters:
        if one.number == number and one.sends:
            return one
    raise NotFoundError("row {row} has no letter of its own in this check", row=number)


def _preview(house: House, account: Account, checked: Checked, letter: Letter) -> Preview:
    documents = _documents(checked, letter)
    raw = None
    if letter.channel is Channel.PEC:
        draft = draft_of(account, letter, documents, checked.receipt_form)
        raw = compose(draft, tracker_id=TRIAL_ID, now=house.clock.now()).raw
    return Preview(letter, documents, raw)


def _documents(checked: Checked, letter: Letter) -> tuple[Attachment, ...]:
    return tuple(as_checked(one) for one in (*checked.shared, *letter.files))
