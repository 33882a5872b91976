"""Does the evidence agree with the message that it is about? Point by point, said exactly."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from pec_tracker.pec.evidence import Evidence, Fingerprint, Part, Verdict, address_key, time_key
from pec_tracker.pec.fields import decoded_text
from pec_tracker.pec.link import same
from pec_tracker.pec.standard import Kind, ReceiptForm

TOLERANCE: Final = timedelta(minutes=5)  # between two providers' clocks, or a provider's and ours

_AFTER_ACCEPTANCE: Final = frozenset({Kind.DELIVERY, Kind.NON_DELIVERY, Kind.DELAY_NOTICE, Kind.TAKEN_IN_CHARGE})
_HASH_SUFFIX: Final = ".hash"  # RFC 6109 3.3.2.2


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a message, to hold evidence against.

    `composed`: we made its bytes ourselves, so every point is exact. Otherwise (`found`) these are the facts of the
    copy in Sent where there is one, or of the evidence on which the others must agree (see `consensus`).
    """

    composed: bool
    sender: str
    recipients: tuple[str, ...]  # To and Cc, as written
    subject: str | None
    reference: str | None
    identifier: str | None
    fingerprint: Fingerprint | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """Each point true, false, or None where the evidence does not speak of it; `holds` when none is false.

    Points: sender, recipients, recipient, subject, reference, identifier, order_of_times, original.
    """

    points: tuple[tuple[str, bool | None], ...]

    @property
    def holds(self) -> bool:
        """No point is false."""
        return all(value is not False for _, value in self.points)

    @property
    def failed(self) -> tuple[str, ...]:
        """The points that are false."""
        return tuple(name for name, value in self.points if value is False)


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
) -> Agreement:
    """How `evidence` stands to what is known of the message, point by point.

    `accepted_at` is the certified time of the acceptance; `submitted_at` is our own clock's, and is looked at only for
    messages that we composed. Leave it out where that clock is in doubt: certified times rule.
    """
    return Agreement(
        points=(
            ("sender", _sender(evidence, known)),
            ("recipients", _recipients(evidence, known)),
            ("recipient", _recipient(evidence, known)),
            ("subject", _subject(evidence, known)),
            ("reference", _reference(evidence, known)),
            ("identifier", _identifier(evidence, known)),
            ("order_of_times", _order_of_times(evidence, known, accepted_at, submitted_at)),
            ("original", _original(evidence, known)),
        )
    )


def judge(evidence: Sequence[Evidence], known: Known, *, submitted_at: datetime | None = None) -> tuple[Judged, ...]:
    """All evidence of one message held against it, in order of time, each once; the input's order does not matter.

    The identifier and the time of acceptance are learned from the acceptance first (`acceptance`), so a delivery that
    arrives before its acceptance is judged again, and the same, when that has come.
    """
    first = acceptance(evidence, known, submitted_at=submitted_at)
    if first is not None and known.identifier is None:
        known = replace(known, identifier=first.identifier)
    accepted_at = first.issued_at if first else None
    return tuple(
        Judged(one, agree(one, known, accepted_at=accepted_at, submitted_at=submitted_at)) for one in _in_time(evidence)
    )


def acceptance(evidence: Sequence[Evidence], known: Known, *, submitted_at: datetime | None = None) -> Evidence | None:
    """The earliest acceptance that is trusted and agrees with `known`: its identifier and time bind what follows."""
    for one in _in_time(evidence):
        trusted = one.kind is Kind.ACCEPTANCE and one.verdict is Verdict.TRUSTED
        if trusted and agree(one, known, submitted_at=submitted_at).holds:
            return one
    return None


def consensus(
    evidence: Sequence[Evidence],
    *,
    mailbox: str | None,
    sent_copy: Fingerprint | None,
    sent_recipients: tuple[str, ...],
) -> Known | None:
    """What a message sent by other means is held to be: the facts on which its evidence must agree; None without any.

    They come from the copy in Sent (`sent_recipients` are its To and Cc), else from the earliest trusted acceptance,
    else from the earliest trusted evidence of another kind. With a `mailbox`, what names another sender is no source.
    """
    trusted = [one for one in _in_time(evidence) if one.verdict is Verdict.TRUSTED and _is_from(one.sender, mailbox)]
    if sent_copy is not None and _is_from(sent_copy.sender, mailbox):
        known = _known_of_copy(sent_copy, sent_recipients, mailbox)
    elif trusted:
        known = _known_of_evidence(trusted)
    else:
        return None
    return _completed(known, trusted)


def _known_of_copy(copy: Fingerprint, recipients: tuple[str, ...], mailbox: str | None) -> Known:
    return Known(
        composed=False,
        sender=copy.sender or mailbox or "",
        recipients=recipients,
        subject=copy.subject,
        reference=copy.message_id,
        identifier=None,
        fingerprint=copy,
    )


def _known_of_evidence(trusted: Sequence[Evidence]) -> Known:
    """The facts of the source among `trusted`, which is in order of time."""
    source = next((one for one in trusted if one.kind is Kind.ACCEPTANCE), trusted[0])
    return Known(
        composed=False,
        sender=source.sender or "",
        recipients=_known_recipients(source, trusted),
        subject=source.subject,
        reference=source.reference,
        identifier=source.identifier,
        fingerprint=None,
    )


def _known_recipients(source: Evidence, trusted: Sequence[Evidence]) -> tuple[str, ...]:
    """An acceptance lists all. Other kinds may list only their own, so without one the lists are put together."""
    sources = (
        [source] if source.kind is Kind.ACCEPTANCE else [source, *(o for o in trusted if _is_same_message(o, source))]
    )
    by_key: dict[str, str] = {}
    for one in sources:
        for address in (*(recipient.address for recipient in one.recipients), one.recipient):
            if address is not None:
                by_key.setdefault(address_key(address), address)
    return tuple(by_key.values())


def _is_same_message(one: Evidence, other: Evidence) -> bool:
    return same(one.reference, other.reference) or same(one.identifier, other.identifier)


def _completed(known: Known, trusted: Sequence[Evidence]) -> Known:
    """`known` with the identifier and the original that it lacks, from the earliest evidence that agrees with it."""
    first = acceptance(trusted, known)
    if known.identifier is None and first is not None:
        known = replace(known, identifier=first.identifier)
    if known.fingerprint is None:
        known = replace(known, fingerprint=_whole_original(trusted, known))
    return known


def _whole_original(trusted: Sequence[Evidence], known: Known) -> Fingerprint | None:
    """The original as the earliest agreeing evidence encloses it, where its parts are no hashes."""
    for one in trusted:
        whole = one.enclosed is not None and all(part.brief_hash is None for part in one.enclosed.parts)
        if whole and agree(one, known).holds:
            return one.enclosed
    return None


def _in_time(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Each evidence once, in the order of `time_key`."""
    return sorted(dict.fromkeys(evidence), key=time_key)


def _is_from(sender: str | None, mailbox: str | None) -> bool:
    """`sender` is the mailbox's address; a mail without a sender's name counts only where no mailbox is asked for."""
    return mailbox is None or (sender is not None and address_key(sender) == address_key(mailbox))


def _sender(evidence: Evidence, known: Known) -> bool | None:
    if evidence.sender is None or not known.sender:
        return None
    return address_key(evidence.sender) == address_key(known.sender)


def _recipients(evidence: Evidence, known: Known) -> bool | None:
    """An acceptance lists all recipients (RFC 6109 3.1.4), other kinds some: seen, a non-delivery with only its own."""
    if not evidence.recipients or not known.recipients:
        return None
    certified = {address_key(recipient.address) for recipient in evidence.recipients}
    ours = {address_key(address) for address in known.recipients}
    return certified == ours if evidence.kind is Kind.ACCEPTANCE else certified <= ours


def _recipient(evidence: Evidence, known: Known) -> bool | None:
    if evidence.recipient is None or not known.recipients:
        return None
    return address_key(evidence.recipient) in {address_key(address) for address in known.recipients}


def _subject(evidence: Evidence, known: Known) -> bool | None:
    """The same text; see `same_subject` for what is tolerated."""
    if evidence.subject is None or known.subject is None:
        return None
    return same_subject(evidence.subject, known.subject)


def same_subject(certified: str, sent: str) -> bool:
    """Whether the provider's `certified` subject is the `sent` one. Case counts; tolerated is only that in `certified`

    - blanks and folding differ: any run of white space is one blank, none at the ends;
    - Unicode is composed otherwise (compared in NFC), or control characters are left out (XML 1.0 2.2 has none);
    - encoded words were left undecoded (RFC 2047);
    - letters outside ASCII were broken into U+FFFD (seen: Aruba 2026). Then those are compared by their place only.
    """
    ours = _plain_text(sent)
    for theirs in (_plain_text(certified), _plain_text(decoded_text(certified.encode("utf-8", "replace")))):
        if theirs == ours or ("\ufffd" in theirs and _ascii_skeleton(theirs) == _ascii_skeleton(ours)):
            return True
    return False


def _plain_text(text: str) -> str:
    printable = text
    if not text.isprintable():
        printable = "".join(letter for letter in text if letter.isspace() or unicodedata.category(letter) != "Cc")
    return unicodedata.normalize("NFC", " ".join(printable.split()))


def _ascii_skeleton(text: str) -> str:
    return re.sub("[^\x00-\x7f]+", "\ufffd", text)


def _reference(evidence: Evidence, known: Known) -> bool | None:
    """The receipt names our Message-ID. One that names none is tied to us by the identifier, or by nothing signed."""
    if known.reference is None:
        return None
    if evidence.reference is not None:
        return same(evidence.reference, known.reference)
    return None if _identifier(evidence, known) else False


def _identifier(evidence: Evidence, known: Known) -> bool | None:
    if evidence.identifier is None or known.identifier is None:
        return None
    return same(evidence.identifier, known.identifier)


def _order_of_times(
    evidence: Evidence, known: Known, accepted_at: datetime | None, submitted_at: datetime | None
) -> bool | None:
    """Not before we sent it, and what follows an acceptance not before that; within TOLERANCE, for clocks differ."""
    if evidence.issued_at is None:
        return None
    earliest = [submitted_at] if known.composed else []
    if evidence.kind in _AFTER_ACCEPTANCE:
        earliest.append(accepted_at)
    times = [time for time in earliest if time is not None]
    return all(evidence.issued_at >= time - TOLERANCE for time in times) if times else None


def _original(evidence: Evidence, known: Known) -> bool | None:
    """The enclosed original is ours: byte for byte; in a brief receipt, part by part by hashes (RFC 6109 3.3.2).

    Only what follows the header is compared: a provider writes its own Message-ID and adds fields (RFC 6109 2.2.1).
    A message composed elsewhere may have been re-encoded on its way, so there equal decoded parts are enough.
    """
    ours, theirs = known.fingerprint, evidence.enclosed
    if ours is None or theirs is None:
        return None
    if theirs.body == ours.body:
        return True
    is_brief = evidence.kind is Kind.DELIVERY and evidence.receipt_form == ReceiptForm.BRIEF
    return _same_parts(theirs, ours) if is_brief or not known.composed else False


def _same_parts(theirs: Fingerprint, ours: Fingerprint) -> bool:
    """The same tree, and each leaf the same content or the hash of ours."""
    their_parts = {part.path: part for part in theirs.parts}
    our_parts = {part.path: part for part in ours.parts}
    if not our_parts or their_parts.keys() != our_parts.keys():
        return False
    return all(_same_part(their_parts[path], part) for path, part in our_parts.items())


def _same_part(theirs: Part, ours: Part) -> bool:
    """Equal content under an equal name, or `name.hash` with the SHA-1 of ours, encoded or (seen) decoded.

    How the hash of a part without a name is called is the provider's choice (RFC 6109 3.3.2.2 says nothing of it).
    """
    if theirs.brief_hash is None:
        return theirs.sha256 == ours.sha256 and theirs.filename == ours.filename
    named = None in (theirs.filename, ours.filename) or theirs.filename in (
        ours.filename,
        f"{ours.filename}{_HASH_SUFFIX}",
    )
    return named and theirs.brief_hash.lower() in (ours.sha1_encoded.lower(), ours.sha1.lower())
