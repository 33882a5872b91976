"""Who may have signed a mail, and does a chain vouch for him? Answers kept for one trust at a time."""

import functools
from collections import OrderedDict
from datetime import datetime
from typing import Final

from pec_tracker.pec import names, revocation
from pec_tracker.pec.ber import BerError
from pec_tracker.pec.certificate import Certificate, certificate
from pec_tracker.pec.chain import Builder, Path
from pec_tracker.pec.trust import Trust

# Certificates that a signer's name fits, each with its paths, the best first.
Named = tuple[tuple[Certificate, tuple[Path, ...]], ...]

_STORES: Final = 8
# Of one name and number there is one certificate; decoys beside it cost a search for paths each.
MAX_NAMED: Final = 8
MAX_REMEMBERED: Final = 64 * 1024  # bytes of a mail's certificates: real mail carries two or three, 5 kB


class Signers:
    """What was worked out under one trust: signers with their paths, by the exact certificates of a mail.

    The key is all that the answer depends on, so no mail can lend its certificates to another; times are compared
    afterwards, at each verification.
    """

    def __init__(self, trust: Trust) -> None:
        self.trust = trust
        self._builder = Builder(trust)
        self._remembered = functools.lru_cache(maxsize=512)(self._named)
        self.said = functools.lru_cache(maxsize=512)(self._said)

    def named(
        self, carried: tuple[bytes, ...], issuer: bytes | None, serial: int | None, key_id: bytes | None
    ) -> Named:
        """Certificates that a signer's name fits, each with its paths; more than one where decoys share a name."""
        known = self._remembered if sum(map(len, carried)) <= MAX_REMEMBERED else self._named
        return known(carried, issuer, serial, key_id)

    def _named(
        self, carried: tuple[bytes, ...], issuer: bytes | None, serial: int | None, key_id: bytes | None
    ) -> Named:
        own = [one for one in map(certificate, carried) if one is not None]
        known = {one.der: one for one in (*own, *self._builder.known)}.values()
        if key_id is not None:
            named = [one for one in known if one.key_id == key_id]
        else:
            try:
                wanted = names.comparable(issuer or b"")
            except BerError:
                return ()
            named = [one for one in known if one.serial == serial and one.issuer == wanted]
        return tuple((one, self._builder.paths(one, carried)) for one in named[:MAX_NAMED])

    def _said(self, path: Path) -> tuple[tuple[revocation.Statement, ...], ...]:
        """What the trust's CRLs and OCSP answers say of each certificate of a path but the last."""
        pairs = zip(path.certificates, path.certificates[1:], strict=False)
        crls, answers = self.trust.crls, self.trust.ocsp
        return tuple(revocation.statements(subject, issuer, crls, answers) for subject, issuer in pairs)

    def revocation(self, path: Path, time: datetime) -> bool | None:
        """The leaf's standing at `time`; False too where an authority above it was revoked by then."""
        if not self.trust.crls and not self.trust.ocsp:
            return None
        standing = [
            revocation.good_at(said, time, expired=one.not_after)
            for said, one in zip(self.said(path), path.certificates, strict=False)
        ]
        return False if False in standing else standing[0] if standing else None


# The last few trusts in use, by identity: comparing hundreds of anchors by value would cost more than verifying.
_stores: OrderedDict[int, Signers] = OrderedDict()


def under(trust: Trust) -> Signers:
    """The signers under this very trust; kept for the next mail."""
    found = _stores.get(id(trust))
    # What is kept holds its trust, so no other object can have this id meanwhile.
    if found is None:
        found = _stores[id(trust)] = Signers(trust)
        while len(_stores) > _STORES:
            _stores.popitem(last=False)
    return found
