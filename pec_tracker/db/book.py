"""Who is in the address book? Persons, their addresses with the time in which each held, units and who is entitled.

Personal data that no mail and no ledger line holds, so that it can be erased: a rebuild does not make it again, it
carries it over from the database before (decision 33).
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, ForeignKey, Index, Text, UniqueConstraint

from pec_tracker.contact_tokens import AddressKind, PersonKind, Register, Title
from pec_tracker.db.base import Base, Holds, closed, column, partial_index
from pec_tracker.db.types import Id

# A word is found by its beginning: its index must be in the order of the letters' codes.
InCodeOrder = Text().with_variant(Text(collation="C"), "postgresql")


class Person(Base):
    """Somebody to whom one writes. `key` is drawn by lot, so that a ledger line that names it names nobody."""

    __tablename__ = "person"
    __table_args__ = (closed("kind", PersonKind),)

    id: Holds[int] = column(Id, primary_key=True)
    key: Holds[str] = column(unique=True)
    kind: Holds[str]
    name: Holds[str]
    name_key: Holds[str]  # its words without case, accents and order: by it namesakes are known
    tax_code: Holds[str | None]  # as given, also where its check character is wrong
    tax_key: Holds[str | None] = column(unique=True)  # the tax code where it holds: it identifies
    vat_number: Holds[str | None]
    notes: Holds[str | None]
    known_at: Holds[datetime]


class PersonWord(Base):
    """A word of a person's name, by which `find` comes from a name to messages."""

    __tablename__ = "person_word"
    __table_args__ = (Index("ix_person_word_person_id", "person_id"),)

    word: Holds[str] = column(InCodeOrder, primary_key=True)
    person_id: Holds[int] = column(ForeignKey("person.id"), primary_key=True, autoincrement=False)


class PersonAddress(Base):
    """An electronic address of a person, from when until when the book had it; `until` None: it holds."""

    __tablename__ = "person_address"
    __table_args__ = (
        closed("kind", AddressKind),
        closed("register", Register),
        Index("ix_person_address_person_id", "person_id"),
        Index("ix_person_address_address_key", "address_key"),
        partial_index("ix_person_address_now", "person_id", "kind", where="until IS NULL", unique=True),
    )

    id: Holds[int] = column(Id, primary_key=True)
    person_id: Holds[int] = column(ForeignKey("person.id"))
    kind: Holds[str]
    address: Holds[str]
    address_key: Holds[str]
    register: Holds[str | None]
    looked_up_on: Holds[date | None] = column(Date)
    since: Holds[datetime]
    until: Holds[datetime | None]


class PostalAddress(Base):
    """A postal address of a person, from when until when the book had it; `until` None: it holds."""

    __tablename__ = "postal_address"
    __table_args__ = (
        Index("ix_postal_address_person_id", "person_id"),
        partial_index("ix_postal_address_now", "person_id", where="until IS NULL", unique=True),
    )

    id: Holds[int] = column(Id, primary_key=True)
    person_id: Holds[int] = column(ForeignKey("person.id"))
    street: Holds[str | None]
    cap: Holds[str | None]
    town: Holds[str | None]
    province: Holds[str | None]
    country: Holds[str | None]
    since: Holds[datetime]
    until: Holds[datetime | None]


class Condominium(Base):
    """A building that the office administers, and the mailbox that writes for it."""

    __tablename__ = "condominium"

    id: Holds[int] = column(Id, primary_key=True)
    name: Holds[str]
    name_key: Holds[str] = column(unique=True)
    tax_code: Holds[str | None]
    address: Holds[str | None]
    mailbox_id: Holds[int | None] = column(ForeignKey("mailbox.id"))


class Unit(Base):
    """A flat, a shop, a box: what has owners. `unit_key` is its label and staircase, without case and forms."""

    __tablename__ = "unit"
    __table_args__ = (UniqueConstraint("condominium_id", "unit_key"),)

    id: Holds[int] = column(Id, primary_key=True)
    condominium_id: Holds[int] = column(ForeignKey("condominium.id"))
    label: Holds[str]
    staircase: Holds[str | None]
    unit_key: Holds[str]


class Entitlement(Base):
    """That a person has a right in a unit, since and until which day; at most one of a title is open."""

    __tablename__ = "entitlement"
    __table_args__ = (
        closed("title", Title),
        Index("ix_entitlement_unit_id", "unit_id"),
        Index("ix_entitlement_person_id", "person_id"),
        partial_index("ix_entitlement_open", "person_id", "unit_id", "title", where="until IS NULL", unique=True),
    )

    id: Holds[int] = column(Id, primary_key=True)
    person_id: Holds[int] = column(ForeignKey("person.id"))
    unit_id: Holds[int] = column(ForeignKey("unit.id"))
    title: Holds[str]
    share: Holds[str | None]
    since: Holds[date | None] = column(Date)
    until: Holds[date | None] = column(Date)


class ColumnMapping(Base):
    """Which column of a file is which field, as somebody once said it of a file with these headers."""

    __tablename__ = "column_mapping"

    headers_key: Holds[str] = column(primary_key=True)
    fields: Holds[dict[str, Any]]
    at: Holds[datetime]
