"""How does a provider sign? CMS over one MIME entity, as S/MIME multipart/signed (RFC 8551 3.5.3, RFC 6109 2.1).

Built with asn1crypto rather than by a library's signer, because the signing time must come from the sandbox's clock.
RSA with PKCS#1 v1.5 has no randomness: the same entity, key and time give the same bytes.
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from asn1crypto import algos, cms, core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

# Before the first boundary line (seen: Aruba 2026); ignored by readers (RFC 2046 5.1.1).
PREAMBLE = b"This is a S/MIME signed message\r\n"

_SHA256 = algos.DigestAlgorithm({"algorithm": "sha256"})
_SHA256_RSA = algos.SignedDigestAlgorithm({"algorithm": "sha256_rsa"})
_PROTECTION = cms.CMSAlgorithmProtection({"digest_algorithm": _SHA256, "signature_algorithm": _SHA256_RSA})


@dataclass(frozen=True, slots=True)
class Signer:
    """A certificate, its key, and the certificates that travel with its signatures (the issuer's)."""

    certificate: x509.Certificate
    key: RSAPrivateKey
    chain: tuple[x509.Certificate, ...]

    def sign(self, entity: bytes, *, at: datetime) -> bytes:
        """A detached signature over *entity*, DER: SHA-256, signing time *at* in whole seconds."""
        attributes = _signed_attributes(hashlib.sha256(entity).digest(), at)
        value = self.key.sign(attributes.dump(), padding.PKCS1v15(), hashes.SHA256())
        return _signed_content(self, attributes, value)


def signed_headers(boundary: str) -> bytes:
    """The Content-Type of a multipart/signed with *boundary*, in the shape of 2026 (seen: Aruba)."""
    kind = 'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; '
    return f'{kind}\r\n\tboundary="{boundary}"\r\n'.encode("ascii")


def signed_body(entity: bytes, signature: bytes, *, boundary: str) -> bytes:
    """The body of a multipart/signed: *entity* byte for byte, then *signature* (DER) as smime.p7s.

    The line break before a boundary belongs to the boundary (RFC 2046 5.1.1): it is not part of what was signed.
    """
    line = b"--" + boundary.encode("ascii")
    return b"".join(
        (
            PREAMBLE,
            line + b"\r\n",
            entity,
            b"\r\n" + line + b"\r\n",
            b"Content-Type: application/pkcs7-signature; name=smime.p7s\r\n",
            b"Content-Transfer-Encoding: base64\r\n",
            b"Content-Disposition: attachment; filename=smime.p7s\r\n",
            b"Content-Description: S/MIME Cryptographic Signature\r\n\r\n",
            base64_lines(signature),
            line + b"--\r\n",
        )
    )


def base64_lines(content: bytes) -> bytes:
    """*content* as base64 in lines of 76 characters, each ended by CRLF."""
    return base64.encodebytes(content).replace(b"\n", b"\r\n")


def _signed_attributes(digest: bytes, at: datetime) -> cms.CMSAttributes:
    """The four that are seen in 2026: content type, signing time, digest, algorithm protection (RFC 6211)."""
    when = cms.Time({"utc_time": core.UTCTime(at.replace(microsecond=0))})
    values = (
        ("content_type", "data"),
        ("signing_time", when),
        ("message_digest", digest),
        ("cms_algorithm_protection", _PROTECTION),
    )
    return cms.CMSAttributes([cms.CMSAttribute({"type": name, "values": [value]}) for name, value in values])


def _signed_content(signer: Signer, attributes: cms.CMSAttributes, value: bytes) -> bytes:
    certificates, signed_by = _standing(signer)
    info = cms.SignerInfo(
        {
            "version": "v1",
            "sid": signed_by,
            "digest_algorithm": _SHA256,
            "signed_attrs": attributes,
            "signature_algorithm": _SHA256_RSA,
            "signature": value,
        }
    )
    signed = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [_SHA256],
            "encap_content_info": {"content_type": "data"},
            "certificates": certificates,
            "signer_infos": [info],
        }
    )
    content: bytes = cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump()
    return content


@lru_cache(maxsize=64)
def _standing(signer: Signer) -> tuple[cms.CertificateSet, cms.SignerIdentifier]:
    """What every signature of *signer* repeats: parsed once, half of the time of a signature goes there."""
    certificates = [
        asn1_x509.Certificate.load(one.public_bytes(Encoding.DER)) for one in (signer.certificate, *signer.chain)
    ]
    leaf = certificates[0]
    number = cms.IssuerAndSerialNumber({"issuer": leaf.issuer, "serial_number": leaf.serial_number})
    return cms.CertificateSet(certificates), cms.SignerIdentifier({"issuer_and_serial_number": number})
