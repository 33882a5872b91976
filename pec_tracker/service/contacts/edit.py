"""`contacts add`, `edit`, `remove`, `condominium`: what does a person change in the book by hand?

The ledger says that it was done, when and by whom, by the contact's key and the names of the fields; what they held and
hold stands in the book alone, so that it can be erased.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, delete, func, insert, select, update

from pec_tracker.askers import Act, Asker
from pec_tracker.contact_tokens import Title
from pec_tracker.db.book import Condominium, Entitlement, PersonAddress, PersonWord, PostalAddress
from pec_tracker.db.book import Person as PersonRow
from pec_tracker.db.engine import in_one_transaction
from pec_tracker.db.tables import Mailbox, Recipient
from pec_tracker.errors import NotFoundError, UsageError
from pec_tracker.ledger import lines, together
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.service.contacts import book_rows, tax_codes
from pec_tracker.service.contacts.book import (
    Book,
    Person,
    changed,
    differing,
    kind_of,
    new_key,
    place_of,
    words_key,
)
from pec_tracker.service.contacts.entries import (
    Entry,
    Finding,
    address_of,
    cap_of,
    day_of,
    kind_named,
    province_of,
    register_named,
    share_of,
    title_named,
)
from pec_tracker.service.contacts.people import person_named
from pec_tracker.service.contacts.plan import plan
from pec_tracker.service.contacts.sheets import MAX_CELL, plain_text
from pec_tracker.service.house import House
from pec_tracker.service.verbs import verb

T = TypeVar("T")

_READ: Final[Mapping[str, Callable[[str], Any]]] = {
    "kind": kind_named,
    "tax_code": tax_codes.normal,
    "vat_number": tax_codes.normal,
    "pec": address_of,
    "register": register_named,
    "looked_up_on": day_of,
    "mail": address_of,
    "cap": cap_of,
    "province": province_of,
}


@dataclass(frozen=True, slots=True)
class UnitSaid:
    """A right in a unit, as somebody says it: the words of a list's row."""

    condominium: str
    unit: str
    staircase: str | None = None
    title: str | None = None
    share: str | None = None
    since: str | None = None
    until: str | None = None


@dataclass(frozen=True, slots=True)
class Edited:
    """The person as he is now, the fields that changed, whether he is new, and what there is to say of his right."""

    person: Person
    fields: tuple[str, ...]
    added: bool = False
    findings: tuple[Finding, ...] = ()
    doubtful: tuple[str, ...] = field(default=())  # fields whose check character is wrong


@dataclass(frozen=True, slots=True)
class Removed:
    """Who was taken out of the book, and how many messages to his addresses stay."""

    key: str
    name: str
    messages: int


@verb(Act.SEND)
def add_contact(asker: Asker, house: House, said: Mapping[str, str], unit: UnitSaid | None = None) -> Edited:
    """Add a person. UsageError for a value that cannot be, or where the book has this tax code already."""
    values = {name: value for name, value in _values(said).items() if value is not None}

    def work(connection: Connection) -> Edited:
        key = new_key()
        _require_free(connection, values.get("tax_code"), key)
        person = Person(key, **{"kind": kind_of(values["name"], values.get("tax_code")), **values})
        person = changed(person, {})
        book_rows.put_person(connection, person, None, None, now=house.clock.now())
        return _noted(connection, house, person, ("added", *values), unit, added=True)

    if "name" not in values:
        raise UsageError("a contact has a name; write it with --name")
    return _in_the_book(house, work)


@verb(Act.SEND)
def edit_contact(asker: Asker, house: House, who: str, said: Mapping[str, str], unit: UnitSaid | None = None) -> Edited:
    """Change the person whom *who* names; an empty text takes a value away. Raises NotFoundError, UsageError.

    Whatever address is replaced stays known, with the time until which it held.
    """
    values = _values(said)

    def work(connection: Connection) -> Edited:
        row_id, before = person_named(connection, who)
        if values.get("tax_code"):
            _require_free(connection, values["tax_code"], before.key)
        after = changed(before, values)
        fields = differing(before, after)
        if fields:
            book_rows.put_person(connection, after, before, row_id, now=house.clock.now())
        return _noted(connection, house, after, fields, unit)

    if not values and unit is None:
        raise UsageError("say what is to change: --pec, --register, --name ...; `pec-tracker contacts edit --help`")
    return _in_the_book(house, work)


@verb(Act.SEND)
def remove_contact(asker: Asker, house: House, who: str, *, even_entitled: bool = False) -> Removed:
    """Take a person out of the book, with every address that he had; messages and receipts stay where they are.

    Raises NotFoundError; UsageError while he is entitled to a unit (the next convocation would not reach him), unless
    *even_entitled*.
    """

    def work(connection: Connection) -> Removed:
        row_id, person = person_named(connection, who)
        entitled = select(Entitlement.id).where(Entitlement.person_id == row_id, Entitlement.until.is_(None)).limit(1)
        if not even_entitled and connection.execute(entitled).first() is not None:
            raise UsageError(
                "{name} is entitled to a unit today, and would get no convocation; end that with `pec-tracker contacts "
                "edit {key} --condominium NAME --unit UNIT --until DAY`, or add --even-entitled",
                name=person.name,
                key=person.key,
            )
        held = select(PersonAddress.address_key).where(PersonAddress.person_id == row_id)
        messages = select(func.count(func.distinct(Recipient.message_id))).where(Recipient.address_key.in_(held))
        sent = connection.execute(messages).scalar_one()
        for table in (Entitlement, PersonAddress, PostalAddress, PersonWord):
            connection.execute(delete(table).where(table.person_id == row_id))
        connection.execute(delete(PersonRow).where(PersonRow.id == row_id))
        line = lines.new_line(LedgerAct.CONTACT_REMOVED, at=house.clock.now(), contact=person.key)
        lines.append(connection, [line])
        return Removed(person.key, person.name, sent)

    return _in_the_book(house, work)


@verb(Act.SEND)
def edit_condominium(asker: Asker, house: House, name: str, said: Mapping[str, str]) -> str:
    """Change a condominium, or add one so called; its name now. An empty text takes a value away. UsageError."""
    values: dict[str, Any] = {one: plain_text(text) or None for one, text in said.items()}
    if values.get("tax_code"):
        values["tax_code"] = tax_codes.normal(values["tax_code"])
    wanted = plain_text(name)
    if not words_key(wanted) or ("name" in values and not words_key(values["name"] or "")):
        raise UsageError("a condominium has a name; write it")

    def work(connection: Connection) -> str:
        columns = {one: value for one, value in values.items() if one != "mailbox"}
        if "mailbox" in values:
            columns["mailbox_id"] = _mailbox_id(connection, asker, values["mailbox"])
        called = values.get("name") or wanted
        columns |= {"name": called, "name_key": words_key(called, ordered=True)}
        here = Condominium.name_key == words_key(wanted, ordered=True)
        row = connection.execute(select(Condominium).where(here)).one_or_none()
        taken = select(Condominium.id).where(Condominium.name_key == columns["name_key"])
        if "name" in values and connection.scalar(taken) not in (None, row.id if row else None):
            raise UsageError("there is another condominium called {name}; choose another name", name=called)
        if row is None:
            connection.execute(insert(Condominium).values(columns))
        else:
            kept = columns if "name" in values else {k: v for k, v in columns.items() if k not in ("name", "name_key")}
            if kept:
                connection.execute(update(Condominium).where(here).values(kept))
        line = lines.new_line(LedgerAct.CONDOMINIUM_CHANGED, at=house.clock.now(), fields=sorted(values))
        lines.append(connection, [line])
        return str(called if row is None or "name" in values else row.name)

    return _in_the_book(house, work)


def _in_the_book(house: House, work: Callable[[Connection], T]) -> T:
    together.require(house.engine, house.archive)

    def alone(connection: Connection) -> T:
        book_rows.one_at_a_time(connection)
        return work(connection)

    return in_one_transaction(house.engine, alone)


def _values(said: Mapping[str, str]) -> dict[str, Any]:
    """The values that texts mean; None where an empty one takes a value away. UsageError."""
    values: dict[str, Any] = {}
    for name, text in said.items():
        written = plain_text(text)
        read = _READ.get(name, str)
        value = read(written) if written else None
        if (written and value is None) or len(written) > MAX_CELL:
            raise UsageError("{value} is no value for --{field}", value=written[:60], field=name.replace("_", "-"))
        values[name] = value
    if "name" in values and not words_key(values["name"] or ""):
        raise UsageError("a contact has a name; write it with --name")
    if "kind" in values and values["kind"] is None:
        del values["kind"]  # who somebody is in law cannot be taken away
    return values


def _require_free(connection: Connection, code: str | None, key: str) -> None:
    if code and tax_codes.holds(code):
        other = connection.execute(select(PersonRow.key, PersonRow.name).where(PersonRow.tax_key == code)).first()
        if other is not None and other.key != key:
            raise UsageError(
                "{name} ({key}) has this tax code already; change that contact instead", name=other.name, key=other.key
            )


def _noted(
    connection: Connection, house: House, person: Person, fields: tuple[str, ...], unit: UnitSaid | None,
    *, added: bool = False,
) -> Edited:  # fmt: skip
    findings: tuple[Finding, ...] = ()
    if unit is not None:
        findings = _entitle(connection, house, person, unit)
        fields = (*fields, "entitlement")
    if fields:
        line = lines.new_line(LedgerAct.CONTACT_CHANGED, at=house.clock.now(), contact=person.key, fields=list(fields))
        lines.append(connection, [line])
    codes = {"tax_code": person.tax_code, "vat_number": person.vat_number}
    doubtful = tuple(name for name, code in codes.items() if name in fields and code and not tax_codes.holds(code))
    return Edited(person, tuple(one for one in fields if one != "added"), added, findings, doubtful)


def _entitle(connection: Connection, house: House, person: Person, said: UnitSaid) -> tuple[Finding, ...]:
    """Add, correct or end a right as a list's row would. UsageError for words that mean nothing."""
    values: dict[str, Any] = {}
    reads = {"title": title_named, "share": share_of, "since": day_of, "until": day_of}
    for name, read in reads.items():
        written = getattr(said, name)
        values[name] = read(plain_text(written)) if written else None
        if written and values[name] is None:
            raise UsageError("{value} is no value for --{field}", value=written, field=name)
    if values["since"] and values["until"] and values["until"] < values["since"]:
        raise UsageError("the right would end before it begins ({since}, {until})", **{k: values[k] for k in reads})
    label = plain_text(said.unit)
    if not words_key(label) or not words_key(said.condominium):
        raise UsageError("a right is in a unit of a condominium: write --condominium and --unit")
    place = place_of(plain_text(said.condominium), label, said.staircase)
    book = book_rows.load(connection)
    mine = Book({person.key: person}, [one for one in book.rights if one.person == person.key], book.condominiums)
    entry = Entry(1, {"name": person.name}, person.key, place, **values)
    done = plan([entry], (), mine, new_key=new_key, title=Title.OWNER)
    refused = [one for one in done.findings if one.wrong]
    if refused:
        raise UsageError("the right ended on {day}; with --since it begins anew", day=refused[0].said)
    book_rows.write(connection, done, mine, now=house.clock.now())
    return done.findings


def _mailbox_id(connection: Connection, asker: Asker, name: str | None) -> int | None:
    if name is None:
        return None
    found = connection.execute(select(Mailbox.id).where(Mailbox.name == name)).scalar()
    if found is None or not asker.sees(found):
        raise NotFoundError("there is no mailbox {name}", name=name)
    return int(found)
