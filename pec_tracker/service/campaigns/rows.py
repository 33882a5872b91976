"""Where does each row of a started campaign stand? Its row, the message that it became, and the recipient there."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from pec_tracker.campaign_tokens import Channel, Noted, RowState
from pec_tracker.db.campaigns import CampaignRow
from pec_tracker.db.tables import Message, Recipient
from pec_tracker.pec.sending import SendState
from pec_tracker.pec.states import State
from pec_tracker.service.campaigns.checked import Letter
from pec_tracker.service.campaigns.difference import Standing

_FAILED = frozenset({State.FAILED, State.NOT_ACCEPTED})
# What counts as received, the first that there is. A convocation that waits at the post office arrived on the day of
# the notice (Cass. 22311/2016, 23396/2017), where the notice itself is proven (Cass. 20273/2022).
RECEIVED = (Noted.HANDED, Noted.DELIVERED, Noted.NOTICE_LEFT)
_NOT_LEFT = frozenset({SendState.REFUSED, SendState.ABANDONED})


@dataclass(frozen=True, slots=True)
class RowStanding:
    """One row: its letter as it was checked, and where that stands. `journey` and what follows it are the message's
    and None where there is none; `outcome` is what somebody noted of a letter on paper, or handed over."""

    letter: Letter
    channel: Channel | None
    state: RowState
    tries: int
    problem: dict[str, Any] | None
    outcome: dict[str, Any] | None
    message: str | None = None
    reference: str | None = None
    accepted_at: datetime | None = None
    send_state: SendState | None = None
    journey: State | None = None
    at: datetime | None = None
    error_code: str | None = None
    error_detail: str | None = None
    next_step: str | None = None
    overdue: bool = False

    @property
    def standing(self) -> Standing:
        """What became of its letter."""
        if self.channel in (Channel.PAPER, Channel.HAND):
            return _noted(self.outcome)
        if self.journey is State.DELIVERED:
            return Standing.DELIVERED
        if self.state is not RowState.QUEUED or self.send_state is None:
            return Standing.NONE
        if self.journey in _FAILED or self.send_state in _NOT_LEFT:
            return Standing.FAILED
        return Standing.OPEN


def _noted(outcome: dict[str, Any] | None) -> Standing:
    """By what somebody noted last."""
    events = (outcome or {}).get("events", ())
    if not events:
        return Standing.NONE
    last = events[-1]["what"]
    if last in RECEIVED:
        return Standing.DELIVERED
    return Standing.FAILED if last == Noted.RETURNED else Standing.OPEN


def row_standings(connection: Connection, campaign_id: int) -> Iterator[RowStanding]:
    """Every row, in the order of the list."""
    columns = (
        select(
            CampaignRow.content, CampaignRow.channel, CampaignRow.state, CampaignRow.tries, CampaignRow.problem,
            CampaignRow.outcome, CampaignRow.message_key, Message.reference, Message.send_state,
            Recipient.state.label("journey"), Recipient.accepted_at, Recipient.state_at, Recipient.error_code,
            Recipient.error_detail, Recipient.next_step, Recipient.overdue,
        )
        .outerjoin(Message, Message.key == CampaignRow.message_key)
        .outerjoin(Recipient, Recipient.message_id == Message.id)
        .where(CampaignRow.campaign_id == campaign_id)
        .order_by(CampaignRow.number, CampaignRow.row_key)
    )  # fmt: skip
    for row in connection.execute(columns):
        yield RowStanding(
            letter=Letter.of_json(row.content),
            channel=None if row.channel is None else Channel(row.channel),
            state=RowState(row.state),
            tries=row.tries,
            problem=row.problem,
            outcome=row.outcome,
            message=row.message_key,
            reference=row.reference,
            accepted_at=row.accepted_at,
            send_state=None if row.send_state is None else SendState(row.send_state),
            journey=None if row.journey is None else State(row.journey),
            at=row.state_at,
            error_code=row.error_code,
            error_detail=row.error_detail,
            next_step=row.next_step,
            overdue=bool(row.overdue),
        )
