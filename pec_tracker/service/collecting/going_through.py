"""How is what moved taken in? Folder by folder, in batches: each archived, read and written whole before the next.

What the server owes us, or gives a second time to another mail (`uids`), is asked for too.
"""

import random
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from pec_tracker import crash
from pec_tracker.db.engine import reading, writing
from pec_tracker.ledger import records
from pec_tracker.pec.roles import MailOrigin
from pec_tracker.service.alerts.kinds import AlertKind
from pec_tracker.service.alerts.raising import NewAlert, raise_alerts
from pec_tracker.service.collecting.cursors import KnownFolder, Look, known_folders, lower_cursor, mark_seen
from pec_tracker.service.collecting.walk import Walk
from pec_tracker.service.intake import uids
from pec_tracker.service.intake.link import Place
from pec_tracker.service.intake.link_late import mark, relink
from pec_tracker.service.intake.readers import Readers
from pec_tracker.service.intake.study import Arrival
from pec_tracker.service.intake.take_in import take_in, take_in_read
from pec_tracker.service.intake.taken import Taken
from pec_tracker.wire.imap import Fetched

log = structlog.get_logger()

# Two batches are in memory at a time, in this process and in the one that reads them: larger ones gain nothing.
BATCH_BYTES: Final = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class GoingThrough:
    """The folders of one walk, gone through for what is new in them and what was missed."""

    walk: Walk

    def moved(self, moved: Sequence[tuple[Look, KnownFolder]]) -> Taken:
        """What has moved, folder by folder; then what two processes brought at the same moment is linked."""
        before = mark(self.walk.house.engine)
        mark_seen(self.walk.house, [(known, look.status) for look, known in moved if look.status.messages == 0])
        taken = Taken()
        for look, known in moved:
            if self.walk.stop():
                break
            if look.status.messages:
                with self.walk.noting(look.folder.name):
                    taken += self._through(look, known)
        if taken.archived:
            relink(self.walk.house.engine, self.walk.account.id, now=self.walk.house.clock.now(), since=before)
        return taken

    def everything(self) -> Taken:
        """Every UID that was collected and is there, held against what we keep of it; what we lack is asked for."""
        before = mark(self.walk.house.engine)
        taken = Taken()
        looks = self.walk.looks(self.walk.wanted())
        for name, known in known_folders(self.walk.house, self.walk.account, looks).items():
            with self.walk.noting(name):
                if self.walk.imap.examine(name).uidvalidity == known.uidvalidity:
                    old = [uid for uid in self.walk.imap.all_uids() if uid <= known.last_uid]
                    taken += self._again(known, old, most=None)
        relink(self.walk.house.engine, self.walk.account.id, now=self.walk.house.clock.now(), since=before)
        return taken

    def hinted(self, look: Look, hits: Sequence[int], *, most: int) -> Taken:
        """Of the UIDs *hits* of the folder that is open: those that we have no mail of, at most so many."""
        known = known_folders(self.walk.house, self.walk.account, [look])[look.folder.name]
        with reading(self.walk.house.engine) as connection:
            sighted = uids.sighted_in(connection, known.id, hits)
        lacking = [uid for uid in hits if uid not in sighted or sighted[uid].mail_id is None]
        if not lacking:
            return Taken()
        before = mark(self.walk.house.engine)
        taken = self._take(known, lacking[:most], in_order=False)
        relink(self.walk.house.engine, self.walk.account.id, now=self.walk.house.clock.now(), since=before)
        return taken

    def _through(self, look: Look, known: KnownFolder) -> Taken:
        opened = self.walk.imap.examine(look.folder.name)
        if opened.uidvalidity != known.uidvalidity:  # made anew since we looked
            look = Look(look.folder, opened)
            known = known_folders(self.walk.house, self.walk.account, [look])[look.folder.name]
        went_back = 0 < opened.uidnext <= known.last_uid
        there = (
            self.walk.imap.all_uids()
            if went_back
            else self.walk.imap.uids_from(max(1, known.last_uid + 1 - uids.WINDOW))
        )
        went_back = went_back and max(there, default=0) < opened.uidnext  # else its counter is what is wrong
        if went_back:
            self._tell_of_restored(known)
        old = [uid for uid in there if uid <= known.last_uid]
        taken = self._take(known, there[len(old) :], in_order=True)
        if not self.walk.stop():
            taken += self._again(known, old, most=uids.ASKED_AGAIN)
        if not self.walk.stop():
            mark_seen(self.walk.house, [(known, look.status)])
            if went_back:
                lower_cursor(self.walk.house, known, opened.uidnext - 1)
        return taken

    def _again(self, known: KnownFolder, old: list[int], *, most: int | None) -> Taken:
        """Of the UIDs *old*, which are there, and of those that the server owes: whatever we have no mail of.

        At most *most* of the owed ones, by chance: one that never comes must not keep the others from being asked for.
        """
        pending = self.walk.owed.get(known.id, [])
        with reading(self.walk.house.engine) as connection:
            sighted = uids.sighted_in(connection, known.id, old)
        kept = [uid for uid, one in sighted.items() if one.mail_id is not None]
        others = uids.others(sighted, self.walk.imap.identities(kept)) if kept else []
        if others:
            self._tell_of_restored(known)
        empty = [uid for uid, one in sighted.items() if one.mail_id is None]
        wanted = sorted({*empty, *pending})
        listed = self.walk.imap.listed(wanted) if wanted else []
        gone = sorted(set(pending) - set(listed))
        chosen_now = listed if most is None or len(listed) <= most else random.sample(listed, most)
        asked = sorted({*uids.never_seen(old, sighted), *others, *chosen_now})
        taken = self._take(known, asked, in_order=False) if asked else Taken()
        if gone:
            arrivals = [Arrival(raw=None, folder_id=known.id, uid=uid, reason=uids.GONE) for uid in gone]
            taken += take_in(
                self.walk.house.engine,
                self.walk.house.archive.put_many,
                self._place(known),
                arrivals,
                trust=self.walk.house.trust,
                now=self.walk.house.clock.now(),
            )
        return taken

    def _tell_of_restored(self, known: KnownFolder) -> None:
        """UIDs were given a second time: the provider restored its server, and mails may be gone there."""
        log.warning("folder.restored", mailbox=self.walk.account.name, folder=known.id)
        alert = NewAlert(
            AlertKind.FOLDER_RESTORED,
            f"{self.walk.account.key}/{known.id}",
            severity="warning",
            mailbox_id=self.walk.account.id,
            facts={"folder": known.name},
        )
        with writing(self.walk.house.engine) as connection:
            raise_alerts(connection, [alert], at=self.walk.house.clock.now())

    def _place(self, known: KnownFolder) -> Place:
        record = records.folder(self.walk.account.key, known.name, known.uidvalidity).sha256
        return Place(
            self.walk.account.id,
            self.walk.account.key,
            self.walk.account.address,
            MailOrigin.COLLECTED,
            {known.id: record},
        )

    def _take(self, known: KnownFolder, wanted: list[int], *, in_order: bool) -> Taken:
        """Batch by batch: archived, read and committed whole, the cursor with it, before the next is fetched."""
        place = self._place(known)
        sent = known.name == self.walk.sent
        taken = Taken()
        done = 0
        with Readers(self.walk.house.trust, expected=len(wanted)) as readers:
            batches = self._fetched(wanted, known.id, sent=sent)
            for batch, reading in readers.ahead(batches, owner=place.owner, now=self.walk.house.clock.now):
                taken += take_in_read(
                    self.walk.house.engine,
                    self.walk.house.archive.put_many,
                    place,
                    reading,
                    now=self.walk.house.clock.now(),
                    cursor={known.id: max(batch)} if in_order else None,
                )
                done += len(batch)
                self.walk.progress(done, len(wanted))
                crash.at("collect.batch-done")
                if self.walk.stop():
                    break
                self.walk.renew()
        return taken

    def _fetched(self, wanted: list[int], folder_id: int, *, sent: bool) -> Iterator[tuple[list[int], list[Arrival]]]:
        """The UIDs of each batch, and what they gave."""
        for batch in self.walk.imap.fetch(wanted, spool=self.walk.house.spool, batch_bytes=BATCH_BYTES):
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
        listed = self.walk.imap.listed(silent) if silent else []
        if not listed:
            return batch, set()
        got = {item.uid: item for some in self.walk.imap.fetch(listed, spool=self.walk.house.spool) for item in some}
        again = [got.get(item.uid, item) for item in batch]
        return again, {uid for uid in listed if got[uid].raw is None and got[uid].path is None}


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
