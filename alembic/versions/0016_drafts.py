"""Drafts with their attachments, until they become messages.

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC_TIME = sa.DateTime(timezone=True)
_FORMS = "'completa', 'breve', 'sintetica'"


def upgrade() -> None:
    op.create_table(
        "draft",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("mailbox_id", ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("changed_at", UTC_TIME, nullable=False),
        sa.Column("to", sa.JSON(), nullable=False),
        sa.Column("cc", sa.JSON(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=True),
        sa.Column("case", sa.Text(), nullable=True),
        sa.Column("receipt_form", sa.Text(), nullable=False),
        sa.Column("reply_to", sa.Text(), nullable=True),
        sa.Column("in_reply_to", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("sent_at", UTC_TIME, nullable=True),
        sa.CheckConstraint(f"receipt_form IN ({_FORMS})", name="receipt_form"),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], name="fk_draft_mailbox_id_mailbox"),
        sa.PrimaryKeyConstraint("id", name="pk_draft"),
        sa.UniqueConstraint("key", name="uq_draft_key"),
    )
    op.create_index("ix_draft_mailbox_id", "draft", ["mailbox_id"])
    op.create_table(
        "draft_attachment",
        sa.Column("id", ID, nullable=False),
        sa.Column("draft_id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", ID, nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["draft_id"], ["draft.id"], name="fk_draft_attachment_draft_id_draft"),
        sa.PrimaryKeyConstraint("id", name="pk_draft_attachment"),
        sa.UniqueConstraint("draft_id", "name", name="uq_draft_attachment_draft_id_name"),
    )


def downgrade() -> None:
    op.drop_table("draft_attachment")
    op.drop_table("draft")
