"""Where do certificates say that their revocation is told, and what is told there? CRLs and OCSP over HTTP(S).

What is fetched is signed and is judged elsewhere (`pec.revocation`); nothing here trusts the server.
"""

from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from pec_tracker.pec.certificate import UNREADABLE, Certificate
from pec_tracker.wire.http import TIMEOUT, exchange

_URI: Final = x509.UniformResourceIdentifier
_SCHEMES: Final = ("http://", "https://")  # ldap is named too, and is not spoken here
_PEM: Final = b"-----BEGIN X509 CRL-----"


def crl_addresses(one: Certificate) -> tuple[str, ...]:
    """Where the certificate's issuer publishes its CRL."""
    try:
        points = one.parsed.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return ()
    named = (name.value for point in points for name in point.full_name or () if isinstance(name, _URI))
    return tuple(url for url in dict.fromkeys(named) if url.startswith(_SCHEMES))


def ocsp_addresses(one: Certificate) -> tuple[str, ...]:
    """Where the certificate's issuer answers for single certificates."""
    try:
        access = one.parsed.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return ()
    named = (
        description.access_location.value
        for description in access
        if description.access_method == AuthorityInformationAccessOID.OCSP
        and isinstance(description.access_location, _URI)
    )
    return tuple(url for url in dict.fromkeys(named) if url.startswith(_SCHEMES))


def fetch_crl(url: str, *, timeout: float = TIMEOUT) -> bytes:
    """The CRL at *url*, DER (some are published as PEM, against RFC 5280 4.2.1.13). Raises ServerError."""
    content = exchange(url, timeout=timeout)
    if content.startswith(_PEM):
        try:
            return x509.load_pem_x509_crl(content).public_bytes(Encoding.DER)
        except UNREADABLE:
            return content
    return content


def fetch_ocsp(url: str, subject: Certificate, issuer: Certificate, *, timeout: float = TIMEOUT) -> bytes:
    """The responder's answer about *subject*, DER (RFC 6960). Raises ServerError."""
    # RFC 5019 2.1.1: SHA-1 names the certificate here, and is what every responder takes.
    builder = ocsp.OCSPRequestBuilder().add_certificate(subject.parsed, issuer.parsed, hashes.SHA1())
    query = builder.build().public_bytes(Encoding.DER)
    return exchange(url, body=query, content_type="application/ocsp-request", timeout=timeout)
