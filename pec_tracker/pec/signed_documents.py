"""Is a document signed, by whom, and does the signature fit it? CAdES envelopes (.p7m) and signatures in a PDF.

Whom a certificate belongs to is not judged here: the authorities that qualify signatures (eIDAS) are not those of PEC.
So the most that is said is that a signature was made over these bytes with the key of the certificate it brings.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Final

from pec_tracker.pec import ber, cms, names
from pec_tracker.pec.attached import attached, content_of
from pec_tracker.pec.ber import BerError
from pec_tracker.pec.certificate import Certificate, certificate
from pec_tracker.pec.cms import SignedData, SignerInfo
from pec_tracker.pec.finding import Finding, finding
from pec_tracker.pec.signature import hashed, key_scheme

MAX_DOCUMENT: Final = 128 * 1024 * 1024  # no provider takes a message so large
MAX_IN_PDF: Final = 16  # signatures that are looked at

_RULE: Final[dict[bool | None, str]] = {
    True: "attachment-signed",
    None: "attachment-signature-present",
    False: "attachment-signature-broken",
}
_ARMOUR: Final = re.compile(rb"-----(?:BEGIN|END)[ A-Z0-9]{0,40}-----")
# ISO 32000 12.8.1: what a signature covers is what lies before and after its own value.
_RANGES: Final = re.compile(
    rb"/ByteRange\s{0,20}\[\s{0,20}0\s{1,20}([0-9]{1,10})\s{1,20}([0-9]{1,10})\s{1,20}([0-9]{1,10})\s{0,99}\]"
)


class SignatureForm(StrEnum):
    """How a document carries its signature."""

    CADES = "cades"
    PADES = "pades"


@dataclass(frozen=True, slots=True)
class DocumentSignature:
    """One signature of a document. `signer` is the certificate's common name, `signed_at` the signer's own word.

    `fits` says whether it was made over this document with the certificate's key; None where that cannot be told.
    """

    form: SignatureForm
    signer: str | None
    signed_at: datetime | None
    fits: bool | None


def signatures_of(document: bytes) -> list[DocumentSignature]:
    """The signatures that a document carries; none where there is none. Never raises."""
    if len(document) > MAX_DOCUMENT:
        return []
    if document.lstrip()[:4] == b"%PDF":
        return list(_in_pdf(document))
    try:
        data = cms.parse(_binary(document), most=MAX_DOCUMENT)
    except BerError:
        return []
    return [_judged(data, one, data.content, SignatureForm.CADES) for one in data.signers]


def signature_findings(raw: bytes) -> Iterator[Finding]:
    """What there is to say of signatures in attachments; `who` is the certificate's name, `at` the signer's word."""
    for part in attached(raw):
        name = part.filename or ""
        found = signatures_of(content_of(raw, part))
        for one in found:
            yield replace(finding(_RULE[one.fits], name), who=one.signer, at=one.signed_at)
        if not found and name.lower().endswith(".p7m"):
            yield finding("attachment-not-signed", name)


def _binary(document: bytes) -> bytes:
    """An envelope as DER; programs write it in Base64 too, with the lines of PEM or without."""
    if not document.startswith((b"MI", b"-----BEGIN ")):  # how the Base64 of a long SEQUENCE begins
        return document
    try:
        return base64.b64decode(b"".join(_ARMOUR.sub(b"", document).split()), validate=True)
    except (ValueError, binascii.Error):
        return b""


def _in_pdf(document: bytes) -> Iterator[DocumentSignature]:
    for found in islice(_RANGES.finditer(document), MAX_IN_PDF):
        before, after, length = map(int, found.groups())
        data = _value_in(document[before:after]) if before < after <= after + length <= len(document) else None
        if data is None or data.content is not None:  # a content of its own: the time-stamp of an authority
            continue
        rest = document[after + length :]
        covered = None if rest.strip() else document[:before] + document[after : after + length]
        for one in data.signers:
            yield _judged(data, one, covered, SignatureForm.PADES)


def _value_in(gap: bytes) -> SignedData | None:
    """The signature in hex between `<` and `>`, filled up with zeros."""
    text = gap.strip()
    if not (text.startswith(b"<") and text.endswith(b">")) or len(text) > 2 * cms.MAX_SIZE:
        return None
    try:
        value = bytes.fromhex(text[1:-1].decode("ascii"))
        return cms.parse(value[: ber.value_at(value, 0, len(value)).end])
    except ValueError:
        return None


def _judged(data: SignedData, info: SignerInfo, content: bytes | None, form: SignatureForm) -> DocumentSignature:
    """*content* is what it should cover; None where that is not here, or where more was added to it since."""
    own = _certificate_of(data, info)
    signed_at = info.attributes.signed_at if info.attributes is not None else None
    fits = None if own is None or content is None else _fits(own, info, content)
    return DocumentSignature(form, own.common_name if own is not None else None, signed_at, fits)


def _certificate_of(data: SignedData, info: SignerInfo) -> Certificate | None:
    """The certificate that the signature brings and names."""
    known = [one for one in map(certificate, data.certificates) if one is not None]
    if info.key_id is not None:
        return next((one for one in known if one.key_id == info.key_id), None)
    try:
        issuer = names.comparable(info.issuer or b"")
    except BerError:
        return None
    return next((one for one in known if one.serial == info.serial and one.issuer == issuer), None)


def _fits(own: Certificate, info: SignerInfo, content: bytes) -> bool | None:
    scheme = key_scheme(info)
    if own.key is None or scheme is None or info.digest is None or info.faults:
        return None
    covered = content
    if info.attributes is not None:
        if info.attributes.message_digest != hashlib.new(info.digest, content).digest():
            return False
        covered = cms.in_der(info.attributes.signed)
    digest = hashed(info, covered)
    return digest is not None and own.signed(info.value, digest, *scheme)
