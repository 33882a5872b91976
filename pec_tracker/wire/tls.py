"""Is the server the one it says it is? TLS contexts that always verify, and what a failed handshake means."""

import ssl
import time
from functools import lru_cache
from pathlib import Path

import certifi

from pec_tracker.errors import ConfigurationError, TlsError
from pec_tracker.wire.endpoint import Endpoint

# X509_V_ERR_* of OpenSSL's x509_vfy.h: the ones that a person can act on.
_NOT_YET_VALID = 9
_EXPIRED = 10
_UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21})  # no issuer, self-signed (leaf or root), unverifiable leaf
_WRONG_NAME = frozenset({62, 64})  # host name, IP address

_READ_AGAIN = 3600  # seconds

_PLAIN_SPOKEN = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"})


def client_context(endpoint: Endpoint) -> ssl.SSLContext:
    """A context that verifies certificate and host name against the system's authorities and `endpoint.ca_file`.

    Raises ConfigurationError when the file of authorities cannot be read.
    """
    ca_file = endpoint.ca_file
    try:
        read = None if ca_file is None else ca_file.stat()
        version = None if read is None else (read.st_mtime_ns, read.st_size, read.st_ino)
        return _context(ca_file, version, int(time.monotonic() // _READ_AGAIN))
    except OSError as error:  # ssl.SSLError, for a file that holds no certificate, is one
        raise ConfigurationError(
            "the file of authorities {file} for {host} cannot be used: {reason}; "
            "it must be a readable PEM file with at least one certificate",
            file=ca_file,
            host=endpoint.host,
            reason=error.strerror or str(error),
        ) from error


@lru_cache(maxsize=32)
def _context(ca_file: Path | None, _version: object, _hour: int) -> ssl.SSLContext:
    """One context for all connections that trust the same authorities: to read the system's takes longer than a
    handshake. They are read again when the file is another, and each hour: a system's authorities are kept up to date.
    """
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if not (context.cert_store_stats()["x509_ca"] or paths.cafile or paths.capath):
        context.load_verify_locations(cafile=certifi.where())  # a Python built without knowing the system's store
    if ca_file is not None:
        context.load_verify_locations(cafile=str(ca_file))
    return context


def tls_error(endpoint: Endpoint, error: ssl.SSLError) -> TlsError:
    """What a failed handshake with `endpoint` means, in words for a person."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate_error(endpoint, error)
    if error.reason in _PLAIN_SPOKEN:
        return TlsError(
            "{host}:{port} does not speak TLS from the first byte; "
            "check the port, or set this server's security to starttls",
            host=endpoint.host,
            port=endpoint.port,
        )
    return TlsError(
        "the encrypted connection to {host}:{port} could not be set up: {reason}; "
        "check the port, and whether a firewall or an antivirus stands in between",
        host=endpoint.host,
        port=endpoint.port,
        reason=error.reason or error.strerror or str(error),
    )


def starttls_missing(endpoint: Endpoint) -> TlsError:
    """The server, or someone in between, does not offer the STARTTLS that we require."""
    return TlsError(
        "{host}:{port} offers no encryption (STARTTLS), so nothing was sent, the password neither; "
        "check the port, or whether a firewall or an antivirus stands in between",
        host=endpoint.host,
        port=endpoint.port,
    )


def _certificate_error(endpoint: Endpoint, error: ssl.SSLCertVerificationError) -> TlsError:
    where: dict[str, object] = {"host": endpoint.host, "port": endpoint.port}
    code = error.verify_code
    if code == _EXPIRED:
        return TlsError(
            "the certificate of {host}:{port} has expired; check this computer's date, else tell the provider", **where
        )
    if code == _NOT_YET_VALID:
        return TlsError("the certificate of {host}:{port} is not valid yet; check this computer's date", **where)
    if code in _WRONG_NAME:
        return TlsError(
            "the certificate of {host}:{port} is for another name; "
            "write the server's name as the provider gives it, not an alias or an address",
            **where,
        )
    if code in _UNKNOWN_AUTHORITY:
        return TlsError(
            "the certificate of {host}:{port} comes from an authority that this computer does not know; "
            "an antivirus or a proxy may be reading the connection; if the authority is your own, name its ca_file",
            **where,
        )
    return TlsError(
        "the certificate of {host}:{port} does not hold: {reason}; tell the provider",
        **where,
        reason=error.verify_message,
    )
