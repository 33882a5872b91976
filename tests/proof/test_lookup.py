"""Who received what? Found by the very file that was attached, listed by case, safe to open in a spreadsheet."""

import csv
import io
import zipfile
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pec_tracker.answers import case
from pec_tracker.askers import OPERATOR
from pec_tracker.render import tables
from pec_tracker.service.queries import case as contest
from pec_tracker.service.queries.lookup import Wanted, look_up
from tests.proof.house import ANNA, BRUNO, CARLA, CONTRACT, SUBJECT, Desk, desk, receipt


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Two messages of one case, one of none."""
    made = desk(tmp_path_factory.mktemp("case"))
    first = made.compose(ANNA, BRUNO)
    made.compose(CARLA, subject="=HYPERLINK(1)")
    made.compose(ANNA, subject="Altro", case=None)
    failed = receipt(
        first, "errore-consegna", to=BRUNO, error="no-dest", error_detail="5.1.1 - G - indirizzo non valido"
    )
    made.take_in(
        receipt(first, "accettazione"),
        receipt(first, "avvenuta-consegna", to=ANNA, original=made.raw_of(first), after=9),
        failed,
    )
    return made


@pytest.mark.parametrize(
    ("wanted", "subjects"),
    [
        (Wanted(recipient=BRUNO), {SUBJECT}),
        (Wanted(recipient=ANNA), {SUBJECT, "Altro"}),
        (Wanted(recipient=ANNA, subject="DIFFIDA perche"), {SUBJECT}),
        (Wanted(case="R.G. 12/2026"), {SUBJECT, "=HYPERLINK(1)"}),
        (Wanted(attachment=CONTRACT), {SUBJECT, "=HYPERLINK(1)", "Altro"}),
        (Wanted(recipient=CARLA, attachment=CONTRACT), {"=HYPERLINK(1)"}),
        (Wanted(attachment=CONTRACT + b" "), set()),
        (Wanted(recipient=BRUNO, since=date(2026, 3, 2), until=date(2026, 3, 2)), {SUBJECT}),
        (Wanted(recipient=BRUNO, since=date(2026, 3, 3)), set()),
    ],
)
def test_look_up_finds_by_every_condition(here: Desk, wanted: Wanted, subjects: set[str]) -> None:
    assert {message.subject for message in look_up(OPERATOR, here.house, wanted)} == subjects


def test_contest_list_says_who_received_when_and_who_did_not_and_why(here: Desk) -> None:
    rows = case.rows(contest.contest(OPERATOR, here.house, "R.G. 12/2026"))
    assert len(rows[0]) == len(case.COLUMNS)
    by_recipient = {row[2]: row for row in rows}
    assert by_recipient[ANNA][3:6] == ["yes", "02/03/2026 10:15:39 (+0100)", "delivered"]
    assert by_recipient[BRUNO][3] == "no"
    assert by_recipient[BRUNO][6] == "the address does not exist; 5.1.1 - G - indirizzo non valido"
    assert by_recipient[CARLA][3] == "no"
    assert contest.contest(OPERATOR, here.house, "another") == []


def test_csv_computes_nothing_and_keeps_every_word() -> None:
    dangerous = ["=1+1", "+39", "-2", "@SUM(A1)", "\t=1", " =1", "\uff1d1", "\r=1"]
    raw = tables.to_csv(["a"], [[text] for text in dangerous] + [['perché; "sì"'], [None], [-3]])
    read = [row[0] for row in csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), delimiter=";")]
    parting = {"\t=1": "'\t'=1", "\r=1": "'\r'=1"}  # they part cells, too
    assert read[1:9] == [parting.get(text, f"'{text}") for text in dangerous]
    assert read[9:] == ['perché; "sì"', "", "-3"]


def test_xlsx_holds_text_alone_and_is_the_same_each_time() -> None:
    columns = ["Soggetto", "x"]
    rows: list[list[object]] = [["=HYPERLINK(1)", "\x00a\u20ac<&>"], ["y" * 40_000, None]]
    raw = tables.to_xlsx(columns, rows, sheet="R.G. 12/2026")
    assert tables.to_xlsx(columns, rows, sheet="R.G. 12/2026") == raw
    with zipfile.ZipFile(io.BytesIO(raw)) as book:
        parts = {name: ElementTree.fromstring(book.read(name)) for name in book.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"]
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    cells = list(sheet.iter(f"{space}c"))
    assert {cell.get("t") for cell in cells} == {"inlineStr"}
    assert not list(sheet.iter(f"{space}f"))
    texts = [cell.findtext(f"{space}is/{space}t") or "" for cell in cells]
    assert texts[:4] == ["Soggetto", "x", "=HYPERLINK(1)", "a\u20ac<&>"]
    assert len(texts[4]) == 32_767
    assert [cell.get("r") for cell in cells] == ["A1", "B1", "A2", "B2", "A3", "B3"]


def test_wide_tables_have_columns_beyond_z(tmp_path: Path) -> None:
    raw = tables.to_xlsx([str(at) for at in range(60)], [], sheet="")
    with zipfile.ZipFile(io.BytesIO(raw)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert 'r="Z1"' in sheet
    assert 'r="AA1"' in sheet
    assert 'r="BH1"' in sheet
