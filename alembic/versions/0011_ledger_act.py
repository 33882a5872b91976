"""A proof finds the ledger's lines of its message by their act, not by reading all of the mails' lines.

Revision ID: 0011
Revises: 0010
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_ledger_act", "ledger", ["act"])


def downgrade() -> None:
    op.drop_index("ix_ledger_act", "ledger")
