"""How do drafts survive a rebuild? Their rows are taken out of the old database and written into the new one.

The old one may be of an older or newer release: what it has of our tables and columns is taken. A draft whose message
the archive knows has left, whatever the old database believed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, Table, insert, inspect, select, text

from pec_tracker.db.base import table
from pec_tracker.db.drafts import Draft as DraftRow
from pec_tracker.db.drafts import DraftAttachment
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Mailbox, Message
from pec_tracker.service.drafts.send import message_key, note_left
from pec_tracker.service.house import House

log = structlog.get_logger()

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Kept:
    """The drafts of the old database and what is attached to them, and the ledger keys of its mailboxes by row id."""

    drafts: Rows = ()
    attachments: Rows = ()
    mailboxes: Mapping[int, str] = field(default_factory=dict)


def kept(engine: Engine) -> Kept:
    """The drafts in an old database, none where it knew of none. Raises StorageError."""
    with reading(engine) as connection:
        there = set(inspect(connection).get_table_names())
        if not {"draft", "draft_attachment", "mailbox"} <= there:
            return Kept()
        boxes = {row.id: row.key for row in connection.execute(text("SELECT id, key FROM mailbox"))}
        return Kept(_rows(connection, table(DraftRow)), _rows(connection, table(DraftAttachment)), boxes)


def _rows(connection: Connection, of: Table) -> Rows:
    found = {one["name"] for one in inspect(connection).get_columns(of.name)}
    known = [column for column in of.columns if column.name in found]
    return [dict(row._mapping) for row in connection.execute(select(*known).order_by(of.c.id))]


def put_back(connection: Connection, house: House, old: Kept) -> int:
    """Write the *old* drafts into a database that has none; how many."""
    boxes = {row.key: row.id for row in connection.execute(select(Mailbox.key, Mailbox.id))}
    numbers: dict[int, int] = {}
    for row in old.drafts:
        mailbox = boxes.get(old.mailboxes.get(row["mailbox_id"], ""))
        if mailbox is None:
            log.warning("rebuild.draft_without_mailbox", draft=row["key"])
            continue
        values = {**row, "mailbox_id": mailbox}
        values.pop("id")
        added = insert(table(DraftRow)).values(values).returning(DraftRow.id)
        numbers[row["id"]] = int(connection.execute(added).scalar_one())
    for row in old.attachments:
        if row["draft_id"] in numbers:
            values = {**row, "draft_id": numbers[row["draft_id"]]}
            values.pop("id")
            connection.execute(insert(table(DraftAttachment)), [values])
    _note_those_that_left(connection, house)
    return len(numbers)


def _note_those_that_left(connection: Connection, house: House) -> None:
    for row in connection.execute(select(DraftRow.id, DraftRow.key).where(DraftRow.message.is_(None))).all():
        key = message_key(row.key)
        if connection.execute(select(Message.id).where(Message.key == key)).first() is not None:
            note_left(connection, house, row.id, key)
