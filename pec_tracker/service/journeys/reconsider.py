"""When is a message decided again? When evidence came, when something happened to it, when time alone moved it on.

What decides (`decide_again`) is imported where there is a message to decide: most looks find none, and need not wait.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, Engine, select

from pec_tracker.db.chunks import chunks
from pec_tracker.db.engine import in_one_transaction, reading
from pec_tracker.db.tables import Evidence, Mail, Recipient
from pec_tracker.pec.clocks import DAY
from pec_tracker.pec.evidence import Verdict


def reconsider(connection: Connection, message_ids: Sequence[int], *, now: datetime) -> set[int]:
    """Decide these messages again and write what changed, within the caller's transaction; returns those of them whose
    identifier is new."""
    if not message_ids:
        return set()
    from pec_tracker.service.journeys.decide_again import decide_again

    return decide_again(connection, message_ids, now=now)


def refresh(engine: Engine, *, now: datetime) -> None:
    """Look again at what time alone has moved on: journeys whose next evidence was due meanwhile, and evidence that
    was certified in the future of our clock when it came."""
    past_due = select(Recipient.message_id).where(Recipient.due_at < now, Recipient.overdue.is_(False))
    was_future = (
        select(Evidence.message_id)
        .join(Mail, Mail.id == Evidence.mail_id)
        .where(
            Evidence.message_id.is_not(None),
            Evidence.counts.is_(False),
            Evidence.verdict == Verdict.TRUSTED.value,
            Evidence.issued_at > Mail.archived_at,
            Evidence.issued_at <= now + DAY,
        )
    )
    with reading(engine) as connection:
        message_ids = sorted({*connection.scalars(past_due), *connection.scalars(was_future)})
    for some in chunks(message_ids):
        in_one_transaction(engine, partial(reconsider, message_ids=some, now=now))
