"""Which letters to many are there, and where does each row stand? What a rebuild makes again, drafts aside.

A started campaign is a record in the archive, named by a ledger line: the list as it was checked. These rows are its
index, as a message's rows are.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index

from pec_tracker.campaign_tokens import CampaignState, Channel, RowState
from pec_tracker.db.base import Base, Holds, closed, column, partial_index
from pec_tracker.db.types import Id, PackedJson, Sha256


class Campaign(Base):
    """One letter to many. `key` is made of its name: the same name is the same campaign, also after a rebuild.

    `definition` is what its user said of it; `checked` what the newest check made of that, under `check_id`, and
    `previewed` which of its letters were looked at; `record` the list that was started.
    """

    __tablename__ = "campaign"
    __table_args__ = (closed("state", CampaignState),)

    id: Holds[int] = column(Id, primary_key=True)
    key: Holds[str] = column(unique=True)
    name: Holds[str]
    mailbox_id: Holds[int] = column(ForeignKey("mailbox.id"))
    state: Holds[str]
    definition: Holds[dict[str, Any]] = column(JSON)
    checked: Holds[dict[str, Any] | None] = column(PackedJson)
    check_id: Holds[str | None]
    checked_at: Holds[datetime | None]
    previewed: Holds[list[Any]] = column(default=list)  # row keys
    record: Holds[str | None] = column(Sha256)
    started_check: Holds[str | None]
    started_at: Holds[datetime | None]
    created_at: Holds[datetime]


class CampaignRow(Base):
    """One row of a started campaign: its letter as it was checked, and the message that it became.

    `tries` counts its letters: with campaign and row it makes the message's key, so that none is written twice.
    """

    __tablename__ = "campaign_row"
    __table_args__ = (
        closed("state", RowState),
        closed("channel", Channel),
        Index("ix_campaign_row_message_key", "message_key"),
        partial_index("ix_campaign_row_waiting", "campaign_id", "number", where="state = 'waiting'"),
    )  # fmt: skip

    campaign_id: Holds[int] = column(ForeignKey("campaign.id"), primary_key=True)
    row_key: Holds[str] = column(primary_key=True)
    number: Holds[int]  # of the row in the list
    channel: Holds[str | None]
    state: Holds[str]
    content: Holds[dict[str, Any]] = column(PackedJson)
    message_key: Holds[str | None]
    tries: Holds[int] = column(default=0)
    problem: Holds[dict[str, Any] | None] = column(JSON(none_as_null=True))
    outcome: Holds[dict[str, Any] | None] = column(JSON(none_as_null=True))  # of paper, or by hand
