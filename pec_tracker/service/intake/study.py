"""What is an arriving mail, all that its bytes can tell? Read, verified, keyed and cut into words, before any row."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime

from pec_tracker.pec import link
from pec_tracker.pec.evidence import Evidence, Fingerprint, address_key
from pec_tracker.pec.fingerprint import fingerprint
from pec_tracker.pec.folding import cut
from pec_tracker.pec.headers import Ids, ids_of
from pec_tracker.pec.read import Mail, evidence_of, read
from pec_tracker.pec.signature import Verification, verify
from pec_tracker.pec.standard import Kind
from pec_tracker.pec.traits import TRAITS
from pec_tracker.pec.trust import Trust
from pec_tracker.pec.wording import wording

MAX_ANSWERED = 20  # ids that one mail may answer: threads are longer, what they answer is the nearest


@dataclass(frozen=True, slots=True)
class Arrival:
    """One mail as it came: `folder_id` and `uid` where a server showed it, `sent` where its folder holds copies.

    `raw` None: the UID gave no mail, and `reason` says why; it is a sighting all the same.
    """

    raw: bytes | None
    internal_at: datetime | None = None
    folder_id: int | None = None
    uid: int | None = None
    sent: bool = False
    reason: str | None = None
    outlook: str | None = None  # SHA-256 of the .msg that `raw` was rebuilt from


@dataclass(frozen=True, slots=True)
class Copy:
    """A plain mail that may be the sender's own copy of a message: what the message's row needs of it.

    `reference` is its Message-ID, by which it finds its message; `at` is when it was sent, as far as it says.
    """

    reference: str | None
    fingerprint: Fingerprint
    recipients: tuple[tuple[str, str], ...]  # address, to or cc
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Studied:
    """An arrival, read and verified: everything that needs its bytes, so that the transaction needs none.

    `mail` is without its original and its signature: what they tell is in the rest.

    `references` and `identifier` say which message it is about, the first reference above all; `answers` which
    messages it answers, the nearest first. All of them can stand in an index.
    """

    arrival: Arrival
    sha256: str
    size: int
    mail: Mail
    evidence: Evidence | None
    verification: Verification | None
    references: tuple[str, ...]
    identifier: str | None
    answers: tuple[str, ...]
    words: list[str]
    copy: Copy | None

    @property
    def claims_receipt(self) -> bool:
        """It says that it is a receipt, or encloses what says so, without being one by its structure."""
        return "original-claims-receipt" in self.mail.warnings or (
            not TRAITS[self.mail.kind].issued
            and self.mail.headers is not None
            and self.mail.headers.ricevuta is not None
        )


def study(arrival: Arrival, raw: bytes, *, owner: str | None, trust: Trust, now: datetime) -> Studied:
    """Read and verify one mail; pure, so that it can run in another process.

    *owner* is the mailbox's address; without one (imports) any plain mail may be a copy of what its author sent.
    """
    digest = hashlib.sha256(raw).hexdigest()
    mail = read(raw)
    claims = mail.headers is not None and (mail.headers.ricevuta or mail.headers.trasporto)
    certifies = TRAITS[mail.kind].issued or bool(claims) or mail.signed is not None
    verification = verify(raw, mail, trust, now=now) if certifies else None
    keys = link.keys(mail)
    return Studied(
        arrival=replace(arrival, raw=None),
        sha256=digest,
        size=len(raw),
        mail=replace(mail, original=None, signed=None, rem=()),
        evidence=None
        if verification is None
        else evidence_of(digest, mail, verification.verdict, signer=verification.who, arrived_at=arrival.internal_at),
        verification=verification,
        references=link.claimed_references(mail, _inner(mail), keys),
        identifier=next(iter(_usable(keys.identifiers)), None),
        answers=_usable(keys.replies_to)[:MAX_ANSWERED],
        words=cut(_texts(mail, raw)),
        copy=_copy(arrival, raw, mail) if _is_copy(arrival, mail, owner) else None,
    )


def _usable(keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(filter(link.is_key, keys))


def _inner(mail: Mail) -> Ids | None:
    """The ids of the original, where they say where the mail belongs."""
    claims = "original-claims-receipt" in mail.warnings and mail.original is not None
    return ids_of(mail.original) if claims and mail.original is not None else None


def _is_copy(arrival: Arrival, mail: Mail, owner: str | None) -> bool:
    """A plain mail that the mailbox's owner wrote, lying among the sent ones (or imported without a folder)."""
    headers = mail.headers
    if mail.kind is not Kind.ORDINARY or headers is None or headers.ricevuta or headers.trasporto:
        return False
    if not (headers.from_addresses and (headers.to_addresses or headers.cc_addresses)):
        return False
    if "rebuilt-from-msg" in mail.warnings:
        return False  # put together anew: it would not agree with what the receipts enclose
    if owner is None:
        return arrival.folder_id is None and headers.message_id is not None and link.is_key(headers.message_id)
    written = any(link.same_address(address, owner) for address in headers.from_addresses)
    return written and (arrival.sent or arrival.folder_id is None)


def _copy(arrival: Arrival, raw: bytes, mail: Mail) -> Copy:
    headers = mail.headers
    assert headers is not None
    recipients: dict[str, tuple[str, str]] = {}
    for role, addresses in (("to", headers.to_addresses), ("cc", headers.cc_addresses)):
        for address in filter(link.is_key, addresses):
            recipients.setdefault(address_key(address), (address, role))
    reference = headers.message_id
    return Copy(
        reference=reference if reference is not None and link.is_key(reference) else None,
        fingerprint=fingerprint(raw),
        recipients=tuple(recipients.values()),
        at=arrival.internal_at or headers.date,
    )


def _texts(mail: Mail, raw: bytes) -> list[str | None]:
    """What a person may look for: names, addresses, identifiers, the author's words (not the provider's form)."""
    headers = mail.headers
    texts: list[str | None] = [mail.subject, mail.sender, mail.reference]
    if headers is not None:
        texts += [headers.message_id, *headers.from_addresses, *headers.to_addresses, *headers.cc_addresses]
    if mail.daticert is not None:
        texts += [mail.daticert.identifier, *(recipient.address for recipient in mail.daticert.recipients)]
    if mail.original is not None:
        texts += wording(mail.original)
    elif TRAITS[mail.kind].authored:
        texts += wording(raw)
    return texts
