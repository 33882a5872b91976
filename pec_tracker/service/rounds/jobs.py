"""What does the watch do again and again? Each job is one act of a verb, and a decision when it is next due.

Nothing waits inside a job: a provider's pace, a server that is down, an interval are all "next at". Collecting comes
first after a start: the fence keeps what was queued before until the mailbox has been looked through.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import structlog
from sqlalchemy import func, select

from pec_tracker.askers import Act, Asker
from pec_tracker.db.engine import reading, writing
from pec_tracker.db.passing import QuotaSample
from pec_tracker.errors import PecTrackerError, ServerError
from pec_tracker.job_names import JobName, Outcome
from pec_tracker.service.alerts.kinds import AlertKind
from pec_tracker.service.alerts.raising import NewAlert, alerts_open, raise_alerts, settle_alerts
from pec_tracker.service.campaigns.run import feed_more, next_to_send
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.dating import notary
from pec_tracker.service.dating.stamps import stamp_newest
from pec_tracker.service.house import Account, House, Stop
from pec_tracker.service.journeys.reconsider import refresh
from pec_tracker.service.quota.ask import quota
from pec_tracker.service.sealing import seal_now
from pec_tracker.service.sending.dispatch import dispatch
from pec_tracker.service.sending.sent_copy import copy_to_sent
from pec_tracker.service.trust import revocation
from pec_tracker.service.verbs import verb
from pec_tracker.texts import error_facts

log = structlog.get_logger()

MINUTE: Final = timedelta(minutes=1)
QUOTA_EVERY: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Decision:
    """When a job is next due, by the house's clock; None: as soon as there is something to do for it.

    `held`: not before, whatever there is to do: it failed, or could do nothing about it.
    """

    next_at: datetime | None
    held: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One job: of a mailbox, or of the house where `account` is None."""

    name: JobName
    account: Account | None = None

    @property
    def topic(self) -> str:
        """What it is about: the mailbox's key; empty for the house."""
        return self.account.key if self.account is not None else ""

    @property
    def lane(self) -> tuple[str, bool]:
        """Jobs of one lane are done one after the other: a mailbox is read over one connection, and sent from over
        another; each job of the house has a lane of its own."""
        return (self.topic, self.name is JobName.DISPATCH) if self.account is not None else (self.name.value, False)

    @property
    def every(self) -> timedelta:
        """How long after a failure it is tried again."""
        return self.account.interval if self.account is not None else MINUTE


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job ended; `problem` is why it failed (`texts.error_facts`)."""

    outcome: Outcome
    decision: Decision
    problem: Mapping[str, Any] | None = None


def jobs_of(house: House, accounts: Iterable[Account]) -> list[Job]:
    """Every job that this house and these accounts have, in the order in which they are best begun."""
    jobs = []
    for account in accounts:
        wanted = {JobName.COPY: account.copy_to_sent, JobName.NOTARY: account.notary}
        jobs += [Job(name, account) for name in _OF_MAILBOX if wanted.get(name, True)]
    jobs += [Job(JobName.REFRESH), Job(JobName.SEAL)]
    jobs += [Job(JobName.DATING)] if house.authorities else []
    jobs += [Job(JobName.REVOCATION)] if house.fetch_revocation else []
    return jobs


@verb(Act.TAKE_IN)
def job_of_mailbox(asker: Asker, house: House, account: Account, name: JobName, *, stop: Stop) -> Ended:
    """Do a mailbox's job once. No error is raised: it is logged, told by an alert, and held for an interval."""
    return _run(house, Job(name, account), _OF_MAILBOX[name], _Work(asker, house, account, stop))


@verb(Act.AUDIT, of_all=True)
def job_of_house(asker: Asker, house: House, name: JobName) -> Ended:
    """Do a job of the house once. No error is raised: it is logged, told by an alert, and held for a minute."""
    return _run(house, Job(name), _OF_HOUSE[name], _Work(asker, house))


@verb(Act.AUDIT)
def tell_of_hanging(
    asker: Asker, house: House, account: Account, silent_for: float | None, *, after: timedelta
) -> None:
    """Tell of a job that gives no sign of life for so many real seconds; None: none is at work. Settled by itself."""
    hangs = silent_for is not None and silent_for > after.total_seconds()
    facts = {"minutes": round((silent_for or 0.0) / 60)}
    alert = NewAlert(AlertKind.ROUND_HANGING, account.key, mailbox_id=account.id, facts=facts)
    if hangs:
        with writing(house.engine) as connection:
            raise_alerts(connection, [alert], at=house.clock.now())
    else:
        _settle(house, alert.kind, alert.topic)


@verb(Act.AUDIT, of_all=True)
def tell_of_configuration(asker: Asker, house: House, error: PecTrackerError | None) -> None:
    """Tell that what the configuration says now cannot be used, so that the one before stays in force; None: it can."""
    kind, topic = AlertKind.CONFIGURATION_FAILED, "configuration"
    if error is None:
        _settle(house, kind, topic)
        return
    log.warning("configuration.refused", reason=str(error))
    _tell(house, NewAlert(kind, topic, facts={"reason": str(error), "error": error_facts(error)}))


# --- what each does, and when it is next due ---


@dataclass(frozen=True, slots=True)
class _Work:
    """What a job works with."""

    asker: Asker
    house: House
    _account: Account | None = None
    stop: Stop = lambda: False

    @property
    def account(self) -> Account:
        assert self._account is not None
        return self._account

    def after(self, span: timedelta) -> Decision:
        return Decision(self.house.clock.now() + span)


def _collect(work: _Work) -> Decision:
    """A collect that left folders out is told of like one that failed."""
    collected = collect(work.asker, work.house, work.account, stop=work.stop)
    if collected.failures:
        folder, reason = collected.failures[0]
        raise ServerError(
            "{count} folders could not be read, the first is {folder}: {reason}",
            count=len(collected.failures),
            folder=folder,
            reason=reason,
        )
    return work.after(work.account.interval)


def _dispatch(work: _Work) -> Decision:
    """What may leave leaves; the provider's pace and the waits of what was put off say when to come back."""
    refill = partial(feed_more, work.asker, work.house, work.account)
    refill()
    sent = dispatch(work.asker, work.house, work.account, stop=work.stop, refill=refill)
    turn = next_to_send(work.asker, work.house, [work.account]).get(work.account.id)
    now = work.house.clock.now()
    if turn is not None and turn <= now and not sent:  # due, and yet nothing left: not again and again
        return Decision(now + work.account.interval, held=True)
    return Decision(turn)


def _copy(work: _Work) -> Decision:
    copy_to_sent(work.asker, work.house, work.account, stop=work.stop)
    return work.after(work.account.interval)


def _quota(work: _Work) -> Decision:
    newest = select(func.max(QuotaSample.at)).where(QuotaSample.mailbox_id == work.account.id)
    with reading(work.house.engine) as connection:
        last = connection.scalar(newest)
    now = work.house.clock.now()
    if last is not None and now - QUOTA_EVERY < last <= now:
        return Decision(last + QUOTA_EVERY)
    quota(work.asker, work.house, work.account)
    return work.after(QUOTA_EVERY)


def _notary(work: _Work) -> Decision:
    """What the provider certified of the ledger is written down, and today's PEC about it is queued."""
    notary.record_acceptances(work.asker, work.house, work.account)
    notary.write_to_self(work.asker, work.house, work.account)
    return work.after(work.account.interval)


def _refresh(work: _Work) -> Decision:
    refresh(work.house.engine, now=work.house.clock.now())
    return work.after(MINUTE)


def _seal(work: _Work) -> Decision:
    """Whoever wrote what waits."""
    seal_now(work.house)
    return work.after(MINUTE)


def _dating(work: _Work) -> Decision:
    stamp_newest(work.asker, work.house, due_only=True)
    return work.after(MINUTE)


def _revocation(work: _Work) -> Decision:
    revocation.refresh(work.house, due_only=True)
    return work.after(revocation.EVERY)


_Act = Callable[[_Work], Decision]
_OF_MAILBOX: Final[Mapping[JobName, _Act]] = {
    JobName.COLLECT: _collect,
    JobName.NOTARY: _notary,
    JobName.DISPATCH: _dispatch,
    JobName.COPY: _copy,
    JobName.QUOTA: _quota,
}
_OF_HOUSE: Final[Mapping[JobName, _Act]] = {
    JobName.REFRESH: _refresh,
    JobName.SEAL: _seal,
    JobName.DATING: _dating,
    JobName.REVOCATION: _revocation,
}

# --- what becomes of an error ---


def _run(house: House, job: Job, act: _Act, work: _Work) -> Ended:
    topic, mailbox = (job.topic, job.account.name) if job.account else ("ledger", None)
    kind = AlertKind(f"{job.name}-failed")
    try:
        decision = act(work)
        _settle(house, kind, topic)
        return Ended(Outcome.DONE, decision)
    except PecTrackerError as error:
        log.warning("job.failed", job=job.name, mailbox=mailbox, error=type(error).__name__, reason=str(error))
        problem = error_facts(error)
        facts = {"reason": str(error), "error": problem}
    except Exception as error:
        log.exception("job.failed", job=job.name, mailbox=mailbox, error=type(error).__name__)
        problem, facts = None, {"reason": type(error).__name__}
    _tell(house, NewAlert(kind, topic, mailbox_id=job.account.id if job.account else None, facts=facts))
    return Ended(Outcome.FAILED, Decision(house.clock.now() + job.every, held=True), problem)


def _settle(house: House, kind: AlertKind, topic: str) -> None:
    """Close the alert if it is open: read first, since a job with nothing to do writes nothing."""
    with reading(house.engine) as connection:
        told = alerts_open(connection, kind, [topic])
    if told:
        with writing(house.engine) as connection:
            settle_alerts(connection, kind, [topic], at=house.clock.now())


def _tell(house: House, alert: NewAlert) -> None:
    try:
        with writing(house.engine) as connection:
            raise_alerts(connection, [alert], at=house.clock.now())
    except Exception as error:  # noqa: BLE001 - the database itself may be what failed; the log has said it
        log.error("alert.lost", kind=alert.kind, error=type(error).__name__)
