"""What a user would lose: an owner who is in the list and not in the book, or who gets another one's address."""

import pytest

from pec_tracker.askers import Act, Asker
from pec_tracker.errors import ForbiddenError, UsageError
from pec_tracker.service.contacts.import_ import Asked, import_contacts
from pec_tracker.service.house import House
from tests.contacts.lists import BIANCHI, HOUSE, OWNERS, ROSSI, book, by_name, history, problems, taken


def test_a_list_as_offices_have_it_is_taken_whole(house: House) -> None:
    done = taken(house, OWNERS)
    assert done.written
    assert (done.plan.findings, len(done.plan.added), done.plan.left) == ((), 3, 0)
    rossi = by_name(house, "Rossi Mario")
    assert (rossi.pec, rossi.tax_code, rossi.cap) == ("mario.rossi@pec.example", ROSSI, "00184")
    assert by_name(house, "Bianchi Anna").cap == "00184"
    assert by_name(house, "Verdi S.r.l.").kind == "legal"
    units = [(right.person, right.place.label, right.place.staircase) for right in book(house).rights]
    assert units[0] == (rossi.key, "1", "A")
    assert units[3] == (rossi.key, "Box 12", None)


def test_the_same_list_twice_changes_nothing(house: House) -> None:
    taken(house, OWNERS)
    before, addresses = book(house), history(house)
    again = taken(house, OWNERS)
    assert (again.plan.persons, again.plan.rights, again.plan.left) == ((), (), 4)
    assert (book(house), history(house)) == (before, addresses)


def test_checking_writes_nothing_and_says_the_same(house: House) -> None:
    said = taken(house, OWNERS, check=True)
    assert not said.written
    assert len(said.plan.added) == 3
    assert book(house).persons == {}


def test_a_corrected_list_replaces_the_address_and_the_old_one_stays_known(house: House) -> None:
    taken(house, OWNERS)
    done = taken(house, OWNERS.replace("anna.bianchi@", "a.bianchi@"))
    (change,) = done.plan.changes
    assert (change.row, change.field, change.after) == (5, "pec", "a.bianchi@pec.example")
    assert by_name(house, "Bianchi Anna").pec == "a.bianchi@pec.example"
    mails, _ = history(house)
    old = [row for row in mails if row.address == "anna.bianchi@pec.example"]
    assert [row.until is not None for row in old] == [True]


def test_a_street_that_changes_takes_the_old_town_with_it(house: House) -> None:
    taken(house, "Nome;PEC;Indirizzo;Comune\nRossi;r@pec.example;Via A 1;Roma\n", condominium=None)
    taken(house, "Nome;PEC;Indirizzo;Comune\nRossi;r@pec.example;Via B 2;\n", condominium=None)
    assert by_name(house, "Rossi").post == ("Via B 2", None, None, None, None)
    assert [row.town for row in history(house)[1]] == ["Roma", None]


def test_one_wrong_row_keeps_all_out_unless_it_is_skipped(house: House) -> None:
    text = OWNERS.replace("verdi@pec.example", "verdi.pec.example")
    refused = taken(house, text)
    assert (refused.written, problems(refused)) == (False, [("bad-pec", 6)])
    assert book(house).persons == {}
    partly = taken(house, text, skip_wrong=True)
    assert partly.written
    assert [row.number for row in partly.rejected] == [6]
    assert {one.name for one in book(house).persons.values()} == {"Rossi Mario", "Bianchi Anna"}


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        (f"1;Rossi;{ROSSI};a@pec.example\n2;Rossi;{ROSSI};b@pec.example\n", [("contradicts", 3)]),
        (f"1;Rossi;{ROSSI};\n2;Rossi Ugo;{ROSSI};\n", [("contradicts", 3)]),
        ("1;Rossi;;\n2;Rossi;;\n", [("ambiguous", 3)]),
        ("1;Rossi;;a@pec.example\n2;ROSSI;;a@pec.example\n", []),
        (f"1;Rossi;{ROSSI};\n1;Rossi;{BIANCHI};\n", []),
        ("1;Rossi;RSSMRA85T10A562T;\n", [("tax-code", 2)]),
        ("1;;;a@pec.example\n", [("no-name", 2)]),
        (f"1;Rossi;{ROSSI};\n2;Bruni;{ROSSI};\n", [("another-name", 3)]),
        (";Rossi;;\n", [("no-unit", 2)]),
        ("1;Rossi;;rossi@gmail.com\n", [("no-pec-domain", 2)]),
        ("1;Rossi;;a@pec.example, b@pec.example\n", [("bad-pec", 2)]),
        (f"1;{'x' * 1001};;\n", [("too-long", 2)]),
    ],
)
def test_what_is_wrong_or_doubtful_is_said_with_the_users_own_row(
    house: House, rows: str, found: list[tuple[str, int]]
) -> None:
    done = taken(house, "Interno;Nome;CF;PEC\n" + rows)
    assert problems(done) == found


def test_persons_with_wrong_tax_codes_are_not_taken_for_one(house: House) -> None:
    done = taken(house, "Interno;Nome;CF\n1;Rossi;XXXXXXXXXXXXXXXX\n2;Verdi;XXXXXXXXXXXXXXXX\n")
    assert done.written
    assert {one.name for one in book(house).persons.values()} == {"Rossi", "Verdi"}


def test_another_tax_code_for_the_same_owner_is_asked_not_guessed(house: House) -> None:
    taken(house, f"Interno;Nome;CF\n1;Rossi;{ROSSI}\n")
    done = taken(house, f"Interno;Nome;CF\n1;Rossi;{BIANCHI}\n")
    assert problems(done)[0] == ("another-tax-code", 2)
    assert not done.written


def test_a_wrong_tax_code_is_corrected_by_the_right_one(house: House) -> None:
    taken(house, "Interno;Nome;CF\n1;Rossi;RSSMRA85T10A562T\n")
    taken(house, f"Interno;Nome;CF\n1;Rossi;{ROSSI}\n")
    assert by_name(house, "Rossi").tax_code == ROSSI


def test_a_namesake_in_another_condominium_is_somebody_else_and_said(house: House) -> None:
    taken(house, "Interno;Nome;PEC\n1;Rossi Mario;a@pec.example\n")
    done = taken(house, "Interno;Nome;PEC\n1;Mario Rossi;b@pec.example\n", condominium="Via Roma 1")
    assert done.written
    assert problems(done) == [("namesake", 2)]
    assert len(book(house).persons) == 2


def test_who_is_in_the_book_and_not_in_the_list_is_told_of_and_stays(house: House) -> None:
    taken(house, OWNERS)
    done = taken(house, "Interno;Scala;Nome\n1;A;Rossi Mario\n")
    assert {one.name for one in done.plan.findings} == {"Bianchi Anna", "Verdi S.r.l."}
    assert len(book(house).persons) == 3


def test_titles_shares_and_days_are_kept_and_a_tenancy_ends(house: House) -> None:
    head = "Int.;Nominativo;Diritto;Quota;Dal;Al\n"
    taken(house, head + "3;Rossi;nuda proprietà;1/2;;\n3;Verdi;usufruttuario;50%;;\n3;Neri;inquilino;;01/02/2020;\n")
    rights = {right.title: right for right in book(house).rights}
    assert rights["bare-owner"].share == "1/2"
    assert rights["usufruct"].share == "50%"
    taken(house, head + "3;Neri;inquilino;;01/02/2020;31/12/2025\n")
    (tenancy,) = [right for right in book(house).rights if right.title == "tenant"]
    assert f"{tenancy.since} {tenancy.until}" == "2020-02-01 2025-12-31"
    again = taken(house, head + "3;Neri;inquilino;;;\n")
    assert ("ended", 2) in problems(again)


@pytest.mark.parametrize(
    ("label", "staircase", "again"),
    [("interno 3 scala B", "", "3;B"), ("Int. 03", "b", "3;B"), ("3", "Scala B", "int 3;sc. B"), ("3A", "", "3a;")],
)
def test_a_unit_is_the_same_however_it_is_written(house: House, label: str, staircase: str, again: str) -> None:
    taken(house, f"Interno;Scala;Nome\n{label};{staircase};Rossi\n")
    done = taken(house, f"Interno;Scala;Nome\n{again};Rossi\n")
    assert (done.plan.rights, done.plan.left) == ((), 1)


def test_several_persons_have_one_pec_and_one_person_several_units(house: House) -> None:
    done = taken(house, "Interno;Nome;PEC\n1;Rossi;studio@pec.example\n1;Verdi;studio@pec.example\n")
    assert done.written
    assert len(book(house).persons) == 2


def test_columns_are_named_once_and_remembered(house: House) -> None:
    text = "Rif.;Chi;Casella\n7;Rossi;r@pec.example\n"
    with pytest.raises(UsageError, match="--map"):
        taken(house, text)
    done = taken(house, text, columns=["Rif.=unit", "chi=name", "Casella=pec"])
    assert done.written
    assert taken(house, text.replace("Rossi", "Verdi")).written
    assert {one.pec for one in book(house).persons.values()} == {"r@pec.example"}


@pytest.mark.parametrize(
    ("text", "columns", "said"),
    [
        ("Interno;Nome;PEC;Posta certificata\n1;a;b;c\n", (), "two columns"),
        ("Interno;Nome\n1;a\n", ("Altro=pec",), "no column is called"),
        ("Interno;Nome\n1;a\n", ("Nome=nonsense",), "COLUMN=field"),
        ("Nome;PEC\n1;a\n", (), "names the units"),
        ("a;b\n1;2\n", (), "no header"),
    ],
)
def test_a_list_whose_columns_say_too_little_is_refused(
    house: House, text: str, columns: tuple[str, ...], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        taken(house, text, columns=columns)


def test_units_without_their_condominium_are_refused_with_the_way_out(house: House) -> None:
    with pytest.raises(UsageError, match="--condominium"):
        taken(house, "Interno;Nome\n1;a\n", condominium=None)
    assert taken(house, "Condominio;Interno;Nome\nVia Roma;1;a\n", condominium=None).written


def test_who_only_reads_changes_nothing(house: House) -> None:
    reader = Asker("r", "Lettore", frozenset({Act.READ}))
    with pytest.raises(ForbiddenError):
        import_contacts(reader, house, OWNERS.encode(), Asked(condominium=HOUSE))
