"""What grows with the mailbox is found by an index: lists in their order, what waits, what is overdue, keys.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_PLAIN = (
    ("ix_attempt_started_at", "attempt", ("started_at",)),
    ("ix_message_created_at", "message", ("created_at", "id")),
    ("ix_message_of_mailbox", "message", ("mailbox_id", "created_at", "id")),
    ("ix_message_turn", "message", ("mailbox_id", "send_state", "created_at", "id")),
    ("ix_message_reference_key", "message", ("reference_key",)),
    ("ix_message_identifier", "message", ("identifier",)),
    ("ix_recipient_state", "recipient", ("state", "message_id")),
)
_PARTIAL = (
    ("ix_recipient_not_overdue", "recipient", ("due_at",), "overdue IS 0", "overdue IS false"),
    ("ix_sighting_reason", "sighting", ("folder_id", "reason"), "reason IS NOT NULL", "reason IS NOT NULL"),
    ("ix_mail_waiting", "mail", ("mailbox_id",), "role = 'waiting'", "role = 'waiting'"),
    (
        "ix_message_not_submitted",
        "message",
        ("created_at", "id"),
        "send_state != 'submitted'",
        "send_state != 'submitted'",
    ),
    ("ix_evidence_not_counting", "evidence", ("verdict", "issued_at"), "counts IS 0", "counts IS false"),
)


def upgrade() -> None:
    for name, table, columns in _PLAIN:
        op.create_index(name, table, list(columns))
    for name, table, columns, sqlite, postgresql in _PARTIAL:
        op.create_index(name, table, list(columns), sqlite_where=sa.text(sqlite), postgresql_where=sa.text(postgresql))
    op.drop_index("ix_recipient_address_key", "recipient")
    op.create_index("ix_recipient_address_key", "recipient", ["address_key", "message_id"])


def downgrade() -> None:
    op.drop_index("ix_recipient_address_key", "recipient")
    op.create_index("ix_recipient_address_key", "recipient", ["address_key"])
    for name, table, *_ in (*_PLAIN, *_PARTIAL):
        op.drop_index(name, table)
