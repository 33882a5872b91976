"""How is a printed PDF read page by page and cut into parts? By pypdf, and nothing of one page goes with another.

A page is not a sheet of paper: it can point at its neighbours (links, articles), and pages often share one list of
images and forms, so that a careless cut carries other people's pages along, unseen. A part gets what draws its pages
and no more.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from pec_tracker.errors import UsageError

if TYPE_CHECKING:
    from pypdf import PageObject, PdfReader
    from pypdf.generic import DictionaryObject, PdfObject, StreamObject

MAX_PAGES: Final = 5_000

# What draws a page (ISO 32000-1, table 30); all else can lead to other pages, or does not show.
_DRAWS: Final = ("/MediaBox", "/CropBox", "/BleedBox", "/TrimBox", "/ArtBox", "/Rotate", "/UserUnit", "/Group")
_FORM: Final = frozenset(
    ("/Type", "/Subtype", "/FormType", "/BBox", "/Matrix", "/Resources", "/Group", "/Filter", "/DecodeParms", "/Length")
)
_NESTED: Final = 12  # forms within forms; a page that goes deeper is refused


class PrintoutError(UsageError):
    """The file is no PDF that can be cut; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Bookmark:
    """A bookmark of the first level, and the page (from 0) that it leads to."""

    title: str
    page: int


class Printout:
    """A PDF of many pages, all that is read of it, and what is cut from it."""

    def __init__(self, content: bytes) -> None:
        """PrintoutError where *content* cannot be read as a PDF, or a cut would lose or break something."""
        self._reader = _reader(content)
        self.pages = len(self._reader.pages)
        if not 0 < self.pages <= MAX_PAGES:
            raise PrintoutError("the PDF has {count} pages; it can have 1 to {most}", count=self.pages, most=MAX_PAGES)
        _refuse_what_breaks(self._reader)

    def texts(self) -> list[str]:
        """The text of every page, in order, as its lines were printed; "" where a page holds none."""
        with _readable():
            return [page.extract_text() for page in self._reader.pages]

    def bookmarks(self) -> list[Bookmark]:
        """The bookmarks of the first level that lead to a page, in the order of the pages."""
        found: list[Bookmark] = []
        with _readable():
            for item in self._reader.outline:
                if isinstance(item, list):
                    continue
                number = self._reader.get_destination_page_number(item)
                if number is not None and item.title:
                    found.append(Bookmark(str(item.title).strip(), number))
        return sorted(found, key=lambda bookmark: bookmark.page)

    def cut(self, pages: Sequence[int]) -> bytes:
        """A PDF of these *pages* (from 0) alone, the same bytes each time; PrintoutError where it is not whole."""
        from pypdf import PdfWriter

        out = BytesIO()
        with _readable():
            writer = PdfWriter()
            for number in pages:
                writer.add_page(_only_drawing(self._reader.pages[number]))
            writer.write(out)
            part = out.getvalue()
            whole = self._comes_out_whole(part, pages)
        if not whole:
            raise PrintoutError(
                "page {page} would not come out of the PDF as it is in it; print it anew as a PDF, and try again",
                page=pages[0] + 1,
            )
        return part

    def _comes_out_whole(self, part: bytes, pages: Sequence[int]) -> bool:
        """Whether *part* reads as its *pages* do, and no other page came along."""
        from pypdf import PdfReader

        again = PdfReader(BytesIO(part))
        carried = sum(isinstance(one, dict) and one.get("/Type") == "/Page" for one in reachable(again.trailer))
        return carried == len(pages) and [page.extract_text() for page in again.pages] == [
            self._reader.pages[number].extract_text() for number in pages
        ]


@contextmanager
def _readable() -> Iterator[None]:
    """What pypdf cannot read within the block, as a PrintoutError; what it mends by itself it need not tell."""
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        yield
    # A broken PDF shows in pypdf as any of these.
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise PrintoutError(
            "the PDF cannot be read ({reason}); print it anew as a PDF, and try again",
            reason=str(error) or type(error).__name__,
        ) from error


def _reader(content: bytes) -> "PdfReader":
    try:
        from pypdf import PdfReader
    except ModuleNotFoundError as error:
        raise UsageError("to cut PDFs, install it: pip install 'pec-tracker[campaigns]'") from error
    if b"%PDF-" not in content[:1024]:
        raise PrintoutError("this is not a PDF; print the document as a PDF")
    with _readable():
        reader = PdfReader(BytesIO(content))
        if reader.is_encrypted:
            raise PrintoutError("the PDF is protected by a password; save it without")
        return reader


def _refuse_what_breaks(reader: "PdfReader") -> None:
    """PrintoutError where a cut would break a signature, or show what is hidden, or lose what is written on a page."""
    with _readable():
        root = reader.root_object
        form = root.get("/AcroForm")
        if form is not None and int(form.get_object().get("/SigFlags", 0)) & 1:
            raise PrintoutError("the PDF is signed, and a part of it would not be; cut the unsigned one, then sign")
        if "/OCProperties" in root:
            raise PrintoutError("the PDF has layers, some of which may be hidden; print it anew as a PDF without them")
        written = [number for number, page in enumerate(reader.pages, 1) if _has_more_than_links(page)]
    if written:
        raise PrintoutError(
            "on page {page} there are form fields or notes, which a cut would lose; print it anew as a PDF",
            page=written[0],
        )


def _has_more_than_links(page: "PageObject") -> bool:
    annotations = page.get("/Annots")
    if annotations is None:
        return False
    return any(one.get_object().get("/Subtype") != "/Link" for one in annotations.get_object())


def _only_drawing(page: "PageObject") -> "PageObject":
    """A page like *page* with what draws it, and of its resources those that it uses."""
    from pypdf import PageObject
    from pypdf.generic import NameObject

    alone = PageObject(page.pdf, None)
    for key in ("/Type", "/Contents", *_DRAWS):
        if key in page:
            alone[NameObject(key)] = page.raw_get(key)
    alone[NameObject("/Resources")] = _used(page["/Resources"], _names(page.get_contents()))
    return alone


def _names(content: Any) -> set[str]:
    """Every name that a content stream mentions."""
    from pypdf.generic import NameObject

    operations = [] if content is None else content.operations
    return {
        str(operand)
        for operands, _ in operations
        if isinstance(operands, list)
        for operand in operands
        if isinstance(operand, NameObject)
    }


def _used(resources: "PdfObject", names: Set[str], depth: int = 0) -> "DictionaryObject":
    """Of *resources* those that *names* mention, and of the forms among them again what they use."""
    from pypdf.generic import ContentStream, DictionaryObject, NameObject

    if depth > _NESTED:
        raise PrintoutError("the PDF nests its drawings too deep; print it anew as a PDF")
    kept = DictionaryObject()
    names = _with_bare_forms(resources, names)
    for kind, found in _entries(resources).items():
        chosen = DictionaryObject()
        for name in found:
            if str(name) not in names:
                continue
            one = found.raw_get(name)
            form = one.get_object()
            if _is_form(form) and "/Resources" in form:
                used = _used(form["/Resources"], _names(ContentStream(form, None)), depth + 1)
                one = _form(one, form, used)
            chosen[NameObject(name)] = one
        if chosen:
            kept[NameObject(kind)] = chosen
    return kept


def _with_bare_forms(resources: "PdfObject", names: Set[str]) -> Set[str]:
    """*names*, and those that forms among them use which have no resources of their own: they draw from the page's."""
    from pypdf.generic import ContentStream

    forms: Mapping[Any, PdfObject] = _entries(resources).get("/XObject", {})
    known, new = set[str](), set(names)
    while new:
        known |= new
        bare = [one.get_object() for name, one in forms.items() if str(name) in new]
        new = (
            set[str]().union(
                *(_names(ContentStream(one, None)) for one in bare if _is_form(one) and "/Resources" not in one)
            )
            - known
        )
    return known


def _is_form(one: object) -> "TypeGuard[StreamObject]":
    from pypdf.generic import StreamObject

    return isinstance(one, StreamObject) and one.get("/Subtype") == "/Form"


def _entries(resources: "PdfObject") -> dict[str, "DictionaryObject"]:
    """The lists of *resources* by their kind; without /ProcSet, an array that says nothing any more."""
    from pypdf.generic import DictionaryObject

    lists = resources.get_object()
    if not isinstance(lists, DictionaryObject):
        return {}
    found = ((str(kind), one.get_object()) for kind, one in lists.items())
    return {kind: one for kind, one in found if isinstance(one, DictionaryObject)}


def _form(reference: "PdfObject", form: "StreamObject", used: "DictionaryObject") -> "PdfObject":
    """The form itself (by its *reference*, so that pages go on sharing it) where it holds no more than it needs."""
    from pypdf.generic import NameObject, StreamObject

    whole = all(len(found) == len(used.get(kind, ())) for kind, found in _entries(form["/Resources"]).items())
    if whole and set(form) <= _FORM:
        return reference
    alone = StreamObject()
    alone.set_data(form.get_data())
    for key in form:
        if key in _FORM - {"/Resources", "/Filter", "/DecodeParms", "/Length"}:
            alone[NameObject(key)] = form.raw_get(key)
    alone[NameObject("/Resources")] = used
    return alone.flate_encode()


def reachable(trailer: "PdfObject") -> "Iterator[PdfObject]":
    """Every object that a reader of the file can come to, each once."""
    from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject

    seen: set[int] = set()
    waiting: list[PdfObject] = [trailer]
    while waiting:
        one = waiting.pop()
        if isinstance(one, IndirectObject):
            if one.idnum in seen:
                continue
            seen.add(one.idnum)
            found = one.get_object()
            if found is None:
                continue
            one = found
        yield one
        if isinstance(one, DictionaryObject):
            waiting.extend(one.raw_get(key) for key in one)
        elif isinstance(one, ArrayObject):
            waiting.extend(one)


def first_text(content: bytes) -> str:
    """The text of a PDF's first page; "" for what is none, or cannot be read."""
    if b"%PDF-" not in content[:1024]:
        return ""
    from pypdf import PdfReader

    try:
        with _readable():
            reader = PdfReader(BytesIO(content))
            return "" if reader.is_encrypted or not reader.pages else reader.pages[0].extract_text()
    except PrintoutError:
        return ""
