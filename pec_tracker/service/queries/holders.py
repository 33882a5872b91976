"""Which messages have a mail that holds the words asked for? Few are led to by the words; many are asked in the list's
order, until there are enough."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, func, select, tuple_

from pec_tracker.db import search
from pec_tracker.db.chunks import chunks
from pec_tracker.db.tables import Mail, Message

# So many mails, or fewer, lead to their messages; so many are looked at to say what there are more than.
FEW: Final = 1_000
# The list is looked through in steps that grow from the first to the second.
_FIRST: Final = 250
_LARGEST: Final = 4_000
_ROUND: Final = 100

Listed = Row[int, datetime]


def few(connection: Connection, holding: Select[int]) -> list[int] | None:
    """The row ids of the messages of the mails that *holding*, of `db.search`, selects; None where these are many."""
    mails = connection.scalars(holding.limit(FEW + 1)).all()
    if len(mails) > FEW:
        return None
    found: set[int] = set()
    for some in chunks(mails):
        linked = select(Mail.message_id).where(Mail.id.in_(some), Mail.message_id.is_not(None))
        found |= {message_id for message_id in connection.scalars(linked) if message_id is not None}
    return sorted(found)


def newest(
    connection: Connection,
    holding: Select[int],
    listed: Select[int, datetime],
    wanted: int,
    *,
    called: Select[Any] | None = None,
) -> list[Listed]:
    """The first *wanted* of the messages *listed* by their ids and dates, newest first, that hold the words, or that
    are among those *called* so."""
    found: list[Listed] = []
    step, rest = _FIRST, listed
    while len(found) < wanted:
        block = connection.execute(rest.limit(step)).all()
        ids = [row.id for row in block]
        holders = _holders(connection, holding, ids)
        if called is not None:
            holders |= set(connection.scalars(select(Message.id).where(Message.id.in_(ids), Message.id.in_(called))))
        found += (row for row in block if row.id in holders)
        if len(block) < step:
            break
        rest = listed.where(tuple_(Message.created_at, Message.id) < (block[-1].created_at, block[-1].id))
        step = min(2 * step, _LARGEST)
    return found[:wanted]


def _holders(connection: Connection, holding: Select[int], message_ids: Sequence[int]) -> set[int]:
    message_of: dict[int, int] = {}
    for some in chunks(message_ids):
        linked = select(Mail.id, Mail.message_id).where(Mail.message_id.in_(some))
        message_of |= {row.id: row.message_id for row in connection.execute(linked)}
    return {message_of[mail_id] for mail_id in search.of_these(connection, holding, message_of)}


def more_than(connection: Connection, holding: Select[int], wanted: Select[int]) -> int:
    """A round number below that of the messages *wanted* that hold the words, as their newest mails tell."""
    latest = holding.order_by(search.mail_id(connection).desc()).limit(FEW)
    linked = select(Mail.message_id).where(Mail.id.in_(latest), Mail.message_id.is_not(None))
    counted = select(func.count()).select_from(wanted.where(Message.id.in_(linked)).subquery())
    return max(connection.execute(counted).scalar_one() - 1, 0) // _ROUND * _ROUND
