"""Workbooks as spreadsheets and as strangers write them, made part by part (ECMA-376)."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from html import escape

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def text(place: str, value: str) -> str:
    """A cell of text."""
    return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'


def rows(table: Sequence[Sequence[str]], first: int = 1) -> str:
    """Rows of text, from row *first* on."""
    return "".join(
        f'<row r="{number}">{"".join(text(f"{chr(65 + at)}{number}", cell) for at, cell in enumerate(row))}</row>'
        for number, row in enumerate(table, first)
    )


def workbook(
    sheets: Mapping[str, str], *, hidden: Sequence[str] = (), more: Mapping[str, bytes] | None = None
) -> bytes:
    """A workbook of these sheets: their rows by their names."""
    names = list(sheets)
    numbered = list(enumerate(names, 1))
    spreadsheet = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" '
        f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" '
        f'ContentType="application/xml"/><Override PartName="/xl/workbook.xml" '
        f'ContentType="{spreadsheet}.sheet.main+xml"/>'
        + "".join(
            f'<Override PartName="/xl/worksheets/s{at}.xml" ContentType="{spreadsheet}.worksheet+xml"/>'
            for at, _ in numbered
        )
        + "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>'
        + "".join(
            f'<sheet name="{escape(name)}" sheetId="{at}" r:id="r{at}"{_hidden(name in hidden)}/>'
            for at, name in numbered
        )
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
        + "".join(
            f'<Relationship Id="r{at}" Type="{OFFICE}/worksheet" Target="worksheets/s{at}.xml"/>' for at, _ in numbered
        )
        + "</Relationships>",
        **{
            f"xl/worksheets/s{at}.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{sheets[name]}</sheetData></worksheet>'
            for at, name in numbered
        },
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in (parts | dict(more or {})).items():
            archive.writestr(name, part)
    return packed.getvalue()


def _hidden(so: bool) -> str:
    return ' state="hidden"' if so else ""
