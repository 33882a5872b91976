"""What is a message that left by other means held to be? The facts on which its own evidence must agree."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from pec_tracker.pec.evidence import Evidence, Fingerprint, Verdict, address_key, ascii_lower
from pec_tracker.pec.link import same
from pec_tracker.pec.points import Frame, Known, Leading, in_time
from pec_tracker.pec.standard import Kind


def consensus(
    evidence: Sequence[Evidence],
    *,
    mailbox: str | None,
    sent_copy: Fingerprint | None,
    sent_recipients: tuple[str, ...],
    copied: tuple[str, ...] | None = None,
    now: datetime | None = None,
) -> Known | None:
    """What a message sent by other means is held to be: the facts on which its evidence must agree; None without any.

    They come from the copy in Sent (`sent_recipients` are its To and Cc, `copied` those in Cc alone), else from the
    trusted acceptance with which most other evidence agrees, else from the earliest trusted evidence of another kind.
    With a `mailbox`, what names another sender is no source.
    """
    trusted = [one for one in in_time(evidence) if _is_source(one, mailbox)]
    if sent_copy is not None and _is_from(sent_copy.sender, mailbox):
        known = _known_of_copy(sent_copy, sent_recipients, copied)
    elif trusted:
        known = _known_of_evidence(trusted, now=now)
    else:
        return None
    return _completed(known, trusted, now=now)


def _is_source(one: Evidence, mailbox: str | None) -> bool:
    certifies = one.verdict is Verdict.TRUSTED and not one.faults and one.issued_at is not None
    return certifies and _is_from(one.sender, mailbox)


def _known_of_copy(copy: Fingerprint, recipients: tuple[str, ...], copied: tuple[str, ...] | None) -> Known:
    return Known(
        composed=False,
        sender=copy.sender or "",
        recipients=recipients,
        subject=copy.subject,
        reference=copy.message_id,
        identifier=None,
        fingerprint=copy,
        copied=copied,
    )


def _known_of_evidence(trusted: Sequence[Evidence], *, now: datetime | None) -> Known:
    """The facts of the source among `trusted`, which is in order of time: of several acceptances that say different
    things, or without any of whatever says different things, the one with which most of the rest agrees."""
    sources: dict[tuple[object, ...], Evidence] = {}
    for one in trusted:
        if one.kind is Kind.ACCEPTANCE:
            sources.setdefault((*_facts(one), _addresses(one)), one)
    if not sources:
        for one in trusted:
            sources.setdefault(_facts(one), one)
    candidates = [_known_of(source, trusted) for source in sources.values()]
    if len(candidates) == 1:
        return candidates[0]
    return max(candidates, key=lambda known: _supporters(known, trusted, now=now))  # the earliest among equals


def _facts(one: Evidence) -> tuple[object, ...]:
    """What evidence says of its message, in the forms in which it is compared."""
    ids = (ascii_lower(one.reference or ""), ascii_lower(one.identifier or ""))
    return address_key(one.sender or ""), one.subject, *ids


def _addresses(one: Evidence) -> frozenset[str]:
    return frozenset(address_key(recipient.address) for recipient in one.recipients)


def _supporters(known: Known, trusted: Sequence[Evidence], *, now: datetime | None) -> int:
    frame = Frame.of(known, submitted_at=None, now=now)
    alone = Leading(known.identifier, None, None)
    return len({(one.kind, address_key(one.recipient or "")) for one in trusted if frame.agreement(one, alone).holds})


def _known_of(source: Evidence, trusted: Sequence[Evidence]) -> Known:
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


def _completed(known: Known, trusted: Sequence[Evidence], *, now: datetime | None) -> Known:
    """`known` with the identifier and the original that it lacks, from the evidence that agrees with it."""
    if known.identifier is None:
        frame = Frame.of(known, submitted_at=None, now=now)
        known = replace(known, identifier=frame.leading(trusted).identifier)
    if known.fingerprint is None:
        known = replace(known, fingerprint=_whole_original(trusted, known, now=now))
    return known


def _whole_original(trusted: Sequence[Evidence], known: Known, *, now: datetime | None) -> Fingerprint | None:
    """The original as agreeing evidence encloses it, where its parts are no hashes: of several that differ, the one
    that most recipients' receipts enclose, and among equals the earliest."""
    frame = Frame.of(known, submitted_at=None, now=now)
    leading = frame.leading(trusted)
    found: dict[tuple[object, ...], list[Fingerprint]] = {}
    for one in trusted:
        if one.enclosed is None or any(part.brief_hash is not None for part in one.enclosed.parts):
            continue
        if frame.agreement(one, leading).holds:
            found.setdefault((one.enclosed.body, one.enclosed.head), []).append(one.enclosed)
    return max(found.values(), key=len)[0] if found else None


def _is_from(sender: str | None, mailbox: str | None) -> bool:
    """`sender` is the mailbox's address; a mail without a sender's name counts only where no mailbox is asked for."""
    return mailbox is None or (sender is not None and address_key(sender) == address_key(mailbox))
