"""Campaigns: one letter to many, and where each row stands.

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC_TIME = sa.DateTime(timezone=True)
_STATES = "'draft', 'running', 'paused', 'cancelled'"
_ROW_STATES = "'waiting', 'queued', 'stopped', 'skipped', 'merged', 'gone'"
_CHANNELS = "'pec', 'ordinary', 'paper', 'hand'"
_WAITING = sa.text("state = 'waiting'")


def upgrade() -> None:
    op.create_table(
        "campaign",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mailbox_id", ID, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("checked", sa.LargeBinary(), nullable=True),
        sa.Column("check_id", sa.Text(), nullable=True),
        sa.Column("checked_at", UTC_TIME, nullable=True),
        sa.Column("previewed", sa.JSON(), nullable=False),
        sa.Column("record", sa.LargeBinary(32), nullable=True),
        sa.Column("started_check", sa.Text(), nullable=True),
        sa.Column("started_at", UTC_TIME, nullable=True),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.CheckConstraint(f"state IN ({_STATES})", name="state"),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], name="fk_campaign_mailbox_id_mailbox"),
        sa.PrimaryKeyConstraint("id", name="pk_campaign"),
        sa.UniqueConstraint("key", name="uq_campaign_key"),
    )
    op.create_table(
        "campaign_row",
        sa.Column("campaign_id", ID, nullable=False),
        sa.Column("row_key", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("message_key", sa.Text(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("problem", sa.JSON(), nullable=True),
        sa.Column("outcome", sa.JSON(), nullable=True),
        sa.CheckConstraint(f"state IN ({_ROW_STATES})", name="state"),
        sa.CheckConstraint(f"channel IN ({_CHANNELS})", name="channel"),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name="fk_campaign_row_campaign_id_campaign"),
        sa.PrimaryKeyConstraint("campaign_id", "row_key", name="pk_campaign_row"),
    )
    op.create_index("ix_campaign_row_message_key", "campaign_row", ["message_key"])
    op.create_index(
        "ix_campaign_row_waiting",
        "campaign_row",
        ["campaign_id", "number"],
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )


def downgrade() -> None:
    op.drop_table("campaign_row")
    op.drop_table("campaign")
