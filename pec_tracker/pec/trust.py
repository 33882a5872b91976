"""Whom do we trust, and for what? Anchors as a value, and which chains are PEC's."""

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pec_tracker.pec.certificate import UNREADABLE, Certificate


@dataclass(frozen=True, slots=True)
class Anchor:
    """A certificate that ends a chain. `source` says where it came from, `reason` why it is trusted, `since` when.

    `pec_cas_only`: a public root, trusted only through the certification authorities that Italian PEC has used.
    """

    der: bytes
    source: str
    reason: str
    since: date | None
    pec_cas_only: bool


@dataclass(frozen=True, slots=True)
class Trust:
    """Anchors, plus certificates that may stand between a leaf and an anchor but prove nothing by themselves.

    `crls` and `ocsp` are DER answers given as files or kept in the archive.
    """

    anchors: tuple[Anchor, ...] = ()
    intermediates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsp: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class PecAuthority:
    """A certification authority of Italian PEC under a public root.

    The authority is known by common name and organisation: reissues keep both, their key may change, and the root's
    signature vouches for them. The root is known by `root_key`, the SHA-256 (hex) of its SubjectPublicKeyInfo: anybody
    can make a root of its name. `legacy_leaves`: its leaves may have 1,024-bit keys (genuine before about 2018).
    """

    common_name: str
    organization: str
    root_common_name: str
    root_key: str
    legacy_leaves: bool = False

    def is_root(self, certificate: Certificate) -> bool:
        """Whether this is the public root above the authority."""
        return key_sha256(certificate) == self.root_key

    def is_authority(self, certificate: Certificate) -> bool:
        """Whether this is the authority by its name; the chain must show that the root issued it."""
        return _named(certificate, self.common_name, self.organization)


# Seen: every PEC certificate of 2014 to 2026 that was looked at comes from one of these two.
PEC_AUTHORITIES: Final = (
    PecAuthority(
        common_name="AgID CA1",
        organization="Agenzia per l'Italia Digitale",
        root_common_name="Actalis Authentication Root CA",
        root_key="25d4913cf587097414d29d26f6c1b1942cd6d64eaf45d0fcf81526adba96d324",
    ),
    PecAuthority(
        common_name="DigitPA CA1",
        organization="DigitPA",
        root_common_name="Baltimore CyberTrust Root",
        root_key="63d9af9b47b1064d49a10e7b7fd566dbc8caa399459bfc2829c571ad8c6ef34a",
        legacy_leaves=True,
    ),
)


def key_sha256(certificate: Certificate) -> str | None:
    """The SHA-256 (hex) of the certificate's SubjectPublicKeyInfo, DER; None where the key cannot be read."""
    try:
        key = certificate.parsed.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except UNREADABLE:
        return None
    return hashlib.sha256(key).hexdigest()


def is_pec_root(certificate: Certificate) -> bool:
    """Whether a public root is one under which an authority of PEC stands."""
    return any(authority.is_root(certificate) for authority in PEC_AUTHORITIES)


def pec_authority(chain: tuple[Certificate, ...]) -> PecAuthority | None:
    """The authority of PEC through which a chain (leaf first, public root last) goes: leaf, authority, root."""
    if len(chain) != 3:
        return None
    _, issuer, root = chain
    found = (one for one in PEC_AUTHORITIES if one.is_authority(issuer) and one.is_root(root))
    return next(found, None)


def _named(certificate: Certificate, common_name: str, organization: str) -> bool:
    return certificate.common_name == common_name and certificate.organization == organization
