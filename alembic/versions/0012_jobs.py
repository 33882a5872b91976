"""What the watch does, when next and how it last ended, stands in one table.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC_TIME = sa.DateTime(timezone=True)
_NAMES = "'collect', 'dispatch', 'copy', 'quota', 'notary', 'refresh', 'seal', 'dating', 'revocation'"


def upgrade() -> None:
    op.create_table(
        "job",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("mailbox_id", ID, nullable=True),
        sa.Column("next_at", UTC_TIME, nullable=True),
        sa.Column("running_since", UTC_TIME, nullable=True),
        sa.Column("ended_at", UTC_TIME, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("problem", sa.JSON(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("noted_at", UTC_TIME, nullable=False),
        sa.CheckConstraint(f"name IN ({_NAMES})", name="name"),
        sa.CheckConstraint("outcome IN ('done', 'failed')", name="outcome"),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], name="fk_job_mailbox_id_mailbox"),
        sa.PrimaryKeyConstraint("name", "topic", name="pk_job"),
    )


def downgrade() -> None:
    op.drop_table("job")
