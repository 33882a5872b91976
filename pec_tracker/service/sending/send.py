"""How is a message queued? Composed, checked, its bytes made durable, then one commit: only then is it queued.

It is sealed at once: from then on the archive alone knows of it too, whatever becomes of the database.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

import structlog
from sqlalchemy import Connection, insert

from pec_tracker import crash
from pec_tracker.archive.objects import Object, Suffix
from pec_tracker.askers import Act, Asker
from pec_tracker.db import search
from pec_tracker.db.base import table
from pec_tracker.db.engine import in_one_transaction
from pec_tracker.db.tables import Message, Recipient
from pec_tracker.errors import PecTrackerError, RuleError
from pec_tracker.ledger import lines, records, seals, together
from pec_tracker.ledger.acts import LedgerAct
from pec_tracker.pec.compose import Draft, Outgoing, compose, new_tracker_id
from pec_tracker.pec.evidence import address_key
from pec_tracker.pec.fields import storable
from pec_tracker.pec.finding import Finding, Severity
from pec_tracker.pec.fingerprint import fingerprint
from pec_tracker.pec.folding import cut, fold
from pec_tracker.pec.headers import Headers
from pec_tracker.pec.journey import Journey, journeys, summary
from pec_tracker.pec.link import reference_key
from pec_tracker.pec.read import Mail as ReadMail
from pec_tracker.pec.read import read
from pec_tracker.pec.roles import MailOrigin, MailRole, MessageOrigin
from pec_tracker.pec.rules import check, check_draft
from pec_tracker.pec.sending import Priority, SendState
from pec_tracker.pec.states import State
from pec_tracker.pec.wording import wording
from pec_tracker.service.house import Account, House
from pec_tracker.service.intake.link import Role
from pec_tracker.service.intake.rows import MailFacts, write_mails
from pec_tracker.service.journeys.evidence_rows import fingerprint_json
from pec_tracker.service.journeys.rows import journey_columns
from pec_tracker.service.mailboxes import agreement
from pec_tracker.service.sending import fence
from pec_tracker.service.sending.known_before import known_before
from pec_tracker.service.sending.profiles import Profiled, Wanted, profiled
from pec_tracker.service.verbs import verb

log = structlog.get_logger()

Also = Callable[[Connection], None]  # what is written in the same commit
NO_PROFILE: Final = Profiled()


class RefusedByRulesError(RuleError):
    """The message breaks rules of PEC; `findings` says which. Nothing was queued, nothing left."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__(
            "the message was not queued: {rules}", rules="; ".join(f"{f.rule} ({f.where})" for f in findings)
        )


@dataclass(frozen=True, slots=True)
class Queued:
    """A message that is queued: its key, its Message-ID, and the advice that its author may want to read."""

    key: str
    reference: str
    recipients: tuple[str, ...]
    advice: tuple[Finding, ...]
    unsealed: PecTrackerError | None = None  # why only the database knows of it yet; the next run seals


@verb(Act.SEND)
def queue(
    asker: Asker,
    house: House,
    account: Account,
    draft: Draft,
    *,
    case: str | None = None,
    tracker_id: str | None = None,
    also: Also | None = None,
    wanted: Wanted | None = None,
) -> Queued:
    """Compose, check, queue and seal a message; *wanted* is what it is to be beyond a letter.

    Raises RefusedByRulesError, StorageError, and ApartError where archive and database do not belong together (a
    restored backup): what they were told now would be lost by the `rebuild` that mends it. Then nothing is queued.

    A *tracker_id* that is given is queued once: StorageError for the second time. What is to hold from the moment in
    which it is queued is written by *also*, in the same commit; where that raises, nothing is queued.
    """
    refuse(check_draft(draft, account=account.address))
    key = tracker_id or new_tracker_id(secrets.token_bytes(16))
    outgoing = compose(draft, tracker_id=key, now=house.clock.now())
    form = draft.receipt_form.value
    documents = [hashlib.sha256(one.content).hexdigest() for one in draft.attachments]
    before = known_before(asker, house, account, outgoing, form=form, subject=draft.subject, documents=documents)
    held = profiled(asker, house, outgoing, wanted)
    queued = queue_outgoing(house, account, outgoing, receipt_form=form, case=case, also=also, held=held)
    return replace(queued, advice=(*queued.advice, *before))


def queue_outgoing(
    house: House,
    account: Account,
    outgoing: Outgoing,
    *,
    receipt_form: str,
    case: str | None = None,
    also: Also | None = None,
    priority: Priority = Priority.NORMAL,
    held: Profiled = NO_PROFILE,
) -> Queued:
    """Check, queue and seal what was composed, by us or by another program; raises as `queue` does.

    By its *priority* it passes others that wait. What no person wrote waits where the provider wants an agreement.
    *held* is what was found of it by its profile.
    """
    together.require(house.engine, house.archive)
    case = None if case is None else storable(case)
    findings = [*check(outgoing, account=account.address, limits=account.limits), *held.findings]
    refuse(findings)
    record = records.message(
        outgoing.tracker_id,
        reference=outgoing.reference,
        case=case,
        receipt_form=receipt_form,
        mail_from=outgoing.mail_from,
        rcpt_to=outgoing.rcpt_to,
        priority=None if priority is Priority.NORMAL else priority.value,
        profile=held.facts,
    )
    fence.recognise(house)  # before this one is queued: what waits by then was there before
    raw = Object(outgoing.raw, Suffix.MAIL)
    house.archive.put_many([raw, record, *held.objects])
    crash.at("queue.archived")
    facts = QueuedFacts(
        account.id, account.key, outgoing, raw.sha256, record.sha256, receipt_form, case, priority, held.facts
    )

    def work(connection: Connection) -> None:
        if also is not None:
            also(connection)
        write_queued(connection, facts, named=held.named)
        agreement.tell_if_missing(connection, account, priority, at=house.clock.now())

    in_one_transaction(house.engine, work)
    crash.at("queue.committed")
    log.info("message.queued", message=outgoing.tracker_id, recipients=len(outgoing.rcpt_to))
    return Queued(outgoing.tracker_id, outgoing.reference, outgoing.rcpt_to, tuple(findings), _seal(house))


def _seal(house: House) -> PecTrackerError | None:
    try:
        seals.seal_pending(house.engine, house.archive, now=house.clock.now())
    except PecTrackerError as error:  # the message is queued all the same
        log.warning("ledger.unsealed", error=type(error).__name__)
        return error
    return None


@dataclass(frozen=True, slots=True)
class QueuedFacts:
    """What queueing writes; `rebuild` makes the same rows from the ledger line and its record."""

    mailbox_id: int
    mailbox_key: str
    outgoing: Outgoing
    raw: str
    record: str
    receipt_form: str
    case: str | None
    priority: Priority = Priority.NORMAL
    profile: Mapping[str, Any] | None = None


def write_queued(
    connection: Connection,
    facts: QueuedFacts,
    *,
    send_state: SendState = SendState.QUEUED,
    note: bool = True,
    named: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> int:
    """The rows of a queued message: message, recipients, its mail for the search, and the ledger line (`note`), with
    the objects that it names beside the message (*named*).
    """
    mail = read(facts.outgoing.raw)
    assert mail.headers is not None  # compose writes them
    subject = mail.headers.subject or ""
    at = facts.outgoing.composed_at
    unproven = journeys(facts.outgoing.rcpt_to, (), now=at, submitted_at=None, send_state=send_state)
    message_id = _message_row(connection, facts, subject, send_state, summary(unproven))
    connection.execute(insert(table(Recipient)), list(_recipient_rows(unproven, mail.headers, message_id)))
    mail_id = _mail_row(connection, facts, mail, subject, message_id)
    names = [subject, facts.case, facts.outgoing.reference, facts.outgoing.mail_from, *facts.outgoing.rcpt_to]
    search.index(connection, {mail_id: cut([*names, *wording(facts.outgoing.raw)])})
    if note:
        act = lines.new_line(
            LedgerAct.MESSAGE_QUEUED,
            at=at,
            mailbox=facts.mailbox_key,
            message=facts.outgoing.tracker_id,
            mail=facts.raw,
            record=facts.record,
            **named,
        )
        lines.append(connection, [act])
    return message_id


def _message_row(connection: Connection, facts: QueuedFacts, subject: str, send_state: SendState, state: State) -> int:
    outgoing, at = facts.outgoing, facts.outgoing.composed_at
    row = insert(table(Message)).values(
        mailbox_id=facts.mailbox_id,
        key=outgoing.tracker_id,
        origin=MessageOrigin.COMPOSED,
        reference=outgoing.reference,
        reference_key=reference_key(outgoing.reference),
        raw=facts.raw,
        record=facts.record,
        fingerprint=fingerprint_json(fingerprint(outgoing.raw)),
        sender=outgoing.mail_from,
        subject=subject,
        subject_key=fold(subject),
        case=facts.case,
        case_key=None if facts.case is None else fold(facts.case),
        receipt_form=facts.receipt_form,
        profile=facts.profile,
        state=state.value,
        send_state=send_state.value,
        created_at=at,
        last_at=at,
        next_attempt_at=at,
        attempts=0,
        priority=facts.priority.rank,
    )
    return int(connection.execute(row.returning(Message.id)).scalar_one())


def _recipient_rows(unproven: Sequence[Journey], headers: Headers, message_id: int) -> Iterator[dict[str, Any]]:
    copied = set(map(address_key, headers.cc_addresses)) - set(map(address_key, headers.to_addresses))
    for one in unproven:
        role = "cc" if address_key(one.recipient) in copied else "to"
        yield {"message_id": message_id, "role": role, **journey_columns(one)}


def _mail_row(connection: Connection, facts: QueuedFacts, mail: ReadMail, subject: str, message_id: int) -> int:
    outgoing = facts.outgoing
    row = MailFacts(
        sha256=facts.raw,
        size=len(outgoing.raw),
        kind=mail.kind,
        message_id_header=outgoing.reference,
        subject=subject,
        sender=outgoing.mail_from,
        warnings=mail.warnings,
        reference=outgoing.reference,
        role=Role(MailRole.ORIGINAL, message_id),
    )
    return write_mails(connection, facts.mailbox_id, MailOrigin.SENT, [row], at=outgoing.composed_at)[0]


def refuse(findings: Sequence[Finding]) -> None:
    """RefusedByRulesError where one of *findings* stops the message."""
    refused = [finding for finding in findings if finding.severity is Severity.REFUSE]
    if refused:
        raise RefusedByRulesError(refused)
