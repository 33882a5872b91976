"""How do the mails of years come in? From .eml, .msg, mbox, Maildir and .zip of these, the same way as collected ones.

The same input twice changes nothing. What cannot be read is named, and stops nothing. An Outlook item file (.msg) is
kept beside the mails that are rebuilt from it; the ledger line `mail.converted` names both.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import structlog

from pec_tracker.archive.objects import Object, Suffix
from pec_tracker.ledger import seals, together
from pec_tracker.service.accounts import IMPORTED, known_mailbox
from pec_tracker.service.house import Account, House
from pec_tracker.service.intake import Taken, take_in_read
from pec_tracker.service.linking import Place
from pec_tracker.service.mail_files import Unread, mails_in
from pec_tracker.service.outlook import Letter
from pec_tracker.service.readers import Readers, Reading
from pec_tracker.service.study import Arrival
from pec_tracker.service.waiting import relink

log = structlog.get_logger()

BATCH_BYTES = 8 * 1024 * 1024
BATCH_MAILS = 500


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import brought into the mailbox whose row is `mailbox_id`."""

    mailbox_id: int
    taken: Taken = field(default_factory=Taken)
    files: int = 0
    linked: int = 0
    unread: tuple[Unread, ...] = ()


def bring_in(
    house: House,
    paths: Sequence[Path],
    *,
    account: Account | None = None,
    progress: Callable[[int], None] | None = None,
) -> Imported:
    """Import every mail under *paths* into the archive and the index, as mail of *account* where one is given.

    Raises StorageError, DiskFullError; what was imported by then is kept, and importing again goes on.
    """
    together.require(house.engine, house.archive.root)
    place = _place(house, account)
    unread: list[Unread] = []
    taken = Taken()
    files = 0
    batches = ((len(batch), _arrivals(house, batch)) for batch in _batches(mails_in(paths, unread)))
    for count, reading in _readings(house, place, batches):
        taken += take_in_read(house.engine, house.archive.put_many, place, reading, now=house.clock.now())
        files += count
        if progress is not None:
            progress(files)
    linked = relink(house.engine, place.mailbox_id, now=house.clock.now())
    seals.seal_pending(house.engine, house.archive.root, now=house.clock.now())
    log.info("mails.imported", archived=taken.archived, known=taken.known, unread=len(unread))
    return Imported(place.mailbox_id, taken, files, linked, tuple(unread))


def _readings(
    house: House, place: Place, batches: Iterator[tuple[int, list[Arrival]]]
) -> Iterator[tuple[int, Reading]]:
    """The batches with their readings; a first batch that is full says that there is much to read."""
    first = next(batches, None)
    if first is None:
        return
    many = first[0] >= BATCH_MAILS or sum(len(arrival.raw or b"") for arrival in first[1]) >= BATCH_BYTES
    with Readers(house.trust, expected=None if many else first[0]) as readers:
        yield from readers.ahead(chain([first], batches), owner=place.owner, now=house.clock.now)


def _arrivals(house: House, batch: list[Letter]) -> list[Arrival]:
    """The batch as arrivals; the files that mails were rebuilt from are in the archive before anything names them."""
    files = [None if letter.outlook is None else Object(letter.outlook, Suffix.OUTLOOK) for letter in batch]
    kept = [file for file in files if file is not None]
    if kept:
        house.archive.put_many(kept)
    return [
        Arrival(raw=letter.raw, outlook=None if file is None else file.sha256)
        for letter, file in zip(batch, files, strict=True)
    ]


def _place(house: House, account: Account | None) -> Place:
    if account is not None:
        return Place(account.id, account.key, account.address, "imported", {})
    row_id, key = known_mailbox(house, IMPORTED, None)
    return Place(row_id, key, None, "imported", {})


def _batches(letters: Iterator[Letter]) -> Iterator[list[Letter]]:
    batch: list[Letter] = []
    size = 0
    for letter in letters:
        batch.append(letter)
        size += len(letter.raw)
        if size >= BATCH_BYTES or len(batch) >= BATCH_MAILS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
