"""`campaign split`: a printout of all owners, held against their list, cut into a file for each."""

import csv
import json
from pathlib import Path

import pytest
import typst
from pypdf import PdfReader

from tests.cli.running import Home, HomeInside

LIST = (
    "Interno;Scala;Proprietario;Cod. fiscale\n"
    "1;A;Rossi Mario;RSSMRA80A01H501U\n2;A;Verdi Anna;VRDNNA80A41H501R\n13;A;Neri Ugo;\n"
)


def printout(folder: Path, *pages: str, name: str = "estratti.pdf") -> Path:
    file = folder / name
    text = "\n#pagebreak()\n".join("\n\n".join(page.split("\n")) for page in pages)
    file.write_bytes(typst.compile(text.encode(), format="pdf"))
    return file


def texts(file: Path) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(file).pages)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> HomeInside:
    return HomeInside(Home(tmp_path), monkeypatch, capsys)


@pytest.fixture
def elenco(home: HomeInside) -> Path:
    (home.folder / "elenco.csv").write_text(LIST, "utf-8-sig")
    return home.folder / "elenco.csv"


def test_each_owner_gets_his_pages_and_the_index_says_which(home: HomeInside, elenco: Path) -> None:
    printout(home.folder, "Interno 1\nRossi Mario", "segue", "Interno 2\nVerdi Anna", "Interno 13\nNeri Ugo")
    ran = home.run("--lang", "it", "campaign", "split", "estratti.pdf", "--by", "Interno", "--list", "elenco.csv",
                   "--continued")  # fmt: skip
    assert ran.returncode == 0, ran.stderr + ran.stdout
    assert "3 file, da 4 pagine, in estratti" in ran.stdout
    folder = home.folder / "estratti"
    assert sorted(file.name for file in folder.iterdir()) == [
        "estratti-1.pdf", "estratti-13.pdf", "estratti-2.pdf", "index.csv",
    ]  # fmt: skip
    assert texts(folder / "estratti-1.pdf").split() == ["Interno", "1", "Rossi", "Mario", "segue"]
    assert "Rossi" not in texts(folder / "estratti-13.pdf")
    rows = list(csv.DictReader((folder / "index.csv").read_text("utf-8-sig").splitlines(), delimiter=";"))
    assert [(row["Condòmino"], row["File"], row["Pagine"]) for row in rows] == [
        ("1", "estratti-1.pdf", "1-2"), ("2", "estratti-2.pdf", "3"), ("13", "estratti-13.pdf", "4"),
    ]  # fmt: skip
    again = home.run(
        "--lang", "en", "campaign", "split", "estratti.pdf", "--by", "Interno", "--list", "elenco.csv", "--continued"
    )
    assert again.returncode == 2
    assert "not overwritten" in again.stderr


def test_what_does_not_fit_is_told_and_nothing_is_written(home: HomeInside, elenco: Path) -> None:
    printout(home.folder, "Interno 1\nVerdi Anna", "Interno 3", "saluti", "Interno 13")
    ran = home.run("campaign", "split", "estratti.pdf", "--by", "Interno", "--list", "elenco.csv")
    assert ran.returncode == 1
    assert not (home.folder / "estratti").exists()
    for told in ("page 3 nothing says", "3 (page 2) is not in the list", "2 has no page", "page 1, of 1, bear"):
        assert told in ran.stdout
    facts = json.loads(
        home.run("campaign", "split", "estratti.pdf", "--by", "Interno", "--list", "elenco.csv", "--json").stdout
    )
    assert {one["fault"] for one in facts["findings"]} == {
        "page-without-owner", "owner-not-in-the-list", "owner-without-page", "names-another-owner",
    }  # fmt: skip
    assert facts["files"] == []


def test_a_check_only_says_how_it_would_be_cut(home: HomeInside) -> None:
    printout(home.folder, "Interno 1", "Interno 2")
    ran = home.run("campaign", "split", "estratti.pdf", "--by", "Interno", "--check")
    assert ran.returncode == 0
    assert "only a check" in ran.stdout
    assert not (home.folder / "estratti").exists()


def test_tax_codes_say_whose_a_page_is(home: HomeInside, elenco: Path) -> None:
    elenco.write_text(LIST.replace("13;A;Neri Ugo;\n", ""), "utf-8")
    printout(home.folder, "c.f. VRDNNA80A41H501R", "c.f. RSSMRA80A01H501U")
    ran = home.run("campaign", "split", "estratti.pdf", "--by-tax-code", "--list", "elenco.csv", "--to", "divisi")
    assert ran.returncode == 0, ran.stdout
    assert texts(home.folder / "divisi/estratti-RSSMRA80A01H501U.pdf").endswith("H501U")


def test_two_staircases_need_a_pattern_that_finds_both(home: HomeInside, elenco: Path) -> None:
    elenco.write_text("Interno;Scala;Proprietario\n1;A;Rossi Mario\n1;B;Verdi Anna\n", "utf-8")
    printout(home.folder, "Scala A Interno 1", "Scala B Interno 1")
    by_label = home.run("campaign", "split", "estratti.pdf", "--by", "Interno", "--list", "elenco.csv")
    assert by_label.returncode == 2
    assert "two staircases" in by_label.stderr
    pattern = r"Scala (\w+) Interno (\w+)"
    ran = home.run("campaign", "split", "estratti.pdf", "--pattern", pattern, "--list", "elenco.csv")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert texts(home.folder / "estratti/estratti-B-1.pdf") == "Scala B Interno 1"


def test_the_address_book_says_who_there_should_be(home: HomeInside, elenco: Path) -> None:
    assert home.run("contacts", "import", "elenco.csv", "--condominium", "Via Po 1").returncode == 0
    printout(home.folder, "Interno 1\nRossi Mario", "Interno 2")
    ran = home.run("campaign", "split", "estratti.pdf", "--by", "Interno", "--condominium", "via po 1")
    assert ran.returncode == 1
    assert "13 has no page" in ran.stdout
    printout(home.folder, "Interno 1\nRossi Mario", "Interno 2", "Interno 13")
    assert home.run("campaign", "split", "estratti.pdf", "--by", "Interno", "--condominium", "Via Po 1").returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [(), ("--by", "Interno", "--by-tax-code"), ("--by", "Interno", "--list", "elenco.csv", "--condominium", "x")],
)
def test_what_is_said_in_two_ways_or_in_none_is_asked_for(
    home: HomeInside, elenco: Path, arguments: tuple[str, ...]
) -> None:
    printout(home.folder, "Interno 1")
    ran = home.run("campaign", "split", "estratti.pdf", *arguments)
    assert ran.returncode == 2
    assert "one way" in ran.stderr


def test_a_scan_is_told(home: HomeInside) -> None:
    printout(home.folder, "#rect(width: 2cm)", "#rect(width: 3cm)")
    ran = home.run("campaign", "split", "estratti.pdf", "--by", "Interno")
    assert ran.returncode == 1
    assert "it is a scan" in ran.stdout
