"""Does the evidence agree with the message that it is about? Point by point, said exactly."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pec_tracker.pec.consensus import consensus
from pec_tracker.pec.evidence import Evidence, Fingerprint, Signer, Verdict
from pec_tracker.pec.original import SOFT
from pec_tracker.pec.points import TOLERANCE, Agreement, Frame, Known, Leading, in_time
from pec_tracker.pec.standard import Kind, ReceiptForm
from pec_tracker.pec.subject import same_subject
from pec_tracker.pec.traits import TRAITS

__all__ = [
    "SOFT", "TOLERANCE", "Agreement", "Judged", "Known", "acceptance", "agree", "conflicts", "consensus",
    "judge", "same_subject",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Judged:
    """One evidence and how far it agrees with its message."""

    evidence: Evidence
    agreement: Agreement

    @property
    def counts(self) -> bool:
        """It is proof: its signature is trusted and it agrees."""
        return self.evidence.verdict is Verdict.TRUSTED and self.agreement.holds


def agree(
    evidence: Evidence,
    known: Known,
    *,
    accepted_at: datetime | None = None,
    submitted_at: datetime | None = None,
    now: datetime | None = None,
    issuer: Signer | None = None,
) -> Agreement:
    """How `evidence` stands to what is known of the message, point by point.

    `accepted_at` is the certified time of the acceptance, `issuer` who signed it; `submitted_at` is our own clock's,
    and is looked at only for messages that we composed. `now` bounds what lies in the future.
    """
    leading = Leading(known.identifier, accepted_at, issuer)
    return Frame.of(known, submitted_at=submitted_at, now=now).agreement(evidence, leading)


def judge(
    evidence: Sequence[Evidence],
    known: Known,
    *,
    submitted_at: datetime | None = None,
    now: datetime | None = None,
) -> tuple[Judged, ...]:
    """All evidence of one message held against it, in order of time, each once; the input's order does not matter.

    The identifier, the provider and the time of acceptance are learned from the acceptance first (`acceptance`), so a
    delivery that arrives before its acceptance is judged again, and the same, when that has come.
    """
    frame = Frame.of(known, submitted_at=submitted_at, now=now)
    ordered = in_time(evidence)
    leading = frame.leading(ordered)
    return tuple(Judged(one, frame.agreement(one, leading)) for one in ordered)


def acceptance(
    evidence: Sequence[Evidence], known: Known, *, submitted_at: datetime | None = None, now: datetime | None = None
) -> Evidence | None:
    """The acceptance that is trusted, agrees with `known`, and with which the other evidence agrees best.

    Its identifier and its provider bind what follows. One false acceptance cannot take the place of a true one whose
    identifier the deliveries quote.
    """
    return Frame.of(known, submitted_at=submitted_at, now=now).leading(in_time(evidence)).acceptance


def conflicts(judged: Iterable[Judged]) -> tuple[str, ...]:
    """Names of what trusted evidence contradicts of the rest: `two-identifiers`, `two-issuers`.

    Such evidence agrees with the message in everything else, and is left out; a person should know of it.
    """
    names = set()
    for one in judged:
        failed = set(one.agreement.failed)
        is_ours = one.evidence.verdict is Verdict.TRUSTED and TRAITS[one.evidence.kind].certifies
        if is_ours and failed <= {"identifier", "issuer", "order_of_times"}:
            names |= {f"two-{name}s" for name in failed & {"identifier", "issuer"}}
    return tuple(sorted(names))


def encloses(evidence: Evidence, message: Fingerprint | None, *, counts: bool) -> bool | None:
    """Whether this complete receipt, being proof, encloses exactly the message: its body byte for byte; what the header
    says is a matter of the agreement, without which no receipt counts. None for what is no complete delivery receipt,
    or where the bytes of the message are not known."""
    complete = evidence.kind is Kind.DELIVERY and evidence.receipt_form == ReceiptForm.COMPLETE
    if not complete or message is None:
        return None
    return counts and evidence.enclosed is not None and evidence.enclosed.body == message.body
