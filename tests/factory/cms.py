"""How is the detached signature of a receipt made? CMS SignedData, part by part, with every choice open.

    sign(content, Signer(identity))                               # SHA-256, PKCS#1, signed attributes, DER
    sign(content, Signer(identity, digest="sha1", pss=True), indefinite=True)
    sign(content, first, second, certificates=(decoy.der,))

Built with asn1crypto from RFC 5652, sharing no code with the verifier under test.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from asn1crypto import algos, cms, core
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.asymmetric import padding

from tests.factory.ca import HASHES, Identity

SIGNED_AT = datetime(2026, 3, 2, 9, 15, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Signer:
    """One SignerInfo to make.

    `key_id`: named by subject key identifier, not by issuer and serial. `attributes=False`: the value covers the
    content itself. `claimed_digest` puts a digest other than the content's into the signed attributes, and
    `content_type` another type than that of the content.
    """

    identity: Identity
    digest: str = "sha256"
    pss: bool = False
    key_id: bool = False
    attributes: bool = True
    signed_at: datetime | None = SIGNED_AT
    claimed_digest: bytes | None = None
    content_type: str = "data"
    with_digest: bool = True
    algorithm: str = "rsassa_pkcs1v15"  # as it is named; the value is made with PKCS#1 v1.5 all the same


def sign(
    content: bytes,
    *signers: Signer,
    certificates: tuple[bytes, ...] | None = None,
    indefinite: bool = False,
    loose_attributes: bool = False,
    announced: tuple[str, ...] | None = None,
    enclosed: bytes | None = None,
) -> bytes:
    """A detached CMS signature over `content` exactly as given.

    `certificates` (DER, in this order) replaces the set that is carried: by default each signer's own.
    `indefinite` writes the constructed values around with BER indefinite lengths, as BouncyCastle does;
    `loose_attributes` those on the way to the signed attributes, and these too.
    `announced` replaces the digest algorithms listed before the content; `enclosed` is a content put inside.
    """
    carried = certificates if certificates is not None else tuple(signer.identity.der for signer in signers)
    named = announced if announced is not None else tuple({signer.digest for signer in signers})
    algorithms = [algos.DigestAlgorithm({"algorithm": digest}) for digest in named]
    body = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": algorithms,
            "encap_content_info": {"content_type": "data", **({"content": enclosed} if enclosed is not None else {})},
            "certificates": [cms.CertificateChoices("certificate", asn1_x509.Certificate.load(der)) for der in carried],
            "signer_infos": [_signer_info(content, signer) for signer in signers],
        }
    )
    whole = bytes(cms.ContentInfo({"content_type": "signed_data", "content": body}).dump())
    if loose_attributes:
        return _along(whole, _TO_ATTRIBUTES)
    return _indefinite(whole, 3) if indefinite else whole


def _signer_info(content: bytes, signer: Signer) -> cms.SignerInfo:
    certificate = asn1_x509.Certificate.load(signer.identity.der)
    if signer.key_id:
        sid = cms.SignerIdentifier("subject_key_identifier", core.OctetString(certificate.key_identifier))
    else:
        issuer_and_serial = {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
        sid = cms.SignerIdentifier("issuer_and_serial_number", cms.IssuerAndSerialNumber(issuer_and_serial))
    fields = {
        "version": "v3" if signer.key_id else "v1",
        "sid": sid,
        "digest_algorithm": {"algorithm": signer.digest},
        "signature_algorithm": _algorithm(signer),
    }
    signed = content
    if signer.attributes:
        attributes = _attributes(content, signer)
        fields["signed_attrs"] = attributes
        # RFC 5652 5.4: signed as a SET OF, not under the implicit tag that it is stored with.
        signed = attributes.dump()
    fields["signature"] = _value(signed, signer)
    return cms.SignerInfo(fields)


def _attributes(content: bytes, signer: Signer) -> cms.CMSAttributes:
    digest = signer.claimed_digest or hashlib.new(signer.digest, content).digest()
    attributes = [cms.CMSAttribute({"type": "content_type", "values": [signer.content_type]})]
    if signer.with_digest:
        attributes.append(cms.CMSAttribute({"type": "message_digest", "values": [digest]}))
    if signer.signed_at is not None:
        time = cms.Time("utc_time", core.UTCTime(signer.signed_at.astimezone(UTC)))
        attributes.append(cms.CMSAttribute({"type": "signing_time", "values": [time]}))
    return cms.CMSAttributes(attributes)


def _algorithm(signer: Signer) -> algos.SignedDigestAlgorithm:
    if not signer.pss:
        return algos.SignedDigestAlgorithm({"algorithm": signer.algorithm})
    parameters = {
        "hash_algorithm": {"algorithm": signer.digest},
        "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": signer.digest}},
        "salt_length": HASHES[signer.digest]().digest_size,
    }
    return algos.SignedDigestAlgorithm({"algorithm": "rsassa_pss", "parameters": parameters})


def _value(signed: bytes, signer: Signer) -> bytes:
    digest = HASHES[signer.digest]()
    if signer.pss:
        scheme = padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)
        return signer.identity.key.sign(signed, scheme, digest)
    return signer.identity.key.sign(signed, padding.PKCS1v15(), digest)


def _indefinite(der: bytes, depth: int) -> bytes:
    """`der` with its outer `depth` levels of constructed values in indefinite length."""
    tag, header, length = der[0], *_length(der)
    if depth == 0 or not tag & 0x20:
        return der
    inside, end, children = header, header + length, b""
    while inside < end:
        child_header, child_length = _length(der[inside:])
        children += _indefinite(der[inside : inside + child_header + child_length], depth - 1)
        inside += child_header + child_length
    return bytes([tag, 0x80]) + children + b"\x00\x00"


# ContentInfo: [0], SignedData, signerInfos, SignerInfo, [0].
_TO_ATTRIBUTES = (0xA0, 0x30, 0x31, 0x30, 0xA0)


def _along(der: bytes, path: tuple[int, ...]) -> bytes:
    """`der` in indefinite length, and so every child along the *path* of tags."""
    header, length = _length(der)
    inside, children = header, b""
    while inside < header + length:
        child_header, child_length = _length(der[inside:])
        child = der[inside : inside + child_header + child_length]
        children += _along(child, path[1:]) if path and child[0] == path[0] else child
        inside += len(child)
    return bytes([der[0], 0x80]) + children + b"\x00\x00"


def _length(der: bytes) -> tuple[int, int]:
    """Octets of tag and length, and the length, of the value that opens `der`."""
    first = der[1]
    if first < 0x80:
        return 2, first
    octets = first & 0x7F
    return 2 + octets, int.from_bytes(der[2 : 2 + octets], "big")
