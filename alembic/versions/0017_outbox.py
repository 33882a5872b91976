"""What was searched for on the server of a message whose outcome is unknown; how far a mailbox was slowed down.
Which message passes which in the outbox; whether a provider agreed to automatic programs.

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
IN_CODE_ORDER = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
UTC_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("mailbox", sa.Column("slowed_to", sa.Float(), nullable=True))
    op.add_column("mailbox", sa.Column("slowed_at", UTC_TIME, nullable=True))
    op.add_column("mailbox", sa.Column("agreed_with", IN_CODE_ORDER, nullable=True))
    op.add_column("mailbox", sa.Column("agreed_at", UTC_TIME, nullable=True))
    op.add_column("message", sa.Column("priority", sa.Integer(), nullable=False, server_default="0"))
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("message", "priority", server_default=None)
    op.drop_index("ix_message_turn", "message")
    op.create_index("ix_message_turn", "message", ["mailbox_id", "send_state", "priority", "created_at", "id"])
    op.create_table(
        "searched",
        sa.Column("message_id", ID, nullable=False, autoincrement=False),
        sa.Column("at", UTC_TIME, nullable=False),
        sa.Column("folders", sa.Integer(), nullable=False),
        sa.Column("unable", sa.Integer(), nullable=False),
        sa.Column("problem", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name="fk_searched_message_id_message"),
        sa.PrimaryKeyConstraint("message_id", name="pk_searched"),
    )


def downgrade() -> None:
    op.drop_table("searched")
    op.drop_index("ix_message_turn", "message")
    op.create_index("ix_message_turn", "message", ["mailbox_id", "send_state", "created_at", "id"])
    op.drop_column("message", "priority")
    op.drop_column("mailbox", "agreed_at")
    op.drop_column("mailbox", "agreed_with")
    op.drop_column("mailbox", "slowed_at")
    op.drop_column("mailbox", "slowed_to")
