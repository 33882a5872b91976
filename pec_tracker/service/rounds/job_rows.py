"""What is the watch at? The table of its jobs, as its keeper notes it now and then and everybody may read it.

Noted for all jobs in one transaction, and only where something changed: a round of 200 mailboxes at which nothing is
found writes nothing of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from pec_tracker.askers import Act, Asker
from pec_tracker.db.base import table
from pec_tracker.db.engine import in_one_transaction, reading
from pec_tracker.db.passing import Job as JobTable
from pec_tracker.db.tables import Mailbox
from pec_tracker.job_names import JobName, Outcome
from pec_tracker.service.house import House
from pec_tracker.service.rounds.jobs import Job
from pec_tracker.service.verbs import among, verb

NOTED_EVERY: Final = timedelta(minutes=1)  # of real time
_FORGOTTEN: Final = 300.0  # real seconds: a keeper that noted nothing for so long is gone, or hangs


@dataclass(frozen=True, slots=True)
class JobState:
    """Where a job stands, by the house's clock; a job that never ran has no outcome."""

    job: Job
    next_at: datetime | None = None
    running_since: datetime | None = None
    ended_at: datetime | None = None
    outcome: Outcome | None = None
    problem: dict[str, Any] | None = None
    held: bool = False  # as its `Decision` says


@dataclass(frozen=True, slots=True)
class JobRow:
    """The same as it was noted; `mailbox` is its name. `kept`: whether its keeper still keeps the watch."""

    name: JobName
    mailbox: str | None
    next_at: datetime | None
    running_since: datetime | None
    ended_at: datetime | None
    outcome: Outcome | None
    problem: dict[str, Any] | None
    noted_at: datetime
    kept: bool


@verb(Act.AUDIT, of_all=True)
def note(
    asker: Asker, house: House, states: Sequence[JobState], *, owner: str, ended: Sequence[tuple[JobName, str]] = ()
) -> None:
    """Write down where these jobs stand, and that the mailboxes collected whole were looked through.

    *ended* are jobs, by name and topic, that are none any more: their mailbox is no longer configured.
    """
    now = house.clock.now()

    def work(connection: Connection) -> None:
        jobs = table(JobTable)
        written = [(state.job.name, state.job.topic) for state in states]
        keys = [{"n": name.value, "t": topic} for name, topic in (*written, *ended)]
        connection.execute(delete(jobs).where(jobs.c.name == bindparam("n"), jobs.c.topic == bindparam("t")), keys)
        if states:
            connection.execute(insert(jobs), [_row(state, owner, now) for state in states])
        looked = [
            {"i": state.job.account.id, "at": state.ended_at}
            for state in states
            if state.job.name is JobName.COLLECT and state.job.account and state.outcome is Outcome.DONE
        ]
        if looked:
            mailboxes = table(Mailbox)
            later = or_(mailboxes.c.collected_at.is_(None), mailboxes.c.collected_at < bindparam("at"))
            connection.execute(
                update(mailboxes).where(mailboxes.c.id == bindparam("i"), later).values(collected_at=bindparam("at")),
                looked,
            )

    if states or ended:
        in_one_transaction(house.engine, work)


@verb(Act.READ)
def jobs(asker: Asker, house: House) -> list[JobRow]:
    """Every job that a watch has noted, by mailbox, those of the house last."""
    columns = (
        select(JobTable, Mailbox.name.label("mailbox"))
        .outerjoin(Mailbox, Mailbox.id == JobTable.mailbox_id)
        .where(among(asker, JobTable.mailbox_id))
    )
    now = house.clock.now()
    with reading(house.engine) as connection:
        rows = connection.execute(columns).all()
    gone = {owner: house.presence.gone(owner) for owner in {row.owner for row in rows}}
    order = list(JobName)
    found = [
        JobRow(
            JobName(row.name), row.mailbox, row.next_at, row.running_since, row.ended_at,
            None if row.outcome is None else Outcome(row.outcome), row.problem, row.noted_at,
            kept=not gone[row.owner] and house.clock.real_seconds(now - row.noted_at) < _FORGOTTEN,
        )
        for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one.mailbox is None, one.mailbox or "", order.index(one.name)))


def _row(state: JobState, owner: str, now: datetime) -> dict[str, Any]:
    account = state.job.account
    return {
        "name": state.job.name.value,
        "topic": state.job.topic,
        "mailbox_id": None if account is None else account.id,
        "next_at": state.next_at,
        "running_since": state.running_since,
        "ended_at": state.ended_at,
        "outcome": None if state.outcome is None else state.outcome.value,
        "problem": state.problem,
        "owner": owner,
        "noted_at": now,
    }
