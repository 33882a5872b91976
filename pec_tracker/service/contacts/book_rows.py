"""How does the address book lie in its tables? Read as plain values, and written as a plan says.

An address that is replaced keeps its row, which says until when it held: who was written to, and where, stays known.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, delete, insert, select, text, update

from pec_tracker.contact_tokens import AddressKind
from pec_tracker.db.book import (
    Condominium,
    Entitlement,
    PersonAddress,
    PersonWord,
    PostalAddress,
    Unit,
)
from pec_tracker.db.book import Person as PersonRow
from pec_tracker.db.chunks import chunks
from pec_tracker.pec.evidence import address_key
from pec_tracker.service.contacts.book import OF_THE_PEC, POSTAL, Book, Person, Place, Right, words_key, words_of

if TYPE_CHECKING:
    from pec_tracker.service.contacts.plan import Plan


def one_at_a_time(connection: Connection) -> None:
    """Until the transaction ends nobody else changes the book: two at once would add everybody twice."""
    if connection.dialect.name == "postgresql":  # SQLite lets one write at a time anyway
        connection.execute(text("LOCK TABLE person IN SHARE ROW EXCLUSIVE MODE"))


# --- read ---


def load(connection: Connection) -> Book:
    """The whole book."""
    persons = persons_of(connection, select(PersonRow.id))
    names = {row.name_key: row.name for row in connection.execute(select(Condominium.name_key, Condominium.name))}
    return Book({one.key: one for one in persons.values()}, rights_of(connection, persons, None), names)


def persons_of(connection: Connection, wanted: Select[int]) -> dict[int, Person]:
    """The persons whose row ids are *wanted*, as they are now."""
    rows = connection.execute(select(PersonRow).where(PersonRow.id.in_(wanted)).order_by(PersonRow.id)).all()
    values: dict[int, dict[str, Any]] = {
        row.id: {name: getattr(row, name) for name in ("key", "name", "kind", "tax_code", "vat_number", "notes")}
        for row in rows
    }
    here = PersonAddress.person_id.in_(wanted)
    for row in connection.execute(select(PersonAddress).where(here, PersonAddress.until.is_(None))):
        values[row.person_id][row.kind] = row.address
        if row.kind == AddressKind.PEC:
            values[row.person_id] |= {"register": row.register, "looked_up_on": row.looked_up_on}
    here = PostalAddress.person_id.in_(wanted)
    for post in connection.execute(select(PostalAddress).where(here, PostalAddress.until.is_(None))):
        values[post.person_id] |= {name: getattr(post, name) for name in POSTAL}
    return {row_id: Person(**each) for row_id, each in values.items()}


def rights_of(connection: Connection, persons: Mapping[int, Person], wanted: Select[int] | None) -> list[Right]:
    """The rights of *persons*, whose row ids *wanted* selects (None: they are all)."""
    columns = select(
        Entitlement.id, Entitlement.person_id, Entitlement.title, Entitlement.share, Entitlement.since,
        Entitlement.until, Unit.label, Unit.staircase, Condominium.name,
    ).join(Unit, Unit.id == Entitlement.unit_id).join(Condominium, Condominium.id == Unit.condominium_id)  # fmt: skip
    if wanted is not None:
        columns = columns.where(Entitlement.person_id.in_(wanted))
    return [
        Right(
            persons[row.person_id].key,
            Place(row.name, row.label, row.staircase),
            row.title,
            row.share,
            row.since,
            row.until,
            row.id,
        )
        for row in connection.execute(columns.order_by(Entitlement.id))
    ]


# --- write ---


def write(connection: Connection, plan: "Plan", book: Book, *, now: datetime) -> None:
    """Write what *plan* changes in *book*, as it was read in this transaction."""
    ids = _person_ids(connection, [one.key for one in plan.persons] + [right.person for right in plan.rights])
    for person in plan.persons:
        put_person(connection, person, book.persons.get(person.key), ids.get(person.key), now=now)
    ids |= _person_ids(connection, plan.added)
    for name in plan.condominiums:
        connection.execute(insert(Condominium).values(name=name, name_key=words_key(name, ordered=True)))
    units = _unit_ids(connection)
    for right in plan.rights:
        put_right(connection, right, ids[right.person], units)


def _person_ids(connection: Connection, keys: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for some in chunks(list(keys)):
        rows = connection.execute(select(PersonRow.key, PersonRow.id).where(PersonRow.key.in_(some)))
        found |= {row.key: row.id for row in rows}
    return found


def put_person(
    connection: Connection, person: Person, before: Person | None, person_id: int | None, *, now: datetime
) -> None:
    """Write a person as he is now, who was *before*; what is replaced held until *now*."""
    columns = {name: getattr(person, name) for name in ("kind", "name", "tax_code", "tax_key", "vat_number", "notes")}
    columns["name_key"] = words_key(person.name)
    if person_id is None:
        added = insert(PersonRow).values(key=person.key, known_at=now, **columns).returning(PersonRow.id)
        person_id = int(connection.execute(added).scalar_one())
    else:
        connection.execute(update(PersonRow).where(PersonRow.id == person_id).values(columns))
    if before is None or before.name != person.name:
        if before is not None:
            connection.execute(delete(PersonWord).where(PersonWord.person_id == person_id))
        words = [{"word": word, "person_id": person_id} for word in words_of(person.name)]
        if words:
            connection.execute(insert(PersonWord), words)
    held = before or Person(person.key, "")
    origin = {name: getattr(person, name) for name in OF_THE_PEC}
    if before is None or (person.pec, origin) != (held.pec, {name: getattr(held, name) for name in OF_THE_PEC}):
        _put_address(connection, person_id, AddressKind.PEC, held.pec, person.pec, origin, now=now)
    if person.mail != held.mail:
        _put_address(connection, person_id, AddressKind.MAIL, held.mail, person.mail, {}, now=now)
    if person.post != held.post:
        _put_post(connection, person_id, person, now=now)


def _put_address(
    connection: Connection, person_id: int, kind: AddressKind, before: str | None, address: str | None,
    origin: Mapping[str, Any], *, now: datetime,
) -> None:  # fmt: skip
    """Write the address that holds now; another than *before* has a row of its own."""
    current = (
        PersonAddress.person_id == person_id,
        PersonAddress.kind == kind.value,
        PersonAddress.until.is_(None),
    )
    key = address_key(address) if address else None
    if before is not None:
        same = key == address_key(before)
        values = {"address": address, **origin} if same else {"until": now}
        connection.execute(update(PersonAddress).where(*current).values(values))
        if same:
            return
    if address is not None:
        values = {"person_id": person_id, "kind": kind.value, "address": address, "address_key": key, "since": now}
        connection.execute(insert(PersonAddress).values(**values, **origin))


def _put_post(connection: Connection, person_id: int, person: Person, *, now: datetime) -> None:
    current = (PostalAddress.person_id == person_id, PostalAddress.until.is_(None))
    connection.execute(update(PostalAddress).where(*current).values(until=now))
    if any(person.post):
        values = {name: getattr(person, name) for name in POSTAL}
        connection.execute(insert(PostalAddress).values(person_id=person_id, since=now, **values))


def _unit_ids(connection: Connection) -> dict[tuple[str, str], int]:
    rows = connection.execute(
        select(Unit.id, Unit.unit_key, Condominium.name_key).join(Condominium, Condominium.id == Unit.condominium_id)
    )
    return {(row.name_key, row.unit_key): row.id for row in rows}


def put_right(connection: Connection, right: Right, person_id: int, units: dict[tuple[str, str], int]) -> None:
    """Write a right, and its unit where the condominium (which must be there) has none so called yet."""
    place = right.place
    if place.key not in units:
        house = select(Condominium.id).where(Condominium.name_key == place.condominium_key).scalar_subquery()
        values = {"label": place.label, "staircase": place.staircase, "unit_key": place.unit_key}
        added = insert(Unit).values(condominium_id=house, **values).returning(Unit.id)
        units[place.key] = int(connection.execute(added).scalar_one())
    told = {"title": right.title, "share": right.share, "since": right.since, "until": right.until}
    if right.row_id is None:
        connection.execute(insert(Entitlement).values(person_id=person_id, unit_id=units[place.key], **told))
    else:
        connection.execute(update(Entitlement).where(Entitlement.id == right.row_id).values(told))


def rights_by_person(rights: Sequence[Right]) -> dict[str, list[Right]]:
    """The rights of each person, by key."""
    found: dict[str, list[Right]] = defaultdict(list)
    for right in rights:
        found[right.person].append(right)
    return found
