"""Was a certificate revoked at a time T? What the CRLs and OCSP answers at hand say, once their own signatures hold.

An answer speaks for T when it was still current then (T before its next update), or was made later: what is good
later was good before, as long as the certificate had not expired when the answer was made (RFC 5280 5, RFC 6960 4.2).
"""

import hashlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtensionOID

from pec_tracker.pec import names
from pec_tracker.pec.certificate import UNREADABLE, Certificate, certificate

_OCSP_SIGNING: Final = "1.3.6.1.5.5.7.3.9"
_ACCEPTED: Final = (hashes.SHA1, hashes.SHA224, hashes.SHA256, hashes.SHA384, hashes.SHA512)


@dataclass(frozen=True, slots=True)
class Statement:
    """One answer about one certificate, given at `made`: revoked since, or good and current until `current_until`."""

    made: datetime
    current_until: datetime | None
    revoked_since: datetime | None


def statements(
    subject: Certificate, issuer: Certificate, crls: tuple[bytes, ...], answers: tuple[bytes, ...]
) -> tuple[Statement, ...]:
    """What these CRLs and OCSP answers (DER) say of `subject`, as far as `issuer` vouches for them."""
    said: list[Statement] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for der in crls:
            try:
                said.extend(_from_crl(der, subject, issuer))
            except UNREADABLE:
                continue  # an answer that cannot be read says nothing
        for der in answers:
            try:
                said.extend(_from_ocsp(der, subject, issuer))
            except UNREADABLE:
                continue
    return tuple(said)


def good_at(said: tuple[Statement, ...], time: datetime, *, expired: datetime) -> bool | None:
    """True: known good at `time`; False: revoked by then; None: nothing at hand speaks for that time.

    `expired` is the end of the certificate's validity: answers made after it may have forgotten a revocation.
    """
    if any(one.revoked_since is not None and one.revoked_since <= time for one in said):
        return False
    return True if any(_speaks_for(one, time, expired) for one in said) else None


def _speaks_for(one: Statement, time: datetime, expired: datetime) -> bool:
    if one.revoked_since is not None:
        return True  # revoked later than `time`
    if one.made >= time:
        return one.made <= expired
    return one.current_until is not None and time <= one.current_until


def _from_crl(der: bytes, subject: Certificate, issuer: Certificate) -> Iterator[Statement]:
    crl = x509.load_der_x509_crl(der)
    if not _covers(crl, subject) or not _signed_by(issuer, crl):
        return
    entry = crl.get_revoked_certificate_by_serial_number(subject.serial)
    since = None if entry is None else _since(entry)
    yield Statement(crl.last_update_utc, crl.next_update_utc, since)


def _covers(crl: x509.CertificateRevocationList, subject: Certificate) -> bool:
    """Whether the CRL speaks of certificates like this one; partial, indirect and delta CRLs are not used."""
    for extension in crl.extensions:
        point = extension.value
        if isinstance(point, x509.IssuingDistributionPoint):
            other = point.only_contains_user_certs if subject.is_ca else point.only_contains_ca_certs
            if other or point.indirect_crl or point.only_some_reasons or point.only_contains_attribute_certs:
                return False
        elif extension.critical or extension.oid == ExtensionOID.DELTA_CRL_INDICATOR:
            return False
    return True


def _signed_by(issuer: Certificate, crl: x509.CertificateRevocationList) -> bool:
    if issuer.usage is not None and "crl_sign" not in issuer.usage:
        return False
    if names.comparable(crl.issuer.public_bytes()) != issuer.subject:
        return False
    digest = crl.signature_hash_algorithm
    if not isinstance(digest, _ACCEPTED):
        return False
    return issuer.signed(crl.signature, crl.tbs_certlist_bytes, padding.PKCS1v15(), digest)


def _since(entry: x509.RevokedCertificate) -> datetime:
    """From when the certificate is not to be trusted: when its key was lost, if that is told and was before."""
    since = entry.revocation_date_utc
    for extension in entry.extensions:
        if isinstance(extension.value, x509.InvalidityDate):
            since = min(since, extension.value.invalidity_date_utc)
    return since


def _from_ocsp(der: bytes, subject: Certificate, issuer: Certificate) -> Iterator[Statement]:
    answer = ocsp.load_der_ocsp_response(der)
    if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL or not _answered_by(issuer, answer):
        return
    for single in answer.responses:
        if single.serial_number != subject.serial or single.issuer_key_hash != _key_hash(issuer, single.hash_algorithm):
            continue
        if single.certificate_status is ocsp.OCSPCertStatus.REVOKED:
            yield Statement(single.this_update_utc, single.next_update_utc, single.revocation_time_utc)
        elif single.certificate_status is ocsp.OCSPCertStatus.GOOD:
            yield Statement(single.this_update_utc, single.next_update_utc, None)


def _answered_by(issuer: Certificate, answer: ocsp.OCSPResponse) -> bool:
    """Whether the answer is signed by the issuer, or by a responder that it certified for this (RFC 6960 4.2.2.2)."""
    carried = (certificate(one.public_bytes(Encoding.DER)) for one in answer.certificates)
    delegated = (
        one
        for one in carried
        if one is not None
        and _OCSP_SIGNING in (one.purposes or ())
        and one.valid_at(answer.produced_at_utc)
        and issuer.issued(one)
    )
    digest = answer.signature_hash_algorithm
    if not isinstance(digest, _ACCEPTED):
        return False
    return any(
        signer.signed(answer.signature, answer.tbs_response_bytes, padding.PKCS1v15(), digest)
        for signer in (issuer, *delegated)
    )


def _key_hash(issuer: Certificate, algorithm: hashes.HashAlgorithm) -> bytes:
    """The hash of the issuer's public key by which RFC 6960 4.1.1 names it."""
    if issuer.key is None:
        return b""
    return hashlib.new(algorithm.name, issuer.key.public_bytes(Encoding.DER, PublicFormat.PKCS1)).digest()
