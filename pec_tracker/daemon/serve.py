"""How is the watch kept? Each mailbox has its round at an interval with jitter, until SIGTERM or SIGINT.

APScheduler says when; the rounds say what. A round that is still running is not started twice, a missed one is run
once. Several processes may serve the same mailboxes: leases share the work out.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobExecutionEvent, JobSubmissionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from pec_tracker.app import App
from pec_tracker.errors import Exit
from pec_tracker.ledger import together
from pec_tracker.osfiles import ToldToStop
from pec_tracker.service.house import Account
from pec_tracker.service.rounds import Thresholds, mailbox_round, seal_round

log = structlog.get_logger()

GRACE_SECONDS = 8.0  # for an SMTP dialogue or a batch to end; the rest is safe to leave where it stands
SEAL_EVERY = timedelta(seconds=60)
SHORTEST_ROUND = 1.0  # seconds of real time, however fast the clock runs
LOOK_EVERY = 0.25  # seconds between looks at whether to stop
MAX_WORKERS = 16


def serve(app: App, *, started: Callable[[], None] | None = None) -> None:
    """Keep the watch over every configured mailbox until the process is told to stop.

    Raises ApartError where archive and database do not belong together.
    """
    together.require(app.house.engine, app.house.archive.root)
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
        log.info("serve.stopped")
        return
    # A server that does not answer holds a thread. Whatever it was doing repeats itself: every act is committed or not.
    log.warning("serve.stopped", unfinished=running.count)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(Exit.DONE)


class _Running:
    """How many rounds are at work, so that stopping can wait for them."""

    def __init__(self) -> None:
        self.count = 0
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        with self._changed:
            self.count += 1

    def __exit__(self, *_exception: object) -> None:
        with self._changed:
            self.count -= 1
            self._changed.notify_all()

    def wait_idle(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.count == 0, seconds)


def _scheduler(app: App, told: ToldToStop, running: _Running) -> BackgroundScheduler:
    accounts = app.accounts()
    scheduler = BackgroundScheduler(
        timezone=UTC,
        executors={"default": ThreadPoolExecutor(min(MAX_WORKERS, len(accounts) + 1))},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    scheduler.add_listener(_note, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
    thresholds = Thresholds(app.config.quota.warn_percent, app.config.quota.alarm_percent)
    for account in accounts:
        seconds = max(SHORTEST_ROUND, app.house.clock.real_seconds(timedelta(minutes=account.interval_minutes)))
        jitter = min(app.config.collect.jitter_seconds, seconds / 2)

        def one_round(account: Account = account) -> None:
            with running:
                mailbox_round(app.house, account, thresholds, stop=told)

        scheduler.add_job(
            one_round,
            IntervalTrigger(seconds=seconds, jitter=jitter, timezone=UTC),
            id=f"round:{account.key}",
            next_run_time=datetime.now(UTC),
        )

    def sealing() -> None:
        with running:
            seal_round(app.house)

    scheduler.add_job(sealing, IntervalTrigger(seconds=SEAL_EVERY.total_seconds(), timezone=UTC), id="seal")
    return scheduler


def _note(event: JobExecutionEvent | JobSubmissionEvent) -> None:
    log.warning("round.late", job=event.job_id, event=event.code)
