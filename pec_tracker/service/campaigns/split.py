"""How is a printout cut into the pages of each owner? Held against who there should be; and what came of it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from pec_tracker.askers import Act, Asker
from pec_tracker.errors import UsageError
from pec_tracker.render.pdf_pages import Printout
from pec_tracker.service.campaigns.printout import (
    Cut,
    Fault,
    Finding,
    Mark,
    begun,
    divide,
    marked,
    of_others,
    pattern_of,
)
from pec_tracker.service.contacts.book import words_key
from pec_tracker.service.contacts.columns import Field, table_of
from pec_tracker.service.contacts.people import Wanted, list_contacts
from pec_tracker.service.contacts.sheets import read
from pec_tracker.service.house import House
from pec_tracker.service.verbs import verb

Listed = Mapping[str, Collection[str]]
"""The owners that there should be, each with his tax codes and names."""


MANY: Final = 100_000  # contacts of a condominium


@dataclass(frozen=True, slots=True)
class By:
    """What says whose a page is. *continued*: one that names nobody belongs to the owner before it; *gathered*: an
    owner's pages may lie apart."""

    mark: Mark
    what: str = ""
    continued: bool = False
    gathered: bool = False

    @property
    def by_staircase(self) -> bool:
        """Whether an owner is a staircase and a unit."""
        return self.mark is Mark.PATTERN and pattern_of(self.mark, self.what).groups == len(("staircase", "unit"))


@dataclass(frozen=True, slots=True)
class PartFile:
    """One owner's document: the name that it gets, and its pages (from 1)."""

    owner: str
    name: str
    pages: tuple[int, ...]
    content: bytes


@dataclass(frozen=True, slots=True)
class Split:
    """How a printout of so many *pages* falls apart; there are *files* only where nothing was found."""

    pages: int
    cut: Cut
    files: tuple[PartFile, ...]


def split(content: bytes, name: str, by: By, listed: Listed | None) -> Split:
    """Cut the PDF *content*, which is called *name*. UsageError where it is none that can be cut."""
    printout = Printout(content)
    texts = printout.texts()
    owners = _owners(printout, texts, by)
    cut = divide(owners, listed=listed, continued=by.continued, gathered=by.gathered)
    findings = list(cut.findings)
    if listed is not None:
        findings += of_others(cut, texts, listed)
    if not any(texts):
        findings.insert(0, Finding(Fault.NO_TEXT))
    cut = Cut(cut.parts, tuple(findings))
    if findings:
        return Split(printout.pages, cut, ())
    files = [
        PartFile(part.owner, name_of(name, part.owner), part.pages, printout.cut([page - 1 for page in part.pages]))
        for part in cut.parts
    ]
    return Split(printout.pages, cut, tuple(files))


def _owners(printout: Printout, texts: list[str], by: By) -> list[tuple[str, ...]]:
    if by.mark is not Mark.BOOKMARK:
        return marked(texts, by.mark, by.what)
    bookmarks = printout.bookmarks()
    if not bookmarks:
        raise UsageError("the PDF has no bookmarks; say with --by which word stands before the unit on each page")
    return begun([(bookmark.title, bookmark.page) for bookmark in bookmarks], printout.pages)


def name_of(name: str, owner: str) -> str:
    """The file of one owner's part: letters, digits and dashes, which every system takes."""
    safe = "-".join(filter(None, "".join(letter if letter.isalnum() else " " for letter in owner).split()))
    return f"{PurePath(name).stem}-{safe}.pdf"


def listed_in(content: bytes, by: By) -> Listed:
    """The owners of a list (XLSX or CSV), by unit or, where tax codes mark the pages, by tax code. UsageError."""
    table = table_of(read(content), {}, {})
    wanted = Field.TAX_CODE if by.mark is Mark.TAX_CODE else Field.UNIT
    if wanted not in table.fields.values():
        raise UsageError(
            "the list has no column that says the {field}; there are: {columns}",
            field=wanted.value,
            columns=", ".join(filter(None, table.headers)),
        )
    rows = []
    for row in table.rows:
        cells = table.cells(row)
        name = cells.get(Field.NAME) or f"{cells.get(Field.SURNAME, '')} {cells.get(Field.FIRST_NAME, '')}"
        rows.append((cells.get(wanted, ""), cells.get(Field.STAIRCASE, ""), (name, cells.get(Field.TAX_CODE, ""))))
    return _listed(rows, by)


@verb(Act.READ)
def listed_in_book(asker: Asker, house: House, condominium: str, by: By) -> Listed:
    """The owners of a condominium of the address book. NotFoundError where it has none of that name."""
    found = list_contacts(asker, house, Wanted(condominium=condominium, limit=MANY)).contacts
    today, named = house.clock.now().date(), words_key(condominium, ordered=True)
    rows = []
    for person, right in ((one.person, right) for one in found for right in one.rights):
        ended = right.until is not None and right.until < today
        if right.place.condominium_key == named and not ended:
            unit = person.tax_code if by.mark is Mark.TAX_CODE else right.place.label
            rows.append((unit or "", right.place.staircase or "", (person.name, person.tax_code or "")))
    return _listed(rows, by)


def _listed(rows: Iterable[tuple[str, str, tuple[str, str]]], by: By) -> Listed:
    """Units (or tax codes), staircases, and what marks their owners, put together by how a page names them."""
    listed: dict[str, set[str]] = defaultdict(set)
    staircases: dict[str, str] = {}
    for unit, staircase, marks in rows:
        if not unit:
            continue
        owner = f"{staircase} {unit}" if by.by_staircase else unit
        if (
            by.mark is not Mark.TAX_CODE
            and not by.by_staircase
            and staircases.setdefault(owner, staircase) != staircase
        ):
            raise UsageError(
                "there is a unit {unit} on two staircases: let --pattern find both, as in {example}",
                unit=unit,
                example=r"'Scala (\w+).*?Interno (\w+)'",
            )
        listed[owner].update(filter(str.strip, marks))
    return listed
