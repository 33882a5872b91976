"""What will a list change in the book? A value that says it whole, row by row; `book_rows` then acts on it.

An empty cell says nothing and takes nothing away. Of several rows about one person the first that says something has
it, and another that says otherwise contradicts it. A row that would mean something else when the same list is read
again is ambiguous: so the same list twice changes nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pec_tracker.contact_tokens import Title
from pec_tracker.service.contacts.book import Book, Person, Right, changed, differing, kind_of, same
from pec_tracker.service.contacts.entries import Entry, Finding, Problem
from pec_tracker.service.contacts.matching import Index, Meant


@dataclass(frozen=True, slots=True)
class Change:
    """A value of a person that a row replaces."""

    row: int
    key: str
    name: str
    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be written, and what there is to say of the rows. `wrong` rows have no part in it.

    `persons`: as they will be; `added`: the keys of the new ones; `rights`: new (no `row_id`) or changed ones.
    """

    persons: tuple[Person, ...] = ()
    added: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    rights: tuple[Right, ...] = ()
    condominiums: tuple[str, ...] = ()
    left: int = 0  # rows that change nothing
    moving: frozenset[int] = frozenset()  # rows that change something
    findings: tuple[Finding, ...] = ()

    @property
    def wrong(self) -> frozenset[int]:
        """The rows that cannot be taken."""
        return frozenset(one.row for one in self.findings if one.wrong and one.row is not None)

    @property
    def changed(self) -> frozenset[str]:
        """The keys of the persons of whom a value changes."""
        return frozenset(change.key for change in self.changes)


@dataclass(slots=True)
class _Said:
    """What the file has said so far: of each person's fields, with the row, and which rights."""

    fields: dict[str, dict[str, tuple[int, Any]]] = field(default_factory=lambda: defaultdict(dict))
    rights: dict[int, int] = field(default_factory=dict)  # place in the list of rights -> row


def plan(
    entries: Sequence[Entry],
    findings: Sequence[Finding],
    book: Book,
    *,
    new_key: Callable[[], str],
    title: Title = Title.OWNER,
    whole: str | None = None,
) -> Plan:
    """What *entries* change in *book*; *findings* were made when they were read.

    *title* is the right of whom no row says one; *whole*: the file is the whole list of this condominium (by its key),
    so that who is missing is told of.
    """
    wrong = {one.row for one in findings if one.wrong}
    good = [entry for entry in entries if entry.row not in wrong]
    refused: list[Finding] = []
    while True:
        done = _Planner(book, good, new_key, title).plan(whole)
        again = _Planner(carried_out(done, book), good, new_key, title).plan(whole)
        unsteady = _unsteady(good, done, again)
        if not unsteady:
            return replace(done, findings=(*findings, *done.findings, *refused))
        refused += unsteady
        rows = {one.row for one in refused}
        good = [entry for entry in good if entry.row not in rows]


def carried_out(done: Plan, book: Book) -> Book:
    """The book once the plan is carried out."""
    corrected = {right.row_id: right for right in done.rights if right.row_id is not None}
    rights = [right if right.row_id is None else corrected.get(right.row_id, right) for right in book.rights]
    rights += [right for right in done.rights if right.row_id is None]
    names = {right.place.condominium_key: right.place.condominium for right in done.rights}
    persons = {**book.persons, **{person.key: person for person in done.persons}}
    return Book(persons, rights, {**names, **book.condominiums})


def _unsteady(entries: Sequence[Entry], done: Plan, again: Plan) -> list[Finding]:
    """The rows that mean something else once the list is in the book: what they mean rests on other rows."""
    wrong = {one.row: one for one in again.findings if one.wrong}
    return [
        wrong.get(entry.row) or Finding(Problem.AMBIGUOUS, entry.row, entry.name, entry.name)
        for entry in entries
        if entry.row not in done.wrong and (entry.row in wrong or entry.row in again.moving)
    ]


class _Planner:
    """One row after the other; a row that is refused leaves nothing behind."""

    def __init__(self, book: Book, entries: Sequence[Entry], key: Callable[[], str], title: Title) -> None:
        self._book = book
        self._index = Index(book, entries)
        self._key = key
        self._title = title
        self._said = _Said()
        self._rights = list(book.rights)
        self._mine: dict[str, list[int]] = defaultdict(list)  # places in the list of rights, by person
        for at, right in enumerate(self._rights):
            self._mine[right.person].append(at)
        self._findings: list[Finding] = []
        self._changes: list[Change] = []
        self._condominiums: dict[str, str] = {}
        self._left = 0
        self._moving: set[int] = set()
        for entry in entries:
            self._take(entry)

    def _take(self, entry: Entry) -> None:
        """Have the row in the plan, or say why not."""
        meant = self._index.meant(entry)
        if meant.finding is not None and meant.finding.wrong:
            self._findings.append(meant.finding)
            return
        refused = self._contradiction(entry, meant)
        right, at = None, None
        if refused is None and entry.place is not None:
            right, at, refused = self._right(entry, meant.key)
        if refused is not None:
            self._findings.append(refused)
            return
        if meant.finding is not None:
            self._findings.append(meant.finding)
        self._write(entry, meant, right, at)

    def _contradiction(self, entry: Entry, meant: Meant) -> Finding | None:
        """Where an earlier row says something else of the same person."""
        said = self._said.fields.get(meant.key or "", {})
        for name, value in entry.values.items():
            row, before = said.get(name, (0, None))
            if row and not same(name, before, value):
                both = f"{before} / {value}"
                return Finding(Problem.CONTRADICTS, entry.row, entry.name, both, (row,))
        return None

    def _write(self, entry: Entry, meant: Meant, right: Right | None, at: int | None) -> None:
        before = self._index.persons.get(meant.key) if meant.key else None
        key = meant.key or entry.contact or self._key()
        said = self._said.fields[key]
        new = {name: value for name, value in entry.values.items() if name not in said}
        if before is None:
            values = {"kind": kind_of(entry.name, entry.values.get("tax_code")), **entry.values}
            person = Person(key, **values)
        else:
            person = changed(before, new, keep=said.keys())
        moved = self._note(entry, before, person)
        said |= {name: (entry.row, value) for name, value in new.items()}
        self._index.put(person)
        self._index.took(entry, key)
        if right is not None:
            moved = self._keep(replace(right, person=key), at, entry.row) or moved
        self._left += not moved
        if moved:
            self._moving.add(entry.row)

    def _note(self, entry: Entry, before: Person | None, person: Person) -> bool:
        """Note what changes in a person; whether anything does."""
        if before is None:
            return True
        names = differing(before, person)
        for name in names:
            values = (getattr(before, name), getattr(person, name))
            self._changes.append(Change(entry.row, person.key, person.name, name, *values))
        if "name" in names and not same("name", before.name, person.name) and person.key in self._book.persons:
            self._findings.append(Finding(Problem.RENAMED, entry.row, person.name, before.name))
        return bool(names)

    def _keep(self, right: Right, at: int | None, row: int) -> bool:
        """Note a right; whether that changes anything."""
        if right.place.condominium_key not in self._book.condominiums:
            self._condominiums.setdefault(right.place.condominium_key, right.place.condominium)
        self._index.place(right)
        if at is None:
            at = len(self._rights)
            self._rights.append(right)
            self._mine[right.person].append(at)
            self._said.rights[at] = row
            return True
        self._said.rights.setdefault(at, row)
        if self._rights[at] == right:
            return False
        self._rights[at] = right
        return True

    def _right(self, entry: Entry, key: str | None) -> tuple[Right | None, int | None, Finding | None]:
        """The right that the row says, which of those known it is, or why it cannot be."""
        assert entry.place is not None
        wanted = Right(key or "", entry.place, entry.title or self._title, entry.share, entry.since, entry.until)
        mine = [at for at in self._mine.get(key or "", ()) if self._rights[at].place.key == entry.place.key]
        open_ones = [at for at in mine if self._rights[at].until is None]
        if entry.title is None:
            likely = [at for at in mine if _says(self._rights[at], wanted)] or open_ones
            wanted = replace(wanted, title=self._rights[likely[0]].title) if likely else wanted
        titled = [at for at in mine if self._rights[at].title == wanted.title]
        fitting = [at for at in titled if _says(self._rights[at], wanted)]
        exact = [at for at in fitting if self._rights[at].since == wanted.since] or [
            at for at in fitting if wanted.until is None or at not in self._said.rights
        ]
        if exact:
            return self._rights[exact[0]], exact[0], None
        at = self._continued(wanted, [at for at in titled if at not in self._said.rights])
        if at is not None:
            known = self._rights[at]
            share, since = wanted.share or known.share, wanted.since or known.since
            return replace(known, until=wanted.until or known.until, share=share, since=since), at, None
        return self._new(entry, wanted, titled, open_ones)

    def _continued(self, wanted: Right, unclaimed: Sequence[int]) -> int | None:
        """The known right that the row corrects or ends."""
        if wanted.until is not None:
            closed = [at for at in unclaimed if (one := self._rights[at]).until and one.since == wanted.since]
            if closed:
                return closed[0]
        return next((at for at in unclaimed if self._rights[at].until is None), None)

    def _new(
        self, entry: Entry, wanted: Right, titled: Sequence[int], open_ones: Sequence[int]
    ) -> tuple[Right | None, int | None, Finding | None]:
        if wanted.until is None:
            twice = [self._said.rights[at] for at in titled if at in open_ones]
            if twice:
                said = f"{wanted.share or '-'}, {wanted.since or '-'}"
                return None, None, Finding(Problem.CONTRADICTS, entry.row, entry.name, said, (twice[0],))
            ended = [self._rights[at].until for at in titled if at not in self._said.rights]
            last = max((day for day in ended if day is not None), default=None)
            if last is not None and wanted.since is None:
                return None, None, Finding(Problem.ENDED, entry.row, entry.name, f"{last:%d/%m/%Y}")
        others = [self._rights[at] for at in open_ones if at not in self._said.rights]
        if others and entry.title is not None and wanted.until is None:
            self._findings.append(Finding(Problem.OTHER_TITLE, entry.row, entry.name, others[0].title))
        return wanted, None, None

    def plan(self, whole: str | None) -> Plan:
        """What all rows together come to."""
        known = self._book.persons
        persons = [one for key, one in self._index.persons.items() if known.get(key) != one]
        before = self._book.rights
        rights = [one for at, one in enumerate(self._rights) if at >= len(before) or before[at] != one]
        return Plan(
            persons=tuple(persons),
            added=tuple(one.key for one in persons if one.key not in known),
            changes=tuple(one for one in self._changes if one.key in known),
            rights=tuple(rights),
            condominiums=tuple(self._condominiums.values()),
            left=self._left,
            moving=frozenset(self._moving),
            findings=(*self._findings, *self._missing(whole)),
        )

    def _missing(self, whole: str | None) -> list[Finding]:
        """Who of the condominium is in the book and in no row."""
        there = dict.fromkeys(
            right.person for right in self._book.rights if right.until is None and right.place.condominium_key == whole
        )
        absent = [self._index.persons[key] for key in there if not self._index.rows[key]]
        return [Finding(Problem.NOT_IN_FILE, None, person.name) for person in absent]


def _says(known: Right, wanted: Right) -> bool:
    """Whether *known* is what the row says, which may leave out share and first day."""
    shares = wanted.share is None or same("share", known.share, wanted.share)
    return known.until == wanted.until and shares and wanted.since in (None, known.since)
