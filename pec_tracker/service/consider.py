"""Where does a message stand, all its evidence considered? Pure: from what the rows hold, in whatever order it came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from pec_tracker.pec.agree import Agreement, Known, acceptance, consensus, judge
from pec_tracker.pec.evidence import Evidence, Fingerprint, address_key
from pec_tracker.pec.journey import Journey, journey
from pec_tracker.pec.standard import Kind
from pec_tracker.service.evidence_rows import fingerprint_value
from pec_tracker.service.study import is_key, same_address

RECEIPTS = frozenset({Kind.ACCEPTANCE, Kind.NON_ACCEPTANCE, Kind.DELIVERY, Kind.NON_DELIVERY, Kind.DELAY_NOTICE})


@dataclass(frozen=True, slots=True)
class SentMail:
    """The sender's own copy of a message, as it lies in the archive under `sha256`."""

    sha256: str
    fingerprint: Fingerprint
    recipients: tuple[tuple[str, str], ...]  # address, to or cc
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Considered:
    """What was decided of one message: each evidence with its agreement, and each recipient's journey.

    `roles` are those that its copies give to recipients (by address key), `copy` the one that it is held to, `since`
    its first date; all three only of a `found` message.
    """

    known: Known | None
    agreements: Mapping[str, Agreement]  # by the evidence's key
    counting: tuple[Evidence, ...]
    journeys: tuple[Journey, ...]
    roles: Mapping[str, str] = field(default_factory=dict)
    copy: SentMail | None = None
    since: datetime | None = None


def consider(
    message: Row[*tuple[Any, ...]],
    recipients: Sequence[str],
    evidence: Sequence[Evidence],
    copies: Sequence[SentMail],
    *,
    owner: str | None,
    now: datetime,
) -> Considered:
    """Decide a message's agreements and journeys from its row, the *recipients* that it was composed for, all its
    evidence and all its copies.

    Certified times are held against each other, never against our clock, which may be wrong (promise P13).
    """
    if message.origin == "composed":
        return _composed(message, recipients, evidence, now=now)
    return _found(evidence, copies, owner=owner, now=now)


def _composed(
    message: Row[*tuple[Any, ...]], recipients: Sequence[str], evidence: Sequence[Evidence], *, now: datetime
) -> Considered:
    """What we composed is known exactly."""
    known = Known(
        composed=True,
        sender=message.sender,
        recipients=tuple(recipients),
        subject=message.subject,
        reference=message.reference,
        identifier=None,
        fingerprint=fingerprint_value(message.fingerprint),
    )
    agreements, counting = _judged(evidence, known)
    # What still waits to be sent has nothing due; what may have left without our knowing when, left when it was made.
    submitted_at = message.submitted_at
    if submitted_at is None and message.send_state in ("submitted", "uncertain"):
        submitted_at = message.created_at
    return Considered(
        known=_with_identifier(evidence, known),
        agreements=agreements,
        counting=counting,
        journeys=tuple(journey(address, counting, now=now, submitted_at=submitted_at) for address in recipients),
    )


def _found(evidence: Sequence[Evidence], copies: Sequence[SentMail], *, owner: str | None, now: datetime) -> Considered:
    """What left by other means is held to its sender's copy, or to its own evidence.

    Of several copies the one of the smallest hash: any will do, but always the same.
    """
    receipts = [item for item in evidence if item.kind in RECEIPTS]
    sender = owner or (_certified_sender(receipts) if copies else None)
    ours = sorted(
        (copy for copy in copies if sender is None or same_address(copy.fingerprint.sender, sender)),
        key=lambda copy: copy.sha256,
    )
    roles: dict[str, str] = {}
    addresses: dict[str, str] = {}
    for address, role in (recipient for copy in ours for recipient in copy.recipients):
        addresses.setdefault(address_key(address), address)
        roles[address_key(address)] = "to" if "to" in (role, roles.get(address_key(address))) else "cc"
    known = consensus(
        receipts,
        mailbox=owner,
        sent_copy=ours[0].fingerprint if ours else None,
        sent_recipients=tuple(addresses.values()),
    )
    agreements, counting = ({}, ()) if known is None else _judged(evidence, known)
    certified = [*(known.recipients if known else ()), *(item.recipient for item in counting if item.recipient)]
    for address in filter(is_key, certified):
        addresses.setdefault(address_key(address), address)
    dates = [*(copy.at for copy in ours), *(item.issued_at for item in counting)]
    return Considered(
        known=known and _with_identifier(evidence, known),
        agreements=agreements,
        counting=counting,
        journeys=tuple(journey(address, counting, now=now, submitted_at=None) for address in addresses.values()),
        roles=roles,
        copy=ours[0] if ours else None,
        since=min((date for date in dates if date is not None), default=None),
    )


def _certified_sender(receipts: Sequence[Evidence]) -> str | None:
    """Who sent the message, as its receipts certify; None without a trusted one."""
    known = consensus(receipts, mailbox=None, sent_copy=None, sent_recipients=())
    return known.sender if known else None


def _judged(evidence: Sequence[Evidence], known: Known) -> tuple[dict[str, Agreement], tuple[Evidence, ...]]:
    judged = judge(evidence, known)
    counting = tuple(item.evidence for item in judged if item.counts and item.evidence.kind in RECEIPTS)
    return {item.evidence.key: item.agreement for item in judged}, counting


def _with_identifier(evidence: Sequence[Evidence], known: Known) -> Known:
    """The provider's identifier, learned from the acceptance; one that no index takes is none."""
    identifier = known.identifier
    if identifier is None:
        first = acceptance([item for item in evidence if item.kind in RECEIPTS], known)
        identifier = first.identifier if first else None
    return replace(known, identifier=identifier if identifier and is_key(identifier) else None)
