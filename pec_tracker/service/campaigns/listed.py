"""Who is in a campaign's list? Rows of a file, or the persons of a condominium: each with what it says, and its key.

The key is what stays when a row is corrected: unit and tax code, or unit and name. By it a row has one letter, however
often the list is uploaded.
"""

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from typing import Final

from pec_tracker.campaign_tokens import Channel
from pec_tracker.errors import UsageError
from pec_tracker.service.contacts import tax_codes
from pec_tracker.service.contacts.book import place_of, words_key
from pec_tracker.service.contacts.columns import Field, Table, header_name
from pec_tracker.service.contacts.people import Contact
from pec_tracker.service.contacts.sheets import Row

# By these a text may ask for a field, whatever its column is called.
_ALIASES: Final[Mapping[Field, tuple[str, ...]]] = {
    Field.NAME: ("nome", "nominativo", "name"),
    Field.UNIT: ("interno", "unita", "unit"),
    Field.STAIRCASE: ("scala", "staircase"),
    Field.CONDOMINIUM: ("condominio", "condominium"),
    Field.TAX_CODE: ("codice fiscale", "tax code"),
    Field.PEC: ("pec",),
    Field.MAIL: ("email", "mail"),
    Field.STREET: ("indirizzo", "via", "street"),
    Field.CAP: ("cap",),
    Field.TOWN: ("comune", "citta", "town"),
    Field.PROVINCE: ("provincia", "province"),
    Field.TITLE: ("titolo", "title"),
    Field.SHARE: ("quota", "share"),
}

WORKBOOK: Final = b"PK\x03\x04"  # an XLSX is a ZIP
_DAY: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_NUMBER: Final = re.compile(r"-?\d{1,15}\.\d+")

_CHANNELS: Final[Mapping[str, Channel]] = {
    "pec": Channel.PEC,
    "posta certificata": Channel.PEC,
    "ordinary": Channel.ORDINARY,
    "ordinaria": Channel.ORDINARY,
    "mail": Channel.ORDINARY,
    "email": Channel.ORDINARY,
    "e mail": Channel.ORDINARY,
    "peo": Channel.ORDINARY,
    "paper": Channel.PAPER,
    "carta": Channel.PAPER,
    "posta": Channel.PAPER,
    "raccomandata": Channel.PAPER,
    "racc": Channel.PAPER,
    "r r": Channel.PAPER,
    "raccomandata a r": Channel.PAPER,
    "hand": Channel.HAND,
    "mano": Channel.HAND,
    "a mano": Channel.HAND,
    "brevi manu": Channel.HAND,
    "consegna a mano": Channel.HAND,
}


@dataclass(frozen=True, slots=True)
class ListedRow:
    """One row: its number in the list, its key, and what it says. `values`: by the names that a text may ask for."""

    number: int
    key: str
    name: str
    place: str  # condominium and unit as they are compared; "" where it names none
    unit: str  # staircase and label
    label: str
    pec: str
    mail: str
    tax_code: str
    postal: tuple[str, ...]
    values: Mapping[str, str]
    channel: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True)
class _Own:
    """What a row says in the columns that the campaign names."""

    key: str = ""
    channel: str = ""
    file: str = ""


def as_written(cell: str) -> str:
    """A workbook's number or day (`1234.5`, `2026-05-03`) as an Italian letter has it: `1234,50`, `03/05/2026`."""
    if (day := _DAY.fullmatch(cell)) is not None:
        return f"{day[3]}/{day[2]}/{day[1]}"
    if _NUMBER.fullmatch(cell):
        return f"{float(cell):.2f}".replace(".", ",")
    return cell


def channel_of(written: str) -> Channel | None:
    """The way that a cell names; None for a word that names none."""
    return _CHANNELS.get(header_name(written))


def rows_of_table(
    table: Table,
    *,
    key_column: str | None,
    channel_column: str | None,
    file_column: str | None,
    workbook: bool = False,
) -> list[ListedRow]:
    """The rows of a list that say anything; of a *workbook* numbers and days are written as an Italian letter has them.

    UsageError where a column that is named is not there.
    """
    key_at, channel_at, file_at = (_place(table, one) for one in (key_column, channel_column, file_column))
    names: dict[str, int] = {}  # by which a text asks for a column, and its place
    for at, header in enumerate(table.headers):
        if header_name(header):
            names.setdefault(header_name(header), at)
    said = set(table.fields.values()) | ({Field.NAME} if Field.SURNAME in table.fields.values() else set())
    found = []
    for row in table.rows:
        cells = table.cells(row)
        if not cells:
            continue
        own = _Own(key=_cell(row, key_at), channel=_cell(row, channel_at), file=_cell(row, file_at))
        headers = {name: as_written(_cell(row, at)) if workbook else _cell(row, at) for name, at in names.items()}
        found.append(_row(row.number, cells, said, headers, own))
    return found


def rows_of_contacts(contacts: Sequence[Contact], condominium: str, today: date) -> list[ListedRow]:
    """Who is entitled to a unit of *condominium* today, a row for each unit of each person."""
    named = words_key(condominium, ordered=True)
    found: list[ListedRow] = []
    for contact in contacts:
        person = contact.person
        for right in contact.rights:
            if right.place.condominium_key != named or (right.until is not None and right.until < today):
                continue
            cells = {
                Field.NAME: person.name, Field.UNIT: right.place.label, Field.STAIRCASE: right.place.staircase,
                Field.CONDOMINIUM: right.place.condominium, Field.TAX_CODE: person.tax_code, Field.PEC: person.pec,
                Field.MAIL: person.mail, Field.STREET: person.street, Field.CAP: person.cap, Field.TOWN: person.town,
                Field.PROVINCE: person.province, Field.COUNTRY: person.country, Field.TITLE: right.title,
                Field.SHARE: right.share,
            }  # fmt: skip
            said = {field: value for field, value in cells.items() if value}
            found.append(_row(len(found) + 1, said, set(Field), {}, _Own()))
    return found


def _place(table: Table, column: str | None) -> int | None:
    if column is None:
        return None
    wanted = header_name(column)
    for at, header in enumerate(table.headers):
        if header_name(header) == wanted:
            return at
    raise UsageError(
        "no column is called {column}; there are: {columns}",
        column=column,
        columns=", ".join(filter(None, table.headers)),
    )


def _cell(row: Row, at: int | None) -> str:
    return row.cells[at] if at is not None and at < len(row.cells) else ""


def _row(number: int, cells: Mapping[Field, str], said: Set[Field], headers: Mapping[str, str], own: _Own) -> ListedRow:
    """*said* are the fields that the list has at all; *headers* what the row says under each column."""
    name = cells.get(Field.NAME) or f"{cells.get(Field.SURNAME, '')} {cells.get(Field.FIRST_NAME, '')}".strip()
    code = tax_codes.normal(cells.get(Field.TAX_CODE, ""))
    label, staircase = cells.get(Field.UNIT, ""), cells.get(Field.STAIRCASE, "")
    place = place_of(cells.get(Field.CONDOMINIUM, ""), label, staircase) if label else None
    where = "" if place is None else f"{place.condominium_key}|{place.unit_key}"
    known = {**cells, Field.NAME: name}
    aliases = {alias: known.get(field, "") for field, names in _ALIASES.items() if field in said for alias in names}
    return ListedRow(
        number=number,
        key=f"key|{words_key(own.key, ordered=True)}" if own.key else f"{where}|{code or words_key(name)}",
        name=name,
        place=where,
        unit=" ".join(filter(None, (staircase, label))),
        label=label,
        pec=cells.get(Field.PEC, ""),
        mail=cells.get(Field.MAIL, ""),
        tax_code=code,
        postal=_postal(cells, name),
        values={**aliases, **headers},
        channel=own.channel,
        file=own.file,
    )


def _postal(cells: Mapping[Field, str], name: str) -> tuple[str, ...]:
    """The lines of a postal address, as an envelope has them; () where there is no street or no town."""
    street, town = cells.get(Field.STREET, ""), cells.get(Field.TOWN, "")
    if not street or not (town or cells.get(Field.CAP)):
        return ()
    province = f"({cells[Field.PROVINCE].upper()})" if cells.get(Field.PROVINCE) else ""
    place = " ".join(filter(None, (cells.get(Field.CAP, ""), town, province)))
    return tuple(filter(None, (name, street, place, cells.get(Field.COUNTRY, ""))))
