"""What of an imported past is proof, and what is missing? Counted over the database; nothing is changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, func, select

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
_WITHOUT_END: Final = (State.ACCEPTED.value, State.DELAYED.value)


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
    delivered = Recipient.state == State.DELIVERED.value
    mailbox_ids = [one for one in mailbox_ids if asker.sees(one)]
    with reading(house.engine) as connection:
        messages = select(func.count()).select_from(Message).where(Message.mailbox_id.in_(mailbox_ids))
        return History(
            messages=connection.execute(messages).scalar_one(),
            recipients=_count_recipients(connection, mailbox_ids),
            proved=_count_recipients(connection, mailbox_ids, delivered, Recipient.accepted_at.is_not(None)),
            delivery_without_acceptance=_gaps(connection, mailbox_ids, delivered, Recipient.accepted_at.is_(None)),
            acceptance_without_delivery=_gaps(connection, mailbox_ids, Recipient.state.in_(_WITHOUT_END)),
            verdicts=_verdicts(connection, mailbox_ids),
            disagreeing=_disagreeing(connection, mailbox_ids),
            orphans=_count_mails(connection, mailbox_ids, Mail.role == MailRole.WAITING),
            unreadable=_count_mails(connection, mailbox_ids, Mail.kind == Kind.UNREADABLE.value),
        )


def _count_recipients(connection: Connection, mailbox_ids: Sequence[int], *conditions: ColumnElement[bool]) -> int:
    counted = select(func.count()).select_from(Recipient).join(Message, Message.id == Recipient.message_id)
    return connection.execute(counted.where(Message.mailbox_id.in_(mailbox_ids), *conditions)).scalar_one()


def _gaps(connection: Connection, mailbox_ids: Sequence[int], *conditions: ColumnElement[bool]) -> Gaps:
    """The recipients that answer to *conditions*, the oldest message first."""
    columns = select(Message.key, Recipient.address, Message.subject).join(Message, Message.id == Recipient.message_id)
    wanted = columns.where(Message.mailbox_id.in_(mailbox_ids), *conditions)
    rows = connection.execute(wanted.order_by(Message.created_at, Message.id, Recipient.id).limit(NAMED))
    named = tuple(Gap(row.key, row.address, row.subject) for row in rows)
    return Gaps(_count_recipients(connection, mailbox_ids, *conditions), named)


def _verdicts(connection: Connection, mailbox_ids: Sequence[int]) -> tuple[tuple[str, int], ...]:
    columns = select(Evidence.verdict, func.count()).join(Mail, Mail.id == Evidence.mail_id)
    doubtful = columns.where(Mail.mailbox_id.in_(mailbox_ids), Evidence.verdict != Verdict.TRUSTED.value)
    return tuple(
        (verdict, count)
        for verdict, count in connection.execute(doubtful.group_by(Evidence.verdict).order_by(Evidence.verdict))
    )


def _disagreeing(connection: Connection, mailbox_ids: Sequence[int]) -> int:
    counted = select(func.count()).select_from(Evidence).join(Mail, Mail.id == Evidence.mail_id)
    trusted = counted.where(Mail.mailbox_id.in_(mailbox_ids), Evidence.verdict == Verdict.TRUSTED.value)
    no_proof = trusted.where(
        Evidence.message_id.is_not(None),
        Evidence.counts.is_(False),
        Evidence.kind.in_([kind for kind, one in TRAITS.items() if one.certifies]),
    )
    return connection.execute(no_proof).scalar_one()


def _count_mails(connection: Connection, mailbox_ids: Sequence[int], condition: ColumnElement[bool]) -> int:
    counted = select(func.count()).select_from(Mail).where(Mail.mailbox_id.in_(mailbox_ids), condition)
    return connection.execute(counted).scalar_one()
