"""What do the providers do, and when? They take a message in, and post what comes of it as the clock goes on."""

from dataclasses import dataclass, replace

import structlog

from pec_tracker.sandbox.access_point import Limits
from pec_tracker.sandbox.agenda import Agenda
from pec_tracker.sandbox.failures import Failures
from pec_tracker.sandbox.plan import Handover, Mailing, Offices, Submission, plan
from pec_tracker.sandbox.receipts import Transaction
from pec_tracker.sandbox.store import Store, StoreFull

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sent:
    """One message that SMTP took: what was handed over, and what the provider made of it.

    `refusal` says why it was answered by a non-acceptance; None when it was accepted.
    """

    submission: Submission
    transaction: Transaction
    refusal: str | None


class Exchange:
    """The providers at work: takes submissions, and posts what comes of them as the agenda says."""

    def __init__(
        self, *, store: Store, agenda: Agenda, offices: Offices, failures: Failures, seed: int, limits: Limits
    ) -> None:
        self.sent: list[Sent] = []
        self.limits = limits
        self._store = store
        self._agenda = agenda
        self._offices = offices
        self._failures = failures
        self._seed = seed

    def submit(self, submission: Submission) -> Sent:
        """Take *submission* and set everything in motion."""
        made = plan(submission, offices=self._offices, seed=self._seed, number=len(self.sent) + 1, limits=self.limits)
        sent = Sent(submission, made.transaction, made.refusal)
        self.sent.append(sent)
        for item in made.items:
            self._enter(item)
        log.info("sandbox.submitted", number=len(self.sent), accepted=made.refusal is None, mails=len(made.items))
        return sent

    def _enter(self, item: Mailing | Handover) -> None:
        if isinstance(item, Mailing):
            self._agenda.enter(item.due, lambda: self._post_to_sender(item))
        else:
            self._agenda.enter(item.due, lambda: self._hand_over(item))

    def _post_to_sender(self, mailing: Mailing) -> None:
        hidden_until = self._failures.hidden_until
        if hidden_until is not None and mailing.due < hidden_until:
            self._enter(replace(mailing, due=hidden_until))
            return
        try:
            self._post(mailing)
        except StoreFull:
            log.warning("sandbox.receipt_lost", reason="the sender's mailbox is full")

    def _hand_over(self, handover: Handover) -> None:
        try:
            self._post(handover.envelope)
        except StoreFull:
            outcome = handover.full
        else:
            outcome = handover.delivered
        for mailing in outcome:
            self._enter(mailing)

    def _post(self, mailing: Mailing) -> None:
        """Into the mailbox, if it is one of the sandbox's. StoreFull."""
        if self._store.account_for_address(mailing.to) is not None:
            self._store.deliver(mailing.to, mailing.raw(), internal_at=mailing.due)
