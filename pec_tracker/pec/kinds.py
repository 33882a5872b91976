"""Of which kind is a mail? Its structure decides; where unsigned headers say otherwise, that is a warning."""

from pec_tracker.pec import mime
from pec_tracker.pec.daticert import Daticert
from pec_tracker.pec.headers import Headers
from pec_tracker.pec.rem import RemEvidence
from pec_tracker.pec.standard import KIND_OF_TIPO, TIPO_ALIASES, TRASPORTO_CERTIFICATA, TRASPORTO_ERRORE, Kind


def kind_of(
    headers: Headers, daticert: Daticert | None, evidence: tuple[RemEvidence, ...], warnings: list[str]
) -> Kind:
    """The kind of a mail with an outermost multipart/signed."""
    if daticert is not None:
        return _kind_of_tipo(daticert.tipo, warnings)
    if "two-daticert" in warnings:
        return Kind.UNREADABLE
    if evidence:
        return Kind.REM_EVIDENCE
    if headers.trasporto == TRASPORTO_CERTIFICATA:
        warnings.append("no-daticert")  # an envelope without what it certifies
        return Kind.TRANSPORT_ENVELOPE
    if headers.trasporto == TRASPORTO_ERRORE:
        return Kind.ANOMALY_ENVELOPE  # RFC 6109 3.2.2: it never has a daticert
    if headers.ricevuta is not None or headers.trasporto is not None:
        warnings.append("no-daticert")
        return Kind.UNREADABLE
    if any(warning.startswith("daticert-") for warning in warnings):
        return Kind.UNREADABLE
    return Kind.ORDINARY  # someone's own S/MIME or PGP signature


def _kind_of_tipo(tipo: str, warnings: list[str]) -> Kind:
    token = tipo.lower()
    if token in TIPO_ALIASES:
        warnings.append("alias-tipo")
        token = TIPO_ALIASES[token].value
    kind = KIND_OF_TIPO.get(token)
    if kind is None:
        warnings.append("unknown-tipo")
        return Kind.UNREADABLE
    return kind


def _claimed(headers: Headers) -> frozenset[Kind | None]:
    """The kinds that the headers name; None for a token that names none."""
    claims: set[Kind | None] = set()
    if headers.trasporto is not None:
        claims.add(
            {TRASPORTO_CERTIFICATA: Kind.TRANSPORT_ENVELOPE, TRASPORTO_ERRORE: Kind.ANOMALY_ENVELOPE}.get(
                headers.trasporto
            )
        )
    if headers.ricevuta is not None:
        token = headers.ricevuta
        claims.add(KIND_OF_TIPO.get(TIPO_ALIASES.get(token, token)))
    return frozenset(claims)


def note_claims(
    kind: Kind, headers: Headers, daticert: Daticert | None, original: bytes | None, warnings: list[str]
) -> None:
    """Where unsigned headers, of the mail or of its original, say otherwise than the structure."""
    if kind is not Kind.UNREADABLE and _claimed(headers) - {kind}:
        warnings.append("header-disagrees")
    certified = daticert.reference if daticert else None
    if certified and headers.reference and certified.lower() != headers.reference.lower():
        warnings.append("reference-disagrees")
    if original is not None and kind is not Kind.ANOMALY_ENVELOPE:  # which may enclose a genuine PEC
        inner = mime.entity(original).fields
        if inner.first(b"x-ricevuta") is not None:
            warnings.append("original-claims-receipt")  # no user's mail has it: an attempt to be taken for a receipt
