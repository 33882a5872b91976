"""By which way does each row's letter go, and is there an address for it? Who has none is left out, and listed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pec_tracker.campaign_tokens import Channel
from pec_tracker.pec.address import is_valid
from pec_tracker.pec.evidence import address_key
from pec_tracker.service.campaigns.checked import WEIGHTS, Fault, Problem, Weight
from pec_tracker.service.campaigns.definition import Definition
from pec_tracker.service.campaigns.listed import ListedRow, channel_of
from pec_tracker.service.contacts.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class Addressed:
    """A row with the way that it goes, and the address. `first`: the place of the row whose letter names it too."""

    row: ListedRow
    channel: Channel | None
    address: str = ""
    skipped: Fault | None = None
    first: int | None = None


def addressed(rows: Sequence[ListedRow], definition: Definition) -> list[tuple[Addressed, Problem | None]]:
    """Each row's way and address, and what is wrong with it."""
    return [_address(row, definition) for row in rows]


def _address(row: ListedRow, definition: Definition) -> tuple[Addressed, Problem | None]:
    channel = _channel(row, definition)
    if row.channel and channel is None:
        return Addressed(row, None), problem(Fault.BAD_CHANNEL, row, said=row.channel)
    match channel:
        case Channel.PEC | Channel.ORDINARY:
            address = row.pec if channel is Channel.PEC else row.mail or row.pec
            if not address:
                return _left_out(row, channel, Fault.NO_ADDRESS)
            if not is_valid(address):
                return _left_out(row, channel, Fault.BAD_ADDRESS, said=address)
            return Addressed(row, channel, address), None
        case Channel.PAPER if not row.postal:
            return _left_out(row, channel, Fault.NO_POSTAL_ADDRESS)
        case None:
            return _left_out(row, None, Fault.NO_ADDRESS)
    return Addressed(row, channel), None


def _channel(row: ListedRow, definition: Definition) -> Channel | None:
    if row.channel:
        return channel_of(row.channel)
    return Channel.PEC if row.pec else definition.without_pec


def _left_out(row: ListedRow, channel: Channel | None, fault: Fault, **facts: object) -> tuple[Addressed, Problem]:
    return Addressed(row, channel, skipped=fault), problem(fault, row, **facts)


def without_unknown(
    rows: Sequence[Addressed], told: Mapping[str, Outcome], definition: Definition
) -> Iterator[tuple[Addressed, Problem | None]]:
    """Rows whose address receipts say does not exist are left out, unless that is accepted."""
    for one in rows:
        outcome = told.get(address_key(one.address)) if one.address else None
        if one.skipped or outcome is None or not outcome.unknown:
            yield one, None
            continue
        found = problem(Fault.UNKNOWN_ADDRESS, one.row, said=one.address, at=outcome.unknown_at)
        if Fault.UNKNOWN_ADDRESS in definition.accepted:
            yield one, replace(found, weight=Weight.ADVISES)
        else:
            yield replace(one, skipped=Fault.UNKNOWN_ADDRESS), found


def merged(rows: Sequence[Addressed], *, merge: bool) -> tuple[list[Addressed], list[Problem]]:
    """Rows that go to one address by one way: told of, and with *merge* put into the letter of the first."""
    first_of: dict[tuple[Channel, str], int] = {}
    found: list[Addressed] = []
    problems: list[Problem] = []
    for at, one in enumerate(rows):
        key = (one.channel, address_key(one.address)) if one.channel and one.address and not one.skipped else None
        first = first_of.setdefault(key, at) if key is not None else at
        if first != at:
            problems.append(problem(Fault.SAME_ADDRESS, one.row, said=one.address, rows=[rows[first].row.number]))
            found.append(replace(one, first=first) if merge else one)
        else:
            found.append(one)
    return found, [] if merge else problems


def problem(fault: Fault, row: ListedRow | None, **facts: object) -> Problem:
    """A fault of a row, as heavy as its kind is."""
    number, name = (None, "") if row is None else (row.number, row.name)
    return Problem(fault, WEIGHTS.get(fault, Weight.STOPS), number, name, facts)
