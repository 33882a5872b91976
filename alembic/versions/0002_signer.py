"""Who signed each evidence, and what in its certification data forbids that it certifies.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("evidence", sa.Column("signer", sa.JSON(none_as_null=True), nullable=True))
    # What earlier releases read has neither: both are known once it is read again (`trust recheck --all`, `rebuild`).
    op.add_column("evidence", sa.Column("faults", sa.JSON(), nullable=False, server_default="[]"))
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("evidence", "faults", server_default=None)


def downgrade() -> None:
    op.drop_column("evidence", "faults")
    op.drop_column("evidence", "signer")
