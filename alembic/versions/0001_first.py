"""The first schema: mailboxes, mails, messages, evidence, the ledger and its seals, search.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SHA256 = sa.LargeBinary(32)
UTC_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "certificate",
        sa.Column("sha256", SHA256, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("not_before", UTC_TIME, nullable=False),
        sa.Column("not_after", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_certificate"),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("until", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_lease"),
    )
    op.create_table(
        "mailbox",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("known_at", UTC_TIME, nullable=False),
        sa.Column("collected_at", UTC_TIME, nullable=True),
        sa.Column("suspended_at", UTC_TIME, nullable=True),
        sa.Column("suspended_reason", sa.Text(), nullable=True),
        sa.Column("suspended_login", sa.Text(), nullable=True),
        sa.Column("paused_until", UTC_TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_mailbox"),
        sa.UniqueConstraint("key", name="uq_mailbox_key"),
        sa.UniqueConstraint("name", name="uq_mailbox_name"),
    )
    op.create_table(
        "seal",
        sa.Column("number", ID, autoincrement=False, nullable=False),
        sa.Column("sha256", SHA256, nullable=False),
        sa.Column("previous", SHA256, nullable=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("sealed_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_seal"),
        sa.UniqueConstraint("previous", name="uq_seal_previous"),
        sa.UniqueConstraint("sha256", name="uq_seal_sha256"),
    )
    op.create_table(
        "folder",
        sa.Column("id", ID, nullable=False),
        sa.Column("mailbox_id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("uidvalidity", ID, nullable=False),
        sa.Column("last_uid", ID, nullable=False),
        sa.Column("seen_messages", sa.Integer(), nullable=True),
        sa.Column("seen_uidnext", ID, nullable=True),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], name="fk_folder_mailbox_id_mailbox"),
        sa.PrimaryKeyConstraint("id", name="pk_folder"),
        sa.UniqueConstraint("mailbox_id", "name", "uidvalidity", name="uq_folder_mailbox_id_name_uidvalidity"),
    )
    op.create_table(
        "ledger",
        sa.Column("id", ID, nullable=False),
        sa.Column("line_id", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("at", UTC_TIME, nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("seal_number", ID, nullable=True),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["seal_number"], ["seal.number"], name="fk_ledger_seal_number_seal"),
        sa.PrimaryKeyConstraint("id", name="pk_ledger"),
        sa.UniqueConstraint("line_id", name="uq_ledger_line_id"),
        sa.UniqueConstraint("seal_number", "position", name="uq_ledger_seal_number_position"),
    )
    op.create_index(
        "ix_ledger_unsealed",
        "ledger",
        ["id"],
        unique=False,
        sqlite_where=sa.text("seal_number IS NULL"),
        postgresql_where=sa.text("seal_number IS NULL"),
    )
    op.create_table(
        "message",
        sa.Column("id", ID, nullable=False),
        sa.Column("mailbox_id", ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("reference_key", sa.Text(), nullable=True),
        sa.Column("identifier", sa.Text(), nullable=True),
        sa.Column("raw", SHA256, nullable=True),
        sa.Column("record", SHA256, nullable=True),
        sa.Column("fingerprint", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("sender", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("subject_key", sa.Text(), nullable=False),
        sa.Column("case", sa.Text(), nullable=True),
        sa.Column("case_key", sa.Text(), nullable=True),
        sa.Column("receipt_form", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("send_state", sa.Text(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("submitted_at", UTC_TIME, nullable=True),
        sa.Column("copied_at", UTC_TIME, nullable=True),
        sa.Column("last_at", UTC_TIME, nullable=True),
        sa.Column("next_attempt_at", UTC_TIME, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", UTC_TIME, nullable=True),
        sa.CheckConstraint(
            "origin = 'found' OR (raw IS NOT NULL AND reference_key IS NOT NULL)", name=op.f("ck_message_composed")
        ),
        sa.CheckConstraint("origin IN ('composed', 'found')", name=op.f("ck_message_origin")),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], name="fk_message_mailbox_id_mailbox"),
        sa.PrimaryKeyConstraint("id", name="pk_message"),
        sa.UniqueConstraint("key", name="uq_message_key"),
    )
    op.create_index("ix_message_case_key", "message", ["case_key"], unique=False)
    op.create_index("ix_message_mailbox_id_identifier", "message", ["mailbox_id", "identifier"], unique=False)
    op.create_index("ix_message_send_state", "message", ["send_state", "next_attempt_at"], unique=False)
    op.create_index(
        "uq_message_mailbox_id_reference_key",
        "message",
        ["mailbox_id", "reference_key"],
        unique=True,
        sqlite_where=sa.text("reference_key IS NOT NULL"),
        postgresql_where=sa.text("reference_key IS NOT NULL"),
    )
    op.create_table(
        "quota_sample",
        sa.Column("id", ID, nullable=False),
        sa.Column("mailbox_id", ID, nullable=False),
        sa.Column("at", UTC_TIME, nullable=False),
        sa.Column("used", ID, nullable=False),
        sa.Column("limit", ID, nullable=True),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], name="fk_quota_sample_mailbox_id_mailbox"),
        sa.PrimaryKeyConstraint("id", name="pk_quota_sample"),
    )
    op.create_index("ix_quota_sample_mailbox_id", "quota_sample", ["mailbox_id", "at"], unique=False)
    op.create_table(
        "stamp",
        sa.Column("id", ID, nullable=False),
        sa.Column("seal_number", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("sha256", SHA256, nullable=False),
        sa.Column("stamped_at", UTC_TIME, nullable=False),
        sa.ForeignKeyConstraint(["seal_number"], ["seal.number"], name="fk_stamp_seal_number_seal"),
        sa.PrimaryKeyConstraint("id", name="pk_stamp"),
        sa.UniqueConstraint("seal_number", "kind", "source", name="uq_stamp_seal_number_kind_source"),
    )
    op.create_table(
        "alert",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("at", UTC_TIME, nullable=False),
        sa.Column("mailbox_id", ID, nullable=True),
        sa.Column("message_id", ID, nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("settled_at", UTC_TIME, nullable=True),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], name="fk_alert_mailbox_id_mailbox"),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name="fk_alert_message_id_message"),
        sa.PrimaryKeyConstraint("id", name="pk_alert"),
        sa.UniqueConstraint("kind", "topic", name="uq_alert_kind_topic"),
    )
    op.create_table(
        "attempt",
        sa.Column("id", ID, nullable=False),
        sa.Column("message_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", UTC_TIME, nullable=False),
        sa.Column("ended_at", UTC_TIME, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("code", sa.Integer(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name="fk_attempt_message_id_message"),
        sa.PrimaryKeyConstraint("id", name="pk_attempt"),
        sa.UniqueConstraint("message_id", "number", name="uq_attempt_message_id_number"),
    )
    op.create_table(
        "mail",
        sa.Column("id", ID, nullable=False),
        sa.Column("mailbox_id", ID, nullable=False),
        sa.Column("sha256", SHA256, nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("header_message_id", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("sender", sa.Text(), nullable=True),
        sa.Column("reference_key", sa.Text(), nullable=True),
        sa.Column("identifier", sa.Text(), nullable=True),
        sa.Column("internal_at", UTC_TIME, nullable=True),
        sa.Column("archived_at", UTC_TIME, nullable=False),
        sa.Column("reader_version", sa.Integer(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("message_id", ID, nullable=True),
        sa.Column("role", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], name="fk_mail_mailbox_id_mailbox"),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name="fk_mail_message_id_message"),
        sa.PrimaryKeyConstraint("id", name="pk_mail"),
        sa.UniqueConstraint("mailbox_id", "sha256", name="uq_mail_mailbox_id_sha256"),
    )
    op.create_index("ix_mail_message_id", "mail", ["message_id"], unique=False)
    op.create_index("ix_mail_sha256", "mail", ["sha256"], unique=False)
    op.create_index(
        "ix_mail_waiting_identifier",
        "mail",
        ["identifier"],
        unique=False,
        sqlite_where=sa.text("message_id IS NULL"),
        postgresql_where=sa.text("message_id IS NULL"),
    )
    op.create_index(
        "ix_mail_waiting_reference",
        "mail",
        ["reference_key"],
        unique=False,
        sqlite_where=sa.text("message_id IS NULL"),
        postgresql_where=sa.text("message_id IS NULL"),
    )
    op.create_table(
        "sent_copy",
        sa.Column("mail_id", ID, autoincrement=False, nullable=False),
        sa.Column("reference_key", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.JSON(), nullable=False),
        sa.Column("recipients", sa.JSON(), nullable=False),
        sa.Column("sent_at", UTC_TIME, nullable=True),
        sa.ForeignKeyConstraint(["mail_id"], ["mail.id"], name="fk_sent_copy_mail_id_mail"),
        sa.PrimaryKeyConstraint("mail_id", name="pk_sent_copy"),
    )
    op.create_index("ix_sent_copy_reference_key", "sent_copy", ["reference_key"], unique=False)
    op.create_table(
        "answer",
        sa.Column("mail_id", ID, autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["mail_id"], ["mail.id"], name="fk_answer_mail_id_mail"),
        sa.PrimaryKeyConstraint("mail_id", "key", name="pk_answer"),
    )
    op.create_index("ix_answer_key", "answer", ["key"], unique=False)
    op.create_table(
        "recipient",
        sa.Column("id", ID, nullable=False),
        sa.Column("message_id", ID, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("address_key", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_at", UTC_TIME, nullable=True),
        sa.Column("state_offset", sa.Integer(), nullable=True),
        sa.Column("accepted_at", UTC_TIME, nullable=True),
        sa.Column("delivered_at", UTC_TIME, nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_detail", sa.Text(), nullable=True),
        sa.Column("due_at", UTC_TIME, nullable=True),
        sa.Column("overdue", sa.Boolean(), nullable=False),
        sa.Column("next_step", sa.Text(), nullable=False),
        sa.Column("contradictions", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name="fk_recipient_message_id_message"),
        sa.PrimaryKeyConstraint("id", name="pk_recipient"),
        sa.UniqueConstraint("message_id", "address_key", name="uq_recipient_message_id_address_key"),
    )
    op.create_index("ix_recipient_address_key", "recipient", ["address_key"], unique=False)
    op.create_index("ix_recipient_due_at", "recipient", ["due_at"], unique=False)
    op.create_table(
        "evidence",
        sa.Column("id", ID, nullable=False),
        sa.Column("mail_id", ID, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("message_id", ID, nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("tipo", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_detail", sa.Text(), nullable=True),
        sa.Column("issued_at", UTC_TIME, nullable=True),
        sa.Column("issued_offset", sa.Integer(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("sender", sa.Text(), nullable=True),
        sa.Column("recipients", sa.JSON(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("receipt_form", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("identifier", sa.Text(), nullable=True),
        sa.Column("enclosed", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("verdict_at_arrival", sa.Text(), nullable=False),
        sa.Column("verification", sa.JSON(), nullable=False),
        sa.Column("certificate", SHA256, nullable=True),
        sa.Column("agreement", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["mail_id"], ["mail.id"], name="fk_evidence_mail_id_mail"),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name="fk_evidence_message_id_message"),
        sa.PrimaryKeyConstraint("id", name="pk_evidence"),
        sa.UniqueConstraint("mail_id", "ordinal", name="uq_evidence_mail_id_ordinal"),
    )
    op.create_index("ix_evidence_message_id", "evidence", ["message_id"], unique=False)
    op.create_table(
        "sighting",
        sa.Column("folder_id", ID, nullable=False),
        sa.Column("uid", ID, autoincrement=False, nullable=False),
        sa.Column("mail_id", ID, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("seen_at", UTC_TIME, nullable=False),
        sa.CheckConstraint("(mail_id IS NULL) <> (reason IS NULL)", name=op.f("ck_sighting_mail_or_reason")),
        sa.ForeignKeyConstraint(["folder_id"], ["folder.id"], name="fk_sighting_folder_id_folder"),
        sa.ForeignKeyConstraint(["mail_id"], ["mail.id"], name="fk_sighting_mail_id_mail"),
        sa.PrimaryKeyConstraint("folder_id", "uid", name="pk_sighting"),
    )
    op.create_index("ix_sighting_mail_id", "sighting", ["mail_id"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        # Words are folded and cut in Python, once for both engines. This tokenizer takes whatever is not ASCII as it
        # is; the Unicode one has a table of letters of its own, older than Python's.
        op.execute("CREATE VIRTUAL TABLE search USING fts5(words, detail=none, tokenize=\"ascii tokenchars '@.-_+'\")")
    else:
        op.execute("CREATE TABLE search (mail_id bigint PRIMARY KEY REFERENCES mail (id), words tsvector NOT NULL)")
        op.execute("CREATE INDEX ix_search_words ON search USING gin (words)")


def downgrade() -> None:
    raise NotImplementedError("the first schema has nothing before it")
