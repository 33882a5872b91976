"""What dates a seal from outside? Time-stamps (RFC 3161) beside it, and signed acceptances that quote its hash."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asn1crypto import cms, tsp

from pec_tracker.ledger.segments import SealFile
from pec_tracker.pec.read import read
from pec_tracker.pec.signature import verify
from pec_tracker.pec.standard import Kind
from pec_tracker.pec.trust import Trust
from pec_tracker.service.proof_sources import NOTARY, Sources


@dataclass(frozen=True, slots=True)
class Token:
    """What a time-stamp says: when, over which hash, and whether the file is the bare token or a whole response."""

    at: datetime
    algorithm: str
    imprint: bytes
    bare: bool

    def is_over(self, content: bytes) -> bool:
        """Whether the stamp is over these bytes."""
        try:
            return hashlib.new(self.algorithm, content).digest() == self.imprint
        except ValueError:
            return False


def read_token(raw: bytes) -> Token | None:
    """Read a time-stamp response or token; None where it is neither. Its signature is for `openssl ts` to verify."""
    for form in (tsp.TimeStampResp, cms.ContentInfo):
        try:
            found = form.load(raw, strict=True)
            whole = found["time_stamp_token"] if form is tsp.TimeStampResp else found
            said = whole["content"]["encap_content_info"]["content"].parsed
            imprint = said["message_imprint"]
            return Token(
                at=said["gen_time"].native.astimezone(UTC),
                algorithm=imprint["hash_algorithm"]["algorithm"].native,
                imprint=imprint["hashed_message"].native,
                bare=form is cms.ContentInfo,
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
    return None


def stamps(sources: Sources, seals: dict[str, SealFile], *, trust: Trust, now: datetime) -> Iterator[dict[str, Any]]:
    """Each stamp of a seal in the package, as the report says it."""
    for name, seal in seals.items():
        member = name.removesuffix(".seal") + ".tsr"
        if member in sources.members:
            token = read_token(sources.members[member])
            yield {
                "seal": seal.number,
                "member": member,
                "kind": "rfc3161",
                "at": token.at.isoformat() if token else None,
                "holds": token is not None and token.is_over(sources.members[name]),
                "bare": token is not None and token.bare,
            }
    by_number = {seal.number: seal for seal in seals.values()}
    for member, raw in sources.under(NOTARY):
        mail = read(raw)
        said = mail.daticert
        number = member.removeprefix(NOTARY).partition(".")[0]
        dated = by_number.get(int(number)) if number.isdecimal() else None
        quoted = dated is not None and said is not None and dated.sha256 in (said.subject or "")
        verification = verify(raw, mail, trust, now=now)
        yield {
            "seal": dated.number if dated else None,
            "member": member,
            "kind": "pec",
            "at": said.issued_at.isoformat() if said and said.issued_at else None,
            "holds": quoted and mail.kind is Kind.ACCEPTANCE and verification.verdict.value == "trusted",
            "bare": False,
        }
