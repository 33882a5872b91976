"""Which certificates do the tests trust, forge or expire? A small authority for each need.

    anchor = root()                                        # self-signed, trusted by the tests only
    authority = pec_ca(anchor, domains=("pec.example",))   # what AgID CA1 is to the providers
    signer = provider(authority, address="posta-certificata@pec.example")

Every call takes the validity, the key's name and size, the hash and the extensions, so that a test states only
what it is about. Keys are made once a process for each `(key name, bits)`. Certificates are made once for equal
arguments. SHA-1 certificates are signed here by hand: `cryptography` no longer signs them, real mail has them.
"""

import functools
import itertools
from dataclasses import dataclass
from datetime import UTC, datetime

from asn1crypto import x509 as asn1_x509
from asn1crypto.algos import SignedDigestAlgorithm
from asn1crypto.core import OctetBitString
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ADDRESS = "posta-certificata@pec.example"
FROM_2020 = datetime(2020, 1, 1, tzinfo=UTC)
UNTIL_2040 = datetime(2040, 1, 1, tzinfo=UTC)

# Names as in the certificates of real mail.
AGID_CA1 = {
    "country": "IT",
    "locality": "Roma",
    "organization": "Agenzia per l'Italia Digitale",
    "unit": "Area Soluzioni per la Pubblica Amministrazione",
    "common_name": "AgID CA1",
}
ACTALIS_ROOT = {
    "country": "IT",
    "locality": "Milan",
    "organization": "Actalis S.p.A./03358520967",
    "common_name": "Actalis Authentication Root CA",
}

_OIDS = {
    "country": NameOID.COUNTRY_NAME,
    "locality": NameOID.LOCALITY_NAME,
    "organization": NameOID.ORGANIZATION_NAME,
    "unit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "common_name": NameOID.COMMON_NAME,
}
_Extension = tuple[x509.ExtensionType, bool]  # with whether it is critical
_serials = itertools.count(1000)


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    @property
    def der(self) -> bytes:
        """The certificate, DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        """The certificate, PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The private key, PEM, unencrypted: the `openssl` command reads it."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


@functools.cache
def private_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """The process's RSA key of this name and size."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def name(**fields: str) -> x509.Name:
    """A distinguished name: country, locality, organization, unit, common_name, in the order given."""
    return x509.Name([x509.NameAttribute(_OIDS[field], value) for field, value in fields.items()])


def root(
    subject: dict[str, str] | None = None,
    *,
    key: str = "root",
    bits: int = 2048,
    digest: str = "sha256",
    not_before: datetime = FROM_2020,
    not_after: datetime = UNTIL_2040,
) -> Identity:
    """A self-signed authority."""
    fields = subject or {"country": "IT", "organization": "Prova", "common_name": "Radice di prova"}
    wanted = _Wanted(None, tuple(fields.items()), key, bits, digest, not_before, not_after)
    return _made(wanted, (_basic(is_ca=True), _usage(cert_sign=True)))


def pec_ca(
    issuer: Identity,
    subject: dict[str, str] | None = None,
    *,
    key: str = "pec-ca",
    bits: int = 2048,
    digest: str = "sha256",
    not_before: datetime = FROM_2020,
    not_after: datetime = UNTIL_2040,
    domains: tuple[str, ...] = (),
    directories: tuple[x509.Name, ...] = (),
    excluded: tuple[str, ...] = (),
    is_ca: bool = True,
    cert_sign: bool = True,
    path_length: int | None = None,
    usages: tuple[x509.ObjectIdentifier, ...] = (),
    extra: tuple[_Extension, ...] = (),
) -> Identity:
    """An authority under `issuer`. `domains`, `directories` and `excluded` become its name constraints.

    `is_ca=False` makes it no authority at all; `cert_sign=False` one whose key usage does not allow certificates.
    `extra` are further extensions, each with whether it is critical.
    """
    wanted = _Wanted(issuer, tuple((subject or AGID_CA1).items()), key, bits, digest, not_before, not_after)
    extensions = [_basic(is_ca=is_ca, path_length=path_length), _usage(cert_sign=cert_sign)]
    extensions += [(x509.ExtendedKeyUsage(usages), False)] if usages else []
    permitted = (*map(x509.RFC822Name, domains), *map(x509.DirectoryName, directories))
    if permitted or excluded:
        without = [x509.RFC822Name(domain) for domain in excluded]
        # AgID CA1's are not critical either.
        extensions.append((x509.NameConstraints(permitted or None, without or None), False))
    return _made(wanted, (*extensions, *extra))


def provider(
    issuer: Identity,
    *,
    address: str | None = ADDRESS,
    subject: dict[str, str] | None = None,
    key: str = "provider",
    bits: int = 2048,
    digest: str = "sha256",
    not_before: datetime = FROM_2020,
    not_after: datetime = UNTIL_2040,
    usages: tuple[x509.ObjectIdentifier, ...] | None = (ExtendedKeyUsageOID.EMAIL_PROTECTION,),
    digital_signature: bool | None = True,
    extra: tuple[_Extension, ...] = (),
) -> Identity:
    """A provider's signing certificate. `usages=None` leaves out the EKU, `digital_signature=None` the key usage."""
    fields = subject or {"country": "IT", "organization": "Gestore di Prova S.p.A.", "common_name": "Gestore di Prova"}
    wanted = _Wanted(issuer, tuple(fields.items()), key, bits, digest, not_before, not_after)
    extensions: list[_Extension] = []
    if address is not None:
        extensions.append((x509.SubjectAlternativeName([x509.RFC822Name(address)]), False))
    if usages is not None:
        extensions.append((x509.ExtendedKeyUsage(usages), False))
    if digital_signature is not None:
        extensions.append(_usage(digital_signature=digital_signature))
    return _made(wanted, (*extensions, *extra))


def resigned(
    certificate: x509.Certificate, issuer_key: rsa.RSAPrivateKey, digest: str = "sha1", *, version1: bool = False
) -> x509.Certificate:
    """The same certificate, its signature made anew with `digest`; `version1` takes its extensions off."""
    parsed = asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))
    algorithm = SignedDigestAlgorithm({"algorithm": f"{digest}_rsa"})
    body = asn1_x509.TbsCertificate.load(parsed["tbs_certificate"].dump())
    body["signature"] = algorithm
    if version1:
        body["version"] = "v1"
        del body["extensions"]
    signature = issuer_key.sign(body.dump(force=True), padding.PKCS1v15(), HASHES[digest]())
    whole = asn1_x509.Certificate(
        {
            "tbs_certificate": body,
            "signature_algorithm": algorithm,
            "signature_value": OctetBitString(signature),
        }
    )
    return x509.load_der_x509_certificate(whole.dump())


def revocation_list(
    issuer: Identity,
    revoked: dict[int, datetime] | None = None,
    *,
    this_update: datetime,
    next_update: datetime,
) -> bytes:
    """A CRL of `issuer`, DER: serial numbers with the time from which each is revoked."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(this_update)
        .next_update(next_update)
    )
    for serial, since in (revoked or {}).items():
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1,
    "sha224": hashes.SHA224,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What every certificate has."""

    issuer: Identity | None
    subject: tuple[tuple[str, str], ...]
    key: str
    bits: int
    digest: str
    not_before: datetime
    not_after: datetime


@functools.cache
def _made(wanted: _Wanted, extensions: tuple[_Extension, ...]) -> Identity:
    key = private_key(wanted.key, wanted.bits)
    subject = name(**dict(wanted.subject))
    issuer_key = wanted.issuer.key if wanted.issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(wanted.issuer.certificate.subject if wanted.issuer else subject)
        .public_key(key.public_key())
        .serial_number(next(_serials))
        .not_valid_before(wanted.not_before)
        .not_valid_after(wanted.not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    certificate = builder.sign(issuer_key, hashes.SHA256())
    return Identity(certificate if wanted.digest == "sha256" else resigned(certificate, issuer_key, wanted.digest), key)


def _basic(*, is_ca: bool, path_length: int | None = None) -> _Extension:
    return x509.BasicConstraints(ca=is_ca, path_length=path_length), True


def _usage(*, cert_sign: bool = False, digital_signature: bool | None = None) -> _Extension:
    """Key usage: certificates and CRLs, or signing; with neither, encryption alone."""
    signing = not cert_sign if digital_signature is None else digital_signature
    usage = x509.KeyUsage(
        digital_signature=signing,
        content_commitment=False,
        key_encipherment=not signing and not cert_sign,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=cert_sign,
        crl_sign=cert_sign,
        encipher_only=False,
        decipher_only=False,
    )
    return usage, True
