"""Has a message of which nobody knows whether it left any trace on the server, where no collect would come upon it?

In every folder the server is asked for mails that carry its Message-ID, or quote it as a receipt does. What it answers
is a hint where to look, and nothing more: each mail that we lack is fetched, archived, read and verified like any
other, and only that decides. A copy among the sent mails proves nothing (a program may have put it there without
sending); it is kept and shown, and forbids that the message is sent again by itself.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Row, insert, select, update

from pec_tracker.db import leases
from pec_tracker.db.engine import reading, writing
from pec_tracker.db.passing import Searched
from pec_tracker.db.tables import Message
from pec_tracker.errors import PecTrackerError, ServerError
from pec_tracker.pec.sending import SendState
from pec_tracker.service.collecting.cursors import Look
from pec_tracker.service.collecting.walk import Walk
from pec_tracker.service.intake.taken import Taken
from pec_tracker.texts import N_, error_facts
from pec_tracker.wire.imap import DRAFTS, FolderError, FolderName

log = structlog.get_logger()

# So many questions in one round, each of one message in one folder; the others' turn comes with the next.
QUESTIONS: Final = 200
# Between two searches passes a twentieth of the message's age, and an hour at most.
AGE_TO_PAUSE: Final = 20
LONGEST_PAUSE: Final = timedelta(hours=1)
# So many mails are fetched from one folder at a time; the next round fetches others.
FETCHED: Final = 50

_NOT_BY_HEADER: Final = N_("the server does not search by header: it also found what does not exist")


@dataclass(slots=True)
class _Answers:
    """What a round could tell of each message: folders asked, those that could not tell, and why."""

    folders: int = 0
    unable: int = 0
    problem: PecTrackerError | None = None
    hits: list[tuple[Look, list[int]]] = field(default_factory=list)


def search_for_uncertain(walk: Walk, lease: str) -> Taken:
    """Search the server for the uncertain messages of the mailbox, and take in what tells of them and we lack.

    A message is searched for often while it is new, and every hour at last. Raises StorageError alone: a server that
    cannot search, or breaks off, is noted with the message and ends no collect. Nothing is asked, or written, where no
    message is uncertain. *lease* keeps other collectors away.
    """
    rows = _uncertain(walk)
    if not rows or walk.stop():
        return Taken()
    folders = _in_order(walk)
    some = rows[: max(1, QUESTIONS // max(1, len(folders)))]
    answers = _Answers()
    taken: Taken | None = Taken()
    try:
        _ask(walk, folders, [row.reference for row in some], answers)
        taken = _take_in(walk, lease, answers.hits)
    except ServerError as error:
        answers.problem = error
        log.warning("search.failed", mailbox=walk.account.name, error=type(error).__name__)
    if taken is not None and not walk.stop():
        _note(walk, some, answers)
    return taken or Taken()


def _uncertain(walk: Walk) -> Sequence[Row[*tuple[Any, ...]]]:
    """The uncertain messages that are due to be searched for, those first that were searched for longest ago."""
    columns = (
        select(Message.id, Message.reference, Message.created_at, Searched.at, Searched.problem)
        .outerjoin(Searched, Searched.message_id == Message.id)
        .where(
            Message.mailbox_id == walk.account.id,
            Message.send_state == SendState.UNCERTAIN.value,
            Message.reference.is_not(None),
        )
    )
    with reading(walk.house.engine) as connection:
        found = connection.execute(columns).all()
    now = walk.house.clock.now()
    return sorted(
        (row for row in found if _is_due(row, now)), key=lambda row: (row.at is not None, row.at or 0, row.id)
    )


def _is_due(row: Row[*tuple[Any, ...]], now: datetime) -> bool:
    """Whether it was not searched for a moment ago; a search that broke off, or of a clock that was ahead, is none."""
    if row.at is None or row.problem is not None or row.at > now:
        return True
    pause: timedelta = min((now - row.created_at) / AGE_TO_PAUSE, LONGEST_PAUSE)
    return bool(now - row.at >= pause)


def _in_order(walk: Walk) -> list[FolderName]:
    """Every folder but the drafts, that of the sent mails first; as many as a round may ask."""
    there = [one for one in walk.folders if one.selectable and one.special_use != DRAFTS]
    return sorted(there, key=lambda one: one.name != walk.sent)[:QUESTIONS]


def _ask(walk: Walk, folders: Sequence[FolderName], references: Sequence[str], answers: _Answers) -> None:
    for folder in folders:
        if walk.stop():
            return
        answers.folders += 1
        try:
            opened = walk.imap.examine(folder.name)
            if not opened.messages:
                continue
            hits = sorted({uid for one in references for uid in walk.imap.search_reference(one)})
            if hits and walk.imap.search_reference(_of_nobody()):
                raise FolderError(_NOT_BY_HEADER)
        except FolderError as error:
            answers.unable += 1
            answers.problem = error
            continue
        if hits:
            answers.hits.append((Look(folder, opened), hits))


def _of_nobody() -> str:
    """A Message-ID that no mail has: what finds it was not searched for by header."""
    return f"{secrets.token_hex(16)}@nobody.invalid"


def _take_in(walk: Walk, lease: str, hits: Sequence[tuple[Look, list[int]]]) -> Taken | None:
    """What was found and we lack; None where another process collects at this moment: it is looked for once more."""
    taken = Taken()
    if not hits:
        return taken
    # What reads mails is imported where there is one: most searches find nothing.
    from pec_tracker.service.collecting.going_through import GoingThrough

    with leases.held(walk.house.engine, lease, presence=walk.house.presence) as held:
        if held is None:
            return None
        walk.renew = held.renew
        for look, uids in hits:
            with walk.noting(look.folder.name):
                if walk.imap.examine(look.folder.name).uidvalidity == look.status.uidvalidity:
                    taken += GoingThrough(walk).hinted(look, uids, most=FETCHED)
    return taken


def _note(walk: Walk, rows: Sequence[Row[*tuple[Any, ...]]], answers: _Answers) -> None:
    now = walk.house.clock.now()
    facts = {
        "at": now,
        "folders": answers.folders,
        "unable": answers.unable,
        "problem": None if answers.problem is None else error_facts(answers.problem),
    }
    with writing(walk.house.engine) as connection:
        for row in rows:
            noted = update(Searched).where(Searched.message_id == row.id).values(facts)
            if connection.execute(noted).rowcount == 0:
                connection.execute(insert(Searched).values(message_id=row.id, **facts))
