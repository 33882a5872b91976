"""How does a list of lines differ from what its seal lists? Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from pec_tracker.errors import LedgerError
from pec_tracker.ledger.lines import Line, decode, id_at_end
from pec_tracker.ledger.segments import Entry


class Change(StrEnum):
    """What happened to one line since it was sealed."""

    EDITED = "edited"
    MISSING = "missing"
    EXTRA = "extra"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Difference:
    """One changed line: its number (from 1) where it stands now, or stood when it is missing; its id if known."""

    change: Change
    position: int
    line_id: str


def differences(entries: Sequence[Entry], lines: Sequence[bytes]) -> list[Difference]:
    """Every difference of *lines* from the sealed *entries*; none means: the same bytes in the same order."""
    digests = [sha256(line).hexdigest() for line in lines]
    if digests == [entry.sha256 for entry in entries]:
        return _misnamed(entries, lines)
    kept, lost = _match(entries, digests)
    standing = set(kept)
    loose = {position: _id_of(line) for position, line in enumerate(lines, 1) if position not in standing}
    same_length = len(lines) == len(entries)
    return [
        *_moved(kept, lines),
        *(_edited_or_missing(position, entry, loose, same_length=same_length) for position, entry in lost),
        *(Difference(Change.EXTRA, position, line_id) for position, line_id in loose.items()),
    ]


def _match(entries: Sequence[Entry], digests: Sequence[str]) -> tuple[list[int], list[tuple[int, Entry]]]:
    """Where each sealed line stands now, in the order of the seal; the entries whose bytes are nowhere."""
    place_of: dict[str, int] = {}
    for position, digest in enumerate(digests, 1):
        place_of.setdefault(digest, position)
    kept: list[int] = []
    lost: list[tuple[int, Entry]] = []
    for position, entry in enumerate(entries, 1):
        place = place_of.pop(entry.sha256, None)
        if place is None:
            lost.append((position, entry))
        else:
            kept.append(place)
    return kept, lost


def _moved(kept: Sequence[int], lines: Sequence[bytes]) -> Iterator[Difference]:
    for place, ordered in zip(kept, sorted(kept), strict=True):
        if place != ordered:
            yield Difference(Change.MOVED, place, _id_of(lines[place - 1]))


def _edited_or_missing(position: int, entry: Entry, loose: dict[int, str], *, same_length: bool) -> Difference:
    """Take the line that stands for *entry* out of *loose*: the one with its id, else the one in its place."""
    place = next((place for place, line_id in loose.items() if line_id == entry.line_id), None)
    if place is None and same_length and position in loose:
        place = position
    if place is None:
        return Difference(Change.MISSING, position, entry.line_id)
    del loose[place]
    return Difference(Change.EDITED, place, entry.line_id)


def _misnamed(entries: Sequence[Entry], lines: Sequence[bytes]) -> list[Difference]:
    """Lines with the sealed bytes whose seal calls them by another id: the seal was edited."""
    return [
        Difference(Change.EDITED, position, entry.line_id)
        for position, (entry, line) in enumerate(zip(entries, lines, strict=True), 1)
        if id_at_end(line) != entry.line_id
    ]


def line_of(raw: bytes) -> Line | None:
    """The line that *raw* is, None when it is none."""
    try:
        return decode(raw.decode("ascii"))
    except (LedgerError, UnicodeDecodeError):
        return None


def _id_of(raw: bytes) -> str:
    line = line_of(raw)
    return "" if line is None else line.id
