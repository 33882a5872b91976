"""How is the watch kept? Every job is done when it is due, until SIGTERM or SIGINT.

APScheduler says when to look, the table of jobs what is due, the verbs when next. Several processes may serve the same
mailboxes: leases share the work out. A changed configuration is seen by itself, and at once on SIGHUP.
"""

import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from pec_tracker.app import App
from pec_tracker.daemon.keeper import Keeper
from pec_tracker.errors import Exit
from pec_tracker.ledger import together
from pec_tracker.osfiles import ToldToReload, ToldToStop
from pec_tracker.service.rounds.job_rows import NOTED_EVERY

log = structlog.get_logger()

GRACE_SECONDS: Final = 8.0  # for an SMTP dialogue or a batch to end; the rest is safe to leave where it stands
LOOK_EVERY: Final = 0.5  # seconds between looks at what is due
STOP_EVERY: Final = 0.25  # seconds between looks at whether to stop


def serve(app: App, *, started: Callable[[], None] | None = None) -> None:
    """Keep the watch over every configured mailbox until the process is told to stop.

    Raises ApartError where archive and database do not belong together, and what a wrong configuration raises.
    """
    together.require(app.house.engine, app.house.archive)
    app.house.trusting()  # what cannot be read is told of before the watch begins
    told, reload = ToldToStop(), ToldToReload()
    keeper = Keeper(app, told)
    scheduler = _scheduler(keeper, reload)
    scheduler.start()
    log.info("serve.started", mailboxes=len(app.config.mailboxes))
    if started is not None:
        started()
    while not told():
        time.sleep(STOP_EVERY)
    log.info("serve.stopping")
    scheduler.shutdown(wait=False)
    if keeper.end(GRACE_SECONDS):
        log.info("serve.stopped")
        return
    # A server that does not answer holds a thread. Whatever it was doing repeats itself: every act is committed or not.
    log.warning("serve.stopped", unfinished=keeper.at_work)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(Exit.DONE)


def _scheduler(keeper: Keeper, reload: ToldToReload) -> BackgroundScheduler:
    scheduler = BackgroundScheduler(
        timezone=UTC,
        executors={name: ThreadPoolExecutor(1) for name in ("look", "note")},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    scheduler.add_job(
        lambda: keeper.look(changed=reload()),
        IntervalTrigger(seconds=LOOK_EVERY, timezone=UTC),
        executor="look",
        next_run_time=datetime.now(UTC),
    )
    every = IntervalTrigger(seconds=NOTED_EVERY.total_seconds(), timezone=UTC)
    scheduler.add_job(keeper.note, every, executor="note")
    return scheduler
