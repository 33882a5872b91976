"""Which rows does a list of persons have? XLSX or CSV in whatever dialect, each row with the number that its user sees.

Values only: a formula is what it last came to. Nothing in a file may cost more than a list of persons does: the limits
are asked before a reader that would allocate for them opens it.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from importlib.util import find_spec
from pathlib import PurePosixPath
from typing import Any, Final

from pec_tracker.errors import UsageError
from pec_tracker.render.tables import meant

MAX_FILE: Final = 20_000_000  # bytes
MAX_UNPACKED: Final = 100_000_000  # bytes, of an XLSX
MAX_ROWS: Final = 20_000
MAX_COLUMNS: Final = 200
MAX_CELL: Final = 1_000  # letters; a longer one is cut to one more, so that it is seen to be too long
SEPARATORS: Final = (";", ",", "\t")
ERROR: Final = "#!"  # what an XLSX cell holds whose formula came to an error

_ZIP: Final = b"PK\x03\x04"
_COMPOUND: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # [MS-CFB] 2.2: an old .xls, or an encrypted .xlsx
_ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")  # [MS-OFFCRYPTO] 1.3
_CELL: Final = re.compile(rb"<(?:\w+:)?c\b([^>]*[^/>])>")
_ROW: Final = re.compile(rb"<(?:\w+:)?row\b[^>]*\br\s*=\s*[\"'](\d+)[\"']")
_PLACE: Final = re.compile(rb"\br\s*=\s*[\"']([A-Z]{1,3})(\d{1,7})[\"']")
_PLACED: Final = re.compile(rb"\br\s*=")
_FAILED: Final = re.compile(rb"\bt\s*=\s*[\"']e[\"']")
_SHEETS: Final = re.compile(r"xl/worksheets/[^/]+\.xml")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number as a spreadsheet shows it, from 1, and its cells as text without blanks around."""

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows that hold anything. `dialects`: a CSV says not how it is cut; these are the other ways to read it."""

    rows: tuple[Row, ...]
    dialects: "tuple[Sheet, ...]" = ()


def read(content: bytes, *, sheet: str | None = None) -> Sheet:
    """The rows of a file; of an XLSX those of the *sheet* so called, or else of the first that can be seen.

    Raises UsageError for what is neither XLSX nor CSV, is encrypted, empty or beyond the limits.
    """
    if not content.strip():
        raise UsageError("the file is empty")
    if len(content) > MAX_FILE:
        raise UsageError(
            "the file has {size} MB; a list of persons has at most {limit} MB",
            size=len(content) // 1_000_000,
            limit=MAX_FILE // 1_000_000,
        )
    if content.startswith(_COMPOUND):
        raise _compound(content)
    found = _xlsx(content, sheet) if content.startswith(_ZIP) else _csv(content)
    if not found.rows:
        raise UsageError("the file holds no rows")
    return found


def _compound(content: bytes) -> UsageError:
    if _ENCRYPTED in content:
        return UsageError("the file is encrypted; open it, and save a copy without a password")
    return UsageError("the file is of an old spreadsheet (.xls); save it as .xlsx or as CSV")


# --- XLSX ---


def _xlsx(content: bytes, wanted: str | None) -> Sheet:
    if find_spec("python_calamine") is None:
        raise UsageError(
            "to read an XLSX the extra xlsx is needed (in the program's folder: pip install '.[xlsx]'); or save the "
            "list as CSV"
        )
    from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    failed = _look_before(content)
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as book:
            sheets = [one for one in book.sheets_metadata if one.typ == SheetTypeEnum.WorkSheet]
            shown = [one.name for one in sheets if one.visible == SheetVisibleEnum.Visible]
            name = _chosen(wanted, [one.name for one in sheets], shown)
            table = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    except CalamineError as error:
        raise _no_workbook() from error
    return _sheet(_with_errors(table, failed.get(name, ())))


def _chosen(wanted: str | None, names: Sequence[str], shown: Sequence[str]) -> str:
    if wanted is None and shown:
        return shown[0]
    for name in names:
        if wanted is not None and name.casefold() == wanted.casefold():
            return name
    raise UsageError("the workbook has no sheet {name}; it has: {sheets}", name=wanted, sheets=", ".join(names))


def _no_workbook() -> UsageError:
    return UsageError("the file is no XLSX that can be read; save it as .xlsx or CSV once more, and try with that")


def _look_before(content: bytes) -> dict[str, list[tuple[int, int]]]:
    """Where formulas came to an error, by sheet: rows and columns from 0. UsageError for what is beyond the limits.

    The reader makes room for every cell up to the last one: two cells far apart would take all memory.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            members = packed.infolist()
            if sum(member.file_size for member in members) > MAX_UNPACKED:
                raise UsageError("the workbook is too large; keep only the sheet with the persons")
            if any(member.filename.endswith("vbaProject.bin") for member in members):
                raise UsageError("the workbook holds macros; save it as .xlsx, without them")
            if packed.testzip() is not None:  # it unpacks to something else than it says
                raise _no_workbook()
            parts = {one.filename: packed.read(one) for one in members if _SHEETS.fullmatch(one.filename)}
            names = _sheet_files(packed)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, SyntaxError) as error:
        raise _no_workbook() from error
    failed = {file: _failed_cells(part) for file, part in parts.items()}
    return {name: failed[file] for name, file in names.items() if file in failed}


def _sheet_files(packed: zipfile.ZipFile) -> dict[str, str]:
    """The file of each sheet, by the sheet's name (ECMA-376 part 1, 18.2.19)."""
    from lxml import etree  # most of who write in the book read no workbook

    names = set(packed.namelist())
    if not {"xl/workbook.xml", "xl/_rels/workbook.xml.rels"} <= names:
        return {}
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    targets = {
        str(one.get("Id")): str(PurePosixPath("xl") / str(one.get("Target")).removeprefix("/xl/"))
        for one in etree.fromstring(packed.read("xl/_rels/workbook.xml.rels"), parser)
    }
    sheets = etree.fromstring(packed.read("xl/workbook.xml"), parser).iter("{*}sheet")
    return {
        str(one.get("name")): targets.get(
            next((str(value) for name, value in one.attrib.items() if str(name).endswith("}id")), ""), ""
        )
        for one in sheets
    }


def _failed_cells(part: bytes) -> list[tuple[int, int]]:
    if b"\x00" in part:  # UTF-16, which no spreadsheet writes
        raise _no_workbook()
    failed = []
    unplaced = False
    for cell in _CELL.finditer(part):
        place = _PLACE.search(cell[1])
        if place is None:
            if _PLACED.search(cell[1]):
                raise _no_workbook()
            unplaced = True
            continue
        row, column = int(place[2]), _column(place[1])
        _require_within(row, column)
        if _FAILED.search(cell[1]):
            failed.append((row - 1, column - 1))
    if unplaced:
        _require_within(max((int(row[1]) for row in _ROW.finditer(part)), default=0), 0)
    return failed


def _require_within(row: int, column: int) -> None:
    if row > MAX_ROWS or column > MAX_COLUMNS:
        raise UsageError(
            "a sheet has a cell in row {row}, column {column}; a list of persons has at most {rows} rows and {columns} "
            "columns",
            row=row,
            column=column,
            rows=MAX_ROWS,
            columns=MAX_COLUMNS,
        )


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


def _with_errors(table: Sequence[Sequence[Any]], failed: Sequence[tuple[int, int]]) -> Iterator[list[str]]:
    errors = set(failed)
    for at, row in enumerate(table):
        yield [ERROR if (at, place) in errors else _cell(value) for place, value in enumerate(row)]


def _cell(value: object) -> str:
    """A cell as a person reads it: a whole number without its point, a day as ISO 8601 has it."""
    match value:
        case bool():
            return "1" if value else "0"
        case float() if value.is_integer():
            return str(int(value))
        case datetime():
            return value.date().isoformat()
        case date():
            return value.isoformat()
    return str(value)


# --- CSV ---


def _csv(content: bytes) -> Sheet:
    text = _text(content)
    if text.count("\x00"):
        raise UsageError("the file is neither XLSX nor CSV")
    readings = [reading for separator in SEPARATORS if (reading := _cut(text, separator)) is not None]
    if not readings:
        raise UsageError("the file is no CSV that can be read; save it as CSV UTF-8 once more")
    widest = sorted(readings, key=lambda sheet: -max((len(row.cells) for row in sheet.rows[:20]), default=0))
    return Sheet(widest[0].rows, tuple(widest[1:]))


def _text(content: bytes) -> str:
    """UTF-8 with or without its mark, UTF-16 with it (Excel's "Unicode text"), or else Windows-1252."""
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    encodings = ("utf-16",) if marked else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UsageError("the file is neither XLSX nor CSV")


def _cut(text: str, separator: str) -> Sheet | None:
    """The rows as *separator* cuts them; None where that cannot be."""
    try:
        cut = [[meant(cell) for cell in row] for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator)]
    except csv.Error:
        return None
    return _sheet(cut)


def _sheet(rows: Any) -> Sheet:
    found = []
    for number, cells in enumerate(rows, 1):
        plain = tuple(plain_text(cell)[: MAX_CELL + 1] for cell in cells)
        if any(plain):
            _require_within(number, len(plain) if any(plain[MAX_COLUMNS:]) else 0)
            found.append(Row(number, plain))
    return Sheet(tuple(found))


def plain_text(written: str) -> str:
    """*written* on one line, with single blanks."""
    return " ".join(written.split())
