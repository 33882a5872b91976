"""What does a proof package hold that nobody can make again? Mails, records, sealed lines, seals: bytes as archived.

Everything else in a package is derived from these (`proof.report`, `proof.members`), so that `verify` can derive it
once more from the package alone and compare.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from pec_tracker.errors import LedgerError
from pec_tracker.ledger.lines import Line, decode
from pec_tracker.ledger.segments import SealFile, parse_seal
from pec_tracker.pec import link
from pec_tracker.pec.evidence import CertifiedRecipient, Fingerprint
from pec_tracker.pec.fingerprint import fingerprint
from pec_tracker.pec.headers import Headers, headers_of
from pec_tracker.pec.link import Ties
from pec_tracker.pec.read import Mail, read

ORIGINAL: Final = "message/original.eml"
COPIES: Final = "message/copy-"
RECORDS: Final = "records/"
RECEIPTS: Final = "receipts/"
NOT_PROOF: Final = "not-proof/"
NOTARY: Final = "notary/"
LEDGER: Final = "ledger/"
CERTIFICATES: Final = "certificates/"
REVOCATION: Final = "revocation/"

_SOURCE: Final = re.compile(
    r"message/(original|copy-[0-9]{2,})\.eml|(receipts|not-proof)/[0-9]{3,}-[a-z-]+\.eml|records/[0-9a-f]{64}\.json"
    r"|ledger/([0-9a-v]{26}\.json|[0-9]{8,}\.(seal|tsr|head))|notary/[0-9]{8,}\.[0-9a-f]{8}\.eml"
    r"|certificates/[0-9a-f]{16}\.der|revocation/[0-9a-f]{16}\.(crl|ocsp)"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Frame:
    """What a package says of itself: the message's `key`, the one `recipient` asked about (None: all), the language
    of its texts, the release that made it, and whether it has a summary as PDF."""

    key: str
    recipient: str | None
    language: str
    version: str
    pdf: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """What is kept of a mail that was read: `mail` is without its original, of which `enclosed` are the hashes; `ties`
    are those of an evidence."""

    mail: Mail
    ties: Ties
    enclosed: Fingerprint | None


@dataclass(frozen=True, slots=True)
class _Original:
    """An enclosed message, of which receipts by the hundred enclose the same."""

    enclosed: Fingerprint | None
    headers: Headers | None


_NO_ORIGINAL: Final = _Original(None, None)


class Readings:
    """Each mail of a package read once, however often it is asked for: reading is most of what a package costs.

    Facts alone are kept, no bytes of mails. Every receipt of a message lists all its recipients and encloses the same
    message: equal lists are kept once, and what is enclosed again is not read again.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, Reading] = {}
        self._lists: dict[tuple[CertifiedRecipient, ...], tuple[CertifiedRecipient, ...]] = {}
        self._originals: dict[bytes, _Original] = {}

    def of(self, raw: bytes) -> Reading:
        """What the mail says that these bytes are."""
        key = sha256(raw).digest()
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._read(raw)
        return known

    def _read(self, raw: bytes) -> Reading:
        mail = read(raw)
        original = _NO_ORIGINAL if mail.original is None else self._original(mail.original)
        ties = _ties(mail, original.headers)
        mail = replace(mail, original=None)
        if mail.daticert is not None:
            listed = self._lists.setdefault(mail.daticert.recipients, mail.daticert.recipients)
            mail = replace(mail, daticert=replace(mail.daticert, recipients=listed))
        return Reading(mail, ties, original.enclosed)

    def _original(self, raw: bytes) -> "_Original":
        key = sha256(raw).digest()
        known = self._originals.get(key)
        if known is None:
            known = self._originals[key] = _Original(fingerprint(raw), headers_of(raw))
        return known


def _ties(mail: Mail, inner: Headers | None) -> Ties:
    keys = link.keys_with(mail, inner)
    identifier = next(filter(link.is_key, keys.identifiers), None)
    return Ties(is_evidence=True, references=link.claimed_references(mail, inner, keys), identifier=identifier)


@dataclass(frozen=True, slots=True)
class Sources:
    """The members that are bytes as archived, by their names in the package."""

    frame: Frame
    members: Mapping[str, bytes]
    readings: Readings = field(default_factory=Readings, compare=False, repr=False)

    def under(self, *folders: str) -> Iterator[tuple[str, bytes]]:
        """The members whose names begin so, in the order of their names."""
        return ((name, self.members[name]) for name in sorted(self.members) if name.startswith(folders))

    @property
    def copies(self) -> Iterator[tuple[str, bytes]]:
        """The message as sent, and further copies of it."""
        return self.under(ORIGINAL, COPIES)

    @property
    def evidence(self) -> Iterator[tuple[str, bytes]]:
        """Every receipt and whatever claims to be one, by member; one mail at a time is held."""
        return self.under(RECEIPTS, NOT_PROOF)

    def lines(self) -> dict[str, Line]:
        """The ledger lines that can be read, by member."""
        found = {}
        for name, content in self.under(LEDGER):
            if name.endswith(".json"):
                try:
                    found[name] = decode(content.decode("ascii"))
                except (LedgerError, UnicodeDecodeError):
                    continue  # `verify` names it; it says nothing
        return found

    def seals(self) -> dict[str, SealFile]:
        """The seals that can be read, by member, in order."""
        found = {}
        for name, content in self.under(LEDGER):
            number = name.removeprefix(LEDGER).removesuffix(".seal")
            if name.endswith(".seal") and number.isdecimal():
                try:
                    found[name] = parse_seal(int(number), content)
                except LedgerError:
                    continue  # as above
        return found

    def record(self, name: object) -> Mapping[str, Any]:
        """A record by its hash; empty where it is not there, or is no JSON object."""
        try:
            facts = json.loads(self.members.get(f"{RECORDS}{name}.json", b"{}"))
        except ValueError:
            return {}
        return facts if isinstance(facts, dict) else {}


def is_source(member: str) -> bool:
    """Whether a member is bytes as archived, and not made from others."""
    return _SOURCE.fullmatch(member) is not None


def sealed_until(seal: SealFile) -> datetime:
    """The time of the newest line that a seal lists, from the lines' ids: their first 56 bits are microseconds."""
    return max(map(time_of_id, (entry.line_id for entry in seal.entries)), default=_EPOCH)


def time_of_id(line_id: str) -> datetime:
    """When a line was written, as its id says (`ledger.lines.new_id`)."""
    micros = int.from_bytes(base64.b32hexdecode(line_id.upper() + "======")[:7])
    return _EPOCH + timedelta(microseconds=micros)
