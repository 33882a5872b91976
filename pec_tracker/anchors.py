"""Which certificates are trusted on this machine? Reads trust stores and the user's files into a `Trust`.

The default needs no download: the public roots of the system and of certifi, cut down to those under which an
authority of Italian PEC stands. What the user names stands beside them, never instead (`combined`).
"""

import base64
import binascii
import re
import ssl
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from io import BytesIO
from itertools import chain, islice
from pathlib import Path
from typing import Final, TypeVar

import certifi
from cryptography import x509
from cryptography.x509 import ocsp

from pec_tracker.errors import UsageError
from pec_tracker.pec import cms
from pec_tracker.pec.ber import BerError
from pec_tracker.pec.certificate import UNREADABLE, certificate
from pec_tracker.pec.trust import PEC_AUTHORITIES, Anchor, Trust, is_pec_root, key_sha256

_Item = TypeVar("_Item")

PUBLIC_ROOT: Final = "public root, for the authorities of Italian PEC only"
NAMED_BY_USER: Final = "named by the user"

# Where Linux distributions, the BSDs and macOS keep their bundle, if OpenSSL does not say so itself.
_BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
# Reading every root of a store in full takes longer than verifying: the names are looked for in the bytes first.
_ROOT_NAMES: Final = tuple(authority.root_common_name.encode() for authority in PEC_AUTHORITIES)
_PEM_EDGE: Final = re.compile(rb"-----(BEGIN|END) ([A-Z0-9 ]{1,64})-----")
# Attributes of the provider directory (RFC 6109 4.5) and of directories in general that hold a certificate.
_LDIF_CERTIFICATES: Final = frozenset({b"providercertificate", b"usercertificate", b"cacertificate"})
_LARGEST: Final = 32 * 1024 * 1024
_LARGEST_CMS: Final = 8 * 1024 * 1024  # the provider directory, signed: one or two megabytes
_MOST: Final = 10_000  # of a file's certificates: public stores hold 150, the provider directory a few hundred


@dataclass(frozen=True, slots=True)
class _Found:
    """What one file holds, DER."""

    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsp: tuple[bytes, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.certificates or self.crls or self.ocsp)

    def __add__(self, other: "_Found") -> "_Found":
        return _Found(self.certificates + other.certificates, self.crls + other.crls, self.ocsp + other.ocsp)


def default(now_date: date) -> Trust:
    """The public roots of this machine and of certifi that authorities of PEC stand under, as read on `now_date`."""
    anchors: dict[bytes, Anchor] = {}
    for source, der in _public_roots():
        if der not in anchors and any(name in der for name in _ROOT_NAMES):
            parsed = certificate(der)
            if parsed is not None and is_pec_root(parsed):
                anchors[der] = Anchor(der, source, PUBLIC_ROOT, now_date, pec_cas_only=True)
    return Trust(anchors=tuple(anchors.values()))


def from_paths(paths: Sequence[Path]) -> Trust:
    """Every certificate in these files and folders as an anchor; CRLs and OCSP answers beside them.

    Files are PEM, DER, PKCS#7 or LDIF (plain, or signed as the provider directory is). Certificates that cannot be
    read are passed over as long as others can. `UsageError` where a path cannot be opened or holds nothing usable.
    """
    anchors: dict[bytes, Anchor] = {}
    others = _Found()
    for path in paths:
        for file, found in _read(path):
            since = datetime.fromtimestamp(file.stat().st_mtime, UTC).date()
            for der in found.certificates:
                anchors.setdefault(der, Anchor(der, str(file), NAMED_BY_USER, since, pec_cas_only=False))
            others += found
    return Trust(anchors=tuple(anchors.values()), crls=_distinct(others.crls), ocsp=_distinct(others.ocsp))


def given(path: Path, *, public_root: bool) -> Trust:
    """What the user trusts from now on. UsageError for a public root, unless *public_root*: such a one certifies
    anybody's mail, and is taken only from who knows what that opens."""
    trust = from_paths([path])
    among = () if public_root else public_among(trust)
    found = [one for anchor in among if (one := certificate(anchor.der)) is not None]
    if found:
        raise UsageError(
            "{file} holds a public root of this machine ({name}). It certifies mail addresses for anybody, not for PEC "
            "providers alone: whoever has from it, or from any authority below it, a certificate for an address "
            "posta-certificata@ could then sign what counts as proof. The roots of Italian PEC are trusted already, "
            "and only through the authorities of PEC. If you want this one without that limit, say --public-root",
            file=path.name,
            name=found[0].common_name or found[0].organization or "-",
        )
    return trust


def public_among(given: Trust) -> tuple[Anchor, ...]:
    """The anchors of *given* whose key a public root of this machine or of certifi has: such a root certifies the
    mail of anybody, not of PEC providers alone.
    """
    keys = {key_sha256(one) for _, der in _public_roots() if (one := certificate(der)) is not None} - {None}
    found = ((anchor, certificate(anchor.der)) for anchor in given.anchors)
    return tuple(anchor for anchor, one in found if one is not None and key_sha256(one) in keys)


def stamp_roots(ca_file: Path | None) -> tuple[bytes, ...]:
    """The certificates at which a time-stamp authority's chain may end: those of *ca_file*, else the public roots."""
    if ca_file is not None:
        return tuple(anchor.der for anchor in from_paths([ca_file]).anchors)
    return tuple(dict.fromkeys(der for _, der in _public_roots()))


def combined(first: Trust, second: Trust) -> Trust:
    """Both, the first's anchors first; an anchor in both keeps both of its roles."""
    return Trust(
        anchors=_distinct((*first.anchors, *second.anchors)),
        intermediates=_distinct((*first.intermediates, *second.intermediates)),
        crls=_distinct((*first.crls, *second.crls)),
        ocsp=_distinct((*first.ocsp, *second.ocsp)),
    )


def _public_roots() -> Iterator[tuple[str, bytes]]:
    """Each root of the stores with the name of its store, one by one: stores hold some that cannot be read."""
    for store in _stores():
        try:
            content = store.read_bytes()
        except OSError:
            continue  # a machine without this store is no fault: certifi always comes with us
        for kind, der in _pem_blocks(content):
            if kind in (b"CERTIFICATE", b"TRUSTED CERTIFICATE"):
                yield str(store), der
    if sys.platform == "win32":
        for der, encoding, _ in ssl.enum_certificates("ROOT"):
            if encoding == "x509_asn":
                yield "Windows ROOT", der


def _stores() -> Iterator[Path]:
    paths = ssl.get_default_verify_paths()
    files = [Path(name) for name in (paths.cafile, *_BUNDLES) if name is not None]
    existing = [file for file in files if file.is_file()]
    if existing:
        yield existing[0]
    elif paths.capath is not None:
        yield from sorted(Path(paths.capath).glob("*"))
    yield Path(certifi.where())


def _read(path: Path) -> Iterator[tuple[Path, _Found]]:
    """Each file at or in `path` that holds something, with what it holds."""
    try:
        files = sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path]
        read = [(file, _content(file)) for file in files]
    except OSError as error:
        raise UsageError(
            "{path} cannot be read ({reason}); name a file or folder with certificates that can be opened",
            path=path,
            reason=error.strerror or type(error).__name__,
        ) from error
    holding = [(file, found) for file, content in read if (found := _found(content))]
    if not holding:
        raise UsageError(
            "{path} holds no certificate that can be read; give PEM, DER, PKCS#7 (.p7b) or LDIF, or a folder of these",
            path=path,
        )
    yield from holding


def _content(file: Path) -> bytes:
    with file.open("rb") as opened:
        content = opened.read(_LARGEST + 1)
    # Larger than any list of certificates: read as one that holds none.
    return content if len(content) <= _LARGEST else b""


def _found(content: bytes) -> _Found:
    """What a file's bytes hold, in whichever of the formats."""
    listed = tuple(der for _, der in _pem_blocks(content)) or tuple(_ldif_certificates(content))
    if len(listed) > _MOST:
        return _Found()  # no list of certificates: read as one that holds none
    return _sum(map(_found_in_der, listed)) if listed else _found_in_der(content)


def _found_in_der(der: bytes) -> _Found:
    if certificate(der) is not None:
        return _Found(certificates=(der,))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _found_in_cms(der) or _found_crl(der) or _found_ocsp(der)


def _found_in_cms(der: bytes) -> _Found:
    """A PKCS#7 bag of certificates; or, in a signed file (.p7m), what the signed content holds, not its signers."""
    try:
        bag = cms.parse(der, most=_LARGEST_CMS)
    except BerError:
        return _Found()
    if bag.content is not None:
        return _sum(map(_found_in_der, islice(_ldif_certificates(bag.content), _MOST)))
    return _Found(certificates=tuple(one for one in bag.certificates if certificate(one) is not None))


def _found_crl(der: bytes) -> _Found:
    try:
        x509.load_der_x509_crl(der)
    except UNREADABLE:
        return _Found()
    return _Found(crls=(der,))


def _found_ocsp(der: bytes) -> _Found:
    try:
        ocsp.load_der_ocsp_response(der)
    except UNREADABLE:
        return _Found()
    return _Found(ocsp=(der,))


def _sum(parts: Iterable[_Found]) -> _Found:
    found = [part for part in parts if part]
    return _Found(
        certificates=tuple(chain.from_iterable(part.certificates for part in found)),
        crls=tuple(chain.from_iterable(part.crls for part in found)),
        ocsp=tuple(chain.from_iterable(part.ocsp for part in found)),
    )


def _pem_blocks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each PEM block's label with its bytes; blocks that are not base64 are passed over, keys are never looked at."""
    begun: re.Match[bytes] | None = None
    for edge in _PEM_EDGE.finditer(content):  # each byte is looked at once, however many blocks are never closed
        if edge[1] == b"BEGIN":
            begun = edge
        elif begun is not None and begun[2] == edge[2] and not edge[2].endswith(b"KEY"):
            try:
                yield edge[2], base64.b64decode(content[begun.end() : edge.start()])
            except binascii.Error:
                continue
            finally:
                begun = None


def _ldif_certificates(content: bytes) -> Iterator[bytes]:
    """The certificates of an LDIF (RFC 2849): base64 values, folded lines joined."""
    if b"::" not in content:
        return
    unfolded = content.replace(b"\r\n", b"\n").replace(b"\n ", b"")
    for line in BytesIO(unfolded):  # not split into a list: a file may hold a line for each of its bytes
        name, separator, value = line.partition(b"::")
        if separator and name.split(b";")[0].strip().lower() in _LDIF_CERTIFICATES:
            try:
                yield base64.b64decode(value)
            except binascii.Error:
                continue


def _distinct(items: tuple[_Item, ...]) -> tuple[_Item, ...]:
    return tuple(dict.fromkeys(items))
