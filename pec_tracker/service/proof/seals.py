"""Which seals, heads and time-stamps come along with the lines of a package? As many after ten years as on day one.

The seals that list its lines, the newest, and the heads that lead from it to them; of what dates the ledger, for each
of these seals the nearest, with the seal after it, whose lines could contradict it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from pec_tracker.archive.archive import LedgerShelf
from pec_tracker.db.tables import Mail, Stamp
from pec_tracker.errors import LedgerError
from pec_tracker.ledger.heads import heads_on_the_way
from pec_tracker.ledger.segments import SealFile, parse_seal, seal_name, stamp_name
from pec_tracker.service.proof.sources import sealed_until
from pec_tracker.service.proof.stamps import NEAR, read_token


@dataclass(frozen=True, slots=True)
class Quoted:
    """An acceptance that quotes the hash of the seal *number*: the mail's name, and when it was taken in."""

    number: int
    mail: str
    archived_at: datetime


@dataclass(frozen=True, slots=True)
class Dated:
    """What the database knows to date a seal: the numbers of those with a time-stamp, and the acceptances."""

    stamped: frozenset[int]
    quoted: tuple[Quoted, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """What comes along: files of the ledger by name, seals apart from heads and time-stamps; and the acceptances."""

    seals: Mapping[str, bytes]
    others: Mapping[str, bytes]
    quoted: tuple[Quoted, ...]


def dated(connection: Connection, last: int) -> Dated:
    """What dates a seal up to *last*."""
    stamped = connection.scalars(select(Stamp.seal_number).where(Stamp.kind == "rfc3161", Stamp.seal_number <= last))
    quoted = connection.execute(
        select(Stamp.seal_number, Stamp.sha256, Mail.archived_at)
        .join(Mail, Mail.sha256 == Stamp.sha256)
        .where(Stamp.kind == "pec", Stamp.seal_number <= last)
        .order_by(Stamp.seal_number, Stamp.sha256)
    )
    return Dated(frozenset(stamped), tuple(Quoted(row.seal_number, row.sha256, row.archived_at) for row in quoted))


def chain(shelf: LedgerShelf, listing: Iterable[int], known: Dated, last: int) -> Chain:
    """What ties the seals *listing* to the seal *last*, and dates them by then. Raises LedgerError, StorageError."""
    newest = _parsed(shelf, last)
    until = sealed_until(newest)
    wanted = set(listing) or {last}
    stamps = _stamps(shelf, wanted, known.stamped, until)
    quoted = _nearest_quotes(wanted, [one for one in known.quoted if one.archived_at <= until])
    whole = wanted | {last} | set(stamps) | {number + 1 for number in stamps if number < last}
    whole |= {one.number for one in quoted}
    if newest.head is None:  # by an old release, whose seals are tied by each other alone
        whole = set(range(min(whole), last + 1))
    seals = {number: _seal(shelf, number) for number in sorted(whole)}
    for number, content in seals.items():
        parse_seal(number, content)
    heads = {} if newest.head is None else heads_on_the_way(shelf, last - 1, whole - {last})
    return Chain(
        seals={seal_name(number): content for number, content in seals.items()},
        others=heads | {stamp_name(number): content for number, content in stamps.items()},
        quoted=quoted,
    )


def _stamps(shelf: LedgerShelf, wanted: Iterable[int], stamped: Iterable[int], until: datetime) -> dict[int, bytes]:
    """For each seal, from it on: the nearest time-stamp made by *until* that can be read, and the nearest that is of
    the time of its own lines."""
    numbers = sorted({*stamped, *wanted})
    found: dict[int, bytes] = {}
    passed: set[int] = set()
    for first in sorted(wanted, reverse=True):
        later = [number for number in numbers if number >= first and number not in passed]
        for number in later:
            content = shelf.read(stamp_name(number))
            token = None if content is None else read_token(content)
            if content is None or token is None or token.at > until:
                passed.add(number)
                continue
            of_its_time = token.at - sealed_until(_parsed(shelf, number)) <= NEAR
            if number == next(one for one in later if one not in passed) or of_its_time:
                found[number] = content
            if of_its_time:
                break
    return found


def _nearest_quotes(wanted: Iterable[int], quoted: Sequence[Quoted]) -> tuple[Quoted, ...]:
    """For each seal the acceptances that quote the nearest from it on."""
    numbers = {min((one.number for one in quoted if one.number >= number), default=0) for number in wanted}
    return tuple(one for one in quoted if one.number in numbers)


def _seal(shelf: LedgerShelf, number: int) -> bytes:
    content = shelf.read(seal_name(number))
    if content is None:
        raise LedgerError("the seal {seal} is gone from the archive; run check", seal=seal_name(number))
    return content


def _parsed(shelf: LedgerShelf, number: int) -> SealFile:
    return parse_seal(number, _seal(shelf, number))
