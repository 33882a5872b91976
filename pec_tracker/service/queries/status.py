"""How does the house stand? What waits, what failed, what is overdue, and whether a person is needed."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from pec_tracker.askers import Act, Asker
from pec_tracker.db.engine import reading
from pec_tracker.db.passing import QuotaSample
from pec_tracker.db.tables import Folder, Mailbox, Message, Recipient, Sighting
from pec_tracker.errors import ConfigurationError, PecTrackerError
from pec_tracker.ledger import together
from pec_tracker.pec.sending import FOR_A_PERSON, MAY_HAVE_LEFT, SendState, tokens
from pec_tracker.pec.states import State
from pec_tracker.service.alerts.open_alerts import OpenAlert, open_alerts
from pec_tracker.service.house import Account, House
from pec_tracker.service.queries.find import Found, Query, find
from pec_tracker.service.queries.unwatched import unwatched
from pec_tracker.service.sending import fence
from pec_tracker.service.sending.outbox import OutboxEntry, waiting
from pec_tracker.service.verbs import among, verb

OVERDUE_SHOWN = 50


@dataclass(frozen=True, slots=True)
class MailboxStatus:
    """One mailbox: when all of it was last collected, why it is suspended, its space in bytes as last asked."""

    name: str
    address: str
    collected_at: datetime | None
    suspended_at: datetime | None
    suspended_reason: str | None
    suspended_problem: Mapping[str, Any] | None  # the same, as `texts.facts_text` tells it in the user's language
    used: int | None
    limit: int | None
    quota_at: datetime | None
    quarantined: int


@dataclass(frozen=True, slots=True)
class Need:
    """One thing of the house itself that needs a person: a stable name, and what to do, as an error says it."""

    kind: str
    error: PecTrackerError


@dataclass(frozen=True, slots=True)
class Status:
    """The house at a glance. `stuck` are the keys of waiting messages that a person should look at."""

    at: datetime
    mailboxes: tuple[MailboxStatus, ...]
    alerts: tuple[OpenAlert, ...]
    outbox: tuple[OutboxEntry, ...]
    stuck: frozenset[str]
    overdue: Found
    recipients: tuple[tuple[str, int], ...]  # how many stand in which state
    needs: tuple[Need, ...] = ()

    @property
    def needs_person(self) -> bool:
        """Something does not come right by itself."""
        suspended = any(mailbox.suspended_at is not None for mailbox in self.mailboxes)
        return bool(self.needs or self.alerts or self.stuck or self.overdue.total or suspended)


@verb(Act.READ)
def status(asker: Asker, house: House, accounts: Sequence[Account]) -> Status:
    """How the house and the mailboxes of *accounts* stand now; asks no server."""
    now = house.clock.now()
    accounts = [account for account in accounts if asker.sees(account.id)]
    overdue = find(asker, house, Query(overdue=True, recent=True, limit=OVERDUE_SHOWN))
    outbox = tuple(
        entry for entry in waiting(asker, house, accounts=accounts) if entry.send_state != SendState.ABANDONED
    )
    with reading(house.engine) as connection:
        mailboxes = tuple(_mailbox(connection, account) for account in accounts)
        states = _states(connection, asker)
    return Status(
        at=now,
        mailboxes=mailboxes,
        alerts=tuple(open_alerts(asker, house)),
        outbox=outbox,
        stuck=frozenset(entry.key for entry in outbox if _is_stuck(house, entry, now)),
        overdue=overdue,
        recipients=states,
        needs=tuple(need for find_out in _NEEDS for need in find_out(house, accounts)),
    )


def _states(connection: Connection, asker: Asker) -> tuple[tuple[str, int], ...]:
    counted = select(Recipient.state, func.count().label("count")).group_by(Recipient.state)
    if asker.mailboxes is not None:
        counted = counted.join(Message, Message.id == Recipient.message_id).where(among(asker, Message.mailbox_id))
    counts = Counter({row.state: row.count for row in connection.execute(counted)})
    counts[State.AWAITING_ACCEPTANCE.value] -= _not_left(connection, asker)
    return tuple(sorted((+counts).items()))


def _not_left(connection: Connection, asker: Asker) -> int:
    """Recipients of messages that wait in the outbox, were refused or given up: they await no acceptance."""
    counted = select(func.count()).select_from(Recipient).join(Message, Message.id == Recipient.message_id)
    left = tokens(set(SendState) - MAY_HAVE_LEFT)
    return connection.execute(
        counted.where(
            Message.send_state.in_(left),
            Recipient.state == State.AWAITING_ACCEPTANCE.value,
            among(asker, Message.mailbox_id),
        )
    ).scalar_one()


def _apart(house: House, _accounts: Sequence[Account]) -> Iterator[Need]:
    """Archive and database do not belong together."""
    found = together.disagreement(house.engine, house.archive)
    if found is not None:
        yield Need(found.value, together.apart(found, house.archive))


def _no_mailbox(house: House, accounts: Sequence[Account]) -> Iterator[Need]:
    """Nothing is watched at all."""
    if not accounts and together.disagreement(house.engine, house.archive) is None:
        error = ConfigurationError("no mailbox is configured, so nothing is watched; see: pec-tracker mailbox add")
        yield Need("no-mailbox", error)


def _unmarked(house: House, accounts: Sequence[Account]) -> Iterator[Need]:
    """A restored backup could not be told from today's database."""
    if accounts and not fence.markable(house):
        error = ConfigurationError(
            "the folder {folder}, where this computer marks what was sent last, cannot be written: after a restored "
            "backup a message could be sent twice. Set `state` in the configuration to a folder that can, and that is "
            "not in the same backup",
            folder=house.marks,
        )
        yield Need("no-mark", error)


def _unwatched(house: House, accounts: Sequence[Account]) -> Iterator[Need]:
    """Nobody looks into a mailbox, though that could be done."""
    if together.disagreement(house.engine, house.archive) is not None:
        return
    yield from (Need(kind, error) for kind, error in unwatched(house, accounts))


# Each looks at one thing, and knows nothing of the others.
_NEEDS: tuple[Callable[[House, Sequence[Account]], Iterator[Need]], ...] = (
    _apart,
    _no_mailbox,
    _unmarked,
    _unwatched,
)


def _is_stuck(house: House, entry: OutboxEntry, now: datetime) -> bool:
    """Undecided, or waiting for longer than a message should."""
    return entry.send_state in FOR_A_PERSON or abs(now - entry.created_at) > house.uncertain_after


def _mailbox(connection: Connection, account: Account) -> MailboxStatus:
    row = connection.execute(select(Mailbox).where(Mailbox.id == account.id)).one()
    sample = connection.execute(
        select(QuotaSample.used, QuotaSample.limit, QuotaSample.at)
        .where(QuotaSample.mailbox_id == account.id)
        .order_by(QuotaSample.at.desc(), QuotaSample.id.desc())
        .limit(1)
    ).one_or_none()
    without_mail = (
        select(func.count())
        .select_from(Sighting)
        .join(Folder, Folder.id == Sighting.folder_id)
        .where(Folder.mailbox_id == account.id, Sighting.reason.is_not(None))
    )
    return MailboxStatus(
        name=account.name,
        address=account.address,
        collected_at=row.collected_at,
        suspended_at=row.suspended_at,
        suspended_reason=row.suspended_reason,
        suspended_problem=row.suspended_problem,
        used=sample.used if sample else None,
        limit=(sample.limit or account.quota.limit_bytes) if sample else None,
        quota_at=sample.at if sample else None,
        quarantined=connection.execute(without_mail).scalar_one(),
    )
