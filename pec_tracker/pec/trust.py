"""Whom do we trust, and for what? Anchors as a value, and which chains are PEC's."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from pec_tracker.pec.certificate import Certificate


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
    """A certification authority of Italian PEC under a public root; each known by common name and organisation.

    Reissues keep both, and their key may change: the root's signature vouches for them. `legacy_leaves`: its leaves
    may have 1,024-bit keys (genuine before about 2018).
    """

    common_name: str
    organization: str
    root_common_name: str
    root_organization: str
    legacy_leaves: bool = False

    def is_root(self, certificate: Certificate) -> bool:
        """Whether this is the public root above the authority."""
        return _named(certificate, self.root_common_name, self.root_organization)

    def is_authority(self, certificate: Certificate) -> bool:
        """Whether this is the authority by its name; the chain must show that the root issued it."""
        return _named(certificate, self.common_name, self.organization)


# Seen: every PEC certificate of 2014 to 2026 that was looked at comes from one of these two.
PEC_AUTHORITIES: Final = (
    PecAuthority(
        common_name="AgID CA1",
        organization="Agenzia per l'Italia Digitale",
        root_common_name="Actalis Authentication Root CA",
        root_organization="Actalis S.p.A./03358520967",
    ),
    PecAuthority(
        common_name="DigitPA CA1",
        organization="DigitPA",
        root_common_name="Baltimore CyberTrust Root",
        root_organization="Baltimore",
        legacy_leaves=True,
    ),
)


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
