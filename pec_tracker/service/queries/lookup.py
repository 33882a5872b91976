"""Which messages were sent to X with Y? By recipient, subject, case, days, and by a file that was attached."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256

from sqlalchemy import select

from pec_tracker.askers import Act, Asker
from pec_tracker.db.chunks import chunks
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Message
from pec_tracker.errors import NotFoundError, UsageError
from pec_tracker.pec.evidence import address_key
from pec_tracker.service.house import House
from pec_tracker.service.queries.find import FoundMessage, Query, find
from pec_tracker.service.verbs import verb

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for; every condition given must hold. `attachment` is the content of a file, whatever its name."""

    recipient: str | None = None
    subject: str | None = None
    case: str | None = None
    since: date | None = None
    until: date | None = None
    attachment: bytes | None = None


@verb(Act.READ)
def look_up(asker: Asker, house: House, wanted: Wanted) -> list[FoundMessage]:
    """The messages that answer to *wanted*, newest first. An attachment is known by its SHA-256, from the fingerprint
    of the message (its leaves, decoded): its name and its encoding do not matter."""
    query = Query(
        recipient=wanted.recipient,
        subject=wanted.subject,
        case=wanted.case,
        since=wanted.since,
        until=wanted.until,
        limit=_PAGE,
    )
    messages: list[FoundMessage] = []
    while (page := find(asker, house, query)).last is not None:
        messages += page.messages
        query = replace(query, after=page.last)
    if wanted.attachment is None:
        return messages
    holding = _holding(house, [message.key for message in messages], sha256(wanted.attachment).hexdigest())
    return [message for message in messages if message.key in holding]


@verb(Act.READ)
def candidates(asker: Asker, house: House, wanted: Wanted) -> list[FoundMessage]:
    """The messages that answer to *wanted*, one at least. UsageError where nothing is asked for, NotFoundError."""
    if wanted == Wanted():
        raise UsageError("name a MESSAGE, or say what to look for: --recipient, --subject, --attachment, --case")
    found = look_up(asker, house, wanted)
    if not found:
        raise NotFoundError("no message answers to these conditions; `pec-tracker find` shows what there is")
    return found


def recipient_meant(found: FoundMessage, asked: str | None) -> str | None:
    """The recipient of *found* that the look-up *asked* for, if it fits just one; the whole message else."""
    if asked is None:
        return None
    fitting = [one.address for one in found.recipients if address_key(asked) in address_key(one.address)]
    return fitting[0] if len(fitting) == 1 else None


def _holding(house: House, keys: Sequence[str], digest: str) -> set[str]:
    """Those of the messages with a leaf that has this SHA-256."""
    holding = set()
    with reading(house.engine) as connection:
        for some in chunks(keys):
            rows = connection.execute(select(Message.key, Message.fingerprint).where(Message.key.in_(some)))
            for row in rows:
                parts = row.fingerprint["parts"] if row.fingerprint else ()
                if any(part["sha256"] == digest for part in parts):
                    holding.add(row.key)
    return holding
