"""Whom in the book does a row mean? By key, tax code, unit and name; what is ambiguous is said and never guessed."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from pec_tracker.pec.evidence import address_key
from pec_tracker.pec.folding import fold
from pec_tracker.service.contacts import tax_codes
from pec_tracker.service.contacts.book import Book, Person, Right, words_key
from pec_tracker.service.contacts.entries import Entry, Finding, Problem


@dataclass(frozen=True, slots=True)
class Meant:
    """The key of the person whom a row means; None for somebody new. `finding` says what is wrong or doubtful."""

    key: str | None = None
    finding: Finding | None = None


class Index:
    """The book as it stands after the rows read so far, by what a row may say of somebody."""

    def __init__(self, book: Book, entries: Sequence[Entry]) -> None:
        self.persons: dict[str, Person] = {}
        self.rows: dict[str, list[int]] = defaultdict(list)  # the rows of the file that meant a person
        self._contacts: dict[str, str] = {}  # whom a contact key of the file means
        self._claimed_by: dict[str, str] = {}  # the same the other way round
        self._named: dict[str, set[str]] = defaultdict(set)
        self._taxed: dict[str, str] = {}
        self._in_unit: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._in_house: dict[str, set[str]] = defaultdict(set)
        self._placed: set[str] = set()
        self._contacts_of_file = {entry.contact for entry in entries if entry.contact}
        self._taxes_of_file = {tax for entry in entries if (tax := _tax(entry))}
        for person in book.persons.values():
            self.put(person)
        for right in book.rights:
            self.place(right)

    def put(self, person: Person) -> None:
        """The person as he is from now on."""
        before = self.persons.get(person.key)
        if before is not None:
            self._named[words_key(before.name)].discard(person.key)
            if before.tax_key and self._taxed.get(before.tax_key) == person.key:
                del self._taxed[before.tax_key]
        self.persons[person.key] = person
        self._named[words_key(person.name)].add(person.key)
        if person.tax_key:
            self._taxed[person.tax_key] = person.key

    def place(self, right: Right) -> None:
        """A right that somebody has."""
        self._in_unit[right.place.key].add(right.person)
        self._in_house[right.place.condominium_key].add(right.person)
        self._placed.add(right.person)

    def took(self, entry: Entry, key: str) -> None:
        """The row meant this person."""
        self.rows[key].append(entry.row)
        if entry.contact is not None:
            self._contacts[entry.contact] = key
            self._claimed_by[key] = entry.contact

    def meant(self, entry: Entry) -> Meant:
        """Whom the row means."""
        tax = _tax(entry)
        by_tax = self._taxed.get(tax) if tax else None
        by_contact = self._by_contact(entry)
        if by_tax and (by_contact or self._claimed(by_tax, entry)) and by_tax != by_contact:
            return self._refused(entry, Problem.ANOTHER_PERSONS, str(tax), {by_tax})
        if by_contact:
            return Meant(by_contact)
        if by_tax:
            known = self.persons[by_tax].name
            if not set(words_key(known).split()) & set(words_key(entry.name).split()):
                return self._refused(entry, Problem.ANOTHER_NAME, known, {by_tax})
            return Meant(by_tax)
        return self._by_name(entry, tax)

    def _by_contact(self, entry: Entry) -> str | None:
        if entry.contact is None:
            return None
        known = self._contacts.get(entry.contact)
        return known or (entry.contact if entry.contact in self.persons else None)

    def _claimed(self, key: str, entry: Entry) -> bool:
        """Whether the file means this person by another contact key than the row has."""
        if entry.contact is None:
            return False
        return self._claimed_by.get(key, entry.contact) != entry.contact or (
            key != entry.contact and key in self._contacts_of_file
        )

    def _by_name(self, entry: Entry, tax: str | None) -> Meant:
        namesakes = {key for key in self._named[words_key(entry.name)] if not self._claimed(key, entry)}
        if not namesakes:
            return Meant()
        here = self._in_unit[entry.place.key] if entry.place else namesakes - self._placed
        alike = namesakes & here
        if tax:
            others = {key for key in alike if self.persons[key].tax_key}
            unexplained = {key for key in others if self.persons[key].tax_key not in self._taxes_of_file}
            if unexplained:
                return self._refused(entry, Problem.ANOTHER_TAX_CODE, tax, unexplained)
            alike -= others
            namesakes = {key for key in namesakes if not self.persons[key].tax_key}
        if not alike:
            alike = {key for key in namesakes if _shares_address(self.persons[key], entry)}
        if len(alike) == 1:
            return Meant(alike.pop())
        if alike:
            return self._refused(entry, Problem.AMBIGUOUS, entry.name, alike)
        return self._namesakes(entry, namesakes)

    def _namesakes(self, entry: Entry, namesakes: set[str]) -> Meant:
        """Nothing but the name speaks for any of them: in one house that is too little to say that they are two."""
        near = namesakes & self._in_house[entry.place.condominium_key] if entry.place else namesakes
        if near:
            return self._refused(entry, Problem.AMBIGUOUS, entry.name, near)
        return Meant(None, self._finding(entry, Problem.NAMESAKE, entry.name, namesakes) if namesakes else None)

    def _refused(self, entry: Entry, problem: Problem, said: str, persons: set[str]) -> Meant:
        return Meant(None, self._finding(entry, problem, said, persons))

    def _finding(self, entry: Entry, problem: Problem, said: str, persons: set[str]) -> Finding:
        rows = sorted({row for key in persons for row in self.rows[key] if row != entry.row})
        return Finding(problem, entry.row, entry.name, said, tuple(rows))


def _tax(entry: Entry) -> str | None:
    code = entry.values.get("tax_code")
    return code if code and tax_codes.holds(code) else None


def _shares_address(person: Person, entry: Entry) -> bool:
    """Whether one of the addresses of the row is the person's."""
    mails = {address_key(one) for one in (person.pec, person.mail) if one}
    asked = {address_key(one) for one in (entry.values.get("pec"), entry.values.get("mail")) if one}
    street, town = entry.values.get("street"), entry.values.get("town")
    at_home = person.street and street and fold(person.street) == fold(street)
    return bool(mails & asked) or bool(at_home and fold(person.town or "") == fold(town or ""))
