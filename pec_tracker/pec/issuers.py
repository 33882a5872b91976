"""Which provider issued an evidence, and is it the one that should have? See docs/decisions/0011."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

from pec_tracker.pec.address import domain_of
from pec_tracker.pec.evidence import Evidence, Signer

# Seen: `ARUBA PEC S.p.A.`, `Aruba Pec`, `InfoCert S.p.A.`, `Namirial S.p.A.`; in one word where there is no full stop.
_LEGAL_FORMS: Final = frozenset(
    {"spa", "srl", "srls", "sapa", "snc", "sas", "scarl", "scpa", "spasu", "socio", "unico", "societa", "per", "azioni"}
)
_NOT_WORD = re.compile(r"[^\w\s]|_")


def issuer_of(signer: Signer | None) -> tuple[str | None, str | None]:
    """The provider that a certificate names: the domain of its address, and its organisation in a comparable form."""
    if signer is None:
        return None, None
    domain = domain_of(signer.address) if signer.address else None
    return domain or None, (_organization(signer.organization) or None) if signer.organization else None


def same_issuer(one: Signer | None, other: Signer | None) -> bool | None:
    """Whether two signers are one provider: by domain or by organisation; None where nothing can be compared."""
    pairs = [(a, b) for a, b in zip(issuer_of(one), issuer_of(other), strict=True) if a is not None and b is not None]
    return any(a == b for a, b in pairs) if pairs else None


def names_another_provider(evidence: Evidence) -> bool:
    """Whether `gestore-emittente` is not the organisation of the certificate: shown as a warning, providers merge."""
    if evidence.provider is None or evidence.signer is None or evidence.signer.organization is None:
        return False
    certified, signed = _organization(evidence.provider), _organization(evidence.signer.organization)
    return not (certified in signed or signed in certified)  # a name of a legal form alone lies in every other


def fits_identifier(evidence: Evidence) -> bool:
    """Whether the provider's identifier lies in the domain of who signed: providers make them so."""
    domain, _ = issuer_of(evidence.signer)
    if domain is None or evidence.identifier is None:
        return False
    own = domain_of(evidence.identifier)
    return own == domain or own.endswith(f".{domain}") or (bool(own) and domain.endswith(f".{own}"))


def _organization(name: str) -> str:
    """Letters and digits of a name, without case, accents, punctuation and legal form."""
    return _compared(name[:1_000])


@lru_cache(maxsize=256)
def _compared(name: str) -> str:
    """Of a few providers thousands of receipts come, and each is asked about many times."""
    plain = unicodedata.normalize("NFKD", name).casefold()  # an accent, apart, is no part of a word
    words = [word for word in _NOT_WORD.sub("", plain).split() if word not in _LEGAL_FORMS]
    return "".join(words)
