"""What does the address book say, as plain values? Persons as they are now, and who is entitled to which unit."""

import os
import re
from base64 import b32hexencode
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from typing import Any, Final

from pec_tracker.contact_tokens import PersonKind, Title
from pec_tracker.pec.evidence import address_key
from pec_tracker.pec.folding import cut, fold
from pec_tracker.service.contacts import tax_codes

KEY: Final = re.compile(r"[0-9a-v]{16}")
POSTAL: Final = ("street", "cap", "town", "province", "country")
OF_THE_PEC: Final = ("register", "looked_up_on")

_STAIRCASE: Final = re.compile(r"[\s,;-]*\b(?:scala|sc\b\.?)\s*([0-9A-Za-z]{1,10})\b[\s,;-]*", re.IGNORECASE)
_OF_STAIRCASE: Final = re.compile(r"^(?:scala|sc\b\.?)\s*", re.IGNORECASE)
_UNIT: Final = re.compile(r"^(?:interno|int\b\.?|n\.\s*int\b\.?|n\b\.|unit[àa])\s*(?=\S)", re.IGNORECASE)
_LEGAL: Final = re.compile(
    r"\b(?:s\.?\s?r\.?\s?l|s\.?\s?p\.?\s?a|s\.?\s?n\.?\s?c|s\.?\s?a\.?\s?s|societa|cooperativa|comune di|condominio|"
    r"associazione|fondazione|ente|parrocchia|banca|azienda|ministero|regione)\b"
)


@dataclass(frozen=True, slots=True)
class Person:
    """A person as the book has it now. `register` and `looked_up_on` are of the PEC address."""

    key: str
    name: str
    kind: str = PersonKind.NATURAL
    tax_code: str | None = None
    vat_number: str | None = None
    pec: str | None = None
    register: str | None = None
    looked_up_on: date | None = None
    mail: str | None = None
    street: str | None = None
    cap: str | None = None
    town: str | None = None
    province: str | None = None
    country: str | None = None
    notes: str | None = None

    @property
    def tax_key(self) -> str | None:
        """The tax code, where it holds and so identifies."""
        return self.tax_code if self.tax_code and tax_codes.holds(self.tax_code) else None

    @property
    def post(self) -> tuple[str | None, ...]:
        """The postal address."""
        return (self.street, self.cap, self.town, self.province, self.country)


PERSON_FIELDS: Final = tuple(one.name for one in fields(Person) if one.name != "key")


@dataclass(frozen=True, slots=True)
class Place:
    """A unit: its label and staircase as written, and by what it is known (`unit_key`) in its condominium."""

    condominium: str
    label: str
    staircase: str | None

    @property
    def condominium_key(self) -> str:
        """By it condominiums are the same."""
        return words_key(self.condominium, ordered=True)

    @property
    def unit_key(self) -> str:
        """By it units of a condominium are the same."""
        return f"{_part_key(self.label)}/{_part_key(self.staircase or '')}"

    @property
    def key(self) -> tuple[str, str]:
        """Both."""
        return self.condominium_key, self.unit_key


@dataclass(frozen=True, slots=True)
class Right:
    """That a person (by key) is entitled to a unit; `row_id` where the database has it."""

    person: str
    place: Place
    title: str = Title.OWNER
    share: str | None = None
    since: date | None = None
    until: date | None = None
    row_id: int | None = None


@dataclass(slots=True)
class Book:
    """The whole: persons by key, rights, and the names of the condominiums by key."""

    persons: dict[str, Person] = field(default_factory=dict)
    rights: list[Right] = field(default_factory=list)
    condominiums: dict[str, str] = field(default_factory=dict)


def new_key() -> str:
    """A person's key, drawn by lot: it leads to nobody once the person is removed."""
    return b32hexencode(os.urandom(10)).decode("ascii").lower()


def place_of(condominium: str, label: str, staircase: str | None) -> Place:
    """The unit that is called so: "interno 3 scala B" is the unit 3 of the staircase B."""
    place = Place(condominium, label, staircase or None)
    while (bare := _barer(place)) != place:
        place = bare
    return place


def _barer(place: Place) -> Place:
    """*place* without one of the words that only say what follows."""
    label, staircase = place.label, place.staircase
    within = _STAIRCASE.search(label)
    rest = " ".join(_STAIRCASE.sub(" ", label, count=1).split())
    if within and rest and (not staircase or _part_key(within[1]) == _part_key(staircase)):
        return Place(place.condominium, rest, staircase or within[1])
    bare = _OF_STAIRCASE.sub("", staircase) if staircase else None
    return Place(place.condominium, _UNIT.sub("", label), bare or staircase)


def _part_key(written: str) -> str:
    words = re.findall(r"[^\W_]+", fold(written))
    return " ".join(word.lstrip("0") or "0" for word in words)


def words_key(written: str, *, ordered: bool = False) -> str:
    """The words of a name without case, accents and signs; by default in one order, whichever was written."""
    words = re.findall(r"[^\W_]+", fold(written))
    return " ".join(words if ordered else sorted(words))


def words_of(name: str) -> list[str]:
    """The words by which `find` comes to a person."""
    return cut([name])


def kind_of(name: str, tax_code: str | None) -> PersonKind:
    """Who somebody is in law, as far as tax code and name tell."""
    if tax_code:
        return PersonKind.LEGAL if tax_codes.is_of_a_body(tax_code) else PersonKind.NATURAL
    return PersonKind.LEGAL if _LEGAL.search(fold(name)) else PersonKind.NATURAL


def same(name: str, one: Any, two: Any) -> bool:
    """Whether two values of the field *name* mean the same, however they are written."""
    if one is None or two is None or not isinstance(one, str):
        return bool(one == two)
    if name == "name":
        return words_key(one) == words_key(two)
    return address_key(one) == address_key(two) if name in ("pec", "mail") else fold(one) == fold(two)


def changed(person: Person, values: Mapping[str, Any], *, keep: Collection[str] = ()) -> Person:
    """*person* with new *values*; None takes a value away.

    A new PEC address comes from no register until somebody says so, and a new street has not the old town: what
    belongs to a value that is replaced goes with it, but for the fields *keep*.
    """
    new = dict(values)
    if "pec" in new and not same("pec", new["pec"], person.pec):
        new = {**{name: None for name in OF_THE_PEC if name not in keep}, **new}
    if "street" in new and not same("street", new["street"], person.street):
        new = {**{name: None for name in POSTAL if name not in keep}, **new}
    after = replace(person, **new)
    return after if after.pec else replace(after, register=None, looked_up_on=None)


def differing(before: Person, after: Person) -> tuple[str, ...]:
    """The fields in which two states of a person differ."""
    return tuple(name for name in PERSON_FIELDS if getattr(before, name) != getattr(after, name))
