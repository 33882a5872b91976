"""Pages are cut from a printout whole, and nothing of another page goes with them."""

from collections.abc import Callable, Iterator
from io import BytesIO

import pytest
import typst
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import FreeText, Link
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    Fit,
    NameObject,
    NumberObject,
    PdfObject,
    RectangleObject,
)

from pec_tracker.render.pdf_pages import Bookmark, Printout, PrintoutError, reachable


def printed(*pages: str, bookmarks: bool = False) -> bytes:
    """A PDF with a page for each text."""
    marks = "= " if bookmarks else ""
    text = "\n#pagebreak()\n".join(f"{marks}{page}" for page in pages)
    return bytes(typst.compile(text.encode(), format="pdf"))


def drawn_from_one_list() -> bytes:
    """Two pages, each drawn by a form; both forms stand in one list of resources, as many programs write it."""
    writer = PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    forms = DictionaryObject()
    shared = DictionaryObject(
        {
            NameObject("/Font"): DictionaryObject({NameObject("/F"): writer._add_object(font)}),
            NameObject("/XObject"): forms,
        }
    )
    reference = writer._add_object(shared)
    for number in (1, 2):
        form = DecodedStreamObject()
        form.set_data(f"BT /F 12 Tf 20 20 Td (Segreto {number}) Tj ET".encode())
        form.update(
            {
                NameObject("/Type"): NameObject("/XObject"),
                NameObject("/Subtype"): NameObject("/Form"),
                NameObject("/BBox"): RectangleObject((0, 0, 200, 200)),
                NameObject("/Resources"): reference,
            }
        )
        forms[NameObject(f"/X{number}")] = writer._add_object(form)
    for number in (1, 2):
        page = writer.add_blank_page(200, 200)
        content = DecodedStreamObject()
        content.set_data(f"/X{number} Do".encode())
        page[NameObject("/Contents")] = writer._add_object(content)
        page[NameObject("/Resources")] = reference
    return written(writer)


def written(writer: PdfWriter) -> bytes:
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def changed(content: bytes, change: Callable[[PdfWriter], None]) -> bytes:
    writer = PdfWriter(clone_from=BytesIO(content))
    change(writer)
    return written(writer)


def everything(part: bytes) -> Iterator[bytes]:
    """All that stands in a PDF: each stream, unpacked, whether a page shows it or not."""
    for one in reachable(PdfReader(BytesIO(part)).trailer):
        if hasattr(one, "get_data"):
            yield one.get_data()
    yield part


def texts(part: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(BytesIO(part)).pages]


def test_each_page_is_read_and_comes_out_as_it_was() -> None:
    printout = Printout(printed("Interno 1 perché", "Interno 2", "Interno 3"))
    assert (printout.pages, printout.texts()) == (3, ["Interno 1 perché", "Interno 2", "Interno 3"])
    part = printout.cut([0, 2])
    assert texts(part) == ["Interno 1 perché", "Interno 3"]
    assert printout.cut([0, 2]) == part


def test_bookmarks_say_where_they_lead() -> None:
    printout = Printout(printed("Rossi", "Verdi", bookmarks=True))
    assert printout.bookmarks() == [Bookmark("Rossi", 0), Bookmark("Verdi", 1)]


def test_what_draws_another_page_stays_behind() -> None:
    printout = Printout(drawn_from_one_list())
    assert printout.texts() == ["Segreto 1", "Segreto 2"]
    part = printout.cut([0])
    assert texts(part) == ["Segreto 1"]
    assert not any(b"Segreto 2" in one for one in everything(part))


def test_a_form_within_a_form_stays_behind_where_the_page_does_not_use_it() -> None:
    def nest(writer: PdfWriter) -> None:
        resources = writer.pages[0]["/Resources"]
        forms = resources["/XObject"]  # type: ignore[index]
        outer = DecodedStreamObject()
        outer.set_data(b"/X1 Do")
        outer.update(
            {
                NameObject("/Subtype"): NameObject("/Form"),
                NameObject("/BBox"): RectangleObject((0, 0, 200, 200)),
                NameObject("/Resources"): resources,
            }
        )
        content = DecodedStreamObject()
        content.set_data(b"/Outer Do")
        forms[NameObject("/Outer")] = writer._add_object(outer)
        writer.pages[0][NameObject("/Contents")] = writer._add_object(content)

    part = Printout(changed(drawn_from_one_list(), nest)).cut([0])
    assert texts(part) == ["Segreto 1"]
    assert not any(b"Segreto 2" in one for one in everything(part))


def test_a_form_without_resources_of_its_own_draws_from_those_of_the_page() -> None:
    def bare(writer: PdfWriter) -> None:
        for number in (1, 2):
            del writer.pages[0]["/Resources"]["/XObject"][f"/X{number}"]["/Resources"]  # type: ignore[index]

    part = Printout(changed(drawn_from_one_list(), bare)).cut([1])
    page = PdfReader(BytesIO(part)).pages[0]
    assert set(page["/Resources"]["/XObject"]) == {"/X2"}  # type: ignore[index]
    assert set(page["/Resources"]["/Font"]) == {"/F"}  # type: ignore[index]
    assert not any(b"Segreto 1" in one for one in everything(part))


def test_a_link_to_another_page_does_not_carry_it_along() -> None:
    def link(writer: PdfWriter) -> None:
        writer.add_annotation(0, Link(rect=(0, 0, 50, 50), target_page_index=1, fit=Fit.fit()))

    part = Printout(changed(drawn_from_one_list(), link)).cut([0])
    assert len(PdfReader(BytesIO(part)).pages) == 1
    assert not any(b"Segreto 2" in one for one in everything(part))


def note(writer: PdfWriter) -> None:
    writer.add_annotation(1, FreeText(text="a mano", rect=(0, 0, 50, 50)))


def sign(writer: PdfWriter) -> None:
    writer.root_object[NameObject("/AcroForm")] = DictionaryObject(
        {NameObject("/SigFlags"): NumberObject(3), NameObject("/Fields"): ArrayObject()}
    )


def layer(writer: PdfWriter) -> None:
    writer.root_object[NameObject("/OCProperties")] = DictionaryObject()


def lock(writer: PdfWriter) -> None:
    writer.encrypt("segreta")


@pytest.mark.parametrize(
    ("change", "told"),
    [(note, "on page 2 there are"), (sign, "signed"), (layer, "layers"), (lock, "password")],
)
def test_what_a_cut_would_lose_or_break_is_refused(change: Callable[[PdfWriter], None], told: str) -> None:
    with pytest.raises(PrintoutError, match=told):
        Printout(changed(drawn_from_one_list(), change))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "not a PDF"),
        (b"PK\x03\x04 foglio.xlsx", "not a PDF"),
        (b"%PDF-1.7\nrubbish", "cannot be read"),
    ],
)
def test_what_is_no_pdf_is_told(content: bytes, told: str) -> None:
    with pytest.raises(PrintoutError, match=told):
        Printout(content)


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9, 0.99])
def test_half_a_pdf_is_refused_or_read_whole(kept: float) -> None:
    whole = printed("Interno 1", "Interno 2")
    try:
        read = Printout(whole[: int(len(whole) * kept)]).texts()
    except PrintoutError:
        return
    assert read == ["Interno 1", "Interno 2"]


def test_every_object_is_reached_once() -> None:
    trailer: PdfObject = PdfReader(BytesIO(drawn_from_one_list())).trailer
    pages = [one for one in reachable(trailer) if isinstance(one, dict) and one.get("/Type") == "/Page"]
    assert len(pages) == 2
