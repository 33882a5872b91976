"""Does a time-stamp date these bytes? RFC 3161 requests and tokens as values: no network, no files, no clock.

A token counts when its imprint is that of the bytes, its one signature holds and names its certificate (RFC 5816),
that certificate is for time-stamping alone, and its chain ends at a given authority as it stood when it was made.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from asn1crypto import cms, tsp
from asn1crypto.algos import DigestAlgorithm
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pec_tracker.errors import PecTrackerError
from pec_tracker.pec import ber
from pec_tracker.pec.certificate import certificate

# PKIStatus (RFC 3161 2.4.2): granted, grantedWithMods.
_GRANTED: Final = (0, 1)
_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
# What asn1crypto and cryptography raise over bytes that are no token; each means the same: it cannot be read.
_UNREADABLE: Final = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    IndexError,
    OverflowError,
    RecursionError,
    NotImplementedError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
)


class Fault(StrEnum):
    """What keeps a time-stamp from dating the bytes: stable names."""

    UNREADABLE = "unreadable"
    REFUSED = "refused"
    MISMATCH = "mismatch"  # it is over other bytes, or answers another request
    BROKEN = "broken"
    UNTRUSTED = "untrusted"


class StampError(PecTrackerError):
    """A time-stamp does not date the bytes that it should; `fault` says how."""

    def __init__(self, template: str, *, fault: Fault, **params: object) -> None:
        self.fault = fault
        super().__init__(template, **params)


@dataclass(frozen=True, slots=True)
class Stamped:
    """What a time-stamp shows: the bytes existed at `at` (UTC), says the authority whose certificate has this name."""

    at: datetime
    authority: str
    serial: int
    policy: str


def request(content: bytes, nonce: int) -> bytes:
    """A TimeStampReq (DER) for the SHA-256 of *content*; the token shall carry its certificates."""
    imprint = tsp.MessageImprint(
        {
            "hash_algorithm": DigestAlgorithm({"algorithm": "sha256"}),
            "hashed_message": hashlib.sha256(content).digest(),
        }
    )
    asked = tsp.TimeStampReq({"version": "v1", "message_imprint": imprint, "nonce": nonce, "cert_req": True})
    return bytes(asked.dump())


def examine(response: bytes, content: bytes, anchors: Sequence[bytes], *, nonce: int | None = None) -> Stamped:
    """What the TimeStampResp *response* (DER, the bytes of a .tsr) shows of *content*. Raises StampError.

    *anchors* are the certificates (DER) at which its chain may end; *nonce* is the request's, where it was asked now.
    """
    token = _token(response)
    try:
        signed, info = _contents(token)
        found = _Token(signed, info)
    except _UNREADABLE as error:
        raise _unreadable() from error
    if not hmac.compare_digest(found.imprint(content) or b"", found.hashed) or not found.hashed:
        raise StampError("the time-stamp is over other bytes than these", fault=Fault.MISMATCH)
    if nonce is not None and found.nonce != nonce:
        raise StampError("the time-stamp answers another request than ours", fault=Fault.MISMATCH)
    try:
        broken = not found.holds()
    except _UNREADABLE as error:
        raise _unreadable() from error
    if broken:
        raise StampError("the signature of the time-stamp does not hold", fault=Fault.BROKEN)
    found.require_chain(anchors)
    return Stamped(found.at, found.authority, found.serial, found.policy)


def _token(response: bytes) -> bytes:
    """The TimeStampToken within a response that grants one."""
    try:
        whole = ber.expect(response, 0, len(response), ber.SEQUENCE)
        parts = tuple(ber.children(response, whole))
        status = ber.integer(response, ber.expect(response, parts[0].start, parts[0].stop, ber.INTEGER))
    except (ber.BerError, IndexError) as error:
        raise _unreadable() from error
    if whole.end != len(response):
        raise _unreadable()
    if status not in _GRANTED:
        raise StampError("the authority refused to stamp (status {status})", fault=Fault.REFUSED, status=status)
    if len(parts) != 2:
        raise _unreadable()
    return response[parts[1].begin : parts[1].end]


def _contents(token: bytes) -> tuple[Any, Any]:
    """The SignedData of a token, and the TSTInfo in it."""
    content = cms.ContentInfo.load(token, strict=True)
    signed = content["content"]
    enclosed = signed["encap_content_info"]
    if content["content_type"].native != "signed_data" or enclosed["content_type"].native != "tst_info":
        raise ValueError("not a time-stamp token")
    if len(signed["signer_infos"]) != 1:  # RFC 3161 2.4.2: the TSA's signature and no other
        raise ValueError("not one signer")
    return signed, tsp.TSTInfo.load(enclosed["content"].contents, strict=True)


class _Token:
    """A token's facts, read all at once: what cannot be read fails here."""

    def __init__(self, signed: Any, info: Any) -> None:
        self._content: bytes = signed["encap_content_info"]["content"].contents
        self._signer = signed["signer_infos"][0]
        carried = [one.chosen.dump() for one in signed["certificates"] if one.name == "certificate"]
        self._certificates = [x509.load_der_x509_certificate(der) for der in carried]
        self._hash = str(info["message_imprint"]["hash_algorithm"]["algorithm"].native)
        self.hashed = bytes(info["message_imprint"]["hashed_message"].native)
        self.nonce = info["nonce"].native
        self.at: datetime = info["gen_time"].native.astimezone(UTC)
        self.serial = int(info["serial_number"].native)
        self.policy = str(info["policy"].native)
        self._leaf = self._signing_certificate()

    @property
    def authority(self) -> str:
        """The common name of the certificate that signed, or its whole name."""
        names = self._leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(names[0].value) if names else self._leaf.subject.rfc4514_string()

    def imprint(self, content: bytes) -> bytes | None:
        """The hash of *content* by the token's algorithm; None for one that we do not take."""
        return hashlib.new(self._hash, content).digest() if self._hash in _HASHES else None

    def holds(self) -> bool:
        """Whether the signature holds over the token, and its attributes name the certificate that made it."""
        attributes = self._signer["signed_attrs"]
        values = {one["type"].native: one["values"] for one in attributes}
        if len(values) != len(attributes) or any(len(one) != 1 for one in values.values()):
            return False
        digest = self._signer["digest_algorithm"]["algorithm"].native
        if digest not in _HASHES or values["content_type"][0].native != "tst_info":
            return False
        if values["message_digest"][0].native != hashlib.new(digest, self._content).digest():
            return False
        return self._names_leaf(values) and self._signature_holds(attributes.untag().dump(), _HASHES[digest])

    def require_chain(self, anchors: Sequence[bytes]) -> None:
        """That the certificate was good for time-stamping at the token's time, under one of *anchors*."""
        policy = verification.ExtensionPolicy.permit_all()
        leaf = policy.require_present(x509.ExtendedKeyUsage, verification.Criticality.CRITICAL, _for_time_stamping)
        authorities = policy.require_present(x509.BasicConstraints, verification.Criticality.AGNOSTIC, None)
        roots = [one.parsed for one in map(certificate, anchors) if one is not None]
        if not roots:
            raise StampError(
                "no authority is known that the time-stamp of {authority} could come from; name its ca_file",
                fault=Fault.UNTRUSTED,
                authority=self.authority,
            )
        try:
            verifier = (
                verification.PolicyBuilder()
                .store(verification.Store(roots))
                .time(self.at)
                .extension_policies(ca_policy=authorities, ee_policy=leaf)
                .build_client_verifier()
            )
            verifier.verify(self._leaf, [one for one in self._certificates if one != self._leaf])
        except (verification.VerificationError, *_UNREADABLE) as error:
            raise StampError(
                "the certificate of {authority} does not lead to a known authority for time-stamps; check its ca_file",
                fault=Fault.UNTRUSTED,
                authority=self.authority,
            ) from error

    def _signing_certificate(self) -> x509.Certificate:
        sid = self._signer["sid"]
        for one in self._certificates:
            if sid.name == "issuer_and_serial_number":
                name, serial = sid.chosen["issuer"].dump(), sid.chosen["serial_number"].native
                fits = (one.issuer.public_bytes(), one.serial_number) == (name, serial)
            else:
                key_id = one.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
                fits = key_id == sid.chosen.native
            if fits:
                return one
        raise ValueError("the signer's certificate is not in the token")

    def _names_leaf(self, values: dict[str, Any]) -> bool:
        """ESSCertID(v2), RFC 5816 2.2.1: the first certificate named is the signer's."""
        for name, default in (("signing_certificate_v2", "sha256"), ("signing_certificate", "sha1")):
            if name in values:
                first = values[name][0]["certs"][0]
                algorithm = first["hash_algorithm"]["algorithm"].native if name.endswith("v2") else default
                der = self._leaf.public_bytes(Encoding.DER)
                return bool(first["cert_hash"].native == hashlib.new(algorithm, der).digest())
        return False

    def _signature_holds(self, over: bytes, digest: hashes.HashAlgorithm) -> bool:
        value = self._signer["signature"].native
        algorithm = self._signer["signature_algorithm"]
        key = self._leaf.public_key()
        try:
            if isinstance(key, ec.EllipticCurvePublicKey):
                key.verify(value, over, ec.ECDSA(_own_hash(algorithm, digest)))
            elif isinstance(key, rsa.RSAPublicKey) and algorithm.signature_algo == "rsassa_pss":
                pss = algorithm["parameters"]
                mask = _HASHES[pss["mask_gen_algorithm"]["parameters"]["algorithm"].native]
                scheme = padding.PSS(mgf=padding.MGF1(mask), salt_length=pss["salt_length"].native)
                key.verify(value, over, scheme, _own_hash(algorithm, digest))
            elif isinstance(key, rsa.RSAPublicKey) and algorithm.signature_algo == "rsassa_pkcs1v15":
                key.verify(value, over, padding.PKCS1v15(), _own_hash(algorithm, digest))
            else:
                return False
        except InvalidSignature:
            return False
        return True


def _own_hash(algorithm: Any, digest: hashes.HashAlgorithm) -> hashes.HashAlgorithm:
    """The hash that the signature algorithm names; plain rsaEncryption leaves it to the digest algorithm."""
    if algorithm["algorithm"].native == "rsassa_pkcs1v15":
        return digest
    return _HASHES[algorithm.hash_algo]


def _for_time_stamping(
    _policy: verification.Policy, _certificate: x509.Certificate, purposes: x509.ExtendedKeyUsage
) -> None:
    """RFC 3161 2.3: one purpose, time-stamping; what is raised refuses the certificate."""
    if list(purposes) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise ValueError("the certificate is not for time-stamping alone")


def _unreadable() -> StampError:
    return StampError("the answer is no time-stamp that can be read", fault=Fault.UNREADABLE)
