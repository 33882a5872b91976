"""What a user would lose: an owner who gets another's document. Nothing is guessed: what does not fit is told."""

from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pec_tracker.errors import UsageError
from pec_tracker.render.tables import to_csv
from pec_tracker.service.campaigns.checked import Fault
from pec_tracker.service.campaigns.definition import Definition
from pec_tracker.service.campaigns.documents import find_documents, read_file
from pec_tracker.service.campaigns.listed import ListedRow, as_written, rows_of_table
from pec_tracker.service.campaigns.whose import documents_twice, naming_others
from pec_tracker.service.contacts.columns import table_of
from pec_tracker.service.contacts.sheets import read

LOOK_ALIKE = ["1", "01", "11", "1A", "1a", "1/A", "1 A", "A1", "1B", "2", "12", "21", "112", "1-2", "3", "13", "3bis"]


def rows(*units: str, files: tuple[str, ...] = ()) -> list[ListedRow]:
    named = files or ("",) * len(units)
    lines = ["Interno;Nome e cognome;Documento", *(f"{u};Nome{n} Cognome{n};{named[n]}" for n, u in enumerate(units))]
    table = table_of(read("\n".join(lines).encode()), {}, {})
    return rows_of_table(table, key_column=None, channel_column=None, file_column="Documento" if files else None)


def definition(folder: Path, **changes: object) -> Definition:
    return Definition(subject="", text="", list_file=str(folder / "x.csv"), folder=str(folder), **changes)  # type: ignore[arg-type]


def faults(folder: Path, listed: list[ListedRow], **changes: object) -> list[tuple[int | None, Fault]]:
    return [(at, fault) for at, fault, _facts in find_documents(definition(folder, **changes), listed).faults]


def test_three_is_not_thirteen(tmp_path: Path) -> None:
    for name in ("estratto-3.pdf", "estratto-13.pdf", "estratto-3A.pdf"):
        (tmp_path / name).write_bytes(name.encode())
    listed = rows("3", "13", "3A")
    found = find_documents(definition(tmp_path, file_pattern="*{interno}.pdf"), listed)
    assert found.faults == ()
    assert [found.files[at][0].name for at in range(3)] == ["estratto-3.pdf", "estratto-13.pdf", "estratto-3A.pdf"]


@pytest.mark.parametrize(("unit", "name"), [("1", "estratto-1-A.pdf"), ("1", "estratto-A-1.pdf"), ("3", "e-3_bis.pdf")])
def test_a_part_of_another_units_name_is_not_the_unit(tmp_path: Path, unit: str, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    assert faults(tmp_path, rows(unit), file_pattern="*{interno}*.pdf")[0] == (0, Fault.NO_FILE)


def test_a_file_that_fits_two_rows_is_told_even_where_one_of_them_has_another_too(tmp_path: Path) -> None:
    for name in ("1A.pdf", "1-A copia.pdf"):
        (tmp_path / name).write_bytes(b"x")
    told = faults(tmp_path, rows("1/A", "A"), file_pattern="*{interno}*.pdf")
    assert told == [(0, Fault.SEVERAL_FILES), (0, Fault.FILE_OF_TWO), (1, Fault.FILE_OF_TWO)]


def test_a_file_of_nobody_of_two_or_none_for_a_row_is_told(tmp_path: Path) -> None:
    for name in ("1.pdf", "2.pdf", "2 copia.pdf", "9.pdf"):
        (tmp_path / name).write_bytes(b"x")
    assert faults(tmp_path, rows("1", "2", "3"), file_pattern="{interno}*.pdf") == [
        (1, Fault.SEVERAL_FILES), (2, Fault.NO_FILE), (None, Fault.FILE_OF_NOBODY)
    ]  # fmt: skip
    assert faults(tmp_path, rows("1", "2", files=("9.pdf", "9.pdf")), file_column="Documento") == [
        (0, Fault.FILE_OF_TWO), (1, Fault.FILE_OF_TWO)
    ]  # fmt: skip


def test_a_list_reaches_no_file_outside_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "documenti"
    folder.mkdir()
    (tmp_path / "segreto.txt").write_bytes(b"x")
    (folder / "1.pdf").write_bytes(b"x")
    listed = rows("1", "2", "3", files=("../segreto.txt", str(tmp_path / "segreto.txt"), "1.pdf"))
    assert faults(folder, listed, file_column="Documento") == [(0, Fault.NO_FILE), (1, Fault.NO_FILE)]


def test_who_own_a_unit_together_may_have_one_document(tmp_path: Path) -> None:
    (tmp_path / "1.pdf").write_bytes(b"x")
    assert faults(tmp_path, rows("1", "1"), file_pattern="{interno}.pdf") == []


def test_what_split_wrote_says_whose_each_is(tmp_path: Path) -> None:
    for unit in ("1", "2A"):
        (tmp_path / f"estratti-{unit}.pdf").write_bytes(unit.encode())
    index = to_csv(["Owner", "File", "Pages"], [("1", "estratti-1.pdf", "1"), ("2A", "estratti-2A.pdf", "2-3")])
    (tmp_path / "index.csv").write_bytes(index)
    found = find_documents(definition(tmp_path), rows("2a", "1"))
    assert found.faults == ()
    assert [found.files[at][0].name for at in range(2)] == ["estratti-2A.pdf", "estratti-1.pdf"]
    (tmp_path / "index.csv").unlink()
    with pytest.raises(UsageError, match="campaign split"):
        find_documents(definition(tmp_path), rows("1"))


def test_a_pattern_without_a_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="names no column"):
        find_documents(definition(tmp_path, file_pattern="estratto.pdf"), rows("1"))


def test_a_document_that_names_another_owner_or_is_another_owners_is_told(tmp_path: Path) -> None:
    listed = rows("1", "2", "3")
    texts = ["Nome0 Cognome0", "Cognome0 Nome0", "Nome0 Cognome0"]
    files = {}
    for at, text in enumerate(texts):
        (tmp_path / f"{at}.txt").write_text(text, "utf-8")
        files[at] = [read_file(tmp_path / f"{at}.txt")[0]]
    pages = {files[at][0].sha256: texts[at] for at in range(3)}
    assert [(at, other) for at, _file, other in naming_others(listed, files, pages)] == [
        (1, "Nome0 Cognome0"), (2, "Nome0 Cognome0")
    ]  # fmt: skip
    assert [(at, numbers) for at, _file, numbers in documents_twice(listed, files)] == [(0, [2, 4]), (2, [2, 4])]


@st.composite
def offices(draw: st.DrawFn) -> tuple[list[str], dict[str, str | None]]:
    """Units that look alike, and files: some swapped, missing, doubled, of nobody. By name, whose each is."""
    units = draw(st.lists(st.sampled_from(LOOK_ALIKE), min_size=2, max_size=8, unique_by=lambda one: one.casefold()))
    files: dict[str, str | None] = {f"estratto-{unit.replace('/', '-')}.pdf": unit for unit in units}
    for name in draw(st.lists(st.sampled_from(sorted(files)), max_size=2)):
        files.pop(name, None)
    for extra in draw(st.lists(st.sampled_from(LOOK_ALIKE), max_size=2)):
        files.setdefault(f"estratto-{extra.replace('/', '-')}-bis.pdf", None)
    return units, files


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders, each empty."""
    return tmp_path_factory.mktemp("offices")


_numbers = count()


@settings(max_examples=500, deadline=None)
@given(
    offices(), st.sampled_from(["estratto-{interno}.pdf", "*-{interno}.pdf", "*{interno}*.pdf", "estratto-{interno}*"])
)
def test_in_500_lists_no_document_reaches_another_row(
    folders: Path, office: tuple[list[str], dict[str, str | None]], pattern: str
) -> None:
    units, files = office
    folder = folders / str(next(_numbers))
    folder.mkdir()
    for name in files:
        (folder / name).write_bytes(name.encode())
    listed = rows(*units)
    found = find_documents(definition(folder, file_pattern=pattern), listed)
    told = {at for at, _fault, _facts in found.faults if at is not None}
    for at, row in enumerate(listed):
        same = {one.label for one in listed if one.place == row.place}  # 1/A and 1 A are one unit
        mine = {name for name, unit in files.items() if unit in same}
        given_ = {path.name for path in found.files[at]}
        assert given_ <= mine or at in told or any(one.endswith("-bis.pdf") for one in given_), (row.label, given_)
        if not given_:
            assert at in told
    loose = {name for name, unit in files.items() if unit is None}
    reached = {path.name for some in found.files.values() for path in some}
    nobody = {facts["file"] for _at, fault, facts in found.faults if fault is Fault.FILE_OF_NOBODY}
    ambiguous = {
        one
        for _at, fault, facts in found.faults
        if fault is Fault.SEVERAL_FILES
        for one in str(facts["file"]).split(", ")
    }
    assert loose <= nobody | reached | ambiguous


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("1234.5", "1234,50"), ("-0.1", "-0,10"), ("2026-05-03", "03/05/2026"), ("12", "12"), ("1.2.3", "1.2.3"),
        ("A.1", "A.1"), ("1234.5600000000002", "1234,56"),
    ],
)  # fmt: skip
def test_a_workbooks_numbers_and_days_are_written_as_an_italian_letter_has_them(cell: str, written: str) -> None:
    assert as_written(cell) == written
