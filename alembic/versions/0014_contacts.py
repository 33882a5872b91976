"""The address book: persons, their addresses over time, condominiums, units and who is entitled to them.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC_TIME = sa.DateTime(timezone=True)
IN_CODE_ORDER = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_KINDS = "'natural', 'legal'"
_ADDRESS_KINDS = "'pec', 'mail'"
_REGISTERS = "'ini-pec', 'inad', 'ipa', 'reginde', 'registro-imprese', 'pp-aa', 'elected', 'given'"
_TITLES = "'owner', 'co-owner', 'usufruct', 'bare-owner', 'tenant', 'representative'"
_NOW = sa.text("until IS NULL")


def upgrade() -> None:
    _persons()
    _addresses()
    _condominiums()
    op.create_table(
        "column_mapping",
        sa.Column("headers_key", sa.Text(), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("headers_key", name="pk_column_mapping"),
    )


def _persons() -> None:
    op.create_table(
        "person",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("tax_code", sa.Text(), nullable=True),
        sa.Column("tax_key", sa.Text(), nullable=True),
        sa.Column("vat_number", sa.Text(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("known_at", UTC_TIME, nullable=False),
        sa.CheckConstraint(f"kind IN ({_KINDS})", name="kind"),
        sa.PrimaryKeyConstraint("id", name="pk_person"),
        sa.UniqueConstraint("key", name="uq_person_key"),
        sa.UniqueConstraint("tax_key", name="uq_person_tax_key"),
    )
    op.create_table(
        "person_word",
        sa.Column("word", IN_CODE_ORDER, nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_person_word_person_id_person"),
        sa.PrimaryKeyConstraint("word", "person_id", name="pk_person_word"),
    )
    op.create_index("ix_person_word_person_id", "person_word", ["person_id"])


def _addresses() -> None:
    op.create_table(
        "person_address",
        sa.Column("id", ID, nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("address_key", sa.Text(), nullable=False),
        sa.Column("register", sa.Text(), nullable=True),
        sa.Column("looked_up_on", sa.Date(), nullable=True),
        sa.Column("since", UTC_TIME, nullable=False),
        sa.Column("until", UTC_TIME, nullable=True),
        sa.CheckConstraint(f"kind IN ({_ADDRESS_KINDS})", name="kind"),
        sa.CheckConstraint(f"register IN ({_REGISTERS})", name="register"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_person_address_person_id_person"),
        sa.PrimaryKeyConstraint("id", name="pk_person_address"),
    )
    op.create_index("ix_person_address_person_id", "person_address", ["person_id"])
    op.create_index("ix_person_address_address_key", "person_address", ["address_key"])
    _unique_now("ix_person_address_now", "person_address", ["person_id", "kind"])
    op.create_table(
        "postal_address",
        sa.Column("id", ID, nullable=False),
        sa.Column("person_id", ID, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("street", "cap", "town", "province", "country")),
        sa.Column("since", UTC_TIME, nullable=False),
        sa.Column("until", UTC_TIME, nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_postal_address_person_id_person"),
        sa.PrimaryKeyConstraint("id", name="pk_postal_address"),
    )
    op.create_index("ix_postal_address_person_id", "postal_address", ["person_id"])
    _unique_now("ix_postal_address_now", "postal_address", ["person_id"])


def _condominiums() -> None:
    op.create_table(
        "condominium",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("tax_code", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("mailbox_id", ID, nullable=True),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], name="fk_condominium_mailbox_id_mailbox"),
        sa.PrimaryKeyConstraint("id", name="pk_condominium"),
        sa.UniqueConstraint("name_key", name="uq_condominium_name_key"),
    )
    op.create_table(
        "unit",
        sa.Column("id", ID, nullable=False),
        sa.Column("condominium_id", ID, nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("staircase", sa.Text(), nullable=True),
        sa.Column("unit_key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["condominium_id"], ["condominium.id"], name="fk_unit_condominium_id_condominium"),
        sa.PrimaryKeyConstraint("id", name="pk_unit"),
        sa.UniqueConstraint("condominium_id", "unit_key", name="uq_unit_condominium_id_unit_key"),
    )
    op.create_table(
        "entitlement",
        sa.Column("id", ID, nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.Column("unit_id", ID, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("share", sa.Text(), nullable=True),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("until", sa.Date(), nullable=True),
        sa.CheckConstraint(f"title IN ({_TITLES})", name="title"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_entitlement_person_id_person"),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name="fk_entitlement_unit_id_unit"),
        sa.PrimaryKeyConstraint("id", name="pk_entitlement"),
    )
    op.create_index("ix_entitlement_unit_id", "entitlement", ["unit_id"])
    op.create_index("ix_entitlement_person_id", "entitlement", ["person_id"])
    _unique_now("ix_entitlement_open", "entitlement", ["person_id", "unit_id", "title"])


def _unique_now(name: str, table: str, columns: list[str]) -> None:
    op.create_index(name, table, columns, unique=True, sqlite_where=_NOW, postgresql_where=_NOW)


def downgrade() -> None:
    names = ("column_mapping", "entitlement", "unit", "condominium", "postal_address", "person_address", "person_word")
    for name in (*names, "person"):
        op.drop_table(name)
