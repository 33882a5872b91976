"""Which copy of a message that left by other means is the message? The one that trusted evidence encloses.

Whoever knows the Message-ID can make a mail that looks like a copy. So a copy that the evidence speaks against is none,
and where the evidence is silent a copy from the server's folder of sent mails goes before an imported one, and that
before one that has travelled. See docs/decisions/0011.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pec_tracker.pec.evidence import Evidence, Fingerprint, Verdict, address_key
from pec_tracker.pec.original import compare, reads_the_same
from pec_tracker.pec.points import Frame, Known, in_time
from pec_tracker.pec.standard import Kind, ReceiptForm
from pec_tracker.pec.subject import same_subject


class CopyKind(StrEnum):
    """How a copy came to us; only the first is "the copy in the folder of sent messages"."""

    SENT_FOLDER = "sent-folder"
    IMPORTED = "imported"  # from a file
    TRAVELLED = "travelled"  # a server noted in its header that it passed


_ORDER = {kind: place for place, kind in enumerate(CopyKind)}


@dataclass(frozen=True, slots=True)
class SentMail:
    """The sender's own copy of a message, as it lies in the archive under `sha256`. `in_sent`: a server showed it in
    its folder of sent mails."""

    sha256: str
    fingerprint: Fingerprint
    recipients: tuple[tuple[str, str], ...]  # address, to or cc
    at: datetime | None
    in_sent: bool = True

    @property
    def kind(self) -> CopyKind:
        """How it came to us."""
        if self.fingerprint.travelled:
            return CopyKind.TRAVELLED
        return CopyKind.SENT_FOLDER if self.in_sent else CopyKind.IMPORTED

    @property
    def roles(self) -> Mapping[str, str]:
        """`to` or `cc` by address key; who stands in both is in To."""
        found: dict[str, str] = {}
        for address, role in self.recipients:
            key = address_key(address)
            found[key] = "to" if "to" in (role, found.get(key)) else "cc"
        return found


@dataclass(frozen=True, slots=True)
class Choice:
    """The copy that is the message, None where there is none; and what contradicts (`copies-differ`: several copies
    read differently and nothing tells which was sent; `copy-differs`: trusted evidence speaks against the copy)."""

    copy: SentMail | None
    conflicts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Weighed:
    """A copy and what trusted evidence says of it."""

    copy: SentMail
    enclosed: int  # recipients whose receipt encloses it
    against: bool  # evidence encloses another original, or certifies another subject

    @property
    def rank(self) -> tuple[int, bool, int]:
        return -self.enclosed, self.against, _ORDER[self.copy.kind]


def chosen(
    copies: Sequence[SentMail], receipts: Sequence[Evidence], certified: Known | None, *, now: datetime
) -> Choice:
    """Which of *copies*, all of the message's sender, is the message; *certified* is what its receipts alone say."""
    if not copies:
        return Choice(None)
    counting = list(_agreeing(receipts, certified, now))
    weighed = sorted((_weigh(copy, counting) for copy in copies), key=lambda one: (*one.rank, one.copy.sha256))
    best = weighed[0]
    if best.against and not best.enclosed:
        return Choice(None, ("copy-differs",) if _is_kept(best.copy) else ())
    rivals = [one.copy for one in weighed if reads_the_same(best.copy.fingerprint, one.copy.fingerprint) is False]
    if not best.enclosed and any(copy.kind is best.copy.kind for copy in rivals):
        # Nothing tells which was sent. With receipts the message is what they certify; without, one copy must stand.
        return Choice(None if counting else best.copy, ("copies-differ",))
    return Choice(best.copy, ("copies-differ",) if any(map(_is_kept, rivals)) else ())


def _is_kept(copy: SentMail) -> bool:
    """Whether the copy lies among the sender's own sent mails: what anybody could have sent in contradicts nothing."""
    return copy.kind is CopyKind.SENT_FOLDER


def _agreeing(receipts: Sequence[Evidence], certified: Known | None, now: datetime) -> Iterator[Evidence]:
    if certified is None:
        return
    frame = Frame.of(certified, submitted_at=None, now=now)
    leading = frame.leading(in_time(receipts))
    for one in receipts:
        if one.verdict is Verdict.TRUSTED and frame.agreement(one, leading).holds:
            yield one


def _weigh(copy: SentMail, counting: Sequence[Evidence]) -> _Weighed:
    enclosing = set()
    against = False
    for one in counting:
        brief = one.kind is Kind.DELIVERY and one.receipt_form == ReceiptForm.BRIEF
        held = compare(one.enclosed, copy.fingerprint, composed=False, brief=brief)
        same = held.same
        # Not known in every point (an earlier release's fingerprint, another transfer encoding), but the same content.
        if same or (same is None and held.points["original_body"]):
            enclosing.add(address_key(one.recipient or ""))
        told = (
            one.subject is None
            or copy.fingerprint.subject is None
            or same_subject(one.subject, copy.fingerprint.subject)
        )
        against |= same is False or not told
    return _Weighed(copy, len(enclosing), against)
