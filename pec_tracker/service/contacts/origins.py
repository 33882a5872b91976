"""Where does an address come from, as the address book says? Its kind, its register, when that was looked up."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, select

from pec_tracker.contact_tokens import AddressKind, Register
from pec_tracker.db.book import PersonAddress
from pec_tracker.db.chunks import chunks


@dataclass(frozen=True, slots=True)
class Said:
    """What the book says of an address today, by the entry that was looked up last; of one that has a register before
    one that has none. `registers` are those of all who have the address.
    """

    kind: AddressKind
    register: Register | None
    looked_up_on: date | None
    registers: frozenset[Register]


def origins(connection: Connection, address_keys: Collection[str]) -> dict[str, Said]:
    """What the book says of these addresses; of those that nobody has nothing."""
    columns = select(
        PersonAddress.address_key, PersonAddress.kind, PersonAddress.register, PersonAddress.looked_up_on
    ).where(PersonAddress.until.is_(None))
    found: dict[str, list[Said]] = defaultdict(list)
    for some in chunks(sorted(address_keys)):
        for row in connection.execute(columns.where(PersonAddress.address_key.in_(some))):
            register = Register(row.register) if row.register else None
            one = Said(AddressKind(row.kind), register, row.looked_up_on, frozenset({register} if register else ()))
            found[row.address_key].append(one)
    return {key: _last(entries) for key, entries in found.items()}


def _last(entries: list[Said]) -> Said:
    last = max(entries, key=lambda one: (one.register is not None, one.looked_up_on or date.min, one.kind))
    return Said(last.kind, last.register, last.looked_up_on, frozenset().union(*(one.registers for one in entries)))
