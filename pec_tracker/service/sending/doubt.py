"""Why may a message have left, though no server's reply says so? Each reason makes it `uncertain`.

What is uncertain never goes by itself: a receipt resolves it, or a person does.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import structlog
from sqlalchemy import Connection, Row, insert, select, update

from pec_tracker.db.tables import Attempt, Message
from pec_tracker.errors import PecTrackerError
from pec_tracker.pec.sending import Event, SendState
from pec_tracker.service.journeys.reconsider import reconsider
from pec_tracker.service.journeys.send_state_rows import happened
from pec_tracker.texts import N_, error_facts

log = structlog.get_logger()

# What `make_uncertain` must know of a message.
COLUMNS: Final = (Message.id, Message.key, Message.mailbox_id, Message.send_state, Message.attempts)


class Doubt(StrEnum):
    """The reasons, as ledger lines name them (`by`)."""

    CRASH = "crash"
    RESTORE = "restore"
    ARCHIVE = "archive"
    COPY = "copy"
    RECEIPT = "receipt-not-proof"
    REBUILD = "rebuild"


_WORDS: Final[Mapping[Doubt, str]] = {
    Doubt.CRASH: N_(
        "the program was stopped after the whole message had been handed over, before the server's answer was noted"
    ),
    Doubt.RESTORE: N_(
        "a backup was restored, or the data came from another computer: the message may have left after that backup"
    ),
    Doubt.ARCHIVE: N_("the archive knows of an attempt to send it that the database lacks: a backup was restored"),
    Doubt.COPY: N_("a copy of it lies in the mailbox, so it may have left already"),
    Doubt.RECEIPT: N_("a receipt speaks of it that is no proof, so it may have left already"),
    Doubt.REBUILD: N_("the database was made again from the archive, which does not say whether the message left"),
}


def problem(doubt: str) -> dict[str, Any] | None:
    """The reason as `Message.problem` keeps it; None for what is no doubt of ours."""
    return error_facts(PecTrackerError(_WORDS[Doubt(doubt)])) if doubt in set(Doubt) else None


def make_uncertain(
    connection: Connection, row: Row[*tuple[Any, ...]], doubt: Doubt, *, at: datetime, number: int | None = None
) -> bool:
    """Make the message of *row* (COLUMNS) uncertain, unless its state changed.

    *number* is the attempt that the doubt is about: it is ended with it, and made where the database has none.
    """
    tried = max(row.attempts, number or 0)
    change = happened(
        connection,
        Event.DOUBTED,
        row.id,
        at=at,
        when=(Message.send_state == row.send_state,),
        line={"by": doubt.value, **({} if number is None else {"number": number, "stage": "crash"})},
        topic=f"{row.key}/{tried}",
        facts={"by": doubt.value},
        attempts=tried,
        problem=problem(doubt),
    )
    if change is None:
        return False
    if number is not None:
        _end_attempt(connection, row.id, number, at)
    if change.reconsidered:
        reconsider(connection, [row.id], now=at)
    log.warning("message.recovered", message=row.key, state=change.state.value, by=doubt.value)
    return True


def _end_attempt(connection: Connection, message_id: int, number: int, at: datetime) -> None:
    end = {"ended_at": at, "outcome": SendState.UNCERTAIN.value, "stage": "crash"}
    mine = (Attempt.message_id == message_id) & (Attempt.number == number)
    if connection.scalar(select(Attempt.id).where(mine)) is None:
        connection.execute(insert(Attempt).values(message_id=message_id, number=number, started_at=at, **end))
    else:
        connection.execute(update(Attempt).where(mine, Attempt.ended_at.is_(None)).values(end))
