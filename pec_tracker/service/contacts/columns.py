"""Which column of a list is which field? By the names that management programs give them, or as the user says."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final

from pec_tracker.contact_tokens import Title
from pec_tracker.errors import UsageError
from pec_tracker.pec.folding import fold
from pec_tracker.service.contacts.sheets import Row, Sheet

HEADER_WITHIN: Final = 20  # rows from the top
LEAST: Final = 2  # columns that are recognised make a header


class Field(StrEnum):
    """What a column may say, in the order in which an export has them."""

    CONTACT = "contact"  # the person's key in the book
    CONDOMINIUM = "condominium"
    UNIT = "unit"
    STAIRCASE = "staircase"
    NAME = "name"
    SURNAME = "surname"
    FIRST_NAME = "first-name"
    KIND = "kind"
    TITLE = "title"
    SHARE = "share"
    TAX_CODE = "tax-code"
    VAT_NUMBER = "vat-number"
    PEC = "pec"
    REGISTER = "register"
    LOOKED_UP_ON = "looked-up-on"
    MAIL = "mail"
    STREET = "street"
    CAP = "cap"
    TOWN = "town"
    PROVINCE = "province"
    COUNTRY = "country"
    SINCE = "since"
    UNTIL = "until"
    NOTES = "notes"


NOTHING: Final = "-"  # said of a column that is to be left out

_NAMES: Final[Mapping[Field, str]] = {
    Field.CONTACT: "contact; contatto; chiave contatto",
    Field.CONDOMINIUM: "condominium; building; condominio; stabile; fabbricato; nome condominio",
    Field.UNIT: "unit; flat; apartment; interno; int; unita; unita immobiliare; n interno; numero interno; sub; "
    "subalterno; appartamento; cod unita",
    Field.STAIRCASE: "staircase; stair; scala; sc; palazzina",
    Field.NAME: "name; owner; full name; nominativo; nome e cognome; cognome e nome; cognome nome; nome cognome; "
    "proprietario; condomino; ragione sociale; denominazione; intestatario; anagrafica; destinatario; inquilino; "
    "conduttore; usufruttuario; nudo proprietario; comproprietario; ragione sociale nome",
    Field.SURNAME: "surname; last name; cognome",
    Field.FIRST_NAME: "first name; nome",
    Field.KIND: "kind; kind of person; tipo persona; natura giuridica",
    Field.TITLE: "title; titolo; diritto; qualita; ruolo; tipo diritto; titolarita",
    Field.SHARE: "share; quota; quota di possesso; quota proprieta; quota possesso; perc possesso",
    Field.TAX_CODE: "tax code; cod fiscale; codice fiscale; cf; c f; cod fisc; codfiscale; codicefiscale; "
    "codice fiscale partita iva; cf piva; cod fiscale p iva",
    Field.VAT_NUMBER: "vat; vat number; partita iva; p iva; piva; part iva",
    Field.PEC: "pec; pec address; indirizzo pec; posta certificata; posta elettronica certificata; mail pec; "
    "email pec; e mail pec; domicilio digitale",
    Field.REGISTER: "register; registro; fonte pec; registro pec; elenco; origine pec",
    Field.LOOKED_UP_ON: "looked up on; consultato il; data consultazione; verificato il; estratto il",
    Field.MAIL: "mail; email; e mail; ordinary address; posta elettronica; email ordinaria; e mail ordinaria; "
    "indirizzo email; indirizzo e mail; peo",
    Field.STREET: "address; street; indirizzo; via; residenza; indirizzo postale; indirizzo residenza; "
    "indirizzo di residenza; recapito; domicilio; indirizzo spedizione",
    Field.CAP: "cap; zip; postcode; postal code; c a p",
    Field.TOWN: "town; city; comune; citta; localita; comune residenza; comune di residenza",
    Field.PROVINCE: "province; prov; provincia; pr",
    Field.COUNTRY: "country; nazione; stato; paese",
    Field.SINCE: "since; from; valid from; valido dal; dal; data inizio; inizio; da",
    Field.UNTIL: "until; to; valid until; valido fino al; al; data fine; fine; fino al",
    Field.NOTES: "notes; note; annotazioni; osservazioni",
}
_BY_NAME: Final = {name: field for field, names in _NAMES.items() for name in names.split("; ")}
# The head over a name says by which right the person is there.
_TITLES: Final = {
    "inquilino": Title.TENANT,
    "conduttore": Title.TENANT,
    "usufruttuario": Title.USUFRUCT,
    "nudo proprietario": Title.BARE_OWNER,
    "comproprietario": Title.CO_OWNER,
}


@dataclass(frozen=True, slots=True)
class Table:
    """A list whose columns are known: `fields` by the column's place; `unused` headers; what follows the header."""

    fields: Mapping[int, Field]
    headers: tuple[str, ...]
    header_row: int
    unused: tuple[str, ...]
    rows: tuple[Row, ...]
    title: Title | None  # by which right a person is there whose row does not say it

    @property
    def key(self) -> str:
        """By which a mapping of these headers is remembered, whatever their order."""
        return headers_key(self.headers)

    def cells(self, row: Row) -> dict[Field, str]:
        """What the row says, without its empty cells."""
        return {field: row.cells[at] for at, field in self.fields.items() if at < len(row.cells) and row.cells[at]}


def header_name(written: str) -> str:
    """A header as it is compared: without case, accents and signs."""
    return " ".join(re.sub(r"[\W_]+", " ", fold(written)).split())


def headers_key(headers: Sequence[str]) -> str:
    """The same for the same set of headers."""
    names = sorted({header_name(one) for one in headers} - {""})
    return sha256("\n".join(names).encode()).hexdigest()


def said_mapping(pairs: Sequence[str]) -> dict[str, str]:
    """What `COLUMN=field` pairs say: the field by the column's name as it is compared. UsageError."""
    said = {}
    for pair in pairs:
        column, separator, field = pair.rpartition("=")
        name = header_name(column)
        if not separator or not name or field not in (NOTHING, *Field):
            raise UsageError(
                "{pair} is no COLUMN=field; the fields are {fields}, and - for a column that is to be left out",
                pair=pair,
                fields=", ".join(Field),
            )
        said[name] = field
    return said


def table_of(sheet: Sheet, said: Mapping[str, str], remembered: Mapping[str, Mapping[str, str]]) -> Table:
    """The list in *sheet*: where its header is, and what each column says.

    *said*: fields by column's name; *remembered*: the same, by `headers_key`, from imports before. Raises UsageError
    where no header is found, a column that is named is not there, or two columns say the same.
    """
    readings = (sheet, *sheet.dialects)
    candidates = [(row, reading) for reading in readings for row in reading.rows if row.number <= HEADER_WITHIN]
    scored = [(_known(row, said, remembered), row, reading) for row, reading in candidates]
    best, row, reading = max(scored, key=lambda one: (len(one[0]), -one[1].number), default=({}, Row(0, ()), sheet))
    missing = [name for name in said if name not in map(header_name, row.cells)]
    if missing:
        raise UsageError("no column is called {column}; there are: {columns}", column=missing[0], columns=_listed(row))
    names = {Field.NAME, Field.SURNAME, Field.CONTACT}
    if len(best) < min(LEAST, max(1, len(said))) or not names & set(best.values()):
        raise UsageError(
            "no header was found in the first {count} rows that names the persons; say which column does: "
            '--map "COLUMN=name". The best row is {row}: {columns}',
            count=HEADER_WITHIN,
            row=row.number,
            columns=_listed(row),
        )
    fields = _each_once(best, row)
    below = tuple(one for one in reading.rows if one.number > row.number)
    asked = _asked(row, said, remembered)
    unused = tuple(
        cell for at, cell in enumerate(row.cells) if cell and at not in best and header_name(cell) not in asked
    )
    titles = [_TITLES.get(header_name(row.cells[at])) for at, field in fields.items() if field is Field.NAME]
    return Table(fields, row.cells, row.number, unused, below, titles[0] if titles else None)


def _known(row: Row, said: Mapping[str, str], remembered: Mapping[str, Mapping[str, str]]) -> dict[int, Field]:
    asked = _asked(row, said, remembered)
    names = [header_name(cell) for cell in row.cells]
    whole = "cognome" not in names and "surname" not in names and "last name" not in names
    known = {}
    for at, name in enumerate(names):
        field = asked.get(name) or _BY_NAME.get(name)
        if field is None or field == NOTHING:
            continue
        if field == Field.FIRST_NAME and name not in asked and whole:
            field = Field.NAME  # "Nome" alone is the whole name
        known[at] = Field(field)
    return known


def _each_once(known: Mapping[int, Field], row: Row) -> dict[int, Field]:
    """UsageError where two columns say the same."""
    first: dict[Field, int] = {}
    for at, field in known.items():
        if field in first:
            raise UsageError(
                'two columns say the same ({field}): {first} and {second}; leave one out: --map "{second}=-"',
                field=field.value,
                first=row.cells[first[field]],
                second=row.cells[at],
            )
        first[field] = at
    return dict(known)


def _asked(row: Row, said: Mapping[str, str], remembered: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """What somebody said of these columns, now or before."""
    return {**remembered.get(headers_key(row.cells), {}), **said}


def _listed(row: Row) -> str:
    return ", ".join(filter(None, row.cells)) or NOTHING
