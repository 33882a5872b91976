"""Which rows does a line of the ledger make again, where the verbs that wrote it have no function for that?"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from pec_tracker.db.chunks import chunks
from pec_tracker.db.tables import Attempt, Evidence, Ledger, Mail, Message, Seal
from pec_tracker.errors import LedgerError
from pec_tracker.ledger import lines, segments
from pec_tracker.pec.read import read
from pec_tracker.pec.sending import SendState


def restore_verdicts(connection: Connection, mailbox_id: int, verdicts: Mapping[str, object]) -> None:
    """The verdict that each mail's evidence had when it arrived."""
    for some in chunks(sorted(verdicts)):
        rows = connection.execute(
            select(Evidence.id, Evidence.verdict_at_arrival, Mail.sha256)
            .join(Mail, Mail.id == Evidence.mail_id)
            .where(Mail.mailbox_id == mailbox_id, Mail.sha256.in_(some))
        ).all()
        for row in rows:
            if verdicts[row.sha256] not in (None, row.verdict_at_arrival):
                changed = update(Evidence).where(Evidence.id == row.id)
                connection.execute(changed.values(verdict_at_arrival=verdicts[row.sha256]))


def attempted(connection: Connection, act: lines.Line) -> None:
    """An attempt was begun."""
    message_id = message_of(connection, act)
    number = act.facts["number"]
    connection.execute(insert(Attempt).values(message_id=message_id, number=number, started_at=act.at))
    sending = update(Message).where(Message.id == message_id)
    connection.execute(sending.values(send_state=SendState.SENDING.value, attempts=number))


def copied(connection: Connection, act: lines.Line) -> None:
    """A copy was put into the folder of sent mails."""
    copied = update(Message).where(Message.id == message_of(connection, act))
    connection.execute(copied.values(copied_at=act.at))


def forget_repeated(connection: Connection) -> None:
    """Acts that the replay wrote again, since receipts settled the same messages again: they stand sealed already."""
    connection.execute(delete(Ledger).where(Ledger.seal_number.is_(None)))


def message_of(connection: Connection, act: lines.Line) -> int:
    """The row of the message that a line speaks of. Raises LedgerError where no earlier line queued it."""
    found = connection.scalar(select(Message.id).where(Message.key == act.facts["message"]))
    if found is None:
        raise LedgerError("line {line} speaks of a message that no earlier line queued", line=act.id)
    return found


def note_sealed(connection: Connection, segment: segments.Segment, sealed_at: datetime) -> None:
    """The seal and its lines; *sealed_at* stands where the lines are lost and only their seal is there."""
    connection.execute(
        insert(Seal).values(
            number=segment.number,
            sha256=segment.seal_sha256,
            previous=segment.previous,
            count=len(segment.lines),
            sealed_at=max((line.at for line in segment.lines), default=sealed_at),
        )
    )
    rows = [
        {
            "line_id": line.id,
            "act": line.act,
            "at": line.at,
            "line": lines.encode(line),
            "seal_number": segment.number,
            "position": position,
        }
        for position, line in enumerate(segment.lines, 1)
    ]
    if rows:
        connection.execute(insert(Ledger), rows)


def of_bytes(raw: bytes) -> Mapping[str, Any]:
    """What a message's record said, as far as its bytes say it too; its case and form of receipt are lost with it."""
    headers = read(raw).headers
    assert headers is not None  # compose writes them
    return {
        "reference": headers.message_id or "",
        "mail_from": next(iter(headers.from_addresses), ""),
        "rcpt_to": [*headers.to_addresses, *headers.cc_addresses],
        "receipt_form": headers.receipt_form or "completa",
        "case": None,
    }
