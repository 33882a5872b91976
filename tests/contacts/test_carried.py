"""What a user would lose at a rebuild: every owner's address, which no mail and no ledger line holds."""

from pathlib import Path

import pytest
from sqlalchemy import text

from pec_tracker.answers.rebuilt import rebuilt_lines
from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import sqlite_url
from pec_tracker.ledger.seals import seal_pending
from pec_tracker.presence import Presence
from pec_tracker.service.contacts.edit import add_contact, edit_condominium, edit_contact
from pec_tracker.service.contacts.people import condominiums, show_contact
from pec_tracker.service.house import Account, House
from pec_tracker.service.upkeep.carry import Left, what_is_left
from pec_tracker.service.upkeep.rebuild import rebuild
from tests.contacts.lists import HOUSE, OWNERS, book, history, taken
from tests.contacts.test_round_trip import contents
from tests.service.house import NOW, open_house


@pytest.fixture
def old(tmp_path: Path, house: House, account: Account) -> House:
    """A house with a book, on each engine; its archive is where the new house's will be."""
    taken(house, OWNERS.replace("Proprietario", "Chi"), columns=["Chi=name"])
    edit_contact(OPERATOR, house, "rossi", {"pec": "nuova@pec.example", "register": "inad"})
    edit_condominium(OPERATOR, house, HOUSE, {"mailbox": account.name})
    seal_pending(house.engine, house.archive, now=NOW)
    return house


def url(house: House) -> str:
    return house.engine.url.render_as_string(hide_password=False)


def test_a_rebuild_carries_the_book_over_with_its_past(old: House, account: Account, tmp_path: Path) -> None:
    left = what_is_left(url(old), old.archive, presence=Presence())
    new = open_house(sqlite_url(tmp_path / "new.db"), tmp_path)
    built = rebuild(OPERATOR, new, left)
    assert (built.contacts, built.book_lost) == (3, False)
    assert any(line.startswith("3 contacts") for line in rebuilt_lines(built))
    assert contents(book(new)) == contents(book(old))
    for one, two in zip(history(new), history(old), strict=True):
        assert [row[2:] for row in one] == [row[2:] for row in two]
    assert condominiums(OPERATOR, new)[0].mailbox == account.name
    assert show_contact(OPERATOR, new, "mario.rossi@pec.example").contact.person.pec == "nuova@pec.example"
    assert taken(new, OWNERS.replace("Proprietario", "Chi")).plan.wrong == frozenset()
    assert add_contact(OPERATOR, new, {"name": "Neri"}).added
    new.engine.dispose()


def test_a_book_of_another_release_is_carried_as_far_as_both_know_it(old: House, tmp_path: Path) -> None:
    with old.engine.begin() as connection:
        connection.execute(text("ALTER TABLE person ADD COLUMN nickname TEXT"))
        connection.execute(text("ALTER TABLE person DROP COLUMN notes"))
        connection.execute(text("DROP TABLE column_mapping"))
    new = open_house(sqlite_url(tmp_path / "new.db"), tmp_path)
    assert rebuild(OPERATOR, new, what_is_left(url(old), old.archive, presence=Presence())).contacts == 3
    new.engine.dispose()


def test_without_the_old_database_it_is_said_that_there_was_a_book(old: House, tmp_path: Path) -> None:
    new = open_house(sqlite_url(tmp_path / "new.db"), tmp_path)
    built = rebuild(OPERATOR, new, Left())
    assert (built.contacts, built.book_lost) == (0, True)
    assert any("contacts import" in line for line in rebuilt_lines(built))
    new.engine.dispose()


def test_a_book_comes_to_either_engine_and_goes_on_there(house: House, account: Account, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = open_house(sqlite_url(tmp_path / "other.db"), tmp_path / "other")
    taken(other, OWNERS)
    left = what_is_left(url(other), other.archive, presence=Presence())
    other.engine.dispose()
    (tmp_path / "bare").mkdir()
    with house.engine.begin() as connection:
        for name in ("ledger", "mailbox"):  # a database to rebuild into is empty
            connection.execute(text(f"DELETE FROM {name}"))
    rebuild(OPERATOR, house, Left(book=left.book))
    assert len(book(house).persons) == 3
    assert add_contact(OPERATOR, house, {"name": "Neri"}).added
    assert taken(house, OWNERS).plan.left == 4
