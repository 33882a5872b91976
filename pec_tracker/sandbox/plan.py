"""What will come of this message? Every receipt, notice and envelope, with its time, decided at once.

`plan` has no clock and no store: from a submission, its number, the seed and the providers follow all mails with their
times and identifiers. So a run repeats byte for byte.
"""

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pec_tracker.clock import ROME
from pec_tracker.pec import standard
from pec_tracker.pec.standard import Errore, ReceiptForm
from pec_tracker.sandbox import receipts
from pec_tracker.sandbox.access_point import Limits, Objection, objections, valid_address
from pec_tracker.sandbox.behaviours import Behaviour, Event, Refusal, behaviour_of
from pec_tracker.sandbox.certification import Recipient, Role
from pec_tracker.sandbox.layout import Notice, Office, signed_mail
from pec_tracker.sandbox.original import Letter, rewritten
from pec_tracker.sandbox.providers import provider_for
from pec_tracker.sandbox.receipts import Transaction

_FORMAL_FAULT = Objection("verifica formale non superata", "the formal check failed")


@dataclass(frozen=True, slots=True)
class Submission:
    """What one SMTP dialogue handed over: envelope and bytes, at the time (UTC) of the final dot."""

    mail_from: str
    rcpt_to: tuple[str, ...]
    raw: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Mailing:
    """A notice to be posted to the mailbox of *to* when it is *due*; its certified time may be earlier."""

    due: datetime
    to: str
    notice: Notice
    office: Office
    message_id: str

    def raw(self) -> bytes:
        """The mail, signed now."""
        return signed_mail(self.notice, office=self.office, to=self.to, message_id=self.message_id)


@dataclass(frozen=True, slots=True)
class Handover:
    """An envelope that reaches the recipient's provider when *due*, and what the sender hears of it either way."""

    due: datetime
    envelope: Mailing
    delivered: tuple[Mailing, ...]
    full: tuple[Mailing, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that will come of one submission. `refusal` says why it was not accepted, in English; None when it was."""

    transaction: Transaction
    refusal: str | None
    items: tuple[Mailing | Handover, ...]


class Offices:
    """The providers with their signers, and which of them serves an address."""

    def __init__(self, offices: Sequence[Office]) -> None:
        self._by_domain = {office.provider.domain: office for office in offices}
        self._providers = [office.provider for office in offices]

    def serving(self, address: str) -> Office:
        """The office of the provider of *address*."""
        return self._by_domain[provider_for(address, self._providers).domain]


def plan(submission: Submission, *, offices: Offices, seed: int, number: int, limits: Limits) -> Plan:
    """What becomes of the *number*th submission: its transaction, and every mail with its time."""
    letter = Letter.read(submission.raw)
    at = submission.at.replace(microsecond=0)
    submission = replace(submission, rcpt_to=_each_once(submission.rcpt_to), at=at)
    identifier = _identifier(submission, seed, number, offices.serving(submission.mail_from))
    transaction = _transaction(submission, letter, identifier)
    planner = _Planner(submission.at, transaction, offices, random.Random(f"{seed} {identifier}"))
    found = objections(letter, mail_from=submission.mail_from, rcpt_to=submission.rcpt_to, limits=limits)
    behaviours = [behaviour_of(address) for address in submission.rcpt_to]
    if any(behaviour.refusal is Refusal.FORMAL for behaviour in behaviours):
        found.append(_FORMAL_FAULT)
    if found:
        return Plan(transaction, "; ".join(one.english for one in found), (planner.non_acceptance(found),))
    if any(behaviour.refusal is Refusal.VIRUS for behaviour in behaviours):
        return Plan(transaction, "virus", (planner.virus_non_acceptance(),))
    return Plan(transaction, None, tuple(planner.accepted(behaviours)))


class _Planner:
    """Times, identifiers and notices of one transaction; every choice comes from the one `chance`."""

    def __init__(self, at: datetime, transaction: Transaction, offices: Offices, chance: random.Random) -> None:
        self._at = at
        self._of = transaction
        self._offices = offices
        self._chance = chance
        self._issued = 1  # the transaction's own identifier is number 1
        self._own = offices.serving(transaction.sender)

    def non_acceptance(self, found: Sequence[Objection]) -> Mailing:
        notice = receipts.non_acceptance(
            self._of,
            by=self._own.provider,
            at=self._at,
            because_it="; ".join(one.italian for one in found),
            because_en="; ".join(one.english for one in found),
        )
        return self._mailing(notice, self._own, due=self._at + self._seconds(1, 3))

    def virus_non_acceptance(self) -> Mailing:
        notice = receipts.virus_non_acceptance(self._of, by=self._own.provider, at=self._at)
        return self._mailing(notice, self._own, due=self._at + self._seconds(1, 3))

    def accepted(self, behaviours: Sequence[Behaviour]) -> Iterator[Mailing | Handover]:
        late = max(behaviour.acceptance_late for behaviour in behaviours)
        copies = max(behaviour.copies for behaviour in behaviours)
        notice = receipts.acceptance(self._of, by=self._own.provider, at=self._at)
        acceptance = self._mailing(notice, self._own, due=self._at + self._seconds(1, 3) + late)
        for copy in range(copies):
            yield replace(acceptance, due=acceptance.due + copy * self._seconds(1, 3))
        for recipient, behaviour in zip(self._of.recipients, behaviours, strict=True):
            for step in behaviour.steps:
                at = self._at + step.after + self._seconds(4, 12)
                if step.event is Event.DELIVERED:
                    yield self._handover(recipient, at, copies=behaviour.copies)
                else:
                    yield self._bad_news(step.event, recipient.address, at)

    def _handover(self, recipient: Recipient, at: datetime, *, copies: int) -> Handover:
        office = self._offices.serving(recipient.address)
        envelope = receipts.transport_envelope(self._of, by=self._own.provider, at=self._at)
        receipt = receipts.delivery(self._of, by=office.provider, at=at, recipient=recipient)
        return Handover(
            due=at,
            envelope=Mailing(at, recipient.address, envelope, self._own, self._of.identifier),
            delivered=tuple(self._mailing(receipt, office, due=at + self._seconds(1, 3)) for _ in range(copies)),
            full=(self._bad_news(Event.FULL, recipient.address, at),),
        )

    def _bad_news(self, event: Event, recipient: str, at: datetime) -> Mailing:
        """The notice for *event*, from whichever provider has to say it."""
        office = self._own if event in _SAID_BY_OWN_PROVIDER else self._offices.serving(recipient)
        notice = _notice_of(event, self._of, office=office, at=at, recipient=recipient)
        return self._mailing(notice, office, due=at + self._seconds(1, 3))

    def _mailing(self, notice: Notice, office: Office, *, due: datetime) -> Mailing:
        self._issued += 1
        stem = self._of.identifier.partition("@")[0].rpartition(".")[0]
        message_id = f"{stem}.{self._issued}@{office.provider.domain}"
        return Mailing(due, self._of.sender, notice, office, message_id)

    def _seconds(self, least: int, most: int) -> timedelta:
        return timedelta(seconds=self._chance.randint(least, most))


# What the recipient's provider cannot say (RFC 6109 3.1.6, 3.3.3), or says to the sender's provider only (3.2.4).
_SAID_BY_OWN_PROVIDER = frozenset({Event.FIRST_NOTICE, Event.SECOND_NOTICE, Event.NO_DOMAIN, Event.VIRUS})

# errore, code and reason of each kind of non-delivery. 5.1.2 is RFC 3463's for a bad destination system.
_NON_DELIVERIES = {
    Event.UNKNOWN: (Errore.NO_DEST, standard.UNKNOWN_MAILBOX, "indirizzo non valido"),
    Event.UNKNOWN_OTHER: (Errore.ALTRO, standard.UNKNOWN_MAILBOX, "indirizzo non valido"),
    Event.DISABLED: (Errore.ALTRO, standard.DISABLED_MAILBOX, "casella disabilitata"),
    Event.FULL: (Errore.ALTRO, standard.FULL_MAILBOX, "casella piena"),
    Event.NO_DOMAIN: (Errore.NO_DOMINIO, "5.1.2", "dominio inesistente"),
}


def _notice_of(event: Event, of: Transaction, *, office: Office, at: datetime, recipient: str) -> Notice:
    by = office.provider
    if event is Event.FIRST_NOTICE:
        return receipts.first_delay_notice(of, by=by, at=at, recipient=recipient)
    if event is Event.SECOND_NOTICE:
        return receipts.second_delay_notice(of, by=by, at=at, recipient=recipient)
    if event is Event.VIRUS:
        return receipts.virus_non_delivery(of, by=by, at=at, recipient=recipient)
    errore, code, why = _NON_DELIVERIES[event]
    return receipts.non_delivery(of, by=by, at=at, recipient=recipient, errore=errore, code=code, why=why)


def _transaction(submission: Submission, letter: Letter, identifier: str) -> Transaction:
    replies = next(iter(letter.addresses("Reply-To")), "")
    return Transaction(
        sender=submission.mail_from,
        recipients=_recipients(submission.rcpt_to, letter),
        subject=letter.subject,
        replies=replies if valid_address(replies) else submission.mail_from,
        identifier=identifier,
        reference=letter.reference,
        form=_form(letter),
        original=rewritten(letter, identifier=identifier),
    )


def _recipients(rcpt_to: Sequence[str], letter: Letter) -> tuple[Recipient, ...]:
    """Addresses as in the SMTP envelope (RFC 6109 2.1); in copy is who stands in Cc and not in To."""
    to = {address.lower() for address in letter.addresses("To")}
    cc = {address.lower() for address in letter.addresses("Cc")} - to
    return tuple(
        Recipient(address, role=Role.CC if address.lower() in cc else Role.TO, type=behaviour_of(address).type)
        for address in rcpt_to
    )


def _form(letter: Letter) -> ReceiptForm:
    """What X-TipoRicevuta asks for; complete when it asks for nothing known (RFC 6109 3.3.2)."""
    asked = (letter.first(standard.X_TIPO_RICEVUTA) or "").strip().lower()
    return ReceiptForm(asked) if asked in set(ReceiptForm) else ReceiptForm.COMPLETE


def _each_once(addresses: Sequence[str]) -> tuple[str, ...]:
    once: dict[str, str] = {}
    for address in addresses:
        once.setdefault(address.lower(), address)
    return tuple(once.values())


def _identifier(submission: Submission, seed: int, number: int, office: Office) -> str:
    """In the shape of real ones (seen: Aruba, `jpec13216.20260919154119.05561.4000.1.1@pec.aruba.it`)."""
    digest = hashlib.sha256(f"{seed} {number} {submission.mail_from}".encode() + submission.raw).hexdigest()
    local = submission.at.astimezone(ROME)
    host, process = int(digest[:8], 16) % 100_000, int(digest[8:16], 16) % 100_000
    return f"sbx{host:05}.{local:%Y%m%d%H%M%S}.{process:05}.{number}.1.1@{office.provider.domain}"
