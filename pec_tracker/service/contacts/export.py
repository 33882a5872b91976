"""`contacts export`: the book as rows that an import takes again without changing anything."""

from dataclasses import dataclass

from pec_tracker.askers import Act, Asker
from pec_tracker.db.engine import reading
from pec_tracker.service.contacts import book_rows
from pec_tracker.service.contacts.book import Person, Right
from pec_tracker.service.contacts.people import condominium_named
from pec_tracker.service.house import House
from pec_tracker.service.verbs import verb


@dataclass(frozen=True, slots=True)
class ExportRow:
    """A person and one of his rights; none for who has no unit."""

    person: Person
    right: Right | None


@verb(Act.KEEP)
def export_contacts(asker: Asker, house: House, condominium: str | None = None) -> list[ExportRow]:
    """A row for each right, ended ones too, and one for who has none; of one *condominium* only its rights.

    Raises NotFoundError for a condominium that is not there.
    """
    with reading(house.engine) as connection:
        wanted = None if condominium is None else condominium_named(connection, condominium).name_key
        book = book_rows.load(connection)
    rights = book_rows.rights_by_person(book.rights)
    rows = [ExportRow(book.persons[one.person], one) for one in book.rights]
    rows += [ExportRow(person, None) for key, person in book.persons.items() if not rights[key]]
    kept = [row for row in rows if wanted is None or (row.right and row.right.place.condominium_key == wanted)]
    return sorted(kept, key=_order)


def _order(row: ExportRow) -> tuple[str, str, str, str]:
    condominium, unit = row.right.place.key if row.right else ("", "")
    return condominium, unit, row.person.name, row.person.key
