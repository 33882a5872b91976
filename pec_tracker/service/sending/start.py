"""How does a process find the database when it starts? Asked once, by every command: so it imports next to nothing."""

from sqlalchemy import Engine, func, select

from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Mailbox, Message
from pec_tracker.service.house import Start


def at_start(engine: Engine) -> Start:
    """How the database is found by a process that starts now. Raises StorageError."""
    with reading(engine) as connection:
        newest = connection.scalar(select(func.max(Message.id)))
        collected = {row.id: row.collected_at for row in connection.execute(select(Mailbox.id, Mailbox.collected_at))}
    return Start(newest or 0, collected)
