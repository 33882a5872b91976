"""From what is a message decided again? Its rows loaded once, decided purely, written once."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from pec_tracker.db.base import table
from pec_tracker.db.chunks import chunks
from pec_tracker.db.tables import Evidence, Mail, Mailbox, Message, Recipient, SentCopy
from pec_tracker.pec.copies import SentMail
from pec_tracker.pec.roles import MailRole, MessageOrigin
from pec_tracker.service.journeys.consider import Decided, consider, facts_of
from pec_tracker.service.journeys.evidence_rows import REPEATED, evidence_value, fingerprint_value
from pec_tracker.service.journeys.rows import write

# Not what was verified of each signature: it is long, and its verdict says what matters here.
_LEFT_OUT = {"verification", "recipients", "enclosed", "signer"}
_EVIDENCE_COLUMNS = [*(column for column in table(Evidence).columns if column.name not in _LEFT_OUT), *REPEATED]

_Rows = dict[int, list[Row[*tuple[Any, ...]]]]


def decide_again(connection: Connection, message_ids: Sequence[int], *, now: datetime) -> set[int]:
    """Decide these messages again and write what changed, within the caller's transaction; returns those of them whose
    identifier is new.

    The messages are locked first, so that two processes that bring evidence of the same message see each other's.
    """
    learned: set[int] = set()
    for some in chunks(sorted(set(message_ids))):
        # Locked as "no key update": the rows that another process adds to the same message need not wait.
        locked = select(table(Message)).where(Message.id.in_(some)).order_by(Message.id).with_for_update(key_share=True)
        messages = connection.execute(locked).all()
        mailboxes = select(Mailbox.id, Mailbox.address).where(Mailbox.id.in_({row.mailbox_id for row in messages}))
        owners = {row.id: row.address for row in connection.execute(mailboxes)}
        recipients = _recipients(connection, some)
        evidence = _evidence(connection, some)
        copies = _copies(connection, [row.id for row in messages if row.origin == MessageOrigin.FOUND])
        all_decided = [
            Decided(
                message,
                recipients[message.id],
                evidence[message.id],
                consider(
                    facts_of(message),
                    [row.address for row in recipients[message.id]],
                    [evidence_value(row) for row in evidence[message.id]],
                    [_sent_mail(row) for row in copies[message.id]],
                    owner=owners[message.mailbox_id],
                    now=_latest(now, evidence[message.id]),
                    copied=[row.address for row in recipients[message.id] if row.role == "cc"],
                ),
            )
            for message in messages
        ]
        learned |= write(connection, all_decided, now=now)
    return learned


def _latest(now: datetime, evidence: Sequence[Row[*tuple[Any, ...]]]) -> datetime:
    """Our clock, as late as it ever showed: where it is set back, what was no future then is none now."""
    latest: datetime = max([now, *(row.archived_at for row in evidence)])
    return latest


def _recipients(connection: Connection, message_ids: Sequence[int]) -> _Rows:
    listed = select(table(Recipient)).where(Recipient.message_id.in_(message_ids)).order_by(Recipient.id)
    rows: _Rows = defaultdict(list)
    for row in connection.execute(listed):
        rows[row.message_id].append(row)
    return rows


def _evidence(connection: Connection, message_ids: Sequence[int]) -> _Rows:
    columns = select(*_EVIDENCE_COLUMNS, Mail.sha256, Mail.internal_at, Mail.archived_at).join(
        Mail, Mail.id == Evidence.mail_id
    )
    rows: _Rows = defaultdict(list)
    for row in connection.execute(columns.where(Evidence.message_id.in_(message_ids)).order_by(Evidence.id)):
        rows[row.message_id].append(row)
    return rows


def _copies(connection: Connection, message_ids: Sequence[int]) -> _Rows:
    facts = (SentCopy.fingerprint, SentCopy.recipients, SentCopy.sent_at, SentCopy.in_sent)
    columns = select(Mail.message_id, Mail.sha256, *facts).join(SentCopy, SentCopy.mail_id == Mail.id)
    rows: _Rows = defaultdict(list)
    linked = columns.where(Mail.message_id.in_(message_ids), Mail.role == MailRole.SENT_COPY)
    for row in connection.execute(linked) if message_ids else ():
        rows[row.message_id].append(row)
    return rows


def _sent_mail(row: Row[*tuple[Any, ...]]) -> SentMail:
    fingerprint = fingerprint_value(row.fingerprint)
    assert fingerprint is not None  # the column is never empty
    recipients = tuple((address, role) for address, role in row.recipients)
    return SentMail(row.sha256, fingerprint, recipients, row.sent_at, row.in_sent)
