"""What do the facts of one evidence say of the message that it is about? Every point true, false, or not known.

What one evidence says by itself is held against the message first. Then all of it is looked at together (`leading`):
the acceptance with which the others agree gives the identifier and the provider that the rest is held to.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from pec_tracker.pec import clocks, issuers
from pec_tracker.pec.evidence import (
    CertifiedRecipient,
    Evidence,
    Fingerprint,
    Signer,
    Verdict,
    address_key,
    ascii_lower,
    time_key,
)
from pec_tracker.pec.link import same
from pec_tracker.pec.original import SOFT, Comparison, compare
from pec_tracker.pec.standard import Kind, ReceiptForm
from pec_tracker.pec.subject import same_subject
from pec_tracker.pec.traits import TRAITS, Side

TOLERANCE: Final = timedelta(minutes=5)  # between two providers' clocks, or a provider's and ours

_ENCLOSING: Final = frozenset({ReceiptForm.COMPLETE.value, ReceiptForm.BRIEF.value})


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a message, to hold evidence against.

    `composed`: we made its bytes ourselves, so every point is exact. Otherwise (`found`) these are the facts of the
    copy in Sent where there is one, or of the evidence on which the others must agree (see `consensus`).
    `copied` are those of the recipients that stand in Cc alone; None where that is not known. `made_at` is when we
    made it, by our own clock; None for a found message.
    """

    composed: bool
    sender: str | None
    recipients: tuple[str, ...]  # To and Cc, as written
    subject: str | None
    reference: str | None
    identifier: str | None
    fingerprint: Fingerprint | None
    copied: tuple[str, ...] | None = None
    made_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Agreement:
    """Each point true, false, or None where the evidence does not speak of it; `holds` when none that refuses is false.

    Points: grammar, certified_time, clocks, certificate, sender, recipients, recipient, subject, reference,
    identifier, issuer, order_of_times, enclosed, original, and those of `original.POINTS`. `limits` are stable names
    of what is shown and takes no proof away: see `original.Comparison`, `clocks.held_against`; `provider-differs`
    where `gestore-emittente` is not who signed.
    """

    points: tuple[tuple[str, bool | None], ...]
    limits: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """No point that refuses is false."""
        return not self.failed

    @property
    def failed(self) -> tuple[str, ...]:
        """The points that refuse."""
        return tuple(name for name, value in self.points if value is False and name not in SOFT)


@dataclass(frozen=True, slots=True)
class Leading:
    """What the evidence of a message is held to together: identifier, time of acceptance, provider."""

    identifier: str | None
    accepted_at: datetime | None
    issuer: Signer | None
    acceptance: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """What is known, ready to be asked thousands of times: each evidence costs no more than its own length."""

    known: Known
    keys: frozenset[str]
    copied: frozenset[str]
    submitted_at: datetime | None
    now: datetime | None
    comparisons: dict[str, Comparison] = field(default_factory=dict)
    # By identity: the receipts of one message share one list of recipients. The list is kept, so its id stays its own.
    listed: dict[int, tuple[tuple[CertifiedRecipient, ...], frozenset[str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, known: Known, *, submitted_at: datetime | None, now: datetime | None) -> "Frame":
        """The frame of one message: its addresses in the form in which they are compared."""
        keys = frozenset(map(address_key, known.recipients))
        return cls(known, keys, frozenset(map(address_key, known.copied or ())), submitted_at, now)

    def agreement(self, one: Evidence, leading: Leading) -> Agreement:
        """Every point of *one*."""
        compared, clock = self._compared(one), self._clocks(one)
        points: dict[str, bool | None] = {
            "grammar": not one.faults,
            "certified_time": self._certified_time(one),
            "clocks": clock.time,
            "certificate": clock.certificate,
            "sender": self._sender(one),
            "recipients": self._recipients(one),
            "recipient": self._recipient(one),
            "subject": self._subject(one),
            "reference": self._reference(one, leading),
            "identifier": _identifier(one, leading.identifier),
            "issuer": _issuer(one, leading.issuer),
            "order_of_times": self._order_of_times(one, leading.accepted_at),
            "enclosed": self._enclosed(one),
            "original": compared.same,
            **compared.points,
        }
        differs = ("provider-differs",) if issuers.names_another_provider(one) else ()
        return Agreement(tuple(points.items()), (*clock.limits, *compared.limits, *differs))

    def leading(self, ordered: Sequence[Evidence]) -> Leading:
        """What *ordered*, all evidence in order of time, is held to."""
        known = self.known
        alone = Leading(known.identifier, None, None)
        holding = [one for one in ordered if one.verdict is Verdict.TRUSTED and self._holds_alone(one, alone)]
        ranked = _ranked([one for one in holding if TRAITS[one.kind].side is Side.SENDER], holding)
        if not ranked:
            return alone
        issuer = ranked[0].signer
        accepted = [one for one in ranked if one.kind is Kind.ACCEPTANCE and _issuer(one, issuer) is not False]
        if not accepted:
            return Leading(known.identifier, None, issuer)
        first = accepted[0]
        of_it = [one for one in accepted if one is first or same(one.identifier, first.identifier)]
        times = [one.issued_at for one in of_it if one.issued_at is not None]
        return Leading(known.identifier or first.identifier, min(times, default=None), issuer, first)

    def _holds_alone(self, one: Evidence, alone: Leading) -> bool:
        """Whether *one* agrees in what needs no other evidence. A missing reference is made up for by the identifier,
        which only an acceptance can teach; it cannot teach its own."""
        failed = set(self.agreement(one, alone).failed)
        if one.kind is not Kind.ACCEPTANCE and one.reference is None:
            failed.discard("reference")
        return not failed

    def _compared(self, one: Evidence) -> Comparison:
        """How its original stands to ours; compared once, for it is asked twice."""
        if one.key not in self.comparisons:
            brief = one.kind is Kind.DELIVERY and one.receipt_form == ReceiptForm.BRIEF
            found = compare(one.enclosed, self.known.fingerprint, composed=self.known.composed, brief=brief)
            self.comparisons[one.key] = found
        return self.comparisons[one.key]

    def _clocks(self, one: Evidence) -> clocks.Clocks:
        """Against the time at which the message was made: ours where we composed it, else the Date of its sender."""
        made_at = self.known.made_at
        if made_at is None:
            own = one.enclosed or self.known.fingerprint
            made_at = own.date if own is not None and not self.known.composed else None
        return clocks.held_against(one, composed=self.known.composed, made_at=made_at, now=self.now)

    def _certified_time(self, one: Evidence) -> bool | None:
        """What certifies certifies a time (RFC 6109 4.4: `data` is required); without one it proves nothing."""
        return one.issued_at is not None if TRAITS[one.kind].certifies else None

    def _sender(self, one: Evidence) -> bool | None:
        """`mittente` is required (RFC 6109 4.4)."""
        if one.sender is None:
            return False if TRAITS[one.kind].certifies else None
        return address_key(one.sender) == address_key(self.known.sender) if self.known.sender else None

    def _recipients(self, one: Evidence) -> bool | None:
        """An acceptance lists all (RFC 6109 3.1.4), other kinds some: seen, a non-delivery with only its own."""
        if not one.recipients or not self.keys:
            return None
        certified = self._listed(one.recipients)
        return certified == self.keys if one.kind is Kind.ACCEPTANCE else certified <= self.keys

    def _listed(self, recipients: tuple[CertifiedRecipient, ...]) -> frozenset[str]:
        """The addresses of a list in the form in which they are compared; made once for each list."""
        known = self.listed.get(id(recipients))
        if known is None:
            known = recipients, frozenset(address_key(one.address) for one in recipients)
            self.listed[id(recipients)] = known
        return known[1]

    def _recipient(self, one: Evidence) -> bool | None:
        if one.recipient is None or not self.keys:
            return None
        return address_key(one.recipient) in self.keys

    def _subject(self, one: Evidence) -> bool | None:
        """The same text; see `same_subject` for what is tolerated."""
        if one.subject is None or self.known.subject is None:
            return None
        return same_subject(one.subject, self.known.subject)

    def _reference(self, one: Evidence, leading: Leading) -> bool | None:
        """It names our Message-ID. One that names none is tied to us by the identifier, or by nothing signed."""
        if self.known.reference is None:
            return None
        if one.reference is not None:
            return same(one.reference, self.known.reference)
        return None if _identifier(one, leading.identifier) else False

    def _order_of_times(self, one: Evidence, accepted_at: datetime | None) -> bool | None:
        """Not before we sent it; what follows an acceptance not before that; within TOLERANCE, for clocks differ."""
        if one.issued_at is None:
            return None
        earliest = [self.submitted_at] if self.known.composed else []
        if TRAITS[one.kind].follows_acceptance:
            earliest.append(accepted_at)
        times = [time for time in earliest if time is not None]
        return all(one.issued_at >= time - TOLERANCE for time in times) if times else None

    def _enclosed(self, one: Evidence) -> bool | None:
        """A complete or brief receipt encloses the original; for a recipient in Cc it may not (RFC 6109 3.3.2)."""
        if one.kind is not Kind.DELIVERY or (one.receipt_form or "").lower() not in _ENCLOSING:
            return None
        if one.enclosed is not None:
            return True
        return None if one.recipient is not None and address_key(one.recipient) in self.copied else False


def _ranked(ours: Sequence[Evidence], holding: Sequence[Evidence]) -> list[Evidence]:
    """The sender's provider's evidence, best first: with which identifier most of the rest agrees, then whose
    identifier is its signer's, then what the server saw arrive, then what stands with others of its provider, then
    the earliest.
    """
    support: dict[str, set[tuple[Kind, str]]] = {}
    for one in holding:
        if one.identifier is not None and TRAITS[one.kind].side is Side.RECIPIENT:
            support.setdefault(ascii_lower(one.identifier), set()).add((one.kind, address_key(one.recipient or "")))
    peers: dict[tuple[str | None, str | None], set[tuple[Kind, str]]] = {}
    for one in ours:
        peers.setdefault(issuers.issuer_of(one.signer), set()).add((one.kind, address_key(one.recipient or "")))

    def rank(one: Evidence) -> tuple[int, bool, bool, int, tuple[datetime, int, str, str]]:
        supported = len(support.get(ascii_lower(one.identifier), ())) if one.identifier is not None else 0
        standing = len(peers[issuers.issuer_of(one.signer)])
        return (
            -supported,
            not issuers.fits_identifier(one),
            not clocks.is_vouched(one),
            -standing,
            time_key(one),
        )

    return sorted(ours, key=rank)


def in_time(evidence: Iterable[Evidence]) -> list[Evidence]:
    """Each evidence once, in the order of `time_key`."""
    return sorted({one.key: one for one in sorted(evidence, key=_stable)}.values(), key=time_key)


def _stable(one: Evidence) -> tuple[str, str]:
    return one.key, one.recipient or ""


def _identifier(one: Evidence, identifier: str | None) -> bool | None:
    if one.identifier is None or identifier is None:
        return None
    return same(one.identifier, identifier)


def _issuer(one: Evidence, issuer: Signer | None) -> bool | None:
    return issuers.same_issuer(one.signer, issuer) if TRAITS[one.kind].side is Side.SENDER else None
