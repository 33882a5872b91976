"""What does one round of a mailbox do? It collects, sends what waits and looks at the space, come what may.

Collecting comes first: after a restart nothing that was queued before leaves until the mailbox has been looked through.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog
from sqlalchemy import func, select

from pec_tracker.askers import Act, Asker
from pec_tracker.db.engine import reading, writing
from pec_tracker.db.tables import QuotaSample
from pec_tracker.errors import PecTrackerError, ServerError
from pec_tracker.service import notary, revocation
from pec_tracker.service.alert_kinds import AlertKind
from pec_tracker.service.alerts import NewAlert, alerts_open, raise_alerts, settle_alerts
from pec_tracker.service.collect import collect
from pec_tracker.service.dispatch import dispatch
from pec_tracker.service.dossier import refresh
from pec_tracker.service.house import Account, House, Stop
from pec_tracker.service.report import quota
from pec_tracker.service.sealing import seal_now
from pec_tracker.service.sent_copy import copy_to_sent
from pec_tracker.service.stamps import stamp_newest
from pec_tracker.service.verbs import verb
from pec_tracker.texts import error_facts

log = structlog.get_logger()

QUOTA_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which percent of the space a warning and an alarm are given."""

    warn_percent: int
    alarm_percent: int


@verb(Act.TAKE_IN)
def mailbox_round(
    asker: Asker,
    house: House,
    account: Account,
    thresholds: Thresholds,
    *,
    stop: Stop,
    sending: "threading.Lock | None" = None,
) -> None:
    """One round; errors end the step that they befell, are logged and raised as alerts, and stop nothing else.

    *sending*, where it is shared with a `send_round`, is held while the mailbox's outbox is sent.
    """
    steps: tuple[tuple[str, Callable[[], object]], ...] = (
        ("collect", lambda: _collect(asker, house, account, stop)),
        ("notary", lambda: _notary(asker, house, account)),
        ("dispatch", lambda: _dispatch(asker, house, account, stop, sending or threading.Lock())),
        ("copy", lambda: copy_to_sent(asker, house, account, stop=stop)),
        ("refresh", lambda: refresh(house.engine, now=house.clock.now())),
        ("quota", lambda: _quota_when_due(asker, house, account, thresholds)),
    )
    for name, step in steps:
        if stop():
            return
        _run(house, name, step, topic=account.key, mailbox=account)


@verb(Act.SEND)
def send_round(asker: Asker, house: House, account: Account, *, stop: Stop, sending: threading.Lock) -> None:
    """Only the outbox of a mailbox, while its round is at something that takes long."""
    step = partial(_dispatch, asker, house, account, stop, sending)
    _run(house, "dispatch", step, topic=account.key, mailbox=account)


@verb(Act.AUDIT)
def tell_of_hanging(
    asker: Asker, house: House, account: Account, silent_for: float | None, *, after: timedelta
) -> None:
    """Tell of a round that gives no sign of life for so many real seconds; None: none is at work. Settled by itself."""
    hangs = silent_for is not None and silent_for > after.total_seconds()
    facts = {"minutes": round((silent_for or 0.0) / 60)}
    alert = NewAlert(AlertKind.ROUND_HANGING, account.key, mailbox_id=account.id, facts=facts)
    with suppress(PecTrackerError):
        if not hangs:
            _settle(house, alert.kind, alert.topic)
            return
        with writing(house.engine) as connection:
            raise_alerts(connection, [alert], at=house.clock.now())


def _dispatch(asker: Asker, house: House, account: Account, stop: Stop, sending: threading.Lock) -> None:
    if sending.acquire(blocking=False):
        try:
            dispatch(asker, house, account, stop=stop)
        finally:
            sending.release()


@verb(Act.AUDIT, of_all=True)
def seal_round(asker: Asker, house: House) -> None:
    """Seal what is pending, whoever wrote it, and have it dated; a ledger that cannot be sealed is told of."""
    _run(house, "seal", lambda: seal_now(house), topic="ledger")
    _run(house, "dating", lambda: stamp_newest(asker, house, due_only=True), topic="ledger")
    if house.fetch_revocation:
        _run(house, "revocation", lambda: revocation.refresh(house, due_only=True), topic="ledger")


def _notary(asker: Asker, house: House, account: Account) -> None:
    """What the provider certified of the ledger is written down, and today's PEC about it is queued."""
    notary.record_acceptances(asker, house, account)
    notary.write_to_self(asker, house, account)


def _collect(asker: Asker, house: House, account: Account, stop: Stop) -> None:
    """A collect that left folders out is told of like one that failed."""
    collected = collect(asker, house, account, stop=stop)
    if collected.failures:
        folder, reason = collected.failures[0]
        raise ServerError(
            "{count} folders could not be read, the first is {folder}: {reason}",
            count=len(collected.failures),
            folder=folder,
            reason=reason,
        )


def _settle(house: House, kind: AlertKind, topic: str) -> None:
    """Close the alert if it is open: read first, since a round with nothing to do writes nothing."""
    with reading(house.engine) as connection:
        told = alerts_open(connection, kind, [topic])
    if told:
        with writing(house.engine) as connection:
            settle_alerts(connection, kind, [topic], at=house.clock.now())


def _run(house: House, name: str, step: Callable[[], object], *, topic: str, mailbox: Account | None = None) -> None:
    mailbox_id, told = (mailbox.id, mailbox.name) if mailbox else (None, topic)
    try:
        step()
        _settle(house, AlertKind(f"{name}-failed"), topic)
    except PecTrackerError as error:
        log.warning("round.failed", mailbox=told, step=name, error=type(error).__name__, reason=str(error))
        facts = {"reason": str(error), "error": error_facts(error)}
        _tell(house, NewAlert(AlertKind(f"{name}-failed"), topic, mailbox_id=mailbox_id, facts=facts))
    except Exception as error:
        log.exception("round.failed", mailbox=told, step=name, error=type(error).__name__)
        _tell(
            house,
            NewAlert(AlertKind(f"{name}-failed"), topic, mailbox_id=mailbox_id, facts={"reason": type(error).__name__}),
        )


def _tell(house: House, alert: NewAlert) -> None:
    try:
        with writing(house.engine) as connection:
            raise_alerts(connection, [alert], at=house.clock.now())
    except Exception as error:  # noqa: BLE001 - the database itself may be what failed; the log has said it
        log.error("alert.lost", kind=alert.kind, error=type(error).__name__)


def _quota_when_due(asker: Asker, house: House, account: Account, thresholds: Thresholds) -> None:
    with reading(house.engine) as connection:
        last = connection.execute(
            select(func.max(QuotaSample.at)).where(QuotaSample.mailbox_id == account.id)
        ).scalar_one()
    if last is None or house.clock.now() - last >= QUOTA_EVERY:
        quota(asker, house, account, warn_percent=thresholds.warn_percent, alarm_percent=thresholds.alarm_percent)
