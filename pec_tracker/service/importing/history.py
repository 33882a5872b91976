"""What of an imported past is proof, and what is missing? Counted over the database; nothing is changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, func, select

from pec_tracker.askers import Act, Asker
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Evidence, Mail, Message, Recipient
from pec_tracker.pec.evidence import Verdict
from pec_tracker.pec.roles import MailRole
from pec_tracker.pec.standard import Kind
from pec_tracker.pec.states import State
from pec_tracker.pec.traits import TRAITS
from pec_tracker.service.house import House
from pec_tracker.service.verbs import verb

# How many gaps of a kind are named; all are counted.
NAMED: Final = 100

# Accepted, and neither delivered nor reported as failed; to an ordinary mailbox (`external`) no receipt ever comes.
_UNENDED: Final = Recipient.state.in_((State.ACCEPTED.value, State.DELAYED.value))
_DELIVERED: Final = Recipient.state == State.DELIVERED.value
_UNACCEPTED: Final = and_(_DELIVERED, Recipient.accepted_at.is_(None))


@dataclass(frozen=True, slots=True)
class Gap:
    """What lacks a receipt: one recipient of the message of this key."""

    message: str
    recipient: str
    subject: str | None


@dataclass(frozen=True, slots=True)
class Gaps:
    """Gaps of one kind: how many, and the first NAMED of them."""

    count: int
    named: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class History:
    """What some mailboxes hold of their past.

    `recipients` counts the addressees of the messages, `proved` those with acceptance and delivery, both proof.
    `verdicts` counts signatures that are not trusted, by verdict; `disagreeing` is trusted evidence that contradicts
    its message. `orphans` are receipts of messages that nobody knows; `unreadable` are mails that nobody can read.
    """

    messages: int
    recipients: int
    proved: int
    delivery_without_acceptance: Gaps
    acceptance_without_delivery: Gaps
    verdicts: tuple[tuple[str, int], ...]
    disagreeing: int
    orphans: int
    unreadable: int


@verb(Act.READ)
def history(asker: Asker, house: House, mailbox_ids: Sequence[int]) -> History:
    """Sum up the messages and mails of these mailboxes (rows of `mailbox`)."""
    mailbox_ids = [one for one in mailbox_ids if asker.sees(one)]
    with reading(house.engine) as connection:
        messages = select(func.count()).select_from(Message).where(Message.mailbox_id.in_(mailbox_ids))
        recipients = _recipients(connection, mailbox_ids)
        verdicts, disagreeing = _evidence(connection, mailbox_ids)
        return History(
            messages=connection.execute(messages).scalar_one(),
            recipients=recipients.every,
            proved=recipients.proved,
            delivery_without_acceptance=_gaps(connection, mailbox_ids, recipients.unaccepted, _UNACCEPTED),
            acceptance_without_delivery=_gaps(connection, mailbox_ids, recipients.unended, _UNENDED),
            verdicts=verdicts,
            disagreeing=disagreeing,
            orphans=_count_mails(connection, mailbox_ids, Mail.role == MailRole.WAITING),
            unreadable=_count_mails(connection, mailbox_ids, Mail.kind == Kind.UNREADABLE.value),
        )


def _recipients(connection: Connection, mailbox_ids: Sequence[int]) -> Row[*tuple[Any, ...]]:
    """The addressees counted by what is known of them, in one look at all."""
    counted = select(
        func.count().label("every"),
        func.count().filter(_DELIVERED, Recipient.accepted_at.is_not(None)).label("proved"),
        func.count().filter(_UNACCEPTED).label("unaccepted"),
        func.count().filter(_UNENDED).label("unended"),
    )
    of_message = counted.select_from(Recipient).join(Message, Message.id == Recipient.message_id)
    return connection.execute(of_message.where(Message.mailbox_id.in_(mailbox_ids))).one()


def _gaps(connection: Connection, mailbox_ids: Sequence[int], count: int, condition: ColumnElement[bool]) -> Gaps:
    """The *count* recipients for whom *condition* holds, the oldest message first."""
    if not count:
        return Gaps(0, ())
    columns = select(Message.key, Recipient.address, Message.subject).join(Message, Message.id == Recipient.message_id)
    wanted = columns.where(Message.mailbox_id.in_(mailbox_ids), condition)
    rows = connection.execute(wanted.order_by(Message.created_at, Message.id, Recipient.id).limit(NAMED))
    return Gaps(count, tuple(Gap(row.key, row.address, row.subject) for row in rows))


def _evidence(connection: Connection, mailbox_ids: Sequence[int]) -> tuple[tuple[tuple[str, int], ...], int]:
    """How many signatures are not trusted, by verdict; how much trusted evidence contradicts its message."""
    no_proof = func.count().filter(
        Evidence.message_id.is_not(None),
        Evidence.counts.is_(False),
        Evidence.kind.in_([kind for kind, one in TRAITS.items() if one.certifies]),
    )
    columns = select(Evidence.verdict, func.count(), no_proof).join(Mail, Mail.id == Evidence.mail_id)
    grouped = columns.where(Mail.mailbox_id.in_(mailbox_ids)).group_by(Evidence.verdict).order_by(Evidence.verdict)
    rows = connection.execute(grouped).all()
    doubtful = tuple((verdict, count) for verdict, count, _no_proof in rows if verdict != Verdict.TRUSTED.value)
    return doubtful, sum(no_proof for verdict, _count, no_proof in rows if verdict == Verdict.TRUSTED.value)


def _count_mails(connection: Connection, mailbox_ids: Sequence[int], condition: ColumnElement[bool]) -> int:
    counted = select(func.count()).select_from(Mail).where(Mail.mailbox_id.in_(mailbox_ids), condition)
    return connection.execute(counted).scalar_one()
