"""What a user would lose: a list that says something else the second time, or an export that is another book."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pec_tracker import texts
from pec_tracker.answers.contacts import export_table
from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import sqlite_url
from pec_tracker.render.tables import to_csv
from pec_tracker.service.contacts.book import Book, new_key
from pec_tracker.service.contacts.columns import Field
from pec_tracker.service.contacts.entries import read_entry
from pec_tracker.service.contacts.export import export_contacts
from pec_tracker.service.contacts.plan import Plan, carried_out, plan
from pec_tracker.service.contacts.tax_codes import holds, normal
from tests.contacts.lists import BIANCHI, ROSSI, VERDI, book, taken
from tests.service.house import open_house

names = st.sampled_from(["Rossi Mario", "MARIO ROSSI", "Bianchi Anna", "Verdi S.r.l.", "Neri", "=Neri"])
row = st.fixed_dictionaries(
    {Field.NAME: names},
    optional={
        Field.UNIT: st.sampled_from(["1", "int. 1", "2", "3 scala B", "Box 1"]),
        Field.STAIRCASE: st.sampled_from(["A", "b", "scala B"]),
        Field.CONDOMINIUM: st.sampled_from(["Via Roma 1", "VIA ROMA 1", "Via Po 2"]),
        Field.TAX_CODE: st.sampled_from([ROSSI, BIANCHI, VERDI, ROSSI[:-1] + "X"]),
        Field.PEC: st.sampled_from(["a@pec.example", "A@pec.example", "b@pec.example"]),
        Field.REGISTER: st.sampled_from(["INI-PEC", "eletto"]),
        Field.MAIL: st.sampled_from(["m@mail.example", "n@mail.example"]),
        Field.STREET: st.sampled_from(["Via Roma 1", "Via Po 2"]),
        Field.TOWN: st.sampled_from(["Roma", "Torino"]),
        Field.TITLE: st.sampled_from(["proprietario", "usufruttuario", "conduttore"]),
        Field.SHARE: st.sampled_from(["1/2", "50%"]),
        Field.SINCE: st.sampled_from(["2020-01-01", "01/02/2021"]),
        Field.UNTIL: st.sampled_from(["2022-01-01", "01/02/2023"]),
        Field.NOTES: st.sampled_from(["-1", "@x; =y", "'=z", "nota"]),
    },
)
lists = st.lists(row, min_size=1, max_size=8)


def planned(rows: list[dict[Field, str]], known: Book) -> Plan:
    read = [read_entry(number, cells) for number, cells in enumerate(rows, 2)]
    findings = [finding for _, found in read for finding in found]
    return plan([entry for entry, _ in read], findings, known, new_key=new_key)


def after(done: Plan, known: Book) -> Book:
    """The book once the plan is carried out, rights numbered as the database would."""
    book = carried_out(done, known)
    book.rights = [replace(right, row_id=at) for at, right in enumerate(book.rights, 1)]
    return book


@settings(max_examples=400, deadline=None)
@given(lists, lists)
def test_the_same_list_twice_changes_nothing_whatever_was_there(
    before: list[dict[Field, str]], rows: list[dict[Field, str]]
) -> None:
    known = after(planned(before, Book()), Book())
    while wrong := planned(rows, known).wrong:
        rows = [cells for number, cells in enumerate(rows, 2) if number not in wrong]
    known = after(planned(rows, known), known)
    again = planned(rows, known)
    assert (again.persons, again.rights, again.condominiums, again.left) == ((), (), (), len(rows))
    assert again.wrong == frozenset()


@settings(max_examples=400, deadline=None)
@given(lists)
def test_a_wrong_row_leaves_nothing_and_open_titles_are_unique(rows: list[dict[Field, str]]) -> None:
    done = planned(rows, Book())
    good = [cells for number, cells in enumerate(rows, 2) if number not in done.wrong]
    only = planned(good, Book())
    assert len(only.added) == len(done.added)
    open_ones = [(one.person, one.place.key, one.title) for one in done.rights if one.until is None]
    assert len(open_ones) == len(set(open_ones))
    codes = [person.tax_key for person in done.persons if person.tax_key]
    assert len(codes) == len(set(codes))


def contents(known: Book) -> tuple[Any, ...]:
    rights = sorted((replace(one, row_id=None) for one in known.rights), key=repr)
    return {key: known.persons[key] for key in sorted(known.persons)}, rights


@pytest.mark.parametrize("language", ["en", "it"])
def test_an_export_changes_nothing_and_makes_the_same_book_elsewhere(tmp_path: Path, language: str) -> None:
    numbers = iter(range(10_000))

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(lists)
    def walk(rows: list[dict[Field, str]]) -> None:
        folder = tmp_path / str(next(numbers))
        (folder / "one").mkdir(parents=True)
        (folder / "two").mkdir()
        one, two = (open_house(sqlite_url(folder / f"{name}.db"), folder / name) for name in ("one", "two"))
        try:
            heads = list(Field)
            cells = [[cells.get(field, "") for field in heads] for cells in rows]
            taken(one, to_csv(heads, cells), condominium=None, skip_wrong=True)
            exported = to_csv(*export_table(export_contacts(OPERATOR, one)))
            again = taken(one, exported, condominium=None)
            assert (again.plan.persons, again.plan.rights, again.plan.wrong) == ((), (), frozenset())
            assert taken(two, exported, condominium=None).written
            assert contents(book(two)) == contents(book(one))
        finally:
            one.engine.dispose()
            two.engine.dispose()

    texts.activate(language)
    try:
        walk()
    finally:
        texts.activate("en")


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=15, max_size=15), st.integers(0, 10**10 - 1))
def test_one_character_changed_is_noticed(letters: str, number: int) -> None:
    digits = f"{number:010}"
    good = [digits + str(last) for last in range(10) if holds(digits + str(last))]
    assert len(good) == (1 if number else 0)
    assert all(normal(code) == code and not holds(code[:-1] + str((int(code[-1]) + 1) % 10)) for code in good)
    assert not holds(letters)
