"""The identity of the archive that this database belongs to.

Revision ID: 0006
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "archive",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_archive"),
        sa.CheckConstraint("id = 1", name=op.f("ck_archive_only_one")),
    )


def downgrade() -> None:
    op.drop_table("archive")
