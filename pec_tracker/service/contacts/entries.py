"""What does one row say, and what is wrong with it? Cells in, values and findings out."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Final, TypeVar

from pec_tracker.contact_tokens import PersonKind, Register, Title
from pec_tracker.pec import address
from pec_tracker.pec.fields import storable
from pec_tracker.service.contacts import tax_codes
from pec_tracker.service.contacts.book import KEY, OF_THE_PEC, Place, place_of, words_key
from pec_tracker.service.contacts.columns import Field, header_name
from pec_tracker.service.contacts.sheets import ERROR, MAX_CELL

Named = TypeVar("Named", Title, Register, PersonKind)


class Problem(StrEnum):
    """What there is to say of a row. With those of WRONG it cannot be taken; the others are to be looked at."""

    NO_NAME = "no-name"
    NO_UNIT = "no-unit"
    NO_CONDOMINIUM = "no-condominium"
    ANOTHER_CONDOMINIUM = "another-condominium"
    TOO_LONG = "too-long"
    FORMULA_ERROR = "formula-error"
    BAD_PEC = "bad-pec"
    BAD_MAIL = "bad-mail"
    BAD_TITLE = "bad-title"
    BAD_REGISTER = "bad-register"
    BAD_KIND = "bad-kind"
    BAD_SHARE = "bad-share"
    BAD_DAY = "bad-day"
    BAD_CONTACT = "bad-contact"
    ENDS_BEFORE = "ends-before"
    AMBIGUOUS = "ambiguous"
    CONTRADICTS = "contradicts"
    ANOTHER_TAX_CODE = "another-tax-code"
    ANOTHER_PERSONS = "another-persons"
    ANOTHER_NAME = "another-name"
    ENDED = "ended"

    TAX_CODE = "tax-code"
    VAT_NUMBER = "vat-number"
    NO_PEC_DOMAIN = "no-pec-domain"
    BAD_CAP = "bad-cap"
    NAMESAKE = "namesake"
    RENAMED = "renamed"
    OTHER_TITLE = "other-title"
    NOT_IN_FILE = "not-in-file"


DOUBTS: Final = frozenset(
    {
        Problem.TAX_CODE, Problem.VAT_NUMBER, Problem.NO_PEC_DOMAIN, Problem.BAD_CAP, Problem.NAMESAKE,
        Problem.RENAMED, Problem.OTHER_TITLE, Problem.NOT_IN_FILE,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a row (None: about the book): whom it names, what it says there, which other rows it meets."""

    problem: Problem
    row: int | None
    name: str
    said: str = ""
    rows: tuple[int, ...] = ()

    @property
    def wrong(self) -> bool:
        """Whether the row cannot be taken."""
        return self.problem not in DOUBTS


@dataclass(frozen=True, slots=True)
class Entry:
    """What one row says: values of the person by field, its unit, by which right; `contact` is the person's key."""

    row: int
    values: Mapping[str, Any] = field(default_factory=dict)
    contact: str | None = None
    place: Place | None = None
    title: Title | None = None
    share: str | None = None
    since: date | None = None
    until: date | None = None

    @property
    def name(self) -> str:
        """The person's name."""
        return str(self.values.get("name", ""))


# Domains that many take for PEC and that carry none.
_ORDINARY: Final = frozenset(
    {
        "gmail.com", "libero.it", "hotmail.it", "hotmail.com", "outlook.it", "outlook.com", "yahoo.it", "yahoo.com",
        "virgilio.it", "alice.it", "tin.it", "tiscali.it", "icloud.com", "live.it", "live.com", "fastwebnet.it",
    }
)  # fmt: skip

TITLES: Final[Mapping[Title, str]] = {
    Title.OWNER: "owner; proprietario; proprietaria; proprieta; piena proprieta; prop; propr; condomino",
    Title.CO_OWNER: "co owner; comproprietario; comproprietaria; comproprieta",
    Title.USUFRUCT: "usufruct; usufructuary; usufruttuario; usufruttuaria; usufrutto",
    Title.BARE_OWNER: "bare owner; nudo proprietario; nuda proprietaria; nuda proprieta",
    Title.TENANT: "tenant; conduttore; conduttrice; inquilino; inquilina; affittuario; affittuaria; locatario",
    Title.REPRESENTATIVE: "representative; rappresentante; delegato; delegata; procuratore; tutore",
}
REGISTERS: Final[Mapping[Register, str]] = {
    Register.INI_PEC: "ini pec; inipec",
    Register.INAD: "inad",
    Register.IPA: "ipa; indicepa; indice pa",
    Register.REGINDE: "reginde; reg ind e",
    Register.BUSINESSES: "registro imprese; business register; ri; cciaa",
    Register.PUBLIC_BODIES: "pp aa; ppaa; registro pp aa; registro ppaa",
    Register.ELECTED: "elected; eletto; elected domicile; domicilio eletto",
    Register.GIVEN: "given; given by the person; comunicato; comunicata; comunicato dalla persona; fornito",
}
KINDS: Final[Mapping[PersonKind, str]] = {
    PersonKind.NATURAL: "natural; natural person; persona fisica; fisica; pf; f",
    PersonKind.LEGAL: "legal; legal person; persona giuridica; giuridica; pg; g; societa; ente",
}
_DAYS: Final = (
    re.compile(r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?:[T ][\d:.]+)?"),
    re.compile(r"(?P<day>\d{1,2})[./-](?P<month>\d{1,2})[./-](?P<year>\d{4})"),
)
_FRACTION: Final = re.compile(r"(\d{1,7})\s*/\s*(\d{1,7})")
_PERCENT: Final = re.compile(r"(\d{1,3}(?:[.,]\d{1,6})?)\s*%")
_PART: Final = re.compile(r"[01](?:[.,]\d{1,15})?")


def read_entry(
    row: int, cells: Mapping[Field, str], *, condominium: str | None = None
) -> tuple[Entry, tuple[Finding, ...]]:
    """What the row says, and what is wrong with it; *condominium* is that of the whole file."""
    reading = _Reading(row, cells)
    values = reading.person()
    contact = reading.token(Field.CONTACT, Problem.BAD_CONTACT, lambda text: text if KEY.fullmatch(text) else None)
    place = reading.place(condominium)
    title = reading.token(Field.TITLE, Problem.BAD_TITLE, title_named)
    share = reading.token(Field.SHARE, Problem.BAD_SHARE, share_of)
    since = reading.token(Field.SINCE, Problem.BAD_DAY, day_of)
    until = reading.token(Field.UNTIL, Problem.BAD_DAY, day_of)
    if since and until and until < since:
        reading.find(Problem.ENDS_BEFORE, f"{since:%d/%m/%Y} - {until:%d/%m/%Y}")
    if place is None:
        title = share = since = until = None
    return Entry(row, values, contact, place, title, share, since, until), tuple(reading.findings)


class _Reading:
    """The cells of one row, and what was found while reading them."""

    def __init__(self, row: int, cells: Mapping[Field, str]) -> None:
        self.row = row
        self.cells = {name: storable(text) for name, text in cells.items() if text != ERROR}
        self.findings: list[Finding] = []
        parts = (self.cells.get(Field.SURNAME), self.cells.get(Field.FIRST_NAME))
        self.name = self.cells.get(Field.NAME) or " ".join(filter(None, parts))
        for name, text in cells.items():
            if text == ERROR:
                self.find(Problem.FORMULA_ERROR, name.value)
            elif len(text) > MAX_CELL:
                self.find(Problem.TOO_LONG, f"{text[:20]}...")

    def find(self, problem: Problem, said: str = "") -> None:
        """Note something about the row."""
        self.findings.append(Finding(problem, self.row, self.name, said))

    def token(self, name: Field, problem: Problem, read: Callable[[str], Any]) -> Any:
        """The cell as *read* understands it; what it does not is *problem*."""
        text = self.cells.get(name)
        if text is None:
            return None
        value = read(text)
        if value is None:
            self.find(problem, text)
        return value

    def person(self) -> dict[str, Any]:
        """The values of the person that are there."""
        if not words_key(self.name):
            self.find(Problem.NO_NAME)
        values: dict[str, Any] = {
            "name": self.name,
            "kind": self.token(Field.KIND, Problem.BAD_KIND, kind_named),
            "tax_code": self._code(Field.TAX_CODE, Problem.TAX_CODE),
            "vat_number": self._code(Field.VAT_NUMBER, Problem.VAT_NUMBER),
            "pec": self.token(Field.PEC, Problem.BAD_PEC, address_of),
            "register": self.token(Field.REGISTER, Problem.BAD_REGISTER, register_named),
            "looked_up_on": self.token(Field.LOOKED_UP_ON, Problem.BAD_DAY, day_of),
            "mail": self.token(Field.MAIL, Problem.BAD_MAIL, address_of),
            "cap": self._cap(),
            "province": province_of(self.cells.get(Field.PROVINCE)),
        }
        for name in (Field.STREET, Field.TOWN, Field.COUNTRY, Field.NOTES):
            values[name.value] = self.cells.get(name)
        if values["pec"] and address.domain_of(values["pec"]) in _ORDINARY:
            self.find(Problem.NO_PEC_DOMAIN, values["pec"])
        if values["pec"] is None:  # of which address they are is not said
            values |= dict.fromkeys(OF_THE_PEC)
        return {name: value for name, value in values.items() if value is not None}

    def place(self, condominium: str | None) -> Place | None:
        """The unit, where the row names one."""
        named, label = self.cells.get(Field.CONDOMINIUM), self.cells.get(Field.UNIT)
        if named and condominium and words_key(named, ordered=True) != words_key(condominium, ordered=True):
            self.find(Problem.ANOTHER_CONDOMINIUM, named)
        within = condominium or named
        if within and not label:
            self.find(Problem.NO_UNIT)
        if label and not within:
            self.find(Problem.NO_CONDOMINIUM, label)
        return place_of(within, label, self.cells.get(Field.STAIRCASE)) if within and label else None

    def _code(self, name: Field, problem: Problem) -> str | None:
        written = self.cells.get(name)
        code = tax_codes.normal(written) if written else None
        if code and (not tax_codes.holds(code) or (name is Field.VAT_NUMBER and not tax_codes.is_of_a_body(code))):
            self.find(problem, str(written))
        return code or None

    def _cap(self) -> str | None:
        cap = cap_of(self.cells.get(Field.CAP))
        abroad = words_key(self.cells.get(Field.COUNTRY, "")) not in ("", "it", "ita", "italia", "italy")
        if cap and not abroad and not re.fullmatch(r"[0-9]{5}", cap):
            self.find(Problem.BAD_CAP, cap)
        return cap


def address_of(written: str) -> str | None:
    """An address that mail can be sent to, or None."""
    return written if address.is_valid(written) else None


def day_of(written: str) -> date | None:
    """A day as ISO 8601 or as Italians write it, or None."""
    for form in _DAYS:
        if found := form.fullmatch(written):
            try:
                return date(int(found["year"]), int(found["month"]), int(found["day"]))
            except ValueError:
                return None
    return None


def share_of(written: str) -> str | None:
    """A share as a fraction or a percentage, or None: a bare number may be either, or thousandths."""
    if found := _FRACTION.fullmatch(written):
        return f"{int(found[1])}/{int(found[2])}" if 0 < int(found[1]) <= int(found[2]) else None
    if found := _PERCENT.fullmatch(written):
        return _percent(float(found[1].replace(",", ".")))
    if _PART.fullmatch(written):  # a percentage, as a spreadsheet keeps it
        return _percent(100 * float(written.replace(",", ".")))
    return None


def _percent(value: float) -> str | None:
    return f"{round(value, 6):g}%" if 0 < value <= 100 else None


def cap_of(written: str | None) -> str | None:
    """A postal code; a spreadsheet drops the zeros at its beginning."""
    return written.zfill(5) if written and re.fullmatch(r"[0-9]{3,5}", written) else written


def province_of(written: str | None) -> str | None:
    """A province; its two letters as capitals."""
    if written is None:
        return None
    short = written.strip("()")
    return short.upper() if len(short) == 2 else written


def title_named(written: str) -> Title | None:
    """The title that a word means."""
    return _named(written, TITLES)


def register_named(written: str) -> Register | None:
    """The register that a word means."""
    return _named(written, REGISTERS)


def kind_named(written: str) -> PersonKind | None:
    """The kind of person that a word means."""
    return _named(written, KINDS)


def _named(written: str, names: Mapping[Named, str]) -> Named | None:
    name = header_name(written)
    found = [token for token, words in names.items() if name in words.split("; ") or name == header_name(token)]
    return found[0] if found else None
