"""What a user would lose: a message to Bruni that only his name leads to, or an answer at once."""

from pathlib import Path

import pytest

from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import sqlite_url
from pec_tracker.pec.compose import Draft
from pec_tracker.service.contacts.edit import edit_contact
from pec_tracker.service.house import Account, House
from pec_tracker.service.queries.find import Query, find
from pec_tracker.service.sending.send import queue
from tests.contacts.lists import taken
from tests.plans import asked, walks
from tests.service.house import OWNER, account_of, open_house

BOOK = "Nome;PEC\nBruni Mario;m.r1@pec.example\nBruni Anna;studio@pec.example\nViale Ugo;u@pec.example\n"


def sent(house: House, account: Account, to: str, subject: str) -> None:
    queue(OPERATOR, house, account, Draft(sender=OWNER, to=(to,), subject=subject, text="Gentile condomino"))


def found(house: House, text: str) -> list[str]:
    return sorted(str(one.subject) for one in find(OPERATOR, house, Query(text=text)).messages)


@pytest.fixture
def told(house: House, account: Account) -> House:
    taken(house, BOOK, condominium=None)
    sent(house, account, "m.r1@pec.example", "Convocazione assemblea")
    sent(house, account, "studio@pec.example", "Verbale assemblea")
    sent(house, account, "altri@pec.example", "Lettera di Bruni via fax")
    sent(house, account, "u@pec.example", "Preventivo")
    return house


@pytest.mark.parametrize(
    ("text", "subjects"),
    [
        ("bruni", ["Convocazione assemblea", "Lettera di Bruni via fax", "Verbale assemblea"]),
        ("mario BRUNI", ["Convocazione assemblea"]),
        ("brun assem", ["Convocazione assemblea", "Verbale assemblea"]),
        ("bruni verbale", ["Verbale assemblea"]),
        ("bruni via", ["Lettera di Bruni via fax"]),
        ("via", ["Lettera di Bruni via fax", "Preventivo"]),
        ("bruni preventivo", []),
        ("bruni mario anna ugo", []),
        ("assemblea", ["Convocazione assemblea", "Verbale assemblea"]),
        ("", ["Convocazione assemblea", "Lettera di Bruni via fax", "Preventivo", "Verbale assemblea"]),
        ("'; DROP TABLE person; --", []),
    ],
)
def test_a_name_leads_to_the_messages_of_its_addresses(told: House, text: str, subjects: list[str]) -> None:
    assert found(told, text) == subjects


def test_an_address_that_was_replaced_still_leads_to_what_went_there(told: House, account: Account) -> None:
    edit_contact(OPERATOR, told, "bruni mario", {"pec": "nuova@pec.example"})
    sent(told, account, "nuova@pec.example", "Sollecito")
    assert found(told, "mario") == ["Convocazione assemblea", "Sollecito"]


def test_a_name_costs_one_look_up_through_its_index(tmp_path: Path) -> None:
    house = open_house(sqlite_url(tmp_path / "t.db"), tmp_path)
    account = account_of(house)
    sent(house, account, "m.r1@pec.example", "Convocazione")
    with asked(house.engine) as before:
        find(OPERATOR, house, Query(text="convocazione"))
    taken(house, BOOK, condominium=None)
    with asked(house.engine) as known:
        find(OPERATOR, house, Query(text="convocazione"))
    assert len(known.statements) == len(before.statements)
    with asked(house.engine) as named:
        assert find(OPERATOR, house, Query(text="bruni")).total == 1
    tables = ("person_word", "person", "person_address", "recipient", "message")
    assert walks(house.engine, known, *tables) + walks(house.engine, named, *tables) == []
    house.engine.dispose()
