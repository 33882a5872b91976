"""Where does a message stand, all its evidence considered? Pure: from what the rows hold, in whatever order it came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from pec_tracker.pec.agree import Agreement, Judged, Known, conflicts, consensus, judge
from pec_tracker.pec.copies import SentMail, chosen
from pec_tracker.pec.evidence import Evidence, Fingerprint, Verdict, address_key, time_key
from pec_tracker.pec.journey import Journey, journeys
from pec_tracker.pec.link import is_key, same_address
from pec_tracker.pec.roles import MessageOrigin
from pec_tracker.pec.rule_profiles import Profile
from pec_tracker.pec.sending import MAY_HAVE_LEFT, WAITING, Event, SendState, after, possible
from pec_tracker.pec.standard import Kind
from pec_tracker.pec.states import of_notification
from pec_tracker.pec.traits import TRAITS
from pec_tracker.service.journeys.evidence_rows import fingerprint_value


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """What `consider` must know of a message, wherever it is told: in its row (`facts_of`), or in a package's ledger.

    All but `origin` is asked of composed messages alone. `send_state` decides only what is due next, and whether its
    evidence proves that it left.
    """

    origin: MessageOrigin
    sender: str | None = None
    subject: str | None = None
    reference: str | None = None
    fingerprint: Fingerprint | None = None
    created_at: datetime | None = None
    submitted_at: datetime | None = None
    send_state: SendState = SendState.SUBMITTED
    again: bool = False  # a person has it sent once more
    profile: str | None = None  # what it is beyond a letter


@dataclass(frozen=True, slots=True)
class Considered:
    """What was decided of one message: each evidence with its agreement, and each recipient's journey.

    `roles` are those that its copy gives to recipients (by address key), `copy` the one that it is held to, `since`
    its first date; all three only of a `found` message. `conflicts` names what contradicts of the whole message; each
    journey has them among its contradictions. `proven`: evidence says that it left, of which we were not sure.
    """

    known: Known | None
    agreements: Mapping[str, Agreement]  # by the evidence's key
    counting: tuple[Evidence, ...]
    journeys: tuple[Journey, ...]
    roles: Mapping[str, str] = field(default_factory=dict)
    copy: SentMail | None = None
    since: datetime | None = None
    conflicts: tuple[str, ...] = ()
    proven: bool = False


@dataclass(frozen=True, slots=True)
class Decided:
    """One message as its rows say it, and as it was decided now."""

    message: Row[*tuple[Any, ...]]
    recipients: Sequence[Row[*tuple[Any, ...]]]
    evidence: Sequence[Row[*tuple[Any, ...]]]
    considered: Considered


def facts_of(message: Row[*tuple[Any, ...]]) -> MessageFacts:
    """The facts of a message as its row says them."""
    if message.origin != MessageOrigin.COMPOSED:
        return MessageFacts(MessageOrigin(message.origin))
    return MessageFacts(
        origin=MessageOrigin.COMPOSED,
        sender=message.sender,
        subject=message.subject,
        reference=message.reference,
        fingerprint=fingerprint_value(message.fingerprint),
        created_at=message.created_at,
        submitted_at=message.submitted_at,
        send_state=SendState(message.send_state),
        again=message.again,
        profile=(message.profile or {}).get("name"),
    )


def consider(
    message: MessageFacts,
    recipients: Sequence[str],
    evidence: Sequence[Evidence],
    copies: Sequence[SentMail],
    *,
    owner: str | None,
    now: datetime,
    copied: Sequence[str] = (),
) -> Considered:
    """Decide a message's agreements and journeys from its facts, the *recipients* that it was composed for (*copied*:
    those of them that stand in Cc alone), all its evidence and all its copies.

    Of three clocks two must agree: the certified time, the server's arrival time, and ours (*now*, and when the
    message was made).
    """
    if message.origin == MessageOrigin.COMPOSED:
        return _composed(message, recipients, evidence, now=now, copied=tuple(copied))
    return _found(evidence, copies, owner=owner, now=now)


def _composed(
    message: MessageFacts,
    recipients: Sequence[str],
    evidence: Sequence[Evidence],
    *,
    now: datetime,
    copied: tuple[str, ...],
) -> Considered:
    """What we composed is known exactly."""
    known = Known(
        composed=True,
        sender=message.sender,
        recipients=tuple(recipients),
        subject=message.subject,
        reference=message.reference,
        identifier=None,
        fingerprint=message.fingerprint,
        copied=copied,
        made_at=message.created_at,
    )
    judged = judge(evidence, known, now=now)
    counting = _counting(judged)
    contradicted = conflicts(judged)
    state = message.send_state
    # A receipt that counts says that it left; unless a person has it sent once more, knowing of its receipts.
    proven = bool(counting) and state in possible(Event.PROVEN) and not (message.again and state in WAITING)
    if proven:
        state = after(state, Event.PROVEN).state
    # What still waits to be sent has nothing due; what may have left without our knowing when, left when it was made.
    submitted_at = message.submitted_at
    if submitted_at is None and state in MAY_HAVE_LEFT:
        submitted_at = message.created_at
    found = journeys(recipients, counting, now=now, submitted_at=submitted_at, send_state=state)
    if message.profile == Profile.LAW53:
        found = tuple(replace(one, next_step=of_notification(one.next_step)) for one in found)
    return Considered(
        known=_with_identifier(known, judged),
        agreements=_agreements(judged),
        counting=counting,
        journeys=_contradicted(found, contradicted),
        conflicts=contradicted,
        proven=proven,
    )


def _found(evidence: Sequence[Evidence], copies: Sequence[SentMail], *, owner: str | None, now: datetime) -> Considered:
    """What left by other means is held to its sender's copy, where its trusted evidence agrees with that, or to its own
    evidence."""
    receipts = [item for item in evidence if TRAITS[item.kind].certifies]
    sender = owner or _certified_sender(receipts)
    ours = [copy for copy in copies if sender is None or same_address(copy.fingerprint.sender, sender)]
    certified = consensus(receipts, mailbox=sender, sent_copy=None, sent_recipients=(), now=now)
    choice = chosen(ours, receipts, certified, now=now)
    copy = choice.copy
    roles = copy.roles if copy else {}
    addresses: dict[str, str] = {}
    for address, _ in copy.recipients if copy else ():
        addresses.setdefault(address_key(address), address)
    known = certified
    if copy is not None:
        known = consensus(
            receipts,
            mailbox=sender,
            sent_copy=copy.fingerprint,
            sent_recipients=tuple(addresses.values()),
            copied=tuple(addresses[key] for key, role in roles.items() if role == "cc"),
            now=now,
        )
    judged = () if known is None else judge(evidence, known, now=now)
    counting = _counting(judged)
    named = [*(known.recipients if known else ()), *(item.recipient for item in counting if item.recipient)]
    for address in filter(is_key, named):
        addresses.setdefault(address_key(address), address)
    contradicted = (*choice.conflicts, *conflicts(judged))
    dates = [*((copy.at,) if copy else ()), *(item.issued_at for item in counting)]
    return Considered(
        known=known and _with_identifier(known, judged),
        agreements=_agreements(judged),
        counting=counting,
        journeys=_contradicted(journeys(addresses.values(), counting, now=now, submitted_at=None), contradicted),
        roles=roles,
        copy=copy,
        since=min((date for date in dates if date is not None), default=None),
        conflicts=contradicted,
    )


def _certified_sender(receipts: Sequence[Evidence]) -> str | None:
    """Who sent the message, as its receipts certify; None without a trusted one.

    A Message-ID is its first sender's: who writes it into a mail of his own has read it there, and so comes later.
    """
    trusted = [one for one in receipts if one.verdict is Verdict.TRUSTED and one.sender and one.issued_at]
    return min(trusted, key=time_key).sender if trusted else None


def _counting(judged: Sequence[Judged]) -> tuple[Evidence, ...]:
    return tuple(item.evidence for item in judged if item.counts and TRAITS[item.evidence.kind].certifies)


def _agreements(judged: Sequence[Judged]) -> dict[str, Agreement]:
    return {item.evidence.key: item.agreement for item in judged}


def _contradicted(made: Sequence[Journey], names: tuple[str, ...]) -> tuple[Journey, ...]:
    """The journeys, each with what contradicts of the whole message."""
    if not names:
        return tuple(made)
    return tuple(replace(one, contradictions=(*one.contradictions, *names)) for one in made)


def _with_identifier(known: Known, judged: Sequence[Judged]) -> Known:
    """The provider's identifier, learned from the acceptance; one that no index takes is none."""
    identifier = known.identifier
    if identifier is None:
        accepted = [one.evidence for one in judged if one.counts and one.evidence.kind is Kind.ACCEPTANCE]
        identifier = next((one.identifier for one in accepted if one.identifier), None)
    return replace(known, identifier=identifier if identifier and is_key(identifier) else None)
