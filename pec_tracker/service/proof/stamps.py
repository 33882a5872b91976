"""What dates a seal from outside? Time-stamps (RFC 3161) beside it, and signed acceptances that quote its hash."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from asn1crypto import cms, tsp

from pec_tracker.ledger.segments import SealFile
from pec_tracker.ledger.stamps import Fault, StampError, examine
from pec_tracker.pec.evidence import Verdict
from pec_tracker.pec.read import read
from pec_tracker.pec.signature import verify
from pec_tracker.pec.standard import Kind
from pec_tracker.pec.trust import Trust
from pec_tracker.service.proof.sources import NOTARY, Sources, sealed_until

CLOCKS_DIFFER: Final = timedelta(minutes=5)  # between the sender's clock and an authority's
NEAR: Final = timedelta(days=2)  # one stamp a day, and a day in which the authority was out of reach

OLDER: Final = "older-than-its-lines"
YOUNGER: Final = "younger-than-the-next-seal"
IMPOSSIBLE: Final = frozenset({OLDER, YOUNGER})

_GRANTED: Final = bytes.fromhex("3003020100")  # PKIStatusInfo: granted


@dataclass(frozen=True, slots=True)
class Token:
    """What a time-stamp says of itself: when, and whether the file is the bare token or a whole response."""

    at: datetime
    bare: bool


def read_token(raw: bytes) -> Token | None:
    """Read a time-stamp response or token; None where it is neither. Nothing of it is verified."""
    for form in (tsp.TimeStampResp, cms.ContentInfo):
        try:
            found = form.load(raw, strict=True)
            whole = found["time_stamp_token"] if form is tsp.TimeStampResp else found
            said = whole["content"]["encap_content_info"]["content"].parsed
            return Token(said["gen_time"].native.astimezone(UTC), bare=form is cms.ContentInfo)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            continue
    return None


def stamps(
    sources: Sources, seals: dict[str, SealFile], *, trust: Trust, stamp_roots: Sequence[bytes], now: datetime
) -> Iterator[dict[str, Any]]:
    """Each stamp of a seal in the package, as the report says it.

    `holds` is None where its authority is not known here (*stamp_roots*: certificates, DER): nothing was verified.
    `reason` is a stable name of why it does not hold, or is not known to.
    """
    after = {seal.number - 1: seal for seal in seals.values()}
    for name, seal in seals.items():
        member = name.removesuffix(".seal") + ".tsr"
        if member in sources.members:
            yield _token_entry(sources, name, seal, after.get(seal.number), stamp_roots)
    by_number = {seal.number: seal for seal in seals.values()}
    for member, raw in sources.under(NOTARY):
        number = member.removeprefix(NOTARY).partition(".")[0]
        dated = by_number.get(int(number)) if number.isdecimal() else None
        yield _notary_entry(member, raw, dated, trust, now=now)


def vouched_until(report: Mapping[str, Any], seals: Mapping[int, SealFile]) -> int:
    """The newest seal (*seals* by number) that a stamp dates near its lines' own times; 0 where none does.

    What a stamp of long afterwards shows, that the lines were there by then, says nothing for their own times.
    """
    near = [
        stamp["seal"]
        for stamp in report["stamps"]
        if stamp["holds"] and datetime.fromisoformat(stamp["at"]) - sealed_until(seals[stamp["seal"]]) <= NEAR
    ]
    return max(near, default=0)


def _token_entry(
    sources: Sources, name: str, seal: SealFile, following: SealFile | None, roots: Sequence[bytes]
) -> dict[str, Any]:
    member = name.removesuffix(".seal") + ".tsr"
    raw = sources.members[member]
    token = read_token(raw)
    holds, authority, reason = _verified(raw, token, sources.members[name], roots)
    impossible = _impossible(token.at, seal, following) if token and holds is not False else None
    return {
        "seal": seal.number,
        "member": member,
        "kind": "rfc3161",
        "at": token.at.isoformat() if token else None,
        "holds": False if impossible else holds,
        "bare": token is not None and token.bare,
        "authority": authority,
        "reason": impossible or reason,
    }


def _verified(
    raw: bytes, token: Token | None, content: bytes, roots: Sequence[bytes]
) -> tuple[bool | None, str | None, str | None]:
    """Whether a stamp holds over *content*, whose it is, and why not: its signature, its chain, its purpose."""
    if token is None:
        return False, None, Fault.UNREADABLE.value
    try:
        stamped = examine(_response(raw) if token.bare else raw, content, roots)
    except StampError as error:
        return (None if error.fault is Fault.UNTRUSTED else False), None, error.fault.value
    return True, stamped.authority, None


def _response(token: bytes) -> bytes:
    """A bare token as the response that granted it (RFC 3161 2.4.2)."""
    body = _GRANTED + token
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    return b"\x30" + (bytes([0x80 | len(length)]) + length if len(body) > 127 else length) + body


def _impossible(at: datetime, seal: SealFile, following: SealFile | None) -> str | None:
    """What a stamp's time cannot be: before the newest line that its seal lists, or, as only the newest seal is ever
    stamped (docs/decisions/0006), long after all that the next seal lists."""
    if at < sealed_until(seal) - CLOCKS_DIFFER:
        return OLDER
    if following is not None and at > sealed_until(following) + NEAR:
        return YOUNGER
    return None


def _notary_entry(member: str, raw: bytes, dated: SealFile | None, trust: Trust, *, now: datetime) -> dict[str, Any]:
    """An acceptance that quotes a seal's hash in its subject."""
    mail = read(raw)
    said = mail.daticert
    quoted = dated is not None and said is not None and dated.sha256 in (said.subject or "")
    verification = verify(raw, mail, trust, now=now)
    trusted = verification.verdict is Verdict.TRUSTED and said is not None and not said.faults
    at = said.issued_at if said else None
    reason: str | None = None
    if dated is None or not quoted or mail.kind is not Kind.ACCEPTANCE or at is None:
        reason = Fault.MISMATCH.value
    elif not trusted:
        reason = Fault.UNTRUSTED.value
    elif at < sealed_until(dated) - CLOCKS_DIFFER:
        reason = OLDER
    return {
        "seal": dated.number if dated else None,
        "member": member,
        "kind": "pec",
        "at": at.isoformat() if at else None,
        "holds": None if reason == Fault.UNTRUSTED.value and verification.verdict is Verdict.INTACT else reason is None,
        "bare": False,
        "authority": said.provider if said else None,
        "reason": reason,
    }
