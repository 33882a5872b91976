"""Lists of persons as offices have them, and the book as its users see it."""

from typing import Any

from sqlalchemy import select

from pec_tracker.askers import OPERATOR
from pec_tracker.db.book import PersonAddress, PostalAddress
from pec_tracker.db.engine import reading
from pec_tracker.service.contacts import book_rows
from pec_tracker.service.contacts.book import Book
from pec_tracker.service.contacts.import_ import Asked, Imported, import_contacts
from pec_tracker.service.house import House

HOUSE = "Via Garibaldi 3"
ROSSI, BIANCHI, VERDI = "RSSMRA85T10A562S", "BNCNNA80A41F205U", "00743110157"
OWNERS = (
    "Condominio Via Garibaldi 3;;;;;;\n"
    "\n"
    "Interno;Scala;Proprietario;Cod. fiscale;PEC;Indirizzo;CAP\n"
    f"1;A;Rossi Mario;{ROSSI};mario.rossi@pec.example;Via Garibaldi 3;00184\n"
    "2;A;Bianchi Anna;;anna.bianchi@pec.example;Via Garibaldi 3;184\n"
    f"3;B;Verdi S.r.l.;{VERDI};verdi@pec.example;Via Roma 1;00100\n"
    f"Box 12;;Rossi Mario;{ROSSI};;;\n"
)


def taken(house: House, text: str | bytes, **asked: Any) -> Imported:
    """Import *text*, by default as the list of HOUSE."""
    content = text.encode() if isinstance(text, str) else text
    return import_contacts(OPERATOR, house, content, Asked(**{"condominium": HOUSE, **asked}))


def book(house: House) -> Book:
    """The book as it is now."""
    with reading(house.engine) as connection:
        return book_rows.load(connection)


def by_name(house: House, name: str) -> Any:
    """The only person so called."""
    (found,) = [one for one in book(house).persons.values() if one.name == name]
    return found


def history(house: House) -> tuple[list[Any], list[Any]]:
    """Every address there ever was, and every postal one."""
    with reading(house.engine) as connection:
        mails = connection.execute(select(PersonAddress).order_by(PersonAddress.id)).all()
        posts = connection.execute(select(PostalAddress).order_by(PostalAddress.id)).all()
        return list(mails), list(posts)


def problems(imported: Imported) -> list[tuple[str, int | None]]:
    """What was found, and in which row."""
    return [(one.problem.value, one.row) for one in imported.plan.findings]
