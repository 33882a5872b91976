"""`contacts list` and `contacts show`: who is in the book, and what do receipts say of the addresses?"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, func, select

from pec_tracker.askers import Act, Asker
from pec_tracker.contact_tokens import AddressKind
from pec_tracker.db.book import Condominium, Entitlement, PersonAddress, PostalAddress, Unit
from pec_tracker.db.book import Person as PersonRow
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Mailbox
from pec_tracker.errors import NotFoundError, UsageError
from pec_tracker.pec.evidence import address_key
from pec_tracker.service.contacts import book_rows, tax_codes
from pec_tracker.service.contacts.book import POSTAL, Person, Right, words_key, words_of
from pec_tracker.service.contacts.named_in import with_word
from pec_tracker.service.contacts.outcomes import Outcome, outcomes
from pec_tracker.service.house import House
from pec_tracker.service.verbs import verb

LEAST_OF_KEY: Final = 4  # characters of a key that are taken for its beginning
POST: Final = "post"  # the kind of a postal address, beside `AddressKind`
NAMED_AT_MOST: Final = 6  # of several who may be meant


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom a list is to have: of this condominium, with all these words in the name."""

    condominium: str | None = None
    text: str | None = None
    limit: int = 100
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Contact:
    """A person, his rights, and what receipts say of his addresses, by `address_key`."""

    person: Person
    rights: tuple[Right, ...]
    outcomes: Mapping[str, Outcome]

    def outcome(self, address: str | None) -> Outcome | None:
        """What receipts say of one of his addresses."""
        return self.outcomes.get(address_key(address)) if address else None


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of contacts, by name, and how many there are in all."""

    contacts: tuple[Contact, ...]
    total: int


@dataclass(frozen=True, slots=True)
class AddressThen:
    """An address that a person has or had, and from when until when the book had it; `post`: a postal one."""

    kind: str
    address: str | None
    register: str | None
    looked_up_on: date | None
    since: datetime
    until: datetime | None
    post: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """A contact with every address that he has or had, the newest first."""

    contact: Contact
    addresses: tuple[AddressThen, ...]


@dataclass(frozen=True, slots=True)
class CondominiumShown:
    """A condominium: its units, and how many persons are entitled to one today."""

    name: str
    tax_code: str | None
    address: str | None
    mailbox: str | None
    units: int
    persons: int


@verb(Act.READ)
def list_contacts(asker: Asker, house: House, wanted: Wanted) -> Listed:
    """The contacts that answer to *wanted*, by name. NotFoundError for a condominium that is not there."""
    with reading(house.engine) as connection:
        ids = _wanted(connection, wanted)
        total = connection.execute(select(func.count()).select_from(ids.subquery())).scalar_one()
        page = ids.order_by(func.lower(PersonRow.name), PersonRow.id).limit(wanted.limit).offset(wanted.offset)
        contacts = _contacts(connection, asker, connection.scalars(page).all())
        return Listed(tuple(contacts), total)


def _wanted(connection: Connection, wanted: Wanted) -> Select[int]:
    ids = select(PersonRow.id)
    if wanted.condominium is not None:
        house = condominium_named(connection, wanted.condominium)
        units = select(Unit.id).where(Unit.condominium_id == house.id)
        ids = ids.where(PersonRow.id.in_(select(Entitlement.person_id).where(Entitlement.unit_id.in_(units))))
    for word in words_of(wanted.text or ""):
        ids = ids.where(PersonRow.id.in_(with_word(word)))
    return ids


def _contacts(connection: Connection, asker: Asker, ids: Sequence[int]) -> list[Contact]:
    """The contacts with these row ids, in their order; a page's worth of them."""
    chosen = select(PersonRow.id).where(PersonRow.id.in_(ids))
    persons = book_rows.persons_of(connection, chosen)
    rights = book_rows.rights_by_person(book_rows.rights_of(connection, persons, chosen))
    keys = {address_key(one) for person in persons.values() for one in (person.pec, person.mail) if one}
    told = outcomes(connection, asker, keys)
    found = []
    for person in (persons[row_id] for row_id in ids):
        own = {address_key(one) for one in (person.pec, person.mail) if one} & told.keys()
        found.append(Contact(person, tuple(rights[person.key]), {key: told[key] for key in own}))
    return found


@verb(Act.READ)
def show_contact(asker: Asker, house: House, who: str) -> Shown:
    """The contact whom *who* names (see `person_named`). Raises NotFoundError, UsageError."""
    with reading(house.engine) as connection:
        row_id, _ = person_named(connection, who)
        (contact,) = _contacts(connection, asker, [row_id])
        addresses = _addresses(connection, row_id)
        told = outcomes(connection, asker, {address_key(one.address) for one in addresses if one.address})
        return Shown(Contact(contact.person, contact.rights, told), tuple(addresses))


def _addresses(connection: Connection, row_id: int) -> list[AddressThen]:
    """What holds before what held, the newest first."""
    here = select(PersonAddress).where(PersonAddress.person_id == row_id).order_by(PersonAddress.id.desc())
    found = [
        AddressThen(one.kind, one.address, one.register, one.looked_up_on, one.since, one.until)
        for one in connection.execute(here)
    ]
    posts = select(PostalAddress).where(PostalAddress.person_id == row_id).order_by(PostalAddress.id.desc())
    found += [
        AddressThen(POST, None, None, None, one.since, one.until, tuple(getattr(one, name) for name in POSTAL))
        for one in connection.execute(posts)
    ]
    kinds = (AddressKind.PEC, AddressKind.MAIL, POST)
    return sorted(found, key=lambda one: (kinds.index(one.kind), one.until is not None))


def person_named(connection: Connection, who: str) -> tuple[int, Person]:
    """Row id and person of whom *who* names: the key or its beginning, a tax code, an address, words of the name.

    Raises NotFoundError for nobody, UsageError with their names and keys where it may be several.
    """
    for asked in _namings(who):
        rows = connection.execute(asked.limit(NAMED_AT_MOST)).all()
        if len(rows) == 1:
            (found,) = book_rows.persons_of(connection, select(PersonRow.id).where(PersonRow.id == rows[0].id)).items()
            return found
        if rows:
            raise UsageError(
                "{who} may be several; name one by the key: {persons}",
                who=who,
                persons=", ".join(f"{row.name} ({row.key})" for row in rows),
            )
    raise NotFoundError("nobody in the address book answers to {who}; `pec-tracker contacts list` shows all", who=who)


def _namings(who: str) -> list[Any]:
    columns = select(PersonRow.id, PersonRow.key, PersonRow.name).order_by(PersonRow.name_key, PersonRow.id)
    namings = []
    if re.fullmatch(rf"[0-9a-v]{{{LEAST_OF_KEY},16}}", who):
        namings.append(columns.where(PersonRow.key >= who, PersonRow.key < f"{who}~"))
    code = tax_codes.normal(who)
    namings.append(columns.where((PersonRow.tax_key == code) | (PersonRow.tax_code == code)))
    held = select(PersonAddress.person_id).where(PersonAddress.address_key == address_key(who))
    namings.append(columns.where(PersonRow.id.in_(held)))
    namings.append(columns.where(PersonRow.name_key == words_key(who)))
    named = columns
    for word in words_of(who):
        named = named.where(PersonRow.id.in_(with_word(word)))
    return [*namings, named] if words_of(who) else namings


def condominium_named(connection: Connection, name: str) -> Any:
    """The row of the condominium so called. NotFoundError, with those that there are."""
    row = connection.execute(
        select(Condominium).where(Condominium.name_key == words_key(name, ordered=True))
    ).one_or_none()
    if row is None:
        names = connection.scalars(select(Condominium.name).order_by(Condominium.name_key).limit(NAMED_AT_MOST)).all()
        raise NotFoundError(
            "there is no condominium {name} in the address book; there are: {names}",
            name=name,
            names=", ".join(names) or "-",
        )
    return row


@verb(Act.READ)
def condominiums(asker: Asker, house: House, name: str | None = None) -> list[CondominiumShown]:
    """Every condominium by name, or the one so called. Raises NotFoundError."""
    entitled = func.count(func.distinct(Entitlement.person_id)).filter(Entitlement.until.is_(None))
    columns = (
        select(
            Condominium.id, Condominium.name, Condominium.tax_code, Condominium.address, Condominium.mailbox_id,
            Mailbox.name.label("mailbox"), func.count(func.distinct(Unit.id)).label("units"), entitled.label("persons"),
        )
        .outerjoin(Mailbox, Mailbox.id == Condominium.mailbox_id)
        .outerjoin(Unit, Unit.condominium_id == Condominium.id)
        .outerjoin(Entitlement, Entitlement.unit_id == Unit.id)
        .group_by(Condominium.id, Mailbox.name)
        .order_by(Condominium.name_key)
    )  # fmt: skip
    with reading(house.engine) as connection:
        if name is not None:
            columns = columns.where(Condominium.id == condominium_named(connection, name).id)
        return [
            CondominiumShown(
                row.name,
                row.tax_code,
                row.address,
                row.mailbox if row.mailbox_id is not None and asker.sees(row.mailbox_id) else None,
                row.units,
                row.persons,
            )
            for row in connection.execute(columns)
        ]
