"""What does a CMS signature say? SignedData (RFC 5652) read lazily, as far as verifying needs it.

Signed attributes are those of RFC 5652 11 and RFC 6211; any other is left unread: real mail has some that no
library decodes (seen: InfoCert, 1.3.6.1.4.1.311.16.4). Parsing twice gives equal values; nothing is verified here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pec_tracker.pec import ber
from pec_tracker.pec.ber import BerError, Value

# Far more than mail has (10 kB, two or three certificates); bounds the work that one mail can ask for.
MAX_SIZE: Final = 1024 * 1024
MAX_CERTIFICATES: Final = 64
MAX_SIGNERS: Final = 16

_DATA: Final = bytes.fromhex("2a864886f70d010701")  # 1.2.840.113549.1.7.1
_SIGNED_DATA: Final = bytes.fromhex("2a864886f70d010702")  # 1.2.840.113549.1.7.2
_CONTENT_TYPE: Final = bytes.fromhex("2a864886f70d010903")  # 1.2.840.113549.1.9.3
_MESSAGE_DIGEST: Final = bytes.fromhex("2a864886f70d010904")  # 1.2.840.113549.1.9.4
_SIGNING_TIME: Final = bytes.fromhex("2a864886f70d010905")  # 1.2.840.113549.1.9.5
_ALGORITHM_PROTECTION: Final = bytes.fromhex("2a864886f70d010934")  # 1.2.840.113549.1.9.52, RFC 6211
_READ_ATTRIBUTES: Final = frozenset({_CONTENT_TYPE, _MESSAGE_DIGEST, _SIGNING_TIME, _ALGORITHM_PROTECTION})

# Digest algorithms by OID: hashlib's names. MD5 is left out: it has not been safe since before PEC began.
_DIGESTS: Final[dict[bytes, str]] = {
    bytes.fromhex("2b0e03021a"): "sha1",
    bytes.fromhex("608648016503040204"): "sha224",
    bytes.fromhex("608648016503040201"): "sha256",
    bytes.fromhex("608648016503040202"): "sha384",
    bytes.fromhex("608648016503040203"): "sha512",
}
_RSA: Final = bytes.fromhex("2a864886f70d010101")  # rsaEncryption: the digest is the signer's digestAlgorithm
_MGF1: Final = bytes.fromhex("2a864886f70d010108")
_PSS: Final = bytes.fromhex("2a864886f70d01010a")
_RSA_WITH_DIGEST: Final[dict[bytes, str]] = {
    bytes.fromhex("2a864886f70d010105"): "sha1",
    bytes.fromhex("2a864886f70d01010e"): "sha224",
    bytes.fromhex("2a864886f70d01010b"): "sha256",
    bytes.fromhex("2a864886f70d01010c"): "sha384",
    bytes.fromhex("2a864886f70d01010d"): "sha512",
}


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a signature value was made with RSA: PKCS#1 v1.5, or PSS with its mask's digest and salt length."""

    digest: str | None  # None: the signer's digest algorithm decides
    mask_digest: str | None = None
    salt_length: int | None = None


@dataclass(frozen=True, slots=True)
class SignerInfo:
    """One signer's statement (RFC 5652 5.3). Named by `issuer` (DER) and `serial`, or by `key_id`.

    `attributes` is None where there are none: the value then covers the content itself. `digest` (hashlib's name) and
    `scheme` are None where the algorithm is unknown. `faults` names what contradicts itself inside this statement.
    """

    issuer: bytes | None
    serial: int | None
    key_id: bytes | None
    digest: str | None
    scheme: Scheme | None
    attributes: "Attributes | None"
    value: bytes
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attributes:
    """Signed attributes. `signed` are the bytes that the value covers, as a SET OF, in the encoding received."""

    signed: bytes
    message_digest: bytes | None
    signed_at: datetime | None


@dataclass(frozen=True, slots=True)
class SignedData:
    """A parsed CMS. `content` is None for the detached signature that mail carries."""

    certificates: tuple[bytes, ...]
    signers: tuple[SignerInfo, ...]
    content: bytes | None


def parse(encoded: bytes, *, most: int = MAX_SIZE) -> SignedData:
    """The SignedData in `encoded`, BER or DER, with nothing after it; `BerError` where there is none, or it is longer
    than `most` bytes.
    """
    if len(encoded) > most:
        raise BerError("larger than any signature")
    whole = ber.expect(encoded, 0, len(encoded), ber.SEQUENCE)
    if whole.end != len(encoded):
        raise BerError("something follows the signature")
    kind = ber.expect(encoded, whole.start, whole.stop, ber.OID)
    if encoded[kind.start : kind.stop] != _SIGNED_DATA:
        raise BerError("not SignedData")
    body = ber.expect(encoded, ber.expect(encoded, kind.end, whole.stop, 0xA0).start, whole.stop, ber.SEQUENCE)
    version = ber.expect(encoded, body.start, body.stop, ber.INTEGER)
    digests = ber.expect(encoded, version.end, body.stop, ber.SET)
    enclosed = ber.expect(encoded, digests.end, body.stop, ber.SEQUENCE)
    certificates: tuple[bytes, ...] = ()
    at = enclosed.end
    while (part := ber.value_at(encoded, at, body.stop)).tag != ber.SET:
        if part.tag == 0xA0:
            certificates = _certificates(encoded, part)
        at = part.end
    if part.end != body.stop:
        raise BerError("something follows the signers")
    content_type, content = _enclosed(encoded, enclosed)
    announced = frozenset(_oid_in(encoded, one) for one in ber.children(encoded, digests))
    infos = tuple(ber.children(encoded, part))
    if len(infos) > MAX_SIGNERS:
        raise BerError("too many signers")
    return SignedData(certificates, tuple(_signer(encoded, info, content_type, announced) for info in infos), content)


def in_der(signed: bytes) -> bytes:
    """Signed attributes in DER: what their value covers where they are stored in BER (RFC 5652 5.4)."""
    try:
        return ber.der(signed, ber.value_at(signed, 0, len(signed)))
    except BerError:
        # An attribute that is left unread need not be well formed; then there is no other encoding to try.
        return signed


def _certificates(encoded: bytes, field: Value) -> tuple[bytes, ...]:
    """The plain certificates; attribute certificates and other formats (RFC 5652 10.2.2) are passed over."""
    found = [encoded[one.begin : one.end] for one in ber.children(encoded, field) if one.tag == ber.SEQUENCE]
    return tuple(found[:MAX_CERTIFICATES])


def _enclosed(encoded: bytes, field: Value) -> tuple[bytes, bytes | None]:
    parts = tuple(ber.children(encoded, field))
    if not parts or parts[0].tag != ber.OID:
        raise BerError("no content type")
    content = None
    if len(parts) > 1:
        content = ber.octets(encoded, ber.value_at(encoded, parts[1].start, parts[1].stop))
    return encoded[parts[0].start : parts[0].stop], content


def _signer(encoded: bytes, info: Value, content_type: bytes, announced: frozenset[bytes]) -> SignerInfo:
    if info.tag != ber.SEQUENCE:
        raise BerError("no signer")
    version = ber.expect(encoded, info.start, info.stop, ber.INTEGER)
    name = ber.value_at(encoded, version.end, info.stop)
    issuer, serial, key_id = _signer_name(encoded, name)
    digest_field = ber.expect(encoded, name.end, info.stop, ber.SEQUENCE)
    after = ber.value_at(encoded, digest_field.end, info.stop)
    attributes_field = after if after.tag == 0xA0 else None
    algorithm = ber.expect(encoded, after.end if attributes_field else after.begin, info.stop, ber.SEQUENCE)
    value = ber.value_at(encoded, algorithm.end, info.stop)
    if value.tag & ~0x20 != ber.OCTET_STRING:
        raise BerError("no signature value")
    digest = _DIGESTS.get(_oid_in(encoded, digest_field))
    scheme = _scheme(encoded, algorithm)
    faults: list[str] = []
    if _oid_in(encoded, digest_field) not in announced:
        faults.append("digest-not-announced")  # RFC 5652 5.1: each signer's is listed; OpenSSL refuses it otherwise
    if scheme is not None and scheme.digest not in (None, digest):
        faults.append("algorithms-differ")
    attributes = None
    if attributes_field is not None:
        protected = (_oid_in(encoded, digest_field), _oid_in(encoded, algorithm))
        attributes = _attributes(encoded, attributes_field, content_type, protected, faults)
    return SignerInfo(issuer, serial, key_id, digest, scheme, attributes, ber.octets(encoded, value), tuple(faults))


def _signer_name(encoded: bytes, name: Value) -> tuple[bytes | None, int | None, bytes | None]:
    if name.tag & ~0x20 == 0x80:
        return None, None, ber.octets(encoded, name)
    if name.tag != ber.SEQUENCE:
        raise BerError("no signer's name")
    issuer = ber.expect(encoded, name.start, name.stop, ber.SEQUENCE)
    serial = ber.expect(encoded, issuer.end, name.stop, ber.INTEGER)
    return encoded[issuer.begin : issuer.end], ber.integer(encoded, serial), None


def _oid_in(encoded: bytes, algorithm: Value) -> bytes:
    """The OID that opens an AlgorithmIdentifier."""
    oid = ber.expect(encoded, algorithm.start, algorithm.stop, ber.OID)
    return encoded[oid.start : oid.stop]


def _attributes(
    encoded: bytes, field: Value, content_type: bytes, protected: tuple[bytes, bytes], faults: list[str]
) -> Attributes:
    """The attributes that matter; each contradiction goes into `faults`."""
    seen: dict[bytes, Value] = {}
    for kind, value in _attribute_values(encoded, field):
        # RFC 5652 11: each of these occurs once, with one value.
        if kind in seen or value is None:
            faults.append("attribute-repeated")
        else:
            seen[kind] = value
    named = seen.get(_CONTENT_TYPE)
    if named is None or encoded[named.start : named.stop] != content_type:
        faults.append("content-type-differs")
    digest = seen.get(_MESSAGE_DIGEST)
    if digest is None:
        faults.append("no-message-digest")
    protection = seen.get(_ALGORITHM_PROTECTION)
    if protection is not None and _protected_algorithms(encoded, protection) != protected:
        faults.append("algorithms-differ")
    time = seen.get(_SIGNING_TIME)
    return Attributes(
        # RFC 5652 5.4: signed as a SET OF, whatever the tag that they are stored under.
        signed=b"\x31" + encoded[field.begin + 1 : field.end],
        message_digest=None if digest is None else ber.octets(encoded, digest),
        signed_at=None if time is None else time_of(encoded, time),
    )


def _attribute_values(encoded: bytes, field: Value) -> Iterator[tuple[bytes, Value | None]]:
    """Those attributes that are read, each with its one value, or None where it has not just one."""
    for attribute in ber.children(encoded, field):
        kind = ber.expect(encoded, attribute.start, attribute.stop, ber.OID)
        oid = encoded[kind.start : kind.stop]
        if oid in _READ_ATTRIBUTES:
            values = ber.expect(encoded, kind.end, attribute.stop, ber.SET)
            only = ber.value_at(encoded, values.start, values.stop) if values.stop > values.start else None
            yield oid, only if only is not None and only.end == values.stop else None


def _protected_algorithms(encoded: bytes, protection: Value) -> tuple[bytes, bytes]:
    """Digest and signature algorithm as RFC 6211 repeats them under the signature."""
    digest = ber.expect(encoded, protection.start, protection.stop, ber.SEQUENCE)
    signature = ber.expect(encoded, digest.end, protection.stop, 0xA1)
    return _oid_in(encoded, digest), _oid_in(encoded, signature)


def time_of(encoded: bytes, value: Value) -> datetime | None:
    """UTCTime or GeneralizedTime, in seconds and UTC as RFC 5652 11.3 asks; None where it cannot be read."""
    text = encoded[value.start : value.stop]
    digits = text[:-1]
    if not text.endswith(b"Z") or not digits.isdigit():
        return None
    if value.tag == ber.UTC_TIME and len(digits) == 12:
        century = b"19" if digits[:2] >= b"50" else b"20"
        digits = century + digits
    elif value.tag != ber.GENERALIZED_TIME or len(digits) != 14:
        return None
    month, day, hour, minute, second = (int(digits[i : i + 2]) for i in range(4, 14, 2))
    try:
        return datetime(int(digits[:4]), month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


def _scheme(encoded: bytes, algorithm: Value) -> Scheme | None:
    oid = _oid_in(encoded, algorithm)
    if oid == _RSA:
        return Scheme(None)
    if oid in _RSA_WITH_DIGEST:
        return Scheme(_RSA_WITH_DIGEST[oid])
    return _pss(encoded, algorithm) if oid == _PSS else None


def _pss(encoded: bytes, algorithm: Value) -> Scheme | None:
    """RSASSA-PSS-params (RFC 4055 3.1): each left out means SHA-1, MGF1 with SHA-1, 20 octets of salt."""
    digest, mask, salt = "sha1", "sha1", 20
    fields = tuple(ber.children(encoded, algorithm))
    if len(fields) < 2:
        return Scheme(digest, mask, salt)
    for field in ber.children(encoded, fields[1]):
        inner = ber.value_at(encoded, field.start, field.stop)
        if field.tag == 0xA0:
            digest = _DIGESTS.get(_oid_in(encoded, inner), "")
        elif field.tag == 0xA1:
            mask = _mask_digest(encoded, inner)
        elif field.tag == 0xA2:
            salt = ber.integer(encoded, inner)
    return Scheme(digest, mask, salt) if digest and mask and 0 <= salt <= 512 else None


def _mask_digest(encoded: bytes, generator: Value) -> str:
    oid = ber.expect(encoded, generator.start, generator.stop, ber.OID)
    if encoded[oid.start : oid.stop] != _MGF1:
        return ""
    return _DIGESTS.get(_oid_in(encoded, ber.expect(encoded, oid.end, generator.stop, ber.SEQUENCE)), "")
