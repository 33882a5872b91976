"""Limits beside each evidence, where copies came from, and which providers a mailbox has had.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_EMPTY = (("evidence", "limits"), ("mailbox", "issuers"))


def upgrade() -> None:
    for table, column in _EMPTY:
        op.add_column(table, sa.Column(column, sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("message", sa.Column("copy_kind", sa.String(), nullable=True))
    # Earlier releases took a copy from a server's folder of sent mails, or from a file without a folder.
    op.add_column("sent_copy", sa.Column("in_sent", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(
        "UPDATE sent_copy SET in_sent = (SELECT mail.origin <> 'imported' FROM mail WHERE mail.id = sent_copy.mail_id)"
    )
    if op.get_bind().dialect.name != "sqlite":
        for table, column in (*_EMPTY, ("sent_copy", "in_sent")):
            op.alter_column(table, column, server_default=None)


def downgrade() -> None:
    op.drop_column("sent_copy", "in_sent")
    op.drop_column("message", "copy_kind")
    for table, column in reversed(_EMPTY):
        op.drop_column(table, column)
