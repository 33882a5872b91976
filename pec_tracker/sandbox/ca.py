"""Who vouches for the sandbox's providers? Its own authority, made once in a folder and used again from there.

    root  ->  PEC CA  ->  one certificate a provider (signs receipts), and one of a stranger (for forgeries)
          ->  the certificate of the mail servers (localhost)

Nothing outside the sandbox trusts `root.pem`; whoever wants to must name it. The certificates have the form that
providers have used since July 2026 (Aruba under AgID CA1), but for three things: they name no OCSP and no CRL, since
there is nobody to answer; their CA has no name constraints, since a test may invent providers; and they are valid from
2010 to 2049, because the sandbox's clock may be set to any day while TLS clients go by the real one.
"""

import ipaddress
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pec_tracker.sandbox.cms import Signer
from pec_tracker.sandbox.providers import Provider

NOT_BEFORE = datetime(2010, 1, 1, tzinfo=UTC)
NOT_AFTER = datetime(2049, 12, 31, tzinfo=UTC)  # the last year that UTCTime can hold
KEY_BITS = 2048

PEC_POLICY = "1.3.76.16.3.1.1"  # seen: every leaf under AgID CA1
SMIME_ORGANISATION_VALIDATED = "2.23.140.1.5.2.2"  # seen: Aruba's leaf of 2026-07-28

STRANGER = "mario.rossi@pec.sandbox.test"  # holds a good certificate of the PEC CA, and is no provider


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Extensions:
    """What a certificate of one purpose carries besides names and key identifiers."""

    added: tuple[tuple[x509.ExtensionType, bool], ...]  # extension, critical


class Authority:
    """The sandbox's certification authorities, in *folder*: made at first use, then always the same ones."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._root = self._identity("root", _ca_name("Radice Sandbox"), _ca(path_length=1), issuer=None)
        self._pec_ca = self._identity("pec-ca", _ca_name("Sandbox PEC CA1"), _ca(path_length=0), issuer=self._root)

    @property
    def ca_file(self) -> Path:
        """The root certificate, PEM: what to give to `--trust`, to `openssl cms -CAfile` and to mail clients."""
        return self._folder / "root.pem"

    def signer(self, provider: Provider) -> Signer:
        """The signer of *provider*'s receipts: its certificate with the PEC CA's beside it, as on the wire."""
        return self._signer(f"provider-{provider.domain}", provider.name, provider.system_address)

    def stranger(self) -> Signer:
        """Somebody whose certificate the PEC CA issued just as well, but to an address that is no provider's."""
        return self._signer("stranger", "Mario Rossi", STRANGER)

    def server_context(self) -> ssl.SSLContext:
        """TLS for the sandbox's servers, as localhost, 127.0.0.1 and ::1."""
        self._identity("server", _name(NameOID.COMMON_NAME, "localhost"), _server(), issuer=self._root)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._folder / "server.pem", self._folder / "server.key")
        return context

    def _signer(self, stem: str, name: str, address: str) -> Signer:
        identity = self._identity(stem, _provider_name(name), _mail_signer(address), issuer=self._pec_ca)
        return Signer(certificate=identity.certificate, key=identity.key, chain=(self._pec_ca.certificate,))

    def _identity(self, stem: str, name: x509.Name, extensions: Extensions, *, issuer: Identity | None) -> Identity:
        """The identity kept under *stem*, or a new one: where there is none, or it has another name or issuer."""
        kept = self._kept(stem)
        if kept is not None and _answers_to(kept.certificate, name, issuer):
            return kept
        key = generate_private_key(public_exponent=65537, key_size=KEY_BITS)
        identity = Identity(_issue(name, key, extensions, issuer=issuer), key)
        self._keep(stem, identity)
        return identity

    def _kept(self, stem: str) -> Identity | None:
        certificate, key = self._folder / f"{stem}.pem", self._folder / f"{stem}.key"
        if not (certificate.exists() and key.exists()):
            return None
        # Checking that a key is sound takes longer than all else at the start, and these are our own.
        loaded = serialization.load_pem_private_key(
            key.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True
        )
        assert isinstance(loaded, RSAPrivateKey)
        return Identity(x509.load_pem_x509_certificate(certificate.read_bytes()), loaded)

    def _keep(self, stem: str, identity: Identity) -> None:
        """The key first: a certificate without its key would look complete after a crash between the two."""
        write_private(
            self._folder / f"{stem}.key",
            identity.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )
        (self._folder / f"{stem}.pem").write_bytes(identity.certificate.public_bytes(serialization.Encoding.PEM))


def write_private(path: Path, content: bytes) -> None:
    """Write *content* to *path*, readable by its owner only where the system knows of owners."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def self_made_copy(genuine: Sequence[x509.Certificate], address: str) -> Signer:
    """A signer with the very names of *genuine* (leaf first) and other keys: what any forger can make at home."""
    leaf, issuer = genuine[0], genuine[-1]
    issuer_key = generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    copied_issuer = Identity(_issue(issuer.subject, issuer_key, _ca(path_length=0), issuer=None), issuer_key)
    key = generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    certificate = _issue(leaf.subject, key, _mail_signer(address), issuer=copied_issuer)
    return Signer(certificate=certificate, key=key, chain=(copied_issuer.certificate,))


def _answers_to(certificate: x509.Certificate, name: x509.Name, issuer: Identity | None) -> bool:
    if certificate.subject != name:
        return False
    if issuer is None:
        return True
    authority = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    return authority.key_identifier == _key_id(issuer.key).digest


def _issue(name: x509.Name, key: RSAPrivateKey, extensions: Extensions, *, issuer: Identity | None) -> x509.Certificate:
    signing_key = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_AFTER)
        .add_extension(_key_id(key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(_key_id(signing_key)), critical=False
        )
    )
    for extension, critical in extensions.added:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(signing_key, hashes.SHA256())


def _key_id(key: RSAPrivateKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key())


def _ca(*, path_length: int) -> Extensions:
    return Extensions(
        (
            (x509.BasicConstraints(ca=True, path_length=path_length), True),
            (_key_usage(certificates=True), True),
        )
    )


def _mail_signer(address: str) -> Extensions:
    """RFC 6109 5.5 and what is on the wire: emailProtection, digitalSignature, no Basic Constraints, two policies."""
    policies = [
        x509.PolicyInformation(x509.ObjectIdentifier(oid), None) for oid in (PEC_POLICY, SMIME_ORGANISATION_VALIDATED)
    ]
    return Extensions(
        (
            (_key_usage(certificates=False), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False),
            (x509.CertificatePolicies(policies), False),
            (x509.SubjectAlternativeName([x509.RFC822Name(address)]), False),
        )
    )


def _server() -> Extensions:
    loopback = [x509.IPAddress(ipaddress.ip_address(text)) for text in ("127.0.0.1", "::1")]
    return Extensions(
        (
            (_key_usage(certificates=False), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            (x509.SubjectAlternativeName([x509.DNSName("localhost"), *loopback]), False),
        )
    )


def _key_usage(*, certificates: bool) -> x509.KeyUsage:
    """Certificates and CRLs for an authority, digital signatures for everybody else."""
    return x509.KeyUsage(
        digital_signature=not certificates,
        key_cert_sign=certificates,
        crl_sign=certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _ca_name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "IT"),
            x509.NameAttribute(NameOID.LOCALITY_NAME, "Roma"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Sandbox: non valida fuori dalle prove"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _provider_name(name: str) -> x509.Name:
    """Since 2026 the common name is the provider's own, without "Posta Certificata" (seen: Aruba)."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "IT"),
            x509.NameAttribute(NameOID.STATE_OR_PROVINCE_NAME, "Roma"),
            x509.NameAttribute(NameOID.LOCALITY_NAME, "Roma"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, name),
            x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, "VATIT-00000000000"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _name(oid: x509.ObjectIdentifier, value: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value)])
