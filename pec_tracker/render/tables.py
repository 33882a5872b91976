"""How does a table become a file for a spreadsheet? CSV and XLSX in which no cell is ever taken for a formula.

A cell that a mail wrote may begin with `=`: in XLSX it is inline text, which is never computed; in CSV an apostrophe
goes before it (OWASP, "CSV Injection"), and also behind each separator in it, for whoever opens the file with another
separator than it was written with cuts the cells anew, quotes or not. The same rows always give the same bytes.
"""

import csv
import io
import re
import zipfile
from collections.abc import Sequence
from typing import Final

from pec_tracker.render.xml import Element, document

# What computes, at the beginning or behind a separator, blanks and quotes passed over; full-width forms are folded.
_PASSED_OVER: Final = " \xa0\u200b\ufeff\"'\u2018\u2019\u201c\u201d\xab\xbb"
_DANGEROUS: Final = re.compile(rf"(\A|[,;|\t\r\n])(?=[{_PASSED_OVER}]*[=+\-@\uff1d\uff0b\uff0d\uff20])")
_MADE_SAFE: Final = re.compile(rf"(\A|[,;|\t\r\n])'(?=[{_PASSED_OVER}]*[=+\-@\uff1d\uff0b\uff0d\uff20])")
_BROKEN_START: Final = re.compile(r"\A(?=[ \xa0]*[\t\r\n])")
_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_MAX_CELL: Final = 32_767  # characters, the format's own limit


def to_csv(columns: Sequence[str], rows: Sequence[Sequence[object]], *, separator: str = ";") -> bytes:
    """CSV with a byte order mark (spreadsheets then read UTF-8), `;` between cells as Italian ones expect, CRLF."""
    told = io.StringIO()
    writer = csv.writer(told, delimiter=separator, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerow([safe(cell) for cell in columns])
    writer.writerows([safe(cell) for cell in row] for row in rows)
    return told.getvalue().encode("utf-8-sig", "replace")


def safe(cell: object) -> str:
    """A cell of a CSV that no spreadsheet computes."""
    text = "" if cell is None else str(cell)
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return text
    return _BROKEN_START.sub("'", _DANGEROUS.sub(r"\1'", text))


def meant(cell: str) -> str:
    """What was written into the cell of a CSV before `safe` put an apostrophe there, or a person did for the same."""
    return _MADE_SAFE.sub(r"\1", cell)


def to_xlsx(columns: Sequence[str], rows: Sequence[Sequence[object]], *, sheet: str) -> bytes:
    """A workbook of one sheet (ECMA-376): the heads bold and frozen, every cell text."""
    parts = {
        "[Content_Types].xml": _content_types(),
        "_rels/.rels": _relationships([("rId1", "officeDocument", "xl/workbook.xml")]),
        "xl/workbook.xml": _workbook(sheet),
        "xl/_rels/workbook.xml.rels": _relationships(
            [("rId1", "worksheet", "worksheets/sheet1.xml"), ("rId2", "styles", "styles.xml")]
        ),
        "xl/styles.xml": _styles(),
        "xl/worksheets/sheet1.xml": _sheet(columns, rows),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return packed.getvalue()


def _sheet(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    pane = Element("pane", "", {"ySplit": "1", "topLeftCell": "A2", "activePane": "bottomLeft", "state": "frozen"})
    view = Element("sheetView", [pane], {"workbookViewId": "0"})
    lines = [_row(1, columns, style="1"), *(_row(at, row, style="0") for at, row in enumerate(rows, 2))]
    widths = [_width(at, [columns, *rows]) for at in range(len(columns))]
    children = [Element("sheetViews", [view]), Element("cols", widths), Element("sheetData", lines)]
    return document(Element("worksheet", children, {"xmlns": _MAIN}))


def _row(number: int, cells: Sequence[object], *, style: str) -> Element:
    return Element(
        "row",
        [
            Element(
                "c",
                [Element("is", [Element("t", _text(cell), {"xml:space": "preserve"})])],
                {"r": f"{_letters(at)}{number}", "t": "inlineStr", "s": style},
            )
            for at, cell in enumerate(cells)
        ],
        {"r": str(number)},
    )


def _text(cell: object) -> str:
    return "" if cell is None else str(cell)[:_MAX_CELL]


def _width(at: int, rows: Sequence[Sequence[object]]) -> Element:
    longest = max((len(_text(row[at])) for row in rows if at < len(row)), default=8)
    place = str(at + 1)
    return Element("col", "", {"min": place, "max": place, "width": str(min(60, longest + 2)), "customWidth": "1"})


def _letters(at: int) -> str:
    """A, B ... Z, AA: the name of a column."""
    name = ""
    at += 1
    while at:
        at, rest = divmod(at - 1, 26)
        name = chr(65 + rest) + name
    return name


def _workbook(sheet: str) -> bytes:
    # 31 characters, none of []:*?/\\, not blank (the format's rules for a name); XML takes no control characters.
    allowed = "".join(letter if letter.isprintable() and letter not in "[]:*?/\\" else " " for letter in sheet)
    name = allowed[:31] if allowed[:31].strip() else "1"
    only = Element("sheet", "", {"name": name, "sheetId": "1", "r:id": "rId1"})
    return document(Element("workbook", [Element("sheets", [only])], {"xmlns": _MAIN, "xmlns:r": _OFFICE}))


def _styles() -> bytes:
    plain, bold = Element("font"), Element("font", [Element("b")])
    formats = [
        Element("xf", "", {"fontId": font, "applyFont": "1", "numFmtId": "49", "applyNumberFormat": "1"})
        for font in ("0", "1")
    ]
    fills = [Element("fill", [Element("patternFill", "", {"patternType": kind})]) for kind in ("none", "gray125")]
    children = [
        Element("fonts", [plain, bold], {"count": "2"}),
        Element("fills", fills, {"count": "2"}),
        Element("borders", [Element("border")], {"count": "1"}),
        Element("cellStyleXfs", [Element("xf")], {"count": "1"}),
        Element("cellXfs", formats, {"count": "2"}),
    ]
    return document(Element("styleSheet", children, {"xmlns": _MAIN}))


def _content_types() -> bytes:
    kinds = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    overrides = [
        Element("Override", "", {"PartName": f"/xl/{name}.xml", "ContentType": f"{kinds}.{kind}+xml"})
        for name, kind in (("workbook", "sheet.main"), ("worksheets/sheet1", "worksheet"), ("styles", "styles"))
    ]
    rels = {"Extension": "rels", "ContentType": "application/vnd.openxmlformats-package.relationships+xml"}
    defaults = [
        Element("Default", "", rels),
        Element("Default", "", {"Extension": "xml", "ContentType": "application/xml"}),
    ]
    return document(Element("Types", [*defaults, *overrides], {"xmlns": f"{_PACKAGE}/content-types"}))


def _relationships(of: Sequence[tuple[str, str, str]]) -> bytes:
    children = [
        Element("Relationship", "", {"Id": name, "Type": f"{_OFFICE}/{kind}", "Target": target})
        for name, kind, target in of
    ]
    return document(Element("Relationships", children, {"xmlns": f"{_PACKAGE}/relationships"}))
