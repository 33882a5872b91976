"""Who sees to it that every job is done when it is due? The keeper of the job table.

It looks at the table twice a second: what is due begins, what has something to do meanwhile (a message was queued) is
due at once, what changed in the configuration is taken over. The verbs decide when they are next due; nothing here
knows what they do.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from pec_tracker.app import App
from pec_tracker.askers import DAEMON
from pec_tracker.daemon.threads import FewThreads
from pec_tracker.errors import ConfigurationError
from pec_tracker.job_names import JobName
from pec_tracker.service.campaigns.run import next_to_send
from pec_tracker.service.house import Account, House
from pec_tracker.service.rounds import job_rows
from pec_tracker.service.rounds.job_rows import JobState
from pec_tracker.service.rounds.jobs import (
    Decision,
    Ended,
    Job,
    job_of_house,
    job_of_mailbox,
    jobs_of,
    tell_of_configuration,
    tell_of_hanging,
)

log = structlog.get_logger()

Key = tuple[JobName, str]

SHORTEST: Final = 1.0  # real seconds between two runs of a job, however fast the clock runs
TURNS_EVERY: Final = 1.0  # real seconds between looks at what has something to send
CURRENT_EVERY: Final = 2.0  # real seconds between looks at whether the configuration changed
LATE: Final = 60.0  # real seconds after which a job that was due is said to begin late
HANGS_AFTER: Final = timedelta(minutes=10)  # without a sign of life; a server's answer may take half of it


class Keeper:
    """The jobs of one process. `look` is called now and then by one thread, `note` once a minute."""

    def __init__(self, app: App, stop: Callable[[], bool]) -> None:
        self._app = _served(app)
        self._stop = stop
        self._threads = FewThreads()
        self._states: dict[Key, JobState] = {}
        self._troubled = False
        self._noted: dict[Key, JobState] = {}
        self._lock = threading.Lock()
        self._owner = app.house.presence.owner()
        self._last = dict.fromkeys(("turns", "current"), 0.0)
        self._take_over(app.accounts())
        tell_of_configuration(DAEMON, app.house, None)  # it can be used, whatever was said of it before

    @property
    def at_work(self) -> int:
        """How many jobs are at work."""
        return self._threads.count

    def look(self, *, changed: bool = False) -> None:
        """Begin what is due; *changed*: somebody says that the configuration did."""
        if self._stop():
            return
        try:
            if changed or self._every("current", CURRENT_EVERY):
                self._see_changes(anyway=changed)
            if self._every("turns", TURNS_EVERY):
                self._advance()
            self._troubled = False
        except Exception as error:  # noqa: BLE001 - whatever it is, what is due begins all the same
            if not self._troubled:  # said once, until it is over
                log.warning("watch.look_failed", error=type(error).__name__, reason=str(error))
            self._troubled = True
        self._begin_due()
        self._threads.begin_more()

    def note(self) -> None:
        """Write down where the jobs stand, where that changed, and tell of mailboxes that hang."""
        try:
            with self._lock:
                states = dict(self._states)
            changed = [state for key, state in states.items() if state != self._noted.get(key)]
            ended = list(self._noted.keys() - states.keys())
            job_rows.note(DAEMON, self._app.house, changed, owner=self._owner, ended=ended)
            self._noted = states
            for account in self._app.accounts():
                silent = [self._threads.silent_for((name, account.key)) for name in JobName]
                longest = max((one for one in silent if one is not None), default=None)
                tell_of_hanging(DAEMON, self._app.house, account, longest, after=HANGS_AFTER)
        except Exception as error:  # noqa: BLE001 - the table tells of the jobs, none of them rests on it
            log.warning("watch.not_noted", error=type(error).__name__, reason=str(error))

    def end(self, grace: float) -> bool:
        """Begin nothing more, and wait for what is at work; what was written last is sealed. False: it takes longer."""
        self._threads.begin_no_more()
        if not self._threads.wait_idle(grace):
            return False
        job_of_house(DAEMON, self._app.house, JobName.SEAL)
        with self._lock:
            self._states = {
                key: replace(state, next_at=None, running_since=None) for key, state in self._states.items()
            }
        self.note()
        return True

    # --- what there is to do ---

    def _take_over(self, accounts: list[Account]) -> None:
        """The jobs of this house and these accounts; a job that was there stays where it stands."""
        now = self._app.house.clock.now()
        jobs = {(job.name, job.topic): job for job in jobs_of(self._app.house, accounts)}
        with self._lock:
            known = self._states
            self._states = {
                key: replace(known[key], job=job) if key in known else JobState(job, next_at=_first(job, now))
                for key, job in jobs.items()
            }

    def _see_changes(self, *, anyway: bool) -> None:
        try:
            app = self._app.current(anyway=anyway)
        except ConfigurationError as error:
            self._app = self._app.unchanged()
            tell_of_configuration(DAEMON, self._app.house, error)
            return
        if app is self._app:
            return
        self._app = _served(app)
        self._take_over(app.accounts())
        tell_of_configuration(DAEMON, self._app.house, None)
        log.info("configuration.taken_over", mailboxes=len(app.config.mailboxes))

    def _advance(self) -> None:
        """What waits to be sent makes its mailbox's dispatch due at its time."""
        turns = next_to_send(DAEMON, self._app.house, self._app.accounts())
        with self._lock:
            for key, state in self._states.items():
                account = state.job.account
                if key[0] is not JobName.DISPATCH or account is None or state.held:
                    continue
                turn = turns.get(account.id)
                if state.running_since is None and turn != state.next_at:
                    self._states[key] = replace(state, next_at=turn)

    def _begin_due(self) -> None:
        now = self._app.house.clock.now()
        begun: list[Key] = []
        with self._lock:
            busy = {state.job.lane for state in self._states.values() if state.running_since is not None}
            for key, state in sorted(self._states.items(), key=lambda one: one[1].next_at or now):
                if not _is_due(state, now) or state.job.lane in busy:
                    continue
                busy.add(state.job.lane)
                begun.append(key)
                self._states[key] = replace(state, running_since=now)
        for key in begun:
            self._threads.begin(key, lambda key=key: self._do(key))  # type: ignore[misc]

    # --- one job ---

    def _do(self, key: Key) -> None:
        with self._lock:
            state, app = self._states.get(key), self._app
        if state is None:  # its mailbox is no longer configured
            return
        job = state.job
        self._note_late(state, app.house)
        ended: Ended | None = None
        try:
            ended = self._run(job, key, app)
        except Exception:
            log.exception("job.broke", job=job.name)
        finally:
            self._end(key, app.house, ended)

    def _note_late(self, state: JobState, house: House) -> None:
        if state.next_at is None:
            return
        late = house.clock.real_seconds(house.clock.now() - state.next_at)
        if late > LATE:
            mailbox = state.job.account.name if state.job.account else None
            log.warning("job.late", job=state.job.name, mailbox=mailbox, seconds=round(late))

    def _run(self, job: Job, key: Key, app: App) -> Ended:
        def stop() -> bool:
            self._threads.sign(key)
            return self._stop()

        if job.account is None:
            return job_of_house(DAEMON, app.house, job.name)
        return job_of_mailbox(DAEMON, app.house, job.account, job.name, stop=stop)

    def _end(self, key: Key, house: House, ended: Ended | None) -> None:
        with self._lock:
            if key not in self._states:  # its mailbox is no longer configured
                return
            state = self._states[key]
            now = house.clock.now()
            decision = ended.decision if ended is not None else Decision(now + state.job.every, held=True)
            self._states[key] = replace(
                state,
                next_at=self._at(state.job, decision, house),
                running_since=None,
                ended_at=now,
                outcome=ended.outcome if ended is not None else state.outcome,
                problem=dict(ended.problem) if ended is not None and ended.problem else None,
                held=decision.held,
            )

    def _at(self, job: Job, decision: Decision, house: House) -> datetime | None:
        """When it is due: not before a moment has passed, and mailboxes not all at once."""
        if decision.next_at is None:
            return None
        soonest = house.clock.at(datetime.now(UTC) + timedelta(seconds=SHORTEST))
        jitter = 0.0
        if job.name is JobName.COLLECT:
            most = min(self._app.config.collect.jitter_seconds, house.clock.real_seconds(job.every))
            jitter = random.uniform(0, most)
        return max(soonest, decision.next_at + timedelta(seconds=jitter * house.clock.factor))

    def _every(self, what: str, seconds: float) -> bool:
        """Whether so long has passed since that was last asked for."""
        now = time.monotonic()
        if now - self._last[what] < seconds:
            return False
        self._last[what] = now
        return True


def _served(app: App) -> App:
    """The app whose house knows that the watch seals and notes for all."""
    return replace(app, house=replace(app.house, served=True))


def _is_due(state: JobState, now: datetime) -> bool:
    """Its time has come, or the clock was set back to before it last ended: nobody knows how far ahead it was."""
    if state.next_at is None:
        return False
    return state.next_at <= now or (state.ended_at is not None and now < state.ended_at)


def _first(job: Job, now: datetime) -> datetime | None:
    """When a job is due that has not run yet: at once, but what only follows others."""
    if job.name is JobName.DISPATCH:
        return None
    return now + job.every if job.name in (JobName.COPY, JobName.SEAL, JobName.DATING) else now
