"""How is the watch kept? Each mailbox has its round at an interval with jitter, until SIGTERM or SIGINT.

APScheduler says when; the rounds say what. A round that is still running is not started twice, a missed one is run
once. A mailbox that hangs holds only itself: it has a thread of its own, and sealing and the look at what hangs have
theirs. Several processes may serve the same mailboxes: leases share the work out.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobExecutionEvent, JobSubmissionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from pec_tracker.app import App
from pec_tracker.askers import DAEMON
from pec_tracker.errors import Exit
from pec_tracker.ledger import together
from pec_tracker.osfiles import ToldToStop
from pec_tracker.service.house import Account
from pec_tracker.service.rounds import Thresholds, mailbox_round, seal_round, send_round, tell_of_hanging

log = structlog.get_logger()

GRACE_SECONDS = 8.0  # for an SMTP dialogue or a batch to end; the rest is safe to leave where it stands
SEAL_EVERY = timedelta(seconds=60)
SHORTEST_ROUND = 1.0  # seconds of real time, however fast the clock runs
LOOK_EVERY = 0.25  # seconds between looks at whether to stop
MOST_MAILBOXES = 500  # with a thread of their own each; beyond, threads are shared
HANGS_AFTER = timedelta(minutes=10)  # without a sign of life; a server's answer may take half of it


def serve(app: App, *, started: Callable[[], None] | None = None) -> None:
    """Keep the watch over every configured mailbox until the process is told to stop.

    Raises ApartError where archive and database do not belong together.
    """
    together.require(app.house.engine, app.house.archive.root)
    app = replace(app, house=replace(app.house, sealed_by_job=True))
    told = ToldToStop()
    running = _Running()
    scheduler = _scheduler(app, told, running)
    scheduler.start()
    log.info("serve.started", mailboxes=len(app.config.mailboxes))
    if started is not None:
        started()
    while not told():
        time.sleep(LOOK_EVERY)
    log.info("serve.stopping")
    scheduler.shutdown(wait=False)
    if running.wait_idle(GRACE_SECONDS):
        seal_round(DAEMON, app.house)  # what the last rounds wrote
        log.info("serve.stopped")
        return
    # A server that does not answer holds a thread. Whatever it was doing repeats itself: every act is committed or not.
    log.warning("serve.stopped", unfinished=running.count)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(Exit.DONE)


class _Running:
    """Which rounds are at work, and when each last showed a sign of life: every look at whether to stop is one."""

    def __init__(self) -> None:
        self._signs: dict[str, float] = {}
        self._changed = threading.Condition()

    @contextmanager
    def at_work(self, job: str) -> Iterator[None]:
        """The round *job* for the length of the block."""
        self.sign(job)
        try:
            yield
        finally:
            with self._changed:
                self._signs.pop(job, None)
                self._changed.notify_all()

    def sign(self, job: str) -> None:
        """The round *job* goes on."""
        with self._changed:
            self._signs[job] = time.monotonic()

    def silent_for(self, job: str) -> float | None:
        """Seconds since the last sign of life of the round *job*; None while it is not at work."""
        with self._changed:
            last = self._signs.get(job)
        return None if last is None else time.monotonic() - last

    @property
    def count(self) -> int:
        """How many are at work."""
        with self._changed:
            return len(self._signs)

    def wait_idle(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: not self._signs, seconds)


def _scheduler(app: App, told: ToldToStop, running: _Running) -> BackgroundScheduler:
    accounts = app.accounts()
    shared = min(MOST_MAILBOXES, len(accounts)) or 1
    scheduler = BackgroundScheduler(
        timezone=UTC,
        executors={name: ThreadPoolExecutor(shared) for name in ("default", "send")}
        | {name: ThreadPoolExecutor(1) for name in ("seal", "watch")},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    scheduler.add_listener(_note, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
    for account in accounts:
        _add_mailbox(scheduler, app, account, told, running)

    def sealing() -> None:
        with running.at_work("seal"):
            seal_round(DAEMON, app.house)

    def watching() -> None:
        silent = {account.id: running.silent_for(_round_of(account)) for account in accounts}
        for account in accounts:
            tell_of_hanging(DAEMON, app.house, account, silent[account.id], after=HANGS_AFTER)

    for name, job in (("seal", sealing), ("watch", watching)):
        every = IntervalTrigger(seconds=SEAL_EVERY.total_seconds(), timezone=UTC)
        scheduler.add_job(job, every, id=name, executor=name)
    return scheduler


def _add_mailbox(
    scheduler: BackgroundScheduler, app: App, account: Account, told: ToldToStop, running: _Running
) -> None:
    """The round of a mailbox, and beside it its outbox: a collect that takes hours keeps no message back."""
    thresholds = Thresholds(app.config.quota.warn_percent, app.config.quota.alarm_percent)
    seconds = max(SHORTEST_ROUND, app.house.clock.real_seconds(timedelta(minutes=account.interval_minutes)))
    jitter = min(app.config.collect.jitter_seconds, seconds / 2)
    sending = threading.Lock()
    job = _round_of(account)

    def stop() -> bool:
        running.sign(job)
        return told()

    def one_round() -> None:
        with running.at_work(job):
            mailbox_round(DAEMON, app.house, account, thresholds, stop=stop, sending=sending)

    def outbox() -> None:
        if running.silent_for(job) is not None:  # else its round sends
            with running.at_work(f"send:{account.key}"):
                send_round(DAEMON, app.house, account, stop=told, sending=sending)

    def every() -> IntervalTrigger:
        return IntervalTrigger(seconds=seconds, jitter=jitter, timezone=UTC)

    scheduler.add_job(one_round, every(), id=job, next_run_time=datetime.now(UTC))
    scheduler.add_job(outbox, every(), id=f"send:{account.key}", executor="send")


def _round_of(account: Account) -> str:
    return f"round:{account.key}"


def _note(event: JobExecutionEvent | JobSubmissionEvent) -> None:
    log.warning("round.late", job=event.job_id, code=event.code)
