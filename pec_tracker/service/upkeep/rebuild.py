"""How is a lost database made again? The sealed ledger is replayed over the objects, by the functions that wrote it.

Whatever had not surely left is `uncertain` afterwards, so that nothing goes twice. Leases, alerts, quota samples and
the last look at each folder start empty; the next collect goes on from the last UID that the ledger knows.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import Act, Asker
from pec_tracker.db.chunks import chunks
from pec_tracker.db.engine import in_one_transaction, reading, writing
from pec_tracker.db.tables import Attempt, Folder, Ledger, Mail, Mailbox, Message
from pec_tracker.errors import LedgerError, ObjectMissingError, UsageError
from pec_tracker.ledger import lines, records, seals, segments
from pec_tracker.ledger.acts import MAILS, LedgerAct
from pec_tracker.pec.compose import Outgoing
from pec_tracker.pec.roles import MailOrigin, MessageOrigin
from pec_tracker.pec.sending import HELD_BACK, Event, Priority, SendState, change_of, tokens
from pec_tracker.service.campaigns import replay as campaigns
from pec_tracker.service.contacts.carried import put_back, was_there
from pec_tracker.service.dating import notary
from pec_tracker.service.dating.stamps import record_found
from pec_tracker.service.drafts import carried as drafts
from pec_tracker.service.house import House
from pec_tracker.service.intake import recheck
from pec_tracker.service.intake.link import Place
from pec_tracker.service.intake.link_late import relink
from pec_tracker.service.intake.study import Arrival
from pec_tracker.service.intake.take_in import take_in
from pec_tracker.service.journeys.reconsider import reconsider
from pec_tracker.service.journeys.send_state_rows import columns_of, replayed
from pec_tracker.service.mailboxes import agreement
from pec_tracker.service.sending import doubt
from pec_tracker.service.sending.send import QueuedFacts, write_queued
from pec_tracker.service.trust.in_the_past import TrustThen
from pec_tracker.service.upkeep.carry import Left
from pec_tracker.service.upkeep.replayed_rows import (
    attempted,
    copied,
    forget_repeated,
    message_of,
    note_sealed,
    of_bytes,
    restore_verdicts,
)
from pec_tracker.service.verbs import verb

log = structlog.get_logger()


Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What the archive gave back; `missing` are objects that the ledger names and the archive no longer holds, ledger
    files that are gone, and acts that could not be replayed without them. `carried`: acts that only the old database
    knew, sealed now; `mended`: ledger files that were written again from it; `old_unreadable`: it could not be asked.
    `contacts`: persons of the address book that were carried over; `book_lost`: there was a book, and none was found.
    `drafts`: those that were carried over.
    """

    segments: int
    lines: int
    mails: int
    messages: int
    uncertain: int
    missing: tuple[str, ...]
    carried: int = 0
    mended: tuple[str, ...] = ()
    old_unreadable: bool = False
    contacts: int = 0
    book_lost: bool = False
    drafts: int = 0


@verb(Act.KEEP, of_all=True)
def rebuild(asker: Asker, house: House, left: Left | None = None, *, progress: Progress | None = None) -> Rebuilt:
    """Fill the house's database, which must be empty, from its archive, and with what was *left* in the old one.

    Raises UsageError for a database with acts in it, LedgerError where the sealed ledger does not hold.
    """
    _require_empty(house.engine)
    left = left or Left()
    replay = _Replay(house)
    done = 0
    for segment in segments.read_segments(house.archive.ledger, replay.lose):
        replay.segment(segment)
        done += len(segment.lines)
        if progress is not None:
            progress(done)
    carried = replay.carry(left.lines)
    uncertain = replay.finish(asker)
    if carried:
        with writing(house.engine) as connection:
            lines.append(connection, carried)
    seals.seal_pending(house.engine, house.archive, now=house.clock.now())
    in_one_transaction(house.engine, lambda connection: put_back(connection, left.book))
    drafted = in_one_transaction(house.engine, lambda connection: drafts.put_back(connection, house, left.drafts))
    with reading(house.engine) as connection:
        book_lost = not left.book.persons and was_there(connection)
        mails = connection.execute(select(func.count()).select_from(Mail)).scalar_one()
        messages = connection.execute(select(func.count()).select_from(Message)).scalar_one()
    log.info("database.rebuilt", lines=done, mails=mails, messages=messages, uncertain=uncertain)
    missing = (*dict.fromkeys(replay.missing), *left.mended.lost)
    return Rebuilt(
        replay.segments,
        done,
        mails,
        messages,
        uncertain,
        missing,
        carried=len(carried),
        mended=left.mended.written,
        old_unreadable=left.unreadable or left.damaged > 0,
        contacts=left.book.persons,
        book_lost=book_lost,
        drafts=drafted,
    )


def _require_empty(engine: Engine) -> None:
    with reading(engine) as connection:
        first = [connection.execute(select(column).limit(1)).first() for column in (Ledger.id, Mailbox.id)]
        if any(row is not None for row in first):
            raise UsageError("the database to rebuild into is not empty; name a new one")


@dataclass(frozen=True, slots=True)
class _FolderRow:
    id: int
    mailbox: str


class _Replay:
    """The ledger's acts, one after the other, each in the transaction that it had."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._engine = house.engine
        self._mailboxes: dict[str, tuple[int, str | None]] = {}  # key -> row, address
        self._folders: dict[str, _FolderRow] = {}  # record -> row
        self._trust = TrustThen(house)
        self.missing: list[str] = []
        self.segments = 0

    def segment(self, segment: segments.Segment) -> None:
        """Replay one sealed segment, then note its lines and its seal as sealed."""
        self._replay(segment.lines)
        in_one_transaction(self._engine, lambda connection: note_sealed(connection, segment, self._house.clock.now()))
        self.segments += 1

    def carry(self, left: Sequence[lines.Line]) -> list[lines.Line]:
        """Replay what only the old database knew; those of its acts that no seal lists, to be sealed next."""
        with reading(self._engine) as connection:
            sealed = {
                line_id
                for some in chunks([line.id for line in left])
                for line_id in connection.scalars(select(Ledger.line_id).where(Ledger.line_id.in_(some)))
            }
        fresh = [line for line in left if line.id not in sealed]
        named = (lines.named_objects(line) for line in fresh)  # another database did not, and had them moved
        self._house.archive.bring_back(sha256 + suffix for some in named for sha256, suffix in some)
        self._replay(fresh)
        return fresh

    def lose(self, name: str) -> None:
        """The archive no longer has the file *name*: what rests on it may be missing too, and the rest goes on."""
        self.missing.append(name)

    def _replay(self, acts_of: Sequence[lines.Line]) -> None:
        for (mails, at, mailbox), batch in groupby(acts_of, key=_batch):
            acts = list(batch)
            if mails:
                self._mails(str(mailbox), at, acts)
                continue
            for act in acts:
                try:
                    self._act(act)
                except (LedgerError, IntegrityError, ObjectMissingError) as error:
                    if not self.missing and not isinstance(error, ObjectMissingError):
                        raise  # nothing is missing: the ledger itself says what cannot be
                    self.missing.append(f"{act.act} {act.id}")

    def finish(self, asker: Asker) -> int:
        """What time and order left open: journeys as of now, waiting mails, and whatever may have left unseen."""
        now = self._house.clock.now()
        in_one_transaction(self._engine, forget_repeated)
        for row_id, _address in self._mailboxes.values():
            relink(self._engine, row_id, now=now)

        def work(connection: Connection) -> int:
            # What the last sealed line leaves open may have left since.
            unsure = columns_of(change_of(Event.DOUBTED), now) | {"problem": doubt.problem(doubt.Doubt.REBUILD)}
            left_open = update(Message).where(Message.send_state.in_(tokens(HELD_BACK))).values(unsure)
            doubted = int(connection.execute(left_open).rowcount)
            for some in chunks(
                list(connection.scalars(select(Message.id).where(Message.origin == MessageOrigin.COMPOSED)))
            ):
                reconsider(connection, some, now=now)
            campaigns.relink(connection)
            return doubted

        self._trust.restore()
        record_found(asker, self._house)
        return in_one_transaction(self._engine, work)

    def _act(self, act: lines.Line) -> None:
        if self._trust.act(act):
            return
        if act.act == LedgerAct.EVIDENCE_REVERIFIED:
            recheck.replay(self._house, act, trust=self._trust.trust)
            return
        known: Mapping[str, Callable[[Connection, lines.Line], None]] = {
            LedgerAct.MAILBOX_KNOWN: self._mailbox,
            LedgerAct.MAILBOX_ACKNOWLEDGED: agreement.replay,
            LedgerAct.FOLDER_KNOWN: self._folder,
            LedgerAct.MESSAGE_QUEUED: self._queued,
            LedgerAct.MESSAGE_ATTEMPTED: attempted,
            LedgerAct.MESSAGE_COPIED: copied,
            LedgerAct.SEAL_NOTARISED: notary.replay,
        }
        write = known.get(act.act)
        if act.act in campaigns.REPLAYED:
            write = lambda connection, one: campaigns.replay(connection, self._house.archive, one)  # noqa: E731
        if write is None and replayed(act) is not None:
            write = self._happened
        if write is not None:
            in_one_transaction(self._engine, lambda connection: write(connection, act))

    def _mailbox(self, connection: Connection, act: lines.Line) -> None:
        key = str(act.facts["mailbox"])
        record = self._record(act)
        name, address = record.get("name", key), record.get("address")
        others = select(Mailbox.id).where(Mailbox.name == name, Mailbox.key != key)
        if connection.scalar(others) is not None:
            name = key  # its record of before, or the other's, is lost: `known_mailbox` finds it by its key
        if key in self._mailboxes:
            row_id = self._mailboxes[key][0]
            connection.execute(update(Mailbox).where(Mailbox.id == row_id).values(address=address, name=name))
        else:
            added = insert(Mailbox).values(key=key, name=name, address=address, known_at=act.at).returning(Mailbox.id)
            row_id = connection.execute(added).scalar_one()
        self._mailboxes[key] = (row_id, address)

    def _box(self, connection: Connection, key: str, at: datetime) -> tuple[int, str | None]:
        """The row and address of a mailbox; where the line that made it known is lost, it is known by its key."""
        if key not in self._mailboxes:
            added = insert(Mailbox).values(key=key, name=key, address=None, known_at=at).returning(Mailbox.id)
            self._mailboxes[key] = (connection.execute(added).scalar_one(), None)
        return self._mailboxes[key]

    def _folder(self, connection: Connection, act: lines.Line) -> None:
        record_name = str(act.facts["record"])
        record = self._record(act)
        if record_name in self._folders:
            return
        mailbox = str(act.facts["mailbox"])
        added = insert(Folder).values(
            mailbox_id=self._box(connection, mailbox, act.at)[0],
            name=record.get("name", record_name),
            uidvalidity=record.get("uidvalidity", 0),
            last_uid=0,
        )
        row_id = connection.execute(added.returning(Folder.id)).scalar_one()
        self._folders[record_name] = _FolderRow(row_id, mailbox)

    def _queued(self, connection: Connection, act: lines.Line) -> None:
        raw = self._bytes(str(act.facts["mail"]))
        if raw is None:
            return
        record = self._record(act) or of_bytes(raw)
        mailbox = str(act.facts["mailbox"])
        outgoing = Outgoing(
            tracker_id=str(act.facts["message"]),
            reference=record["reference"],
            mail_from=record["mail_from"],
            rcpt_to=tuple(record["rcpt_to"]),
            raw=raw,
            composed_at=act.at,
        )
        facts = QueuedFacts(
            self._box(connection, mailbox, act.at)[0],
            mailbox,
            outgoing,
            str(act.facts["mail"]),
            str(act.facts["record"]),
            record["receipt_form"],
            record["case"],
            Priority(record.get("priority", Priority.NORMAL)),
            record.get("profile"),
        )
        write_queued(connection, facts, note=False)

    def _happened(self, connection: Connection, act: lines.Line) -> None:
        """What became of a message, by the table by which it was written (`pec.sending`)."""
        event = replayed(act)
        assert event is not None  # or another replay would have it
        message_id = message_of(connection, act)
        change = change_of(event)
        values: dict[str, Any] = columns_of(change, act.at) | {"next_attempt_at": None}
        if event is Event.DOUBTED:
            values["problem"] = doubt.problem(str(act.facts.get("by")))
        if event is Event.RESENT:
            values["again"] = bool(act.facts.get("again"))
        if act.facts.get("number") is not None:
            values |= self._tried(connection, message_id, act, change.state)
        connection.execute(update(Message).where(Message.id == message_id).values(values))

    def _tried(self, connection: Connection, message_id: int, act: lines.Line, state: SendState) -> dict[str, Any]:
        """The attempt of which a line tells, ended; what the message says of it."""
        number, code = act.facts["number"], act.facts.get("code")
        record = self._record(act) if act.facts.get("record") else {}
        reply = record.get("text") or None
        facts = {
            "ended_at": act.at,
            "outcome": state.value,
            "stage": act.facts.get("stage"),
            "code": code,
            "problem": record.get("problem"),
        }
        ended = update(Attempt).where(Attempt.message_id == message_id, Attempt.number == number)
        if connection.execute(ended.values(**facts, reply=reply)).rowcount == 0:
            row = {"message_id": message_id, "number": number, "started_at": act.at, **facts, "reply": reply}
            connection.execute(insert(Attempt).values(row))
        said: dict[str, Any] = {"attempts": number, "reply": f"{code or ''} {reply or ''}".strip() or None}
        return said | ({"problem": record["problem"]} if record.get("problem") else {})

    def _mails(self, mailbox: str, at: datetime, acts: Sequence[lines.Line]) -> None:
        """A batch of mails as it was taken in, from the same bytes; the verdict at arrival stays as it was."""
        row_id, address = in_one_transaction(self._engine, lambda connection: self._box(connection, mailbox, at))
        records_of = {row.id: record for record, row in self._folders.items() if row.mailbox == mailbox}
        place = Place(
            row_id, mailbox, address, str(acts[0].facts.get("origin", MailOrigin.COLLECTED)), records_of, noted=False
        )
        arrivals = [arrival for act in acts if (arrival := self._arrival(act)) is not None]
        cursor: dict[int, int] = {}
        for arrival in arrivals:
            if arrival.folder_id is not None and arrival.uid is not None:
                cursor[arrival.folder_id] = max(cursor.get(arrival.folder_id, 0), arrival.uid)
        take_in(self._engine, _keep_nothing, place, arrivals, trust=self._trust.trust, now=at, cursor=cursor)
        verdicts = {
            str(act.facts["mail"]): act.facts.get("verdict") for act in acts if act.act == LedgerAct.MAIL_ARCHIVED
        }
        in_one_transaction(self._engine, lambda connection: restore_verdicts(connection, row_id, verdicts))

    def _arrival(self, act: lines.Line) -> Arrival | None:
        folder = self._folders.get(str(act.facts.get("folder")))
        uid = act.facts.get("uid")
        internal_at = act.facts.get("internal_at")
        arrival = Arrival(
            raw=None,
            internal_at=datetime.fromisoformat(internal_at) if isinstance(internal_at, str) else None,
            folder_id=folder.id if folder else None,
            uid=uid if isinstance(uid, int) else None,
            sent=bool(act.facts.get("sent")),
        )
        if act.act == LedgerAct.MAIL_QUARANTINED:
            return replace(arrival, reason=str(act.facts.get("reason")))
        raw = self._bytes(str(act.facts["mail"]))
        return None if raw is None else replace(arrival, raw=raw)

    def _bytes(self, sha256: str) -> bytes | None:
        try:
            return self._house.archive.get(sha256, Suffix.MAIL)
        except ObjectMissingError:
            self.missing.append(sha256 + Suffix.MAIL)
            return None

    def _record(self, act: lines.Line) -> Mapping[str, Any]:
        """What the act's record says; nothing where it is gone, which is noted."""
        name = str(act.facts["record"])
        try:
            return records.read_record(self._house.archive.get(name, Suffix.RECORD))
        except ObjectMissingError:
            self.missing.append(name + Suffix.RECORD)
            return {}


def _batch(act: lines.Line) -> tuple[bool, datetime, object]:
    """Mails of one transaction have one time and one mailbox."""
    return act.act in MAILS, act.at, act.facts.get("mailbox") if act.act in MAILS else None


def _keep_nothing(_objects: Iterable[object]) -> None:
    """The objects are there: it is they that are read."""
