"""What does a certificate say? Its facts as one value, read once for each certificate's bytes."""

import functools
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.x509.oid import ExtensionOID

from pec_tracker.pec import ber, names
from pec_tracker.pec.names import DirectoryName, NameConstraints

_Kind = TypeVar("_Kind", bound=x509.ExtensionType)

# What `cryptography` raises over bytes that it cannot read, in whole or in an extension.
UNREADABLE: Final = (
    ValueError,
    TypeError,
    NotImplementedError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)

# The extensions that chain building understands: any other that is critical refuses the path (RFC 5280 4.2).
_UNDERSTOOD: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.NAME_CONSTRAINTS,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
    }
)
# Real ones have 1 to 3 kB; a larger one is read anew each time, and takes no memory.
MAX_REMEMBERED: Final = 16 * 1024
MAX_RSA_BITS: Final = 8192  # the largest that is in use has 4,096
MAX_EXPONENT_BITS: Final = 64  # as OpenSSL asks of long keys; 65,537 is what everybody uses
# MD5 and older are refused; SHA-1 is genuine on certificates before about 2018.
_ACCEPTED: Final = (hashes.SHA1, hashes.SHA224, hashes.SHA256, hashes.SHA384, hashes.SHA512)


@dataclass(frozen=True, slots=True, eq=False)
class Certificate:
    """A parsed certificate, known by its `der`.

    `subject` and `issuer` are comparable names. `key` is None where it is not RSA (RFC 6109 5.5 asks for RSA), or an
    RSA key that nobody uses: one of more than MAX_RSA_BITS, or of an exponent of more than MAX_EXPONENT_BITS.
    `addresses` are the rfc822Names, or the subject's emailAddress where there is none (RFC 8550 3). `other_names` are
    the types of all further alternative names. `usage` and `purposes` (dotted OIDs) are None where absent.
    `digest` is the hash under the issuer's signature, None where it is not accepted.
    """

    der: bytes
    subject: DirectoryName
    issuer: DirectoryName
    serial: int
    key: rsa.RSAPublicKey | None
    key_id: bytes | None
    not_before: datetime
    not_after: datetime
    common_name: str | None
    organization: str | None
    issuer_common_name: str | None
    addresses: tuple[str, ...]
    other_names: frozenset[str]
    version1: bool
    is_ca: bool
    path_length: int | None
    usage: frozenset[str] | None
    purposes: frozenset[str] | None
    constraints: NameConstraints | None
    unknown_critical: bool
    digest: str | None
    parsed: x509.Certificate

    def valid_at(self, time: datetime) -> bool:
        """Whether `time` lies within the validity, both ends included (RFC 5280 4.1.2.5)."""
        return self.not_before <= time <= self.not_after

    def issued(self, other: "Certificate") -> bool:
        """Whether `other` names this one as its issuer and was signed with this one's key."""
        if other.issuer != self.subject or other.digest is None:
            return False
        scheme = other.parsed.signature_algorithm_parameters
        digest = other.parsed.signature_hash_algorithm
        if digest is None or not isinstance(scheme, padding.PKCS1v15 | padding.PSS):
            return False
        return self.signed(other.parsed.signature, other.parsed.tbs_certificate_bytes, scheme, digest)

    def signed(
        self,
        value: bytes,
        over: bytes,
        scheme: padding.PKCS1v15 | padding.PSS,
        digest: hashes.HashAlgorithm | Prehashed,
    ) -> bool:
        """Whether `value` is this certificate's key's signature `over` those bytes (or their hash, `Prehashed`)."""
        if self.key is None:
            return False
        try:
            self.key.verify(value, over, scheme, digest)
        except (InvalidSignature, *UNREADABLE):
            return False
        return True


def certificate(der: bytes) -> Certificate | None:
    """The facts of one DER certificate; None where it cannot be read: it can then prove nothing."""
    return _remembered(der) if len(der) <= MAX_REMEMBERED else _read(der)


def _read(der: bytes) -> Certificate | None:
    with warnings.catch_warnings():
        # Public roots break rules of which the library warns (negative serials); a later release refuses them.
        warnings.simplefilter("ignore")
        try:
            return _facts(der)
        except UNREADABLE:
            return None


_remembered = functools.lru_cache(maxsize=2048)(_read)


def _facts(der: bytes) -> Certificate:
    parsed = x509.load_der_x509_certificate(der)
    issuer, subject = _raw_names(parsed.tbs_certificate_bytes)
    extensions = tuple(parsed.extensions)
    alternative = _extension(extensions, x509.SubjectAlternativeName)
    basic = _extension(extensions, x509.BasicConstraints)
    usage = _extension(extensions, x509.KeyUsage)
    purposes = _extension(extensions, x509.ExtendedKeyUsage)
    constraints = _extension(extensions, x509.NameConstraints)
    key_id = _extension(extensions, x509.SubjectKeyIdentifier)
    key = parsed.public_key()
    return Certificate(
        der=der,
        subject=names.comparable(subject),
        issuer=names.comparable(issuer),
        serial=parsed.serial_number,
        key=key if isinstance(key, rsa.RSAPublicKey) and _is_usual(key) else None,
        key_id=key_id.digest if key_id else None,
        not_before=parsed.not_valid_before_utc,
        not_after=parsed.not_valid_after_utc,
        common_name=names.attribute(subject, names.COMMON_NAME),
        organization=names.attribute(subject, names.ORGANIZATION),
        issuer_common_name=names.attribute(issuer, names.COMMON_NAME),
        addresses=_addresses(subject, alternative),
        other_names=_forms(name for name in alternative or () if not isinstance(name, x509.RFC822Name)),
        version1=parsed.version is x509.Version.v1,
        is_ca=basic is not None and basic.ca,
        path_length=basic.path_length if basic else None,
        usage=_usage(usage) if usage else None,
        purposes=frozenset(oid.dotted_string for oid in purposes) if purposes else None,
        constraints=_constraints(constraints) if constraints else None,
        unknown_critical=any(one.critical and one.oid not in _UNDERSTOOD for one in extensions),
        digest=_digest(parsed),
        parsed=parsed,
    )


def _is_usual(key: rsa.RSAPublicKey) -> bool:
    """Whether verifying with it costs what it usually costs: anybody can put another key into a certificate."""
    return key.key_size <= MAX_RSA_BITS and key.public_numbers().e.bit_length() <= MAX_EXPONENT_BITS


def _raw_names(body: bytes) -> tuple[bytes, bytes]:
    """Issuer and subject as encoded, from a TBSCertificate (RFC 5280 4.1)."""
    fields = [part for part in ber.children(body, ber.expect(body, 0, len(body), ber.SEQUENCE)) if part.tag != 0xA0]
    if len(fields) < 5:
        raise ber.BerError("not a certificate")
    issuer, subject = fields[2], fields[4]
    return body[issuer.begin : issuer.end], body[subject.begin : subject.end]


def _extension(extensions: Iterable[x509.Extension[x509.ExtensionType]], kind: type[_Kind]) -> _Kind | None:
    return next((one.value for one in extensions if isinstance(one.value, kind)), None)


def _addresses(subject: bytes, alternative: x509.SubjectAlternativeName | None) -> tuple[str, ...]:
    found = tuple(alternative.get_values_for_type(x509.RFC822Name)) if alternative else ()
    if found:
        return found
    legacy = names.attribute(subject, names.EMAIL_ADDRESS)
    return (legacy,) if legacy else ()


def _forms(general_names: Iterable[x509.GeneralName]) -> frozenset[str]:
    return frozenset(type(name).__name__ for name in general_names)


def _usage(usage: x509.KeyUsage) -> frozenset[str]:
    flags = ("digital_signature", "content_commitment", "key_cert_sign", "crl_sign")
    return frozenset(flag for flag in flags if getattr(usage, flag))


def _constraints(extension: x509.NameConstraints) -> NameConstraints:
    permitted = tuple(extension.permitted_subtrees or ())
    excluded = tuple(extension.excluded_subtrees or ())
    others = (name for name in (*permitted, *excluded) if not isinstance(name, x509.RFC822Name | x509.DirectoryName))
    return NameConstraints(
        permitted_mail=_mail(permitted),
        excluded_mail=_mail(excluded),
        permitted_directories=_directories(permitted),
        excluded_directories=_directories(excluded),
        other_forms=_forms(others),
    )


def _mail(subtrees: Iterable[x509.GeneralName]) -> tuple[str, ...]:
    return tuple(name.value for name in subtrees if isinstance(name, x509.RFC822Name))


def _directories(subtrees: Iterable[x509.GeneralName]) -> tuple[DirectoryName, ...]:
    found = (name.value.public_bytes() for name in subtrees if isinstance(name, x509.DirectoryName))
    return tuple(names.comparable(name) for name in found)


def _digest(parsed: x509.Certificate) -> str | None:
    try:
        algorithm = parsed.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None
    return algorithm.name if isinstance(algorithm, _ACCEPTED) else None
