"""Does the signature hold, and whose is it? Eight checks at a time T, each true, false, or not checkable."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from pec_tracker.pec import cms, signers
from pec_tracker.pec.ber import BerError
from pec_tracker.pec.certificate import Certificate
from pec_tracker.pec.chain import Path
from pec_tracker.pec.cms import Attributes, SignedData, SignerInfo
from pec_tracker.pec.evidence import CHECKS, Checks, Signer, Verdict, address_key
from pec_tracker.pec.mime import SignedParts
from pec_tracker.pec.read import Mail
from pec_tracker.pec.signers import Signers
from pec_tracker.pec.standard import SYSTEM_LOCAL_PART
from pec_tracker.pec.traits import TRAITS
from pec_tracker.pec.trust import Trust


@dataclass(frozen=True, slots=True)
class Verification:
    """What was verified of one mail's signature, at `at`.

    `checks` has the eight names of `evidence.CHECKS`. `certificates` is the chain used, leaf first, DER; where none
    held, the one that came nearest. `organization` (O) and `expires_at` are the signer's certificate's.
    `anchor_source` is the source of the anchor at which a chain that held ends.
    `reasons` are stable names of what made the verdict less than `trusted` (`digest-differs`, `no-chain` ...).
    `weak` names what is accepted but old (`sha1-digest`, `sha1-certificate`, `rsa-1024`).
    `form` is the line-end form over which the digest matched: `as-received`, `crlf`, `lf`; None if it did not.
    """

    verdict: Verdict
    checks: Checks
    at: datetime | None
    digest_algorithm: str | None
    signer: str | None
    signer_address: str | None
    organization: str | None
    expires_at: datetime | None
    issuer: str | None
    signed_at: datetime | None
    form: str | None
    certificates: tuple[bytes, ...]
    anchor_source: str | None
    reasons: tuple[str, ...]
    weak: tuple[str, ...]

    @property
    def who(self) -> Signer | None:
        """Who signed, as evidence says it; None where no certificate is known."""
        if not self.certificates:
            return None
        return Signer(self.signer_address, self.organization, self.expires_at, self.weak)


_DIGESTS: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1(),
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_PKCS1: Final = padding.PKCS1v15()


def verify(raw: bytes, mail: Mail, trust: Trust, *, at: datetime | None = None, now: datetime) -> Verification:
    """The verdict on the outer signature of `raw`, which was read as `mail`. Never raises on any mail.

    T is `at`, else the daticert's own time, else the signing time; a time without a zone is taken as UTC. `now` is
    for `valid_now` alone. Outer headers are evidence of nothing but the From address that the signer must have.
    """
    time = at if at is not None else mail.daticert.issued_at if mail.daticert is not None else None
    case = _Case(raw, mail, signers.under(trust), None if time is None else _aware(time), _aware(now))
    if mail.signed is None or mail.signed.signature is None:
        structure = None if mail.signed is None else False
        return _without_signer(Verdict.UNSIGNED, case, structure, "no-signature")
    if not mail.signed.signature:
        return _without_signer(Verdict.BROKEN, case, mail.signed.sound, "signature-empty")
    try:
        signed = cms.parse(mail.signed.signature)
    except BerError:
        return _without_signer(Verdict.BROKEN, case, mail.signed.sound, "signature-unreadable")
    if not signed.signers:
        return _without_signer(Verdict.BROKEN, case, mail.signed.sound, "no-signer")
    content = _Content(mail.signed.content.of(raw))
    return _agreed([_judged(case, mail.signed, content, signed, info) for info in signed.signers])


@dataclass(frozen=True, slots=True)
class _Case:
    """What one verification is about."""

    raw: bytes
    mail: Mail
    signers: Signers
    time: datetime | None
    now: datetime

    @property
    def sender(self) -> str | None:
        """The one address in From; None where there is none, or several."""
        addresses = self.mail.headers.from_addresses if self.mail.headers is not None else ()
        return address_key(addresses[0]) if len(addresses) == 1 else None

    @property
    def is_providers_own(self) -> bool:
        """Whether the mail is of a kind that only providers issue, by its structure."""
        return self.mail.daticert is not None or TRAITS[self.mail.kind].envelope  # which need no daticert


class _Content:
    """The signed content in the forms over which a signature may hold: as received, then with CRLF, then with LF.
    Stores and gateways change line ends, signers do not.

    Each form is hashed once with each algorithm, however many signers and namesakes a mail brings.
    """

    __slots__ = ("_digests", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._digests: dict[str, tuple[tuple[str, bytes], ...]] = {}

    def digests(self, algorithm: str) -> tuple[tuple[str, bytes], ...]:
        """The hash of each form, with the form's name."""
        if algorithm not in self._digests:
            self._digests[algorithm] = tuple(
                (form, hashlib.new(algorithm, text).digest()) for form, text in self._forms()
            )
        return self._digests[algorithm]

    def _forms(self) -> Iterator[tuple[str, bytes]]:
        yield "as-received", self.raw
        lf = self.raw.replace(b"\r\n", b"\n")
        if lf.count(b"\n") != self.raw.count(b"\r\n"):
            yield "crlf", lf.replace(b"\n", b"\r\n")
        if lf != self.raw:
            yield "lf", lf


@dataclass(frozen=True, slots=True)
class _Signer:
    """The certificate that made a signature, or that its name points to, with what its paths say."""

    certificate: Certificate
    paths: tuple[Path, ...]
    signed: bool

    def path(self, time: datetime | None) -> Path | None:
        """The path that held at `time`; where none did, the one that came nearest."""
        held = (path for path in self.paths if time is not None and path.holds_at(time))
        return next(held, self.paths[0] if self.paths else None)


def _agreed(judged: Sequence[Verification]) -> Verification:
    """The sender's verification; with others beside it that do not all hold it is at most `intact`: OpenSSL, and so
    whoever verifies by hand, asks that every signer hold, and what is called proof must hold for both.
    """
    chosen = min(judged, key=_preference)
    if chosen.verdict is Verdict.TRUSTED and not all(_vouched(one.checks) for one in judged):
        return replace(chosen, verdict=Verdict.INTACT, reasons=(*chosen.reasons, "other-signer"))
    return chosen


def _vouched(checks: Checks) -> bool:
    return all(checks[name] is True for name in ("structure", "digest", "signature", "chain"))


def _judged(case: _Case, parts: SignedParts, content: _Content, data: SignedData, info: SignerInfo) -> Verification:
    """The verification of one signer's statement."""
    attributes = info.attributes
    time = case.time if case.time is not None else attributes.signed_at if attributes is not None else None
    named = case.signers.named(data.certificates, info.issuer, info.serial, info.key_id)
    if attributes is not None:
        form = _digested(content, info, attributes)
        signer = _who_signed(named, info, hashed(info, cms.in_der(attributes.signed)), time)
        digest = None if info.digest is None else form is not None
        signature = None if signer is None or key_scheme(info) is None else signer.signed and not info.faults
    else:
        form, signer = _covered(content, named, info, time)
        digest = None if signer is None or key_scheme(info) is None else signer.signed
        signature = digest and not info.faults
    found = _concluded(case, parts, info, signer, time, form, digest=digest, signature=signature)
    # OpenSSL holds the part and not this to the signature; a provider attaches none (RFC 8551 3.5.3).
    attached = data.content is not None and data.content != content.raw
    return replace(found, weak=(*found.weak, "attached-content")) if attached else found


def _concluded(
    case: _Case,
    parts: SignedParts,
    info: SignerInfo,
    signer: _Signer | None,
    time: datetime | None,
    form: str | None,
    *,
    digest: bool | None,
    signature: bool | None,
) -> Verification:
    path = signer.path(time) if signer is not None else None
    checks: dict[str, bool | None] = {
        "structure": parts.sound,
        "digest": digest,
        "signature": signature,
        "chain": None if signer is None or time is None else path is not None and path.holds_at(time),
        "valid_now": None if signer is None else any(one.holds_at(case.now) for one in signer.paths),
        "signer_address": _addressed(signer, case),
        "provider_domain": path.provider_domain if path is not None else None,
        "revocation": None if path is None or time is None else case.signers.revocation(path, time),
    }
    reasons = (*info.faults, *_reasons(checks, case, signer, path, time))
    own = signer.certificate if signer is not None else None
    return Verification(
        verdict=_verdict(checks),
        checks=checks,
        at=time,
        digest_algorithm=info.digest.replace("sha", "sha-") if info.digest is not None else None,
        signer=own.common_name if own is not None else None,
        signer_address=_address(own, case.sender),
        organization=own.organization if own is not None else None,
        expires_at=own.not_after if own is not None else None,
        issuer=own.issuer_common_name if own is not None else None,
        signed_at=info.attributes.signed_at if info.attributes is not None else None,
        form=form,
        certificates=tuple(one.der for one in path.certificates) if path is not None else (own.der,) if own else (),
        anchor_source=path.anchor.source if path is not None and checks["chain"] else None,
        reasons=tuple(dict.fromkeys(reasons)),
        weak=_weak(info, path),
    )


def _verdict(checks: Checks) -> Verdict:
    if not (checks["structure"] and checks["digest"] and checks["signature"]):
        return Verdict.BROKEN
    trusted = checks["chain"] and checks["signer_address"]
    forbidden = checks["provider_domain"] is False or checks["revocation"] is False
    return Verdict.TRUSTED if trusted and not forbidden else Verdict.INTACT


def _reasons(
    checks: Checks, case: _Case, signer: _Signer | None, path: Path | None, time: datetime | None
) -> Iterator[str]:
    """Stable names of what kept the verdict from `trusted`."""
    if not checks["structure"]:
        yield "structure"
    if checks["digest"] is not True:
        yield "digest-differs" if checks["digest"] is False else "algorithm-unknown"
    if signer is None:
        yield "no-signer-certificate"
        return
    if checks["signature"] is not True:
        yield "signature-differs" if checks["signature"] is False else "algorithm-unknown"
    yield from _chain_reasons(path, time)
    if checks["signer_address"] is not True:
        yield _address_reason(signer, case)
    if checks["provider_domain"] is False:
        yield "provider-domain"
    if checks["revocation"] is False:
        yield "revoked"


def _chain_reasons(path: Path | None, time: datetime | None) -> Iterator[str]:
    if path is None:
        yield "no-chain"
        return
    yield from path.problems
    if time is None:
        yield "no-time"
    elif time > path.not_after:
        yield "certificate-expired"
    elif time < path.not_before:
        yield "certificate-not-yet-valid"


def _digested(content: _Content, info: SignerInfo, attributes: Attributes) -> str | None:
    """The form of the content that has the digest of the signed attributes; None where no form has."""
    if info.digest is None or attributes.message_digest is None:
        return None
    return next((form for form, digest in content.digests(info.digest) if digest == attributes.message_digest), None)


def _covered(
    content: _Content, named: signers.Named, info: SignerInfo, time: datetime | None
) -> tuple[str | None, _Signer | None]:
    """Without signed attributes: the form of the content that the value covers, and who signed."""
    signer = None
    algorithm = _algorithm(info)
    # A SET is what signed attributes are: such a content could be another signature's, passed off (RFC 5652 5.4).
    if algorithm is not None and not content.raw.startswith(b"\x31"):
        for form, digest in content.digests(algorithm):
            signer = _who_signed(named, info, digest, time)
            if signer is not None and signer.signed:
                return form, signer
    return None, signer or _who_signed(named, info, None, time)


def hashed(info: SignerInfo, text: bytes) -> bytes | None:
    """The hash of a text that a signer's value may cover; None where its algorithm is unknown."""
    algorithm = _algorithm(info)
    return None if algorithm is None else hashlib.new(algorithm, text).digest()


def _algorithm(info: SignerInfo) -> str | None:
    """The hash under a signer's value, as hashlib names it."""
    return None if info.scheme is None or info.digest is None else info.scheme.digest or info.digest


def _who_signed(named: signers.Named, info: SignerInfo, digest: bytes | None, time: datetime | None) -> _Signer | None:
    """Which of the certificates made the value over what has this hash; the best chain wins among equals."""
    scheme = key_scheme(info)
    found = [
        _Signer(one, paths, scheme is not None and digest is not None and one.signed(info.value, digest, *scheme))
        for one, paths in named
    ]
    return min(found, key=lambda one: (not one.signed, not _holds(one.path(time), time)), default=None)


def _holds(path: Path | None, time: datetime | None) -> bool:
    return path is not None and time is not None and path.holds_at(time)


def key_scheme(info: SignerInfo) -> tuple[padding.PKCS1v15 | padding.PSS, Prehashed] | None:
    """Padding and hash of a signer's value, of what is hashed already; None where one of them is unknown."""
    algorithm = _algorithm(info)
    if info.scheme is None or algorithm is None:
        return None
    digest = Prehashed(_DIGESTS[algorithm])
    if info.scheme.mask_digest is None or info.scheme.salt_length is None:
        return _PKCS1, digest
    return padding.PSS(mgf=padding.MGF1(_DIGESTS[info.scheme.mask_digest]), salt_length=info.scheme.salt_length), digest


def _addressed(signer: _Signer | None, case: _Case) -> bool | None:
    """The certificate's address is the one in From; and a provider's, where the mail is what only providers issue."""
    if signer is None or case.sender is None:
        return None
    by_provider = case.sender.rpartition("@")[0] == SYSTEM_LOCAL_PART  # seen: every real mail
    return _signs_for_sender(signer, case.sender) and (by_provider or not case.is_providers_own)


def _signs_for_sender(signer: _Signer, sender: str) -> bool:
    return sender in map(address_key, signer.certificate.addresses)


def _address_reason(signer: _Signer, case: _Case) -> str:
    if case.sender is None:
        return "no-single-sender"
    return "signer-is-not-a-provider" if _signs_for_sender(signer, case.sender) else "sender-is-not-signer"


def _address(own: Certificate | None, sender: str | None) -> str | None:
    """The signer's address: the one in From where the certificate has several."""
    addresses = own.addresses if own is not None else ()
    return next((one for one in addresses if address_key(one) == sender), addresses[0] if addresses else None)


def _weak(info: SignerInfo, path: Path | None) -> tuple[str, ...]:
    found = ["sha1-digest"] if info.digest == "sha1" else []
    if info.attributes is None:
        found.append("no-signed-attributes")
    return (*found, *(path.weak if path is not None else ()))


def _preference(one: Verification) -> tuple[bool, int]:
    """Among several signers the sender counts, and among equals the best verdict."""
    return one.checks["signer_address"] is not True, list(Verdict).index(one.verdict)


def _without_signer(verdict: Verdict, case: _Case, structure: bool | None, reason: str) -> Verification:
    return Verification(
        verdict=verdict,
        checks={**dict.fromkeys(CHECKS), "structure": structure},
        at=case.time,
        digest_algorithm=None,
        signer=None,
        signer_address=None,
        organization=None,
        expires_at=None,
        issuer=None,
        signed_at=None,
        form=None,
        certificates=(),
        anchor_source=None,
        reasons=(reason,),
        weak=(),
    )


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
