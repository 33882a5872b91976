"""A table that a lawyer opens in a spreadsheet: nothing that a mail wrote is computed there, and it does open."""

import csv
import io
import zipfile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from pec_tracker.render.tables import safe, to_csv, to_xlsx

MAIN = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
FORMULAS = [
    '"=1+1"',
    "'=1",
    "«=1",
    "\ufeff=1",
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "  =1",
    "\xa0=1",
    '=HYPERLINK("http://x")',
    "＝1",
]

cells = st.one_of(st.none(), st.integers(), st.text(max_size=20), st.sampled_from(FORMULAS))


def opened(raw: bytes) -> dict[str, etree._Element]:
    """Every part of a workbook, parsed."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        assert archive.testzip() is None
        return {name: etree.fromstring(archive.read(name)) for name in archive.namelist()}


def shown(raw: bytes) -> list[list[str]]:
    """The text of each cell of the sheet."""
    rows = opened(raw)["xl/worksheets/sheet1.xml"].iterfind(".//m:row", MAIN)
    return [[cell.findtext("m:is/m:t", "", MAIN) for cell in row.iterfind("m:c", MAIN)] for row in rows]


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_subject_that_is_a_formula_stays_text(formula: str) -> None:
    assert safe(formula).startswith("'")
    assert safe(formula).replace("'", "") == formula.replace("'", "")
    sheet = opened(to_xlsx(["Oggetto"], [[formula]], sheet="Pratica"))["xl/worksheets/sheet1.xml"]
    assert {cell.get("t") for cell in sheet.iterfind(".//m:c", MAIN)} == {"inlineStr"}
    assert sheet.find(".//m:f", MAIN) is None


def test_what_is_no_formula_is_written_as_it_is() -> None:
    assert [safe(cell) for cell in ("Diffida = atto", None, -3, 0.5, "anna@pec.it")] == [
        "Diffida = atto", "", "-3", "0.5", "anna@pec.it",
    ]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.text("=+-@ab ,;\t\r\n\"'|"), min_size=2, max_size=3), min_size=1, max_size=4))
@example(rows=[["a", "x,=cmd|' /C calc'!A0"]])
@example(rows=[["a", 'x",=1']])
@pytest.mark.parametrize("written", [";", ","])
@pytest.mark.parametrize("opened", [";", ",", "\t", "|"])
def test_a_table_opened_with_another_separator_computes_nothing(
    written: str, opened: str, rows: list[list[str]]
) -> None:
    raw = to_csv(["Oggetto"], rows, separator=written).decode("utf-8-sig")
    read = [cell for line in csv.reader(io.StringIO(raw, newline=""), delimiter=opened) for cell in line]
    assert not any(cell.lstrip(' "').startswith(("=", "+", "-", "@")) for cell in read)


def test_every_cell_is_quoted_so_that_no_separator_in_it_ends_it() -> None:
    assert to_csv(["A"], [["x,y"], [None], [3]]) == b'\xef\xbb\xbf"A"\r\n"x,y"\r\n""\r\n"3"\r\n'


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(cells, min_size=2, max_size=2), max_size=5))
def test_a_csv_has_every_row_and_no_cell_that_is_computed(rows: list[list[object]]) -> None:
    raw = to_csv(["Oggetto", "Pratica"], rows)
    assert raw.startswith(b"\xef\xbb\xbf")
    read = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), delimiter=";"))
    assert read == [["Oggetto", "Pratica"], *([safe(cell) for cell in row] for row in rows)]
    texts = [cell for row, told in zip(rows, read[1:], strict=True) for was, cell in zip(row, told, strict=True)
             if isinstance(was, str)]  # fmt: skip
    assert not any(cell.lstrip(" \xa0").startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for cell in texts)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.text(max_size=20), min_size=1, max_size=3), max_size=4), st.text(max_size=40))
@example(rows=[], sheet="\x1f")
def test_a_workbook_opens_whatever_mails_wrote_into_it(rows: list[list[str]], sheet: str) -> None:
    parts = opened(to_xlsx(["A", "B", "C"], rows, sheet=sheet))
    name = parts["xl/workbook.xml"].find(".//m:sheet", MAIN)
    assert name is not None
    assert 1 <= len(name.get("name", "").strip()) <= 31


def test_a_workbook_shows_what_was_put_in() -> None:
    raw = to_xlsx(["Destinatario", "Oggetto"], [["anna@pec.it", " <b>&è "], [None, "x" * 40_000]], sheet="2026/12")
    assert shown(raw) == [["Destinatario", "Oggetto"], ["anna@pec.it", " <b>&è "], ["", "x" * 32_767]]


def test_every_part_that_a_workbook_names_is_in_it() -> None:
    parts = opened(to_xlsx(["A"], [["1"]], sheet="S"))
    named = {f"xl/{one.get('Target')}" for one in parts["xl/_rels/workbook.xml.rels"]}
    typed = {str(one.get("PartName")).lstrip("/") for one in parts["[Content_Types].xml"] if one.get("PartName")}
    assert named <= parts.keys()
    assert typed <= parts.keys()


def test_the_columns_beyond_z_are_named_as_spreadsheets_name_them() -> None:
    sheet = opened(to_xlsx([str(at) for at in range(703)], [], sheet="S"))["xl/worksheets/sheet1.xml"]
    names = [cell.get("r") for cell in sheet.iterfind(".//m:c", MAIN)]
    assert [names[at] for at in (0, 25, 26, 701, 702)] == ["A1", "Z1", "AA1", "ZZ1", "AAA1"]


def test_the_same_rows_are_the_same_file() -> None:
    assert to_xlsx(["A"], [["1"]], sheet="S") == to_xlsx(["A"], [["1"]], sheet="S")
