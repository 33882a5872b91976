"""What was searched for on the server of a message whose outcome is unknown; how far a mailbox was slowed down.

Revision ID: 0016
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0014"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("mailbox", sa.Column("slowed_to", sa.Float(), nullable=True))
    op.add_column("mailbox", sa.Column("slowed_at", UTC_TIME, nullable=True))
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
    op.drop_column("mailbox", "slowed_at")
    op.drop_column("mailbox", "slowed_to")
