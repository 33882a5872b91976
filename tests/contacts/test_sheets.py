"""What a user would lose: an owner in a list that another program wrote otherwise; all memory, to a crafted one."""

import csv
import io
import sys
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pec_tracker.errors import UsageError
from pec_tracker.render.tables import meant, safe, to_csv, to_xlsx
from pec_tracker.service.contacts import sheets
from pec_tracker.service.contacts.columns import Field, table_of
from pec_tracker.service.contacts.sheets import plain_text, read
from tests.contacts.workbooks import rows, text, workbook

LIST = [["Interno", "Proprietario", "PEC"], ["1", "Però, Società «Àncora»", "a@pec.example"], ["2", "D'Aï; Zoë", ""]]


def cells(content: bytes, sheet: str | None = None) -> list[list[str]]:
    """What the list says below its header, row by row."""
    table = table_of(read(content, sheet=sheet), {}, {})
    wanted = (Field.UNIT, Field.NAME, Field.PEC)
    return [[table.cells(row).get(field, "") for field in wanted] for row in table.rows]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("separator", [";", ",", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_list_is_read_in_whatever_dialect_it_was_saved(encoding: str, separator: str, end: str) -> None:
    told = io.StringIO()
    csv.writer(told, delimiter=separator, lineterminator=end).writerows(LIST)
    assert cells(told.getvalue().encode(encoding)) == LIST[1:]


plain = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20).map(plain_text)


@settings(max_examples=150, deadline=None)
@given(
    table=st.lists(st.tuples(plain, plain, plain), min_size=1, max_size=8),
    separator=st.sampled_from(sheets.SEPARATORS),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_any_cell_survives_any_dialect(
    table: list[tuple[str, ...]], separator: str, encoding: str, quoting: int
) -> None:
    told = io.StringIO()
    csv.writer(told, delimiter=separator, quoting=quoting).writerows([LIST[0], *table])  # type: ignore[arg-type]
    expected = [[meant(cell) for cell in row] for row in table if any(row)]
    assert cells(told.getvalue().encode(encoding)) == [list(map(plain_text, row)) for row in expected]


@settings(max_examples=300, deadline=None)
@given(plain | st.text(alphabet="=+-@',;\"| a\u200b＝", max_size=8).map(plain_text))
def test_what_was_made_safe_for_a_spreadsheet_is_read_as_it_was(cell: str) -> None:
    assert plain_text(meant(safe(cell))) == cell
    assert cells(to_csv(LIST[0], [["1", cell, "x"]])) == [["1", cell, "x"]]


def test_a_workbook_is_read_with_the_numbers_its_user_sees() -> None:
    made = workbook(
        {
            "Note": rows([["non questo"]]),
            "Elenco": rows([["Condominio X"]])
            + rows(LIST, 3)
            + f'<row r="9">{text("B9", "Neri")}<c r="A9"><v>12</v></c><c r="C9"><f>1+1</f><v>2</v></c></row>',
        },
        hidden=["Note"],
    )
    table = table_of(read(made), {}, {})
    assert (table.header_row, [row.number for row in table.rows]) == (3, [4, 5, 9])
    assert cells(made)[-1] == ["12", "Neri", "2"]
    with pytest.raises(UsageError, match="Note, Elenco"):
        read(made, sheet="Altro")
    with pytest.raises(UsageError, match="no header"):
        cells(made, sheet="note")


def test_our_own_workbooks_are_read() -> None:
    assert cells(to_xlsx(LIST[0], LIST[1:], sheet="Rubrica")) == LIST[1:]


def test_a_formula_that_failed_is_no_empty_cell() -> None:
    made = workbook({"A": rows(LIST[:1]) + '<row r="2"><c r="A2"><v>1</v></c><c r="C2" t="e"><v>#N/A</v></c></row>'})
    assert read(made).rows[1].cells[2] == sheets.ERROR


FAR = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="{place}"><v>1</v></c></row>'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b" \r\n \n", "empty"),
        (b"\x00\x01\x02garbage", "neither"),
        (b"PK\x03\x04garbage", "no XLSX"),
        (sheets._COMPOUND + b"x" * 600, "old spreadsheet"),
        (sheets._COMPOUND + "EncryptedPackage".encode("utf-16-le"), "encrypted"),
        (workbook({"A": ""}), "no rows"),
        (workbook({"A": FAR.format(place="XFD1048576")}), "row 1048576"),
        (workbook({"A": FAR.format(place="XFD1048576").replace('"', "'")}), "row 1048576"),
        (workbook({"A": FAR.format(place="&#88;FD1048576")}), "no XLSX"),
        (workbook({"A": '<row r="1048576"><c><v>1</v></c></row>'}), "row 1048576"),
        (workbook({"A": rows(LIST)}, more={"xl/vbaProject.bin": b"x"}), "macros"),
        (workbook({"A": rows(LIST)}, more={"xl/media/x.bin": bytes(sheets.MAX_UNPACKED)}), "too large"),
        (b"a;b\n" * (sheets.MAX_ROWS + 1), "row 20001"),
        (b"x" * (sheets.MAX_FILE + 1), "20 MB"),
    ],
)
def test_what_is_no_list_is_refused_with_what_to_do(content: bytes, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read(content)


def test_without_the_extra_it_is_said_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    monkeypatch.setattr(sheets, "find_spec", lambda _name: None)
    with pytest.raises(UsageError, match=r"\.\[xlsx\]"):
        read(workbook({"A": rows(LIST)}))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda tail: b"PK\x03\x04" + tail))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with suppress(UsageError):
        read(content)
