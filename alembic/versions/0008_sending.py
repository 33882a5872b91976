"""What sending must remember: our own words about an attempt, a person's "again", that a mark is kept elsewhere.

Revision ID: 0008
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0006"
branch_labels = None
depends_on = None

_FALSE = (("message", "again"), ("archive", "marked"))
_PROBLEM = ("message", "attempt")


def upgrade() -> None:
    op.add_column("mailbox", sa.Column("suspended_problem", sa.JSON(none_as_null=True), nullable=True))
    for table in _PROBLEM:
        op.add_column(table, sa.Column("problem", sa.JSON(none_as_null=True), nullable=True))
    for table, column in _FALSE:
        op.add_column(table, sa.Column(column, sa.Boolean(), nullable=False, server_default=sa.false()))
    if op.get_bind().dialect.name != "sqlite":
        for table, column in _FALSE:
            op.alter_column(table, column, server_default=None)


def downgrade() -> None:
    op.drop_column("mailbox", "suspended_problem")
    for table, column in reversed(_FALSE):
        op.drop_column(table, column)
    for table in reversed(_PROBLEM):
        op.drop_column(table, "problem")
