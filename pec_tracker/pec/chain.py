"""Does a certificate lead to an anchor? Every path there is, each judged apart from time.

What can be said without a time (signatures, constraints, usages, key sizes) is said once for each set of
certificates; whether a path held at a time T is then a comparison with its window. So one mail can lend nothing
to another: paths are built from the certificates of the mail itself and of the trust, and kept under exactly those.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pec_tracker.pec.certificate import Certificate, certificate
from pec_tracker.pec.trust import Anchor, Trust, pec_authority

MAX_DEPTH: Final = 8
# Bounds the work that crafted sets of namesakes can ask for.
_MAX_PATHS: Final = 16
_MAX_SIGNATURES: Final = 64
_MIN_RSA_BITS: Final = 2048
_LEGACY_RSA_BITS: Final = 1024

_EMAIL_PROTECTION: Final = "1.3.6.1.5.5.7.3.4"
_ANY_PURPOSE: Final = "2.5.29.37.0"
# RFC 8550 4.4.2: either lets a key sign mail.
_SIGNING: Final = frozenset({"digital_signature", "content_commitment"})


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """A chain, leaf first, that ends at `anchor` (its certificate included).

    `problems` are stable names of what forbids it at any time; `not_before` and `not_after` bound the time at which
    every certificate of it is valid. `provider_domain`: whether the authority of PEC may certify the leaf's names;
    None where the anchor is the user's own, or where there are no constraints.
    """

    certificates: tuple[Certificate, ...]
    anchor: Anchor
    not_before: datetime
    not_after: datetime
    problems: tuple[str, ...]
    weak: tuple[str, ...]
    provider_domain: bool | None

    def holds_at(self, time: datetime) -> bool:
        """Whether the chain held at `time`."""
        return not self.problems and self.not_before <= time <= self.not_after


class Builder:
    """Builds paths under one trust. Its own certificates are parsed once, when first needed."""

    def __init__(self, trust: Trust) -> None:
        parsed = ((certificate(anchor.der), anchor) for anchor in trust.anchors)
        self._anchors = tuple((one, anchor) for one, anchor in parsed if one is not None)
        self._intermediates = _readable(trust.intermediates)

    @property
    def known(self) -> tuple[Certificate, ...]:
        """Every certificate of the trust."""
        return (*self._intermediates, *(one for one, _ in self._anchors))

    def paths(self, leaf: Certificate, carried: tuple[bytes, ...]) -> tuple[Path, ...]:
        """Every path from `leaf` over `carried` (DER) and the trust's intermediates, the best first."""
        search = _Search((*_readable(carried), *self._intermediates), self._anchors)
        found = (_judged(chain, anchor) for chain, anchor in search.from_leaf(leaf))
        return tuple(sorted(found, key=_rank))


def _readable(ders: tuple[bytes, ...]) -> tuple[Certificate, ...]:
    return tuple(one for one in map(certificate, dict.fromkeys(ders)) if one is not None)


def _rank(path: Path) -> tuple[bool, bool, bool]:
    return bool(path.problems), path.provider_domain is False, not path.anchor.pec_cas_only


class _Search:
    """Walks from a leaf upwards, depth first, within the bounds on paths and signature checks."""

    def __init__(self, pool: tuple[Certificate, ...], anchors: tuple[tuple[Certificate, Anchor], ...]) -> None:
        self._pool = pool
        self._anchors = anchors
        self._paths_left = _MAX_PATHS
        self._signatures_left = _MAX_SIGNATURES

    def from_leaf(self, leaf: Certificate) -> Iterator[tuple[tuple[Certificate, ...], Anchor]]:
        """Chains with the anchors at which they end."""
        for one, anchor in self._anchors:
            if one.der == leaf.der and not anchor.pec_cas_only:
                yield (leaf,), anchor
        yield from self._upwards((leaf,))

    def _upwards(self, chain: tuple[Certificate, ...]) -> Iterator[tuple[tuple[Certificate, ...], Anchor]]:
        last = chain[-1]
        for one, anchor in self._anchors:
            if self._paths_left and self._follows(one, last, chain):
                self._paths_left -= 1
                yield (*chain, one), anchor
        if len(chain) + 1 >= MAX_DEPTH:
            return
        for issuer in self._pool:
            if self._paths_left and self._follows(issuer, last, chain):
                yield from self._upwards((*chain, issuer))

    def _follows(self, issuer: Certificate, last: Certificate, chain: tuple[Certificate, ...]) -> bool:
        if issuer.subject != last.issuer or any(issuer.der == one.der for one in chain):
            return False
        if self._signatures_left == 0:
            return False
        self._signatures_left -= 1
        return issuer.issued(last)


def _judged(chain: tuple[Certificate, ...], anchor: Anchor) -> Path:
    authority = pec_authority(chain) if anchor.pec_cas_only else None
    legacy = authority is not None and authority.legacy_leaves
    problems = [*_leaf_problems(chain[0], legacy=legacy), *_issuer_problems(chain)]
    if anchor.pec_cas_only and authority is None:
        problems.append("not-a-pec-authority")
    if not all(_names_allowed(chain, at) for at in range(1, len(chain)) if at != 1 or authority is None):
        problems.append("name-constraints")
    # Under the default anchors the constraints of the authority of PEC are a check of their own.
    constrained = authority is not None and chain[1].constraints is not None
    return Path(
        certificates=chain,
        anchor=anchor,
        not_before=max(one.not_before for one in chain),
        not_after=min(one.not_after for one in chain),
        problems=tuple(dict.fromkeys(problems)),
        weak=_weak(chain),
        provider_domain=_names_allowed(chain, 1) if constrained else None,
    )


def _leaf_problems(leaf: Certificate, *, legacy: bool) -> Iterator[str]:
    if not _long_enough(leaf, _LEGACY_RSA_BITS if legacy else _MIN_RSA_BITS):
        yield "key-size"
    if leaf.usage is not None and not leaf.usage & _SIGNING:
        yield "key-usage"
    if leaf.purposes is not None and _EMAIL_PROTECTION not in leaf.purposes:
        yield "extended-key-usage"
    if leaf.unknown_critical:
        yield "critical-extension"


def _issuer_problems(chain: tuple[Certificate, ...]) -> Iterator[str]:
    """What forbids a certificate of the chain to have issued the one before it (RFC 5280 6.1.4)."""
    below = 0  # authorities between the leaf and this one that are not self-issued
    for at, issuer in enumerate(chain[1:], start=1):
        anchor = at == len(chain) - 1
        if not issuer.is_ca and not (anchor and issuer.version1):
            yield "ca-constraints"
        if issuer.path_length is not None and issuer.path_length < below:
            yield "path-length"
        if not _long_enough(issuer, _MIN_RSA_BITS):
            yield "key-size"
        if issuer.usage is not None and "key_cert_sign" not in issuer.usage:
            yield "key-usage"
        if not anchor and issuer.purposes is not None and not issuer.purposes & {_EMAIL_PROTECTION, _ANY_PURPOSE}:
            yield "extended-key-usage"
        if issuer.unknown_critical:
            yield "critical-extension"
        below += issuer.subject != issuer.issuer


def _long_enough(one: Certificate, bits: int) -> bool:
    return one.key is not None and one.key.key_size >= bits


def _names_allowed(chain: tuple[Certificate, ...], at: int) -> bool:
    """Whether the name constraints of the issuer at this place allow all certificates below it."""
    constraints = chain[at].constraints
    if constraints is None:
        return True
    # RFC 5280 6.1.3 (b): self-issued certificates are exempt, the leaf is not.
    below = (one for place, one in enumerate(chain[:at]) if place == 0 or one.subject != one.issuer)
    return all(constraints.allow(one.subject, one.addresses, one.other_names) for one in below)


def _weak(chain: tuple[Certificate, ...]) -> tuple[str, ...]:
    """What is old in a chain. An anchor's own signature proves nothing, so its digest does not count."""
    found = ["sha1-certificate"] if any(one.digest == "sha1" for one in chain[:-1]) else []
    key = chain[0].key
    if key is not None and key.key_size < _MIN_RSA_BITS:
        found.append(f"rsa-{key.key_size}")
    return tuple(found)
