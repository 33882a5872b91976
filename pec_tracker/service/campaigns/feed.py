"""How do the letters of a running campaign come into the outbox? A few at a time, each once, behind single letters.

A letter's key is made of campaign, row and try: whoever writes it again comes to the same key, and finds it there.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import Connection, Row, exists, func, select, update

from pec_tracker import crash
from pec_tracker.archive.objects import Object, Suffix
from pec_tracker.askers import Act, Asker
from pec_tracker.campaign_tokens import CampaignState, Channel, RowState
from pec_tracker.db.campaigns import Campaign, CampaignRow
from pec_tracker.db.engine import in_one_transaction, reading
from pec_tracker.db.tables import Mailbox, Message
from pec_tracker.errors import PecTrackerError, UsageError
from pec_tracker.ledger import records, together
from pec_tracker.pec.compose import Attachment, Outgoing, compose
from pec_tracker.pec.rules import check, check_draft
from pec_tracker.pec.sending import WAITING, Priority, SendState, tokens
from pec_tracker.service.campaigns.checked import File, Letter
from pec_tracker.service.campaigns.documents import read_file
from pec_tracker.service.campaigns.letter import draft_of
from pec_tracker.service.house import Account, House
from pec_tracker.service.mailboxes import agreement
from pec_tracker.service.sealing import seal_now
from pec_tracker.service.sending import fence, pace
from pec_tracker.service.sending.send import QueuedFacts, RefusedByRulesError, refuse, write_queued
from pec_tracker.service.verbs import verb
from pec_tracker.texts import error_facts

log = structlog.get_logger()

AT_ONCE: Final = 20  # letters in the outbox at a time, where the provider sets no pace
PUT_OFF: Final = 100  # letters that a server has put off hold no other up; more of them do
MOST_BYTES: Final = 32_000_000  # of them together: they are in memory until they are in the archive


@dataclass(frozen=True, slots=True)
class Fed:
    """What was written: the keys of letters that are in the outbox now, and how many could not be written."""

    keys: tuple[str, ...] = ()
    stopped: int = 0

    @property
    def nothing(self) -> bool:
        """Whether no row moved on."""
        return not self.keys and not self.stopped


def letter_key(campaign: str, row: str, tries: int) -> str:
    """The message key of a row's letter: always the same for the same try."""
    digest = hashlib.sha256("\n".join(["campaign", campaign, row, str(tries)]).encode()).digest()
    return base64.b32encode(digest[:16]).decode("ascii").rstrip("=").lower()


@verb(Act.SEND)
def feed(asker: Asker, house: House, account: Account, *, only: str | None = None) -> Fed:
    """Write the next letters of the mailbox's running campaigns (of the one with the key *only*) into its outbox.

    None while anything else of the mailbox may go: a single letter passes a campaign. A letter that cannot be written
    as it was checked (its document changed) stops alone, with the reason. Raises StorageError, ApartError.
    """
    if not waits(house, account, only=only):
        return Fed()
    together.require(house.engine, house.archive)
    fence.recognise(house)
    with reading(house.engine) as connection:
        free = _places(connection, house, account)
        rows = [] if free <= 0 else _next_rows(connection, account, free, only)
    return _Feeder(house, account).write(rows) if rows else Fed()


def waits(house: House, account: Account, *, only: str | None = None) -> bool:
    """Whether a row of a running campaign of the mailbox waits for its letter."""
    with reading(house.engine) as connection:
        return bool(_next_rows(connection, account, 1, only))


def feeding(house: House) -> set[int]:
    """The mailboxes (rows) whose running campaigns have letters to be written."""
    waiting = exists().where(
        CampaignRow.campaign_id == Campaign.id,
        CampaignRow.state == RowState.WAITING.value,
        CampaignRow.channel == Channel.PEC.value,
    )
    with reading(house.engine) as connection:
        running = select(Campaign.mailbox_id).where(Campaign.state == CampaignState.RUNNING.value, waiting)
        return set(connection.scalars(running))


def _places(connection: Connection, house: House, account: Account) -> int:
    """How many letters the outbox may take now: none while the mailbox is paused, suspended, or others wait."""
    now = house.clock.now()
    box = connection.execute(select(Mailbox.suspended_at, Mailbox.paused_until).where(Mailbox.id == account.id)).one()
    if box.suspended_at is not None or pace.pause_end(box.paused_until, now) is not None:
        return 0
    mine = select(Message.send_state, func.count()).where(
        Message.mailbox_id == account.id, Message.send_state.in_(tokens(WAITING))
    )
    counts = {row[0]: int(row[1]) for row in connection.execute(mine.group_by(Message.send_state))}
    most = AT_ONCE if account.pace.messages_per_minute is None else min(AT_ONCE, account.pace.burst)
    put_off = counts.get(SendState.DEFERRED.value, 0)
    return most - counts.get(SendState.QUEUED.value, 0) - max(0, put_off - PUT_OFF)


def _next_rows(connection: Connection, account: Account, count: int, only: str | None) -> list[Any]:
    columns = (
        select(Campaign.id, Campaign.key, Campaign.record, CampaignRow.row_key, CampaignRow.content, CampaignRow.tries)
        .join(CampaignRow, CampaignRow.campaign_id == Campaign.id)
        .where(
            Campaign.mailbox_id == account.id,
            Campaign.state == CampaignState.RUNNING.value,
            CampaignRow.state == RowState.WAITING.value,
            CampaignRow.channel == Channel.PEC.value,
        )
        .order_by(Campaign.started_at, Campaign.id, CampaignRow.number)
        .limit(count)
    )
    return list(connection.execute(columns if only is None else columns.where(Campaign.key == only)))


@dataclass(frozen=True, slots=True)
class _Written:
    """A letter as it will be queued."""

    row: Row[Any]
    outgoing: Outgoing
    raw: Object
    record: Object
    receipt_form: str
    case: str | None


@dataclass(frozen=True, slots=True)
class _Common:
    """What all letters of a list have in common."""

    shared: tuple[File, ...]
    receipt_form: str
    case: str | None


# By the SHA-256 of the record, whose content cannot change: a list of thousands is not read for every few letters.
_KNOWN: Final[dict[str, _Common]] = {}


class _Feeder:
    """One run of letters: composed, archived, then queued in one transaction with their rows."""

    def __init__(self, house: House, account: Account) -> None:
        self._house, self._account = house, account
        self._shared: dict[str, list[Attachment]] = {}

    def write(self, rows: Sequence[Row[Any]]) -> Fed:
        written: list[_Written] = []
        stopped = size = 0
        for row in rows:
            try:
                one = self._compose(row)
            except (UsageError, RefusedByRulesError) as error:
                stopped += self._stop(row, error)
                continue
            written.append(one)
            size += len(one.outgoing.raw)
            if size > MOST_BYTES:
                break
        return Fed(self._queue(written), stopped)

    def _queue(self, written: Sequence[_Written]) -> tuple[str, ...]:
        if not written:
            return ()
        self._house.archive.put_many([part for one in written for part in (one.raw, one.record)])
        crash.at("campaign.letters-archived")
        keys = in_one_transaction(self._house.engine, lambda connection: self._rows(connection, written))
        crash.at("campaign.letters-queued")
        try:
            seal_now(self._house)  # which also drops the notes of attempts, that `fence` would go through each time
        except PecTrackerError as error:  # they are queued all the same
            log.warning("ledger.unsealed", error=type(error).__name__)
        return tuple(keys)

    def _rows(self, connection: Connection, written: Sequence[_Written]) -> list[str]:
        """Queue what nobody has queued meanwhile, of campaigns that still run."""
        keys = [one.outgoing.tracker_id for one in written]
        there = set(connection.scalars(select(Message.key).where(Message.key.in_(keys))))
        running = select(Campaign.id, Campaign.record).where(
            Campaign.id.in_({one.row.id for one in written}), Campaign.state == CampaignState.RUNNING.value
        )
        still = {(row.id, row.record) for row in connection.execute(running.with_for_update())}
        queued = []
        for one in written:
            if (one.row.id, one.row.record) not in still or not self._take(connection, one):
                continue
            key = one.outgoing.tracker_id
            if key not in there:
                facts = QueuedFacts(
                    self._account.id, self._account.key, one.outgoing, one.raw.sha256, one.record.sha256,
                    one.receipt_form, one.case, Priority.BULK,
                )  # fmt: skip
                write_queued(connection, facts)
            queued.append(key)
        if queued:
            agreement.tell_if_missing(connection, self._account, Priority.BULK, at=self._house.clock.now())
        return queued

    def _take(self, connection: Connection, one: _Written) -> bool:
        """The row is this letter's from now on; not where somebody was quicker."""
        taken = update(CampaignRow).where(
            CampaignRow.campaign_id == one.row.id,
            CampaignRow.row_key == one.row.row_key,
            CampaignRow.state == RowState.WAITING.value,
            CampaignRow.tries == one.row.tries,
        )
        values = {"state": RowState.QUEUED.value, "message_key": one.outgoing.tracker_id, "problem": None}
        return bool(connection.execute(taken.values(values)).rowcount)

    def _compose(self, row: Row[Any]) -> _Written:
        """The row's letter. UsageError where a document is not the one that was checked, RefusedByRulesError."""
        common = self._common(row.record)
        letter = Letter.of_json(row.content)
        key = letter_key(row.key, row.row_key, row.tries)
        attachments = [*self._of_all(row.record), *map(as_checked, letter.files)]
        draft = draft_of(self._account, letter, attachments, common.receipt_form)
        refuse(check_draft(draft, account=self._account.address))
        outgoing = compose(draft, tracker_id=key, now=self._house.clock.now())
        refuse(check(outgoing, account=self._account.address, limits=self._account.limits))
        record = records.message(
            key,
            reference=outgoing.reference,
            case=common.case,
            receipt_form=common.receipt_form,
            mail_from=outgoing.mail_from,
            rcpt_to=outgoing.rcpt_to,
            priority=Priority.BULK.value,
        )
        return _Written(row, outgoing, Object(outgoing.raw, Suffix.MAIL), record, common.receipt_form, common.case)

    def _common(self, record: str) -> _Common:
        if record not in _KNOWN:
            kept = records.read_record(self._house.archive.get(record, Suffix.RECORD))["letters"]
            shared = tuple(File(**one) for one in kept["shared"])
            _KNOWN[record] = _Common(shared, kept["receipt_form"], kept["case"])
        return _KNOWN[record]

    def _of_all(self, record: str) -> list[Attachment]:
        if record not in self._shared:
            self._shared[record] = [as_checked(one) for one in self._common(record).shared]
        return self._shared[record]

    def _stop(self, row: Row[Any], error: PecTrackerError) -> int:
        """The row goes no further by itself; its reason stands beside it."""
        log.warning("campaign.letter_stopped", campaign=row.key, error=type(error).__name__)
        stopped = update(CampaignRow).where(
            CampaignRow.campaign_id == row.id,
            CampaignRow.row_key == row.row_key,
            CampaignRow.state == RowState.WAITING.value,
        )
        values = {"state": RowState.STOPPED.value, "problem": error_facts(error)}
        stop = stopped.values(values)
        return int(in_one_transaction(self._house.engine, lambda connection: connection.execute(stop).rowcount))


def as_checked(file: File) -> Attachment:
    """The document, with the bytes that were checked. UsageError where they are others, or gone."""
    try:
        found, content = read_file(Path(file.path), name=file.name)
    except OSError as error:
        raise UsageError(
            "{file} can no longer be read: {reason}; put it back, then campaign check and start",
            file=file.path,
            reason=error.strerror or type(error).__name__,
        ) from error
    if found.sha256 != file.sha256:
        raise UsageError("{file} was changed after the check; check and start the campaign again", file=file.path)
    return Attachment(file.name, content)
