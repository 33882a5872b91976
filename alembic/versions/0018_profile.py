"""What a message is to be beyond a letter: a notification, a convocation. No earlier one was anything else.

Revision ID: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("message", sa.Column("profile", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("message", "profile")
