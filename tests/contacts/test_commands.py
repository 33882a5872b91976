"""What a user would lose at the command line: the row to correct, the file to correct it in, or the book itself."""

import json
from pathlib import Path

import pytest

from pec_tracker import texts
from tests.cli.desk import Desk
from tests.contacts.lists import HOUSE, OWNERS, ROSSI


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("DESK_PASSWORD", "secret")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    desk = Desk(tmp_path, capsys)
    desk.configure()
    return desk


@pytest.fixture(autouse=True)
def _english_afterwards() -> object:
    yield
    texts.activate("en")


def listed(desk: Desk, text: str, name: str = "elenco.csv") -> Path:
    file = desk.folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_wrong_rows_are_told_by_class_in_italian_and_nothing_is_written(desk: Desk) -> None:
    file = listed(desk, OWNERS.replace("verdi@pec", "verdi.pec").replace(ROSSI, ROSSI[:-1] + "T"))
    ran = desk.run("contacts", "import", file, "--condominium", HOUSE, language="it")
    assert ran.status == 1
    assert "l'indirizzo PEC non è valido" in ran.out
    assert "riga 6: Verdi S.r.l.: verdi.pec.example" in ran.out
    assert ran.out.index("Righe che non si possono accettare") < ran.out.index("Da controllare")
    assert "--skip-wrong" in ran.words
    assert desk.run("contacts", "list", "--json").records == []


def test_skipped_rows_lie_in_a_file_with_their_reason_and_come_in_once_corrected(desk: Desk) -> None:
    file = listed(desk, OWNERS.replace("verdi@pec", "verdi.pec"))
    rejects = desk.folder / "da-correggere.csv"
    house = ("--condominium", HOUSE)
    ran = desk.run("contacts", "import", file, *house, "--skip-wrong", "--rejects", rejects, language="it")
    assert ran.status == 1
    told = rejects.read_text("utf-8-sig")
    assert '"Riga del file";"Motivo"' in told
    rejects.write_text(told.replace("verdi.pec.example", "verdi@pec.example"), encoding="utf-8")
    assert desk.run("contacts", "import", rejects, *house).status == 0
    assert len(desk.run("contacts", "list", "--json").records) == 3


def test_check_says_what_would_change_as_json_too(desk: Desk) -> None:
    told = desk.run("contacts", "import", listed(desk, OWNERS), "--condominium", HOUSE, "--check", "--json").record
    assert (told["written"], told["added"], told["entitlements_added"], told["header_row"]) == (False, 3, 4, 3)
    assert told["columns"]["Proprietario"] == "name"
    assert told["condominiums_added"] == [HOUSE]


@pytest.mark.parametrize("language", ["en", "it"])
def test_an_export_imports_again_unchanged_in_either_language(desk: Desk, language: str) -> None:
    desk.run("contacts", "import", listed(desk, OWNERS), "--condominium", HOUSE)
    desk.run("contacts", "edit", "rossi", "--register", "elected", "--looked-up-on", "03/05/2026", "--notes", "=1+1")
    desk.run(
        "contacts", "add", "Neri Ugo", "--condominium", HOUSE, "--unit", "9", "--title", "tenant", "--share", "50%"
    )
    out = desk.folder / "rubrica.csv"
    assert desk.run("contacts", "export", out, language=language).status == 0
    assert b'"=1+1"' not in out.read_bytes()
    again = desk.run("contacts", "import", out, "--json").record
    assert (again["added"], again["changed"], again["entitlements_added"], again["left"]) == (0, 0, 0, 5)
    assert (again["findings"], again["unused"]) == ([], [])


def test_a_contact_is_shown_changed_and_removed(desk: Desk) -> None:
    desk.run("contacts", "import", listed(desk, OWNERS), "--condominium", HOUSE)
    changed = desk.run(
        "contacts", "edit", "rossi", "--pec", "nuova@pec.example", "--register", "INI-PEC", language="it"
    )
    assert "modificati: PEC, Registro" in changed.out
    shown = desk.run("contacts", "show", "nuova@pec.example", language="it")
    assert "nuova@pec.example (INI-PEC)" in shown.out
    assert "mario.rossi@pec.example" in shown.out.partition("Indirizzo precedente")[2]
    facts = desk.run("contacts", "show", "rossi", "--json").record
    assert next(one["address"] for one in facts["addresses"] if one["kind"] == "pec") == "nuova@pec.example"
    refused = desk.run("contacts", "remove", "rossi", language="it")
    assert refused.status == 2
    assert "--even-entitled" in refused.err
    assert desk.run("contacts", "remove", "rossi", "--even-entitled").status == 0
    assert desk.run("contacts", "show", "rossi").status == 1


def test_what_a_cell_holds_does_nothing_to_a_terminal(desk: Desk) -> None:
    file = listed(desk, "Nome;PEC\nRossi \x1b[31m\u202e;r@pec.example\nVerdi\x1b[0m;wrong\x1b[2J\n")
    ran = desk.run("contacts", "import", file, "--skip-wrong")
    assert ran.status == 1
    told = ran.out + desk.run("contacts", "list").out + desk.run("contacts", "show", "rossi").out
    assert not {"\x1b", "\u202e"} & set(told)


def test_a_condominium_gets_its_mailbox(desk: Desk) -> None:
    desk.run("mailbox", "list")
    desk.run("find")
    desk.run("contacts", "import", listed(desk, OWNERS), "--condominium", HOUSE)
    (one,) = desk.run("contacts", "condominium", "--json").records
    assert (one["name"], one["units"], one["persons"], one["mailbox"]) == (HOUSE, 4, 3, None)
    ran = desk.run("contacts", "condominium", HOUSE, "--tax-code", "00743110157", "--address", "Roma", "--json")
    assert json.dumps(ran.record["tax_code"]) == '"00743110157"'
