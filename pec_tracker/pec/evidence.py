"""What does a mail certify? Its facts as one value, with what was verified of its signature."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final

from pec_tracker.pec.standard import Kind


class Verdict(StrEnum):
    """What holds of the signature; only `trusted` can become proof."""

    TRUSTED = "trusted"  # holds, chain to an anchor valid at T, signer's address right
    INTACT = "intact"  # holds, but the signer is not trusted or could not be checked
    BROKEN = "broken"  # there is a signature and it does not hold
    UNSIGNED = "unsigned"  # there is no signature


@dataclass(frozen=True, slots=True)
class CertifiedRecipient:
    """One `destinatari` of the certification data, its address and type as the provider wrote them."""

    address: str
    type: str


def certified_recipients(written: tuple[tuple[str, str], ...]) -> tuple[CertifiedRecipient, ...]:
    """The recipients of these addresses and types. Every receipt of a message lists all of them: a long list that was
    made a moment ago is the same object again, which costs once what is done for each list."""
    return _shared_recipients(written) if len(written) >= _LONG_LIST else _recipients(written)


_LONG_LIST: Final = 10


def _recipients(written: tuple[tuple[str, str], ...]) -> tuple[CertifiedRecipient, ...]:
    return tuple(CertifiedRecipient(address, type_) for address, type_ in written)


_shared_recipients = lru_cache(maxsize=8)(_recipients)


# Header fields in order: name in lower case, and the value as it is compared (`pec.headblock`), or its hash.
Head = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One leaf of a message's MIME tree: enough to compare it later without the message.

    `sha256` is over the decoded content; `sha1` and `sha1_encoded` (hex) over the decoded and the transfer-encoded
    content, because a brief receipt's hash SHOULD be over the base64 form (RFC 6109 3.3.2.2) and is not always.
    `brief_hash` is the 40 hex digits that a brief receipt carries in place of the content.
    `head` are its header fields (see `Fingerprint.head`), `clean` says that its encoded form is well-formed to the
    letter, so that every reader decodes it to the same; both None where an earlier release took the fingerprint.
    """

    path: str  # "1.2": position in the tree
    content_type: str
    filename: str | None
    sha256: str
    sha1: str
    sha1_encoded: str
    brief_hash: str | None = None
    head: Head | None = None
    clean: bool | None = None


@dataclass(frozen=True, slots=True)
class Multipart:
    """One inner node of a message's MIME tree: its header fields without the boundary, and the SHA-256 of what stands
    outside its parts (before the first boundary, after the last); empty where there is nothing. The root is ""."""

    path: str
    head: Head
    around: str


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A message in hashes: `body` is the SHA-256 of everything after the first blank line, line ends as CRLF.

    Line breaks at the very end are left out: the boundary after an enclosed message takes one of them.
    `head` are the header fields less those that a provider may change; None where an earlier release took the
    fingerprint, and then nothing below is known either. `cut`: the tree or the header went past a limit, and the rest
    is not in here. `date` is the Date field's. `travelled`: a server noted in the header that the mail passed it.
    """

    body: str
    parts: tuple[Part, ...]
    message_id: str | None
    subject: str | None
    sender: str | None
    head: Head | None = None
    multiparts: tuple[Multipart, ...] = ()
    cut: bool = False
    date: datetime | None = None
    travelled: bool = False


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed, by the certificate: its address, its organisation (O), the end of its validity.

    `weak` names what is accepted but old (`sha1-digest`, `rsa-1024` ...).
    """

    address: str | None
    organization: str | None
    expires_at: datetime | None
    weak: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one mail certifies. Times are the daticert's own, with the provider's offset.

    `key` is the SHA-256 (hex) of the mail: it orders and names evidence. `reference` and `identifier` have no `<>`.
    `enclosed` is the fingerprint of the original that came with it (delivery receipts, envelopes).
    `signer` is None where no certificate is known. `arrived_at` is the server's time of arrival (INTERNALDATE), which
    no sender chooses; None for what was imported. `faults` name departures from the grammar after which the mail
    certifies nothing: which of two elements counts would be a guess.
    """

    key: str
    kind: Kind
    verdict: Verdict
    tipo: str | None = None
    error: str | None = None
    error_code: str | None = None  # 5.1.1, 5.2.2, 5.4.1 ... from the head of errore-esteso
    error_detail: str | None = None
    issued_at: datetime | None = None
    provider: str | None = None
    sender: str | None = None
    recipients: tuple[CertifiedRecipient, ...] = ()
    recipient: str | None = None  # `consegna`: the one recipient that it is about
    receipt_form: str | None = None
    subject: str | None = None
    reference: str | None = None
    identifier: str | None = None
    enclosed: Fingerprint | None = None
    signer: Signer | None = None
    arrived_at: datetime | None = None
    faults: tuple[str, ...] = ()


# Certified times are whole seconds, and a provider may accept and deliver in one: then kinds go as in the glossary.
_PLACES = {kind: place for place, kind in enumerate(Kind)}
_NO_TIME = datetime.max.replace(tzinfo=UTC)


def time_key(evidence: Evidence) -> tuple[datetime, int, str, str]:
    """The order of evidence, the same from any order: earliest certified time first, what has none last.

    In one and the same second an acceptance stands before what follows it, and the rest is by key.
    """
    return evidence.issued_at or _NO_TIME, _PLACES[evidence.kind], evidence.key, evidence.recipient or ""


# The eight checks of a signature: true, false, or None where it could not be checked.
CHECKS = (
    "structure",
    "digest",
    "signature",
    "chain",
    "valid_now",
    "signer_address",
    "provider_domain",
    "revocation",
)

Checks = Mapping[str, bool | None]


_ASCII_LOWER = {ord(letter): ord(letter) + 32 for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def ascii_lower(text: str) -> str:
    """The text with A to Z in lower case, and no other letter folded: to Unicode the Kelvin sign is a `k` too."""
    return text.lower() if text.isascii() else text.translate(_ASCII_LOWER)


def address_key(address: str) -> str:
    """The form in which two addresses are compared: trimmed and in lower case, of ASCII letters alone.

    RFC 5321 2.4 lets a local part be case-sensitive; providers echo it in other cases (seen: ULIB logs), so PEC is not.
    """
    return ascii_lower(address.strip(" \t\r\n\f\v"))


def bare_id(text: str | None) -> str | None:
    """A Message-ID or identifier without blanks, folding and one pair of `<>`; None if nothing is left."""
    if text is None:
        return None
    joined = "".join(text.split())
    if joined.startswith("<") and joined.endswith(">"):
        joined = joined[1:-1]
    return joined or None
