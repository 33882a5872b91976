"""What a user would lose: an address that was changed by hand, who had which before, or a right to be forgotten."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from pec_tracker.askers import OPERATOR, Act, Asker
from pec_tracker.clock import Clock
from pec_tracker.db.book import Person
from pec_tracker.db.tables import Ledger, Recipient
from pec_tracker.errors import ForbiddenError, NotFoundError, UsageError
from pec_tracker.pec.compose import Draft
from pec_tracker.service.contacts.edit import (
    UnitSaid,
    add_contact,
    edit_condominium,
    edit_contact,
    remove_contact,
)
from pec_tracker.service.contacts.people import Contact, Wanted, condominiums, list_contacts, show_contact
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending.send import queue
from tests.contacts.lists import HOUSE, OWNERS, ROSSI, book, by_name, history, taken
from tests.service.house import NOW, OWNER, count, rows

READER = Asker("r", "Lettore", frozenset({Act.READ}))


def written_to(house: House, account: Account, address: str, **state: object) -> None:
    queue(OPERATOR, house, account, Draft(sender=OWNER, to=(address,), subject="Prova", text="x"))
    if state:
        with house.engine.begin() as connection:
            connection.execute(update(Recipient).where(Recipient.address == address).values(**state))


def test_a_new_address_has_its_register_and_the_old_one_stays_known(house: House) -> None:
    taken(house, OWNERS)
    said = {"pec": "nuova@pec.example", "register": "INI-PEC", "looked_up_on": "03/05/2026"}
    done = edit_contact(OPERATOR, house, "rossi mario", said)
    assert done.fields == ("pec", "register", "looked_up_on")
    rossi = by_name(house, "Rossi Mario")
    assert (rossi.pec, rossi.register, str(rossi.looked_up_on)) == ("nuova@pec.example", "ini-pec", "2026-05-03")
    edit_contact(OPERATOR, house, rossi.key, {"pec": "altra@pec.example"})
    assert by_name(house, "Rossi Mario").register is None
    shown = show_contact(READER, house, "altra@pec.example")
    assert [(one.address, one.until is None) for one in shown.addresses if one.kind == "pec"] == [
        ("altra@pec.example", True),
        ("nuova@pec.example", False),
        ("mario.rossi@pec.example", False),
    ]
    assert show_contact(READER, house, "MARIO.rossi@pec.example").contact.person.key == rossi.key


@pytest.mark.parametrize("who", ["rossi", "Mario", ROSSI, ROSSI.lower(), "mario.rossi@pec.example", "rossi, MARIO"])
def test_a_contact_is_found_by_whatever_names_it(house: House, who: str) -> None:
    taken(house, OWNERS)
    assert show_contact(READER, house, who).contact.person.name == "Rossi Mario"


def test_who_may_be_several_is_asked_and_who_is_nobody_said(house: House) -> None:
    taken(house, "Nome;PEC\nRossi Mario;a@pec.example\nRossi Anna;b@pec.example\n", condominium=None)
    with pytest.raises(UsageError, match=by_name(house, "Rossi Anna").key):
        show_contact(READER, house, "rossi")
    with pytest.raises(NotFoundError):
        show_contact(READER, house, "neri")


@pytest.mark.parametrize(
    ("said", "match"),
    [
        ({"pec": "senza-chiocciola"}, "pec"),
        ({"looked_up_on": "31/02/2026"}, "looked-up-on"),
        ({"register": "elenco"}, "register"),
        ({"name": " "}, "name"),
        ({"tax_code": "00743110157"}, "Verdi"),
        ({}, "what is to change"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(house: House, said: dict[str, str], match: str) -> None:
    taken(house, OWNERS)
    before = book(house)
    with pytest.raises(UsageError, match=match):
        edit_contact(OPERATOR, house, "rossi", said)
    assert book(house) == before


def test_an_empty_text_takes_a_value_away(house: House) -> None:
    taken(house, OWNERS)
    edit_contact(OPERATOR, house, "rossi", {"pec": "", "cap": ""})
    rossi = by_name(house, "Rossi Mario")
    assert (rossi.pec, rossi.cap, rossi.street) == (None, None, "Via Garibaldi 3")


def test_a_contact_without_a_unit_is_added_and_a_tenant_gets_one(house: House) -> None:
    done = add_contact(
        OPERATOR, house, {"name": "Neri  Ugo", "pec": "neri@pec.example", "tax_code": "RSSMRA85T10A562T"}
    )
    assert (done.added, done.doubtful, done.person.name) == (True, ("tax_code",), "Neri Ugo")
    edit_contact(OPERATOR, house, "neri", {}, UnitSaid(HOUSE, "int. 3 scala B", title="inquilino", since="01/02/2020"))
    edit_contact(OPERATOR, house, "neri", {}, UnitSaid(HOUSE, "3", "B", until="31/12/2025"))
    (right,) = show_contact(READER, house, "neri").contact.rights
    assert (right.title, right.place.label, f"{right.since} {right.until}") == ("tenant", "3", "2020-02-01 2025-12-31")


def test_removing_forgets_the_person_and_leaves_what_was_sent(house: House, account: Account) -> None:
    taken(house, OWNERS)
    written_to(house, account, "mario.rossi@pec.example")
    with pytest.raises(UsageError, match="--even-entitled"):
        remove_contact(OPERATOR, house, "rossi")
    removed = remove_contact(OPERATOR, house, "rossi", even_entitled=True)
    assert (removed.name, removed.messages) == ("Rossi Mario", 1)
    assert count(house.engine, Recipient) == 1
    assert "Rossi Mario" not in {one.name for one in book(house).persons.values()}
    assert [row for row in history(house)[0] if "rossi" in row.address] == []


def test_the_ledger_says_that_the_book_changed_and_names_nobody(house: House) -> None:
    taken(house, OWNERS)
    edit_contact(OPERATOR, house, "rossi", {"pec": "nuova@pec.example", "notes": "chiamare"})
    key = by_name(house, "Rossi Mario").key
    remove_contact(OPERATOR, house, "rossi", even_entitled=True)
    edit_condominium(OPERATOR, house, HOUSE, {"address": "Via Garibaldi 3, Roma"})
    lines = [json.loads(row.line) for row in rows(house.engine, select(Ledger.line).order_by(Ledger.id))]
    told = [(line["act"], line["facts"]) for line in lines if line["act"].startswith(("contact", "condominium"))]
    assert told == [
        ("contacts.imported", {"asker": "operator", "added": 3, "changed": 0, "skipped": 0}),
        ("contact.changed", {"asker": "operator", "contact": key, "fields": ["pec", "notes"]}),
        ("contact.removed", {"asker": "operator", "contact": key}),
        ("condominium.changed", {"asker": "operator", "fields": ["address"]}),
    ]
    written = " ".join(json.dumps(line).lower() for line in lines)
    assert [word for word in ("rossi", "nuova@", "garibaldi", "chiamare") if word in written] == []


def test_what_receipts_taught_of_an_address_is_said(house: House, account: Account) -> None:
    taken(house, OWNERS)
    later = NOW + timedelta(days=1)
    written_to(house, account, "mario.rossi@pec.example", state="delivered", state_at=NOW)
    gone = {"state": "failed", "state_at": later, "error_code": "5.1.1", "next_step": "check-address"}
    written_to(house, account, "anna.bianchi@pec.example", **gone)
    listed = {one.person.name: one.outcome(one.person.pec) for one in _all(READER, house)}
    rossi, bianchi = listed["Rossi Mario"], listed["Bianchi Anna"]
    assert rossi is not None
    assert (rossi.delivered_at, rossi.unknown) == (NOW, False)
    assert bianchi is not None
    assert (bianchi.unknown_at, bianchi.unknown) == (later, True)
    assert listed["Verdi S.r.l."] is None
    elsewhere = Asker("x", "X", frozenset({Act.READ}), frozenset())
    assert {one.outcome(one.person.pec) for one in _all(elsewhere, house)} == {None}


def _all(asker: Asker, house: House) -> tuple[Contact, ...]:
    return list_contacts(asker, house, Wanted()).contacts


def test_a_condominium_has_its_mailbox_units_and_persons(house: House, account: Account) -> None:
    taken(house, OWNERS)
    edit_condominium(OPERATOR, house, "via garibaldi 3", {"mailbox": account.name, "tax_code": "00743110157"})
    (shown,) = condominiums(OPERATOR, house)
    assert (shown.name, shown.mailbox, shown.units, shown.persons) == (HOUSE, account.name, 4, 3)
    elsewhere = Asker("x", "X", frozenset({Act.READ}), frozenset())
    assert condominiums(elsewhere, house)[0].mailbox is None
    with pytest.raises(NotFoundError):
        edit_condominium(OPERATOR, house, HOUSE, {"mailbox": "altra"})
    edit_condominium(OPERATOR, house, HOUSE, {"name": "Garibaldi"})
    assert list_contacts(OPERATOR, house, Wanted(condominium="garibaldi")).total == 3
    with pytest.raises(NotFoundError, match="Garibaldi"):
        list_contacts(OPERATOR, house, Wanted(condominium=HOUSE))


def test_who_only_reads_changes_nothing(house: House) -> None:
    taken(house, OWNERS)
    for asked in (edit_contact, edit_condominium):
        with pytest.raises(ForbiddenError):
            asked(READER, house, "rossi", {"name": "Neri"})
    with pytest.raises(ForbiddenError):
        remove_contact(READER, house, "rossi", even_entitled=True)
    with pytest.raises(ForbiddenError):
        add_contact(READER, house, {"name": "Neri"})
    assert count(house.engine, Person) == 3


def test_the_time_of_the_change_is_the_houses(house: House) -> None:
    taken(house, OWNERS)
    moved = Clock(started=house.clock.started, origin=NOW + timedelta(days=2), factor=1e-9)
    object.__setattr__(house, "clock", moved)
    edit_contact(OPERATOR, house, "rossi", {"pec": "nuova@pec.example"})
    old, new = (row for row in history(house)[0] if row.address.startswith(("mario.rossi", "nuova")))
    assert old.until == new.since
    assert abs(new.since - NOW - timedelta(days=2)) < timedelta(minutes=1)
