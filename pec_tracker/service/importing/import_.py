"""How do the mails of years come in? From .eml, .msg, mbox, Maildir and .zip of these, the same way as collected ones.

The same input twice changes nothing, with a mailbox named or not. What cannot be read, and what belongs to none of the
mailboxes, is named and stops nothing. An Outlook item file (.msg) is kept beside the mails that are rebuilt from it;
the ledger line `mail.converted` names both.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import structlog

from pec_tracker.archive.objects import Object, Suffix
from pec_tracker.askers import Act, Asker
from pec_tracker.errors import UsageError
from pec_tracker.ledger import together
from pec_tracker.pec.evidence import Verdict
from pec_tracker.service.house import Account, House
from pec_tracker.service.importing.mail_files import NOT_THERE, Unread, mails_in
from pec_tracker.service.importing.outlook import Letter
from pec_tracker.service.importing.to_mailboxes import Mailboxes, as_mail_of, lying
from pec_tracker.service.intake.link import Place
from pec_tracker.service.intake.link_late import mark, relink
from pec_tracker.service.intake.readers import Readers, Reading
from pec_tracker.service.intake.study import Arrival, Studied
from pec_tracker.service.intake.take_in import take_in_read
from pec_tracker.service.intake.taken import Taken
from pec_tracker.service.sealing import seal
from pec_tracker.service.verbs import verb

log = structlog.get_logger()

BATCH_BYTES = 8 * 1024 * 1024
BATCH_MAILS = 500


@dataclass(frozen=True, slots=True)
class Homeless:
    """A mail that names none of the mailboxes, and so was left out: where it stands, and its SHA-256."""

    source: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import brought in. `archived` counts it by the mailbox's row; a mailbox stands there with 0 where all
    that belongs to it was known.
    """

    archived: dict[int, int] = field(default_factory=dict)
    taken: Taken = field(default_factory=Taken)
    files: int = 0
    linked: int = 0
    unread: tuple[Unread, ...] = ()
    homeless: tuple[Homeless, ...] = ()

    @property
    def unproven(self) -> int:
        """How many came whose signature makes them no proof."""
        return sum(count for verdict, count in (self.taken.verdicts or {}).items() if verdict != Verdict.TRUSTED)

    @property
    def unnamed(self) -> bool:
        """Whether a path does not exist, or a mail belongs to no mailbox: the user has to say it otherwise."""
        return bool(self.homeless) or any(one.reason == NOT_THERE for one in self.unread)

    def joined(self, rest: "Imported") -> "Imported":
        """With what came of the homeless mails, *rest*, once the user had said where they belong."""
        numbers = self.archived.keys() | rest.archived.keys()
        return replace(
            self,
            archived={number: self.archived.get(number, 0) + rest.archived.get(number, 0) for number in numbers},
            taken=self.taken + rest.taken,
            linked=self.linked + rest.linked,
            homeless=(),
        )


@verb(Act.TAKE_IN)
def bring_in(
    asker: Asker,
    house: House,
    paths: Sequence[Path],
    *,
    accounts: Sequence[Account] = (),
    account: Account | None = None,
    only: Collection[str] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Imported:
    """Import every mail under *paths* into the archive and the index: as mail of *account* where one is given, else of
    that one of *accounts* which it belongs to. *only* those with these SHA-256, where they are given.

    Raises UsageError where there is no mailbox, StorageError, DiskFullError; what was imported by then is kept, and
    importing again goes on.
    """
    accounts = [one for one in accounts if asker.sees(one.id)]
    if account is None and not accounts:
        raise UsageError("no mailbox is configured, and mails are kept in one: pec-tracker mailbox add")
    together.require(house.engine, house.archive)
    mailboxes = Mailboxes.of(house, accounts, account)
    before = mark(house.engine)
    unread: list[Unread] = []
    homeless: list[Homeless] = []
    archived = {} if mailboxes.only is None else {mailboxes.only: 0}
    taken = Taken()
    files = 0
    letters = (letter for letter in mails_in(paths, unread) if only is None or _sha256(letter) in only)
    for batch, reading in _readings(house, mailboxes.owner, _batches(letters)):
        for place, share in _shares(house, mailboxes, batch, reading, homeless):
            came = take_in_read(house.engine, house.archive.put_many, place, share, now=house.clock.now())
            archived[place.mailbox_id] = archived.get(place.mailbox_id, 0) + came.archived
            taken += came
        files += len(batch)
        if progress is not None:
            progress(files)
    now = house.clock.now()
    linked = sum(relink(house.engine, row_id, now=now, since=before) for row_id, count in archived.items() if count)
    seal(house)
    log.info("mails.imported", archived=taken.archived, known=taken.known, unread=len(unread), homeless=len(homeless))
    return Imported(archived, taken, files, linked, tuple(unread), tuple(homeless))


def _sha256(letter: Letter) -> str:
    return Object(letter.raw, Suffix.MAIL).sha256


def _readings(
    house: House, owner: str | None, batches: Iterator[list[Letter]]
) -> Iterator[tuple[list[Letter], Reading]]:
    """The batches with their readings; a first batch that is full says that there is much to read."""
    first = next(batches, None)
    if first is None:
        return
    many = len(first) >= BATCH_MAILS or sum(len(letter.raw) for letter in first) >= BATCH_BYTES
    arrivals = ((batch, _arrivals(batch)) for batch in chain([first], batches))
    with Readers(house.trust, expected=None if many else len(first)) as readers:
        yield from readers.ahead(arrivals, owner=owner, now=house.clock.now)


def _arrivals(batch: list[Letter]) -> list[Arrival]:
    """The batch as arrivals, each with the name of the .msg that it was rebuilt from."""
    return [
        Arrival(
            raw=letter.raw, outlook=None if letter.outlook is None else Object(letter.outlook, Suffix.OUTLOOK).sha256
        )
        for letter in batch
    ]


def _shares(
    house: House, mailboxes: Mailboxes, batch: list[Letter], reading: Reading, homeless: list[Homeless]
) -> Iterator[tuple[Place, Reading]]:
    """The batch, shared out to the mailboxes that its mails belong to; what names none is added to *homeless*.

    The files that mails were rebuilt from are in the archive before anything names them.
    """
    items = reading.studied()
    lies = lying(house, [item.sha256 for item in items])
    shares: dict[int, tuple[Place, list[Arrival], list[Studied]]] = {}
    kept: list[Object] = []
    for letter, arrival, item in zip(batch, reading.arrivals, items, strict=True):
        place = mailboxes.place(item, lies.get(item.sha256, ()))
        if place is None:
            homeless.append(Homeless(letter.source, item.sha256))
            continue
        read = item if place.owner == mailboxes.owner else as_mail_of(place, item, arrival, house=house)
        if letter.outlook is not None:
            kept.append(Object(letter.outlook, Suffix.OUTLOOK))
        _, arrivals, studied = shares.setdefault(place.mailbox_id, (place, [], []))
        arrivals.append(arrival)
        studied.append(read)
    if kept:
        house.archive.put_many(kept)
    for place, arrivals, studied in shares.values():
        yield place, Reading(tuple(arrivals), lambda studied=studied: studied)  # type: ignore[misc]


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
