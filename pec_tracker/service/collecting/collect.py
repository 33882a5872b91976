"""What has come? Every folder of a mailbox is looked through once; each UID ends as a mail or as a reason why not.

STATUS says whether anything moved; if so the new UIDs are fetched in batches, and each batch is archived, read and
written whole before the next. What the server owes us, or gives a second time to another mail (`uids`), is asked for
too. Nothing is changed on the server.
"""

import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from pec_tracker import crash
from pec_tracker.askers import Act, Asker
from pec_tracker.db import leases
from pec_tracker.db.engine import reading, writing
from pec_tracker.errors import PecTrackerError, ServerError
from pec_tracker.ledger import records, together
from pec_tracker.pec.roles import MailOrigin
from pec_tracker.service.alerts.kinds import AlertKind
from pec_tracker.service.alerts.raising import NewAlert, raise_alerts
from pec_tracker.service.collecting.after_collect import mark_collected, tell_of_owed
from pec_tracker.service.collecting.cursors import KnownFolder, Look, known_folders, lower_cursor, mark_seen
from pec_tracker.service.house import Account, House, Stop
from pec_tracker.service.intake import uids
from pec_tracker.service.intake.link import Place
from pec_tracker.service.intake.link_late import mark, relink
from pec_tracker.service.intake.readers import Readers
from pec_tracker.service.intake.study import Arrival
from pec_tracker.service.intake.take_in import Taken, take_in, take_in_read
from pec_tracker.service.journeys.reconsider import refresh
from pec_tracker.service.mailboxes.folders import chosen, sent_folder
from pec_tracker.service.mailboxes.login import connected
from pec_tracker.service.sealing import seal
from pec_tracker.service.sending.outbox import follow_up, recover
from pec_tracker.service.verbs import verb
from pec_tracker.wire.imap import Fetched, FolderError, FolderName, ImapConnection

log = structlog.get_logger()

# Two batches are in memory at a time, in this process and in the one that reads them: larger ones gain nothing.
BATCH_BYTES = 2 * 1024 * 1024

# A spooled mail that no run can still be reading.
ABANDONED_SECONDS = 86_400

Progress = Callable[[int, int], None]  # mails done, mails to do


@dataclass(frozen=True, slots=True)
class Collected:
    """What one collect of a mailbox brought. `busy`: another process is at it; `failures`: folders that could not
    be read, each with what the server said."""

    mailbox: str
    taken: Taken = field(default_factory=Taken)
    folders: int = 0
    busy: bool = False
    stopped: bool = False
    failures: tuple[tuple[str, PecTrackerError], ...] = ()
    round_trips: int = 0

    @property
    def complete(self) -> bool:
        """Every chosen folder, and there was one, was looked through to its end."""
        return self.folders > 0 and not (self.busy or self.stopped or self.failures)


@verb(Act.TAKE_IN)
def collect(
    asker: Asker, house: House, account: Account, *, progress: Progress | None = None, stop: Stop | None = None
) -> Collected:
    """Collect everything new in the mailbox; `stop` ends it after the batch at hand.

    Raises ServerError, LoginRefusedError, TlsError, StorageError; what was taken in by then is kept and sealed.
    """
    together.require(house.engine, house.archive)
    if leases.is_held(house.engine, lease_name(account), presence=house.presence):
        return Collected(account.name, busy=True)
    recover(asker, house, account)
    _drop_abandoned(house.spool)
    try:
        with connected(house, account) as imap:
            walk = _Walk(house, account, imap, progress or _silent, stop or _never, _idle)
            result = walk.through_all_folders()
        if result.busy:
            return result
        if result.complete:
            mark_collected(house, account)
        refresh(house.engine, now=house.clock.now())
        follow_up(asker, house, account)
        tell_of_owed(house, account)
    finally:
        seal(house)
    return result


@verb(Act.TAKE_IN)
def retry_quarantined(asker: Asker, house: House, account: Account) -> Taken:
    """Ask once more for every mail that the server has and we lack; what comes now is taken in like any mail.

    Raises what `collect` raises, and FolderError for a folder that the server refuses.
    """
    before = mark(house.engine)
    with connected(house, account) as imap:
        taken = _Walk(house, account, imap, _silent, _never, _idle).through_everything()
    relink(house.engine, account.id, now=house.clock.now(), since=before)
    tell_of_owed(house, account)
    seal(house)
    return taken


def lease_name(account: Account) -> str:
    """The lease that keeps one collector at a mailbox, however many processes there are."""
    return f"collect:{account.key}"


@dataclass(slots=True)
class _Walk:
    """One way through a mailbox's folders over one connection."""

    house: House
    account: Account
    imap: ImapConnection
    progress: Progress
    stop: Stop
    renew: Callable[[], None]
    sent: str | None = None  # the folder that holds copies of what was sent
    failures: list[tuple[str, PecTrackerError]] = field(default_factory=list)
    owed: dict[int, list[int]] = field(default_factory=dict)  # by folder, what its server did not give so far

    def through_all_folders(self) -> Collected:
        """Every chosen folder; one that the server refuses is noted, and the others go on.

        To look needs no lease, and writes nothing: only where something has moved one is taken, and looked again.
        """
        wanted = self._wanted()
        looks = self._looks(wanted)
        taken = Taken()
        if self._moved(looks):
            name = lease_name(self.account)
            with leases.held(self.house.engine, name, presence=self.house.presence) as lease:
                if lease is None:
                    return Collected(self.account.name, busy=True)
                self.renew = lease.renew
                taken = self._through_moved(looks)
        return Collected(
            self.account.name,
            taken,
            folders=len(wanted),
            stopped=self.stop(),
            failures=tuple(self.failures),
            round_trips=self.imap.round_trips,
        )

    def _moved(self, looks: Sequence[Look]) -> list[tuple[Look, KnownFolder]]:
        """The folders that look otherwise than when they were collected, each as it is known."""
        known = known_folders(self.house, self.account, looks)
        with reading(self.house.engine) as connection:
            self.owed = uids.owed(connection, [one.id for one in known.values()])
        pairs = ((look, known[look.folder.name]) for look in looks)
        return [(look, its) for look, its in pairs if self._has_moved(look, its)]

    def _through_moved(self, looks: Sequence[Look]) -> Taken:
        """What has moved, folder by folder; then what two processes brought at the same moment is linked."""
        moved = self._moved(looks)
        before = mark(self.house.engine)
        mark_seen(self.house, [(known, look.status) for look, known in moved if look.status.messages == 0])
        taken = Taken()
        for look, known in moved:
            if self.stop():
                break
            if look.status.messages:
                with self._noting(look.folder.name):
                    taken += self._through(look, known)
        if taken.archived:
            relink(self.house.engine, self.account.id, now=self.house.clock.now(), since=before)
        return taken

    def through_everything(self) -> Taken:
        """Every UID that was collected and is there, held against what we keep of it; what we lack is asked for."""
        taken = Taken()
        looks = self._looks(self._wanted())
        for name, known in known_folders(self.house, self.account, looks).items():
            with self._noting(name):
                if self.imap.examine(name).uidvalidity == known.uidvalidity:
                    old = [uid for uid in self.imap.all_uids() if uid <= known.last_uid]
                    taken += self._again(known, old, most=None)
        return taken

    def _has_moved(self, look: Look, known: KnownFolder) -> bool:
        """Whether the folder looks otherwise than when it was collected, or still owes us a mail.

        A count that fell is no news: somebody deleted in the webmail.
        """
        more = known.seen_messages is not None and look.status.messages > known.seen_messages
        return known.seen_uidnext != look.status.uidnext or more or known.id in self.owed

    def _wanted(self) -> list[FolderName]:
        folders = self.imap.folders()
        wanted, missing = chosen(self.account, folders)
        for name in missing:
            error = ServerError(
                "the server has no folder {folder}; correct folders.include of the mailbox", folder=name
            )
            self.failures.append((name, error))
        sent = sent_folder(self.account, folders)
        self.sent = sent.name if sent else None
        return wanted

    def _looks(self, folders: Sequence[FolderName]) -> list[Look]:
        looks = []
        for folder in folders:
            if self.stop():
                break
            with self._noting(folder.name):
                looks.append(Look(folder, self.imap.status(folder.name)))
        return looks

    def _through(self, look: Look, known: KnownFolder) -> Taken:
        opened = self.imap.examine(look.folder.name)
        if opened.uidvalidity != known.uidvalidity:  # made anew since we looked
            look = Look(look.folder, opened)
            known = known_folders(self.house, self.account, [look])[look.folder.name]
        went_back = 0 < opened.uidnext <= known.last_uid
        there = self.imap.all_uids() if went_back else self.imap.uids_from(max(1, known.last_uid + 1 - uids.WINDOW))
        went_back = went_back and max(there, default=0) < opened.uidnext  # else its counter is what is wrong
        if went_back:
            self._tell_of_restored(known)
        old = [uid for uid in there if uid <= known.last_uid]
        taken = self._take(known, there[len(old) :], in_order=True)
        if not self.stop():
            taken += self._again(known, old, most=uids.ASKED_AGAIN)
        if not self.stop():
            mark_seen(self.house, [(known, look.status)])
            if went_back:
                lower_cursor(self.house, known, opened.uidnext - 1)
        return taken

    def _again(self, known: KnownFolder, old: list[int], *, most: int | None) -> Taken:
        """Of the UIDs *old*, which are there, and of those that the server owes: whatever we have no mail of.

        At most *most* of the owed ones, by chance: one that never comes must not keep the others from being asked for.
        """
        pending = self.owed.get(known.id, [])
        with reading(self.house.engine) as connection:
            sighted = uids.sighted_in(connection, known.id, old)
        kept = [uid for uid, one in sighted.items() if one.mail_id is not None]
        others = uids.others(sighted, self.imap.identities(kept)) if kept else []
        if others:
            self._tell_of_restored(known)
        empty = [uid for uid, one in sighted.items() if one.mail_id is None]
        wanted = sorted({*empty, *pending})
        listed = self.imap.listed(wanted) if wanted else []
        gone = sorted(set(pending) - set(listed))
        chosen_now = listed if most is None or len(listed) <= most else random.sample(listed, most)
        asked = sorted({*uids.never_seen(old, sighted), *others, *chosen_now})
        taken = self._take(known, asked, in_order=False) if asked else Taken()
        if gone:
            arrivals = [Arrival(raw=None, folder_id=known.id, uid=uid, reason=uids.GONE) for uid in gone]
            taken += take_in(
                self.house.engine,
                self.house.archive.put_many,
                self._place(known),
                arrivals,
                trust=self.house.trust,
                now=self.house.clock.now(),
            )
        return taken

    def _tell_of_restored(self, known: KnownFolder) -> None:
        """UIDs were given a second time: the provider restored its server, and mails may be gone there."""
        log.warning("folder.restored", mailbox=self.account.name, folder=known.id)
        alert = NewAlert(
            AlertKind.FOLDER_RESTORED,
            f"{self.account.key}/{known.id}",
            severity="warning",
            mailbox_id=self.account.id,
            facts={"folder": known.name},
        )
        with writing(self.house.engine) as connection:
            raise_alerts(connection, [alert], at=self.house.clock.now())

    def _place(self, known: KnownFolder) -> Place:
        record = records.folder(self.account.key, known.name, known.uidvalidity).sha256
        return Place(self.account.id, self.account.key, self.account.address, MailOrigin.COLLECTED, {known.id: record})

    def _take(self, known: KnownFolder, wanted: list[int], *, in_order: bool) -> Taken:
        """Batch by batch: archived, read and committed whole, the cursor with it, before the next is fetched."""
        place = self._place(known)
        sent = known.name == self.sent
        taken = Taken()
        done = 0
        with Readers(self.house.trust, expected=len(wanted)) as readers:
            batches = self._fetched(wanted, known.id, sent=sent)
            for batch, reading in readers.ahead(batches, owner=place.owner, now=self.house.clock.now):
                taken += take_in_read(
                    self.house.engine,
                    self.house.archive.put_many,
                    place,
                    reading,
                    now=self.house.clock.now(),
                    cursor={known.id: max(batch)} if in_order else None,
                )
                done += len(batch)
                self.progress(done, len(wanted))
                crash.at("collect.batch-done")
                if self.stop():
                    break
                self.renew()
        return taken

    def _fetched(self, wanted: list[int], folder_id: int, *, sent: bool) -> Iterator[tuple[list[int], list[Arrival]]]:
        """The UIDs of each batch, and what they gave."""
        for batch in self.imap.fetch(wanted, spool=self.house.spool, batch_bytes=BATCH_BYTES):
            crash.at("collect.fetched")
            left_out: set[int] = set()
            try:
                batch, left_out = self._once_more(batch)
                arrivals = [_arrival(item, folder_id, sent=sent, left_out=left_out) for item in batch]
            finally:
                _unspool(batch)
            yield [item.uid for item in batch], arrivals

    def _once_more(self, batch: list[Fetched]) -> tuple[list[Fetched], set[int]]:
        """The batch, and the UIDs that are listed and gave nothing, asked for a second time."""
        silent = [item.uid for item in batch if item.raw is None and item.path is None and item.reason is None]
        listed = self.imap.listed(silent) if silent else []
        if not listed:
            return batch, set()
        got = {item.uid: item for some in self.imap.fetch(listed, spool=self.house.spool) for item in some}
        again = [got.get(item.uid, item) for item in batch]
        return again, {uid for uid in listed if got[uid].raw is None and got[uid].path is None}

    @contextmanager
    def _noting(self, folder: str) -> Iterator[None]:
        """A block about one folder: a server's NO to it is noted, and the others go on."""
        try:
            yield
        except FolderError as error:
            self.failures.append((folder, error))
            log.warning("folder.failed", mailbox=self.account.name, error=type(error).__name__)


def _arrival(item: Fetched, folder_id: int, *, sent: bool, left_out: Collection[int]) -> Arrival:
    raw = item.raw if item.path is None else item.path.read_bytes()
    if raw is None and item.reason is not None:
        log.warning("mail.refused", folder=folder_id, uid=item.uid, said=item.reason)
    missing = uids.REFUSED if item.reason is not None else uids.LEFT_OUT if item.uid in left_out else uids.GONE
    return Arrival(
        raw=raw,
        internal_at=item.internal_at,
        folder_id=folder_id,
        uid=item.uid,
        sent=sent,
        reason=None if raw is not None else missing,
    )


def _unspool(batch: Iterable[Fetched]) -> None:
    for item in batch:
        if item.path is not None:
            item.path.unlink(missing_ok=True)


def _drop_abandoned(spool: Path) -> None:
    """Remove the spooled mails of runs that died; they are fetched again."""
    before = time.time() - ABANDONED_SECONDS
    for leftover in spool.glob("mail-*.eml"):
        with suppress(OSError):
            if leftover.stat().st_mtime < before:
                leftover.unlink()


def _silent(_done: int, _all: int) -> None:
    """Progress that nobody watches."""


def _never() -> bool:
    return False


def _idle() -> None:
    """No lease to renew."""
