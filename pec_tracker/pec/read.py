"""What is this mail? `read(raw)` answers for any bytes at all, and never raises.

Structure decides, never a header, a subject or a file's name elsewhere in the tree:

1. Only an outermost multipart/signed is PEC. Wrapped by another program, or opaque, a mail is `ordinary`, warned.
2. The daticert is taken by position: a direct part of the signed multipart/mixed. Its `tipo` is the kind.
3. Without one, X-Trasporto decides; with only X-Ricevuta the mail is `unreadable`.
4. What the (unsigned) headers say otherwise than the daticert is a warning.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from pec_tracker.pec import daticert as certification
from pec_tracker.pec import layout, mime, rem
from pec_tracker.pec.daticert import Daticert, Refusal
from pec_tracker.pec.evidence import Evidence, Signer, Verdict
from pec_tracker.pec.fingerprint import fingerprint
from pec_tracker.pec.headers import MAX_ADDRESSES, Headers, address_count, headers_in, within_budget
from pec_tracker.pec.kinds import kind_of, note_claims
from pec_tracker.pec.mime import Entity, SignedParts, Span
from pec_tracker.pec.rem import RemEvidence
from pec_tracker.pec.standard import (
    PKCS7_PROTOCOLS,
    POSTACERT_NAME,
    Kind,
)

READER_VERSION: Final = 2  # of this and of `fingerprint`: mails read by an older one can be read again

# Encoded, the largest daticert that is read (2 MB) takes less than this; more is not even decoded.
MAX_ENCODED_XML: Final = 4 * certification.MAX_SIZE
# A mail brings one ETSI evidence, or a few; reading one takes up to half a second.
MAX_EVIDENCE: Final = 8
# How far down an ordinary mail is searched for a wrapped PEC, and how many of its parts are looked at.
MAX_WRAPPED_DEPTH: Final = 4
MAX_WRAPPED_PARTS: Final = 100

# Our own mark on a mail that is not as it came but was rebuilt from a file that holds no mail (Outlook's .msg).
X_REBUILT: Final = "X-PEC-Tracker-Rebuilt"

_XML_TYPES: Final = frozenset({"application/xml", "text/xml"})
_FAULTS: Final = frozenset({"header-cut", "two-originals", "original-undecodable", "too-many-parts"})
_OPAQUE_TYPES: Final = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail, read. `warnings` are stable names (`two-daticert`), each explained where it is raised.

    `faults` are those of them that forbid that the mail certifies: in its certification data, or in how it is laid out.
    `original` is the enclosed postacert.eml, decoded, where there is one. `headers` is None for a mail without any.
    """

    kind: Kind
    headers: Headers | None
    daticert: Daticert | None
    rem: tuple[RemEvidence, ...]
    signed: SignedParts | None
    original: bytes | None
    warnings: tuple[str, ...]
    faults: tuple[str, ...] = ()

    @property
    def subject(self) -> str | None:
        """The certified subject; without a daticert, the header's."""
        if self.daticert is not None:
            return self.daticert.subject
        return self.headers.subject if self.headers else None

    @property
    def sender(self) -> str | None:
        """The certified sender; without a daticert, the first From address."""
        if self.daticert is not None:
            return self.daticert.sender
        return self.headers.from_addresses[0] if self.headers and self.headers.from_addresses else None

    @property
    def reference(self) -> str | None:
        """The sender's Message-ID: `msgid` of the daticert; without a daticert, X-Riferimento-Message-ID."""
        if self.daticert is not None:
            return self.daticert.reference
        return self.headers.reference if self.headers else None


def read(raw: bytes) -> Mail:
    """Read a mail: its kind, its certification data, what was odd about it. Never raises, whatever the bytes are."""
    try:
        return _read(raw)
    except Exception:  # noqa: BLE001 - the last resort: one odd mail stops nothing, and its bytes are archived anyway
        return _without_content(None, "reader-failed")


def certified_xml(raw: bytes, parts: tuple[Entity, ...]) -> bytes | None:
    """The decoded bytes of the one among *parts* that holds the certification data; None where that is none of them,
    or several."""
    holder = _certification(raw, parts, [])
    return None if holder is None else mime.decoded(raw, holder)


def evidence_of(
    key: str, mail: Mail, verdict: Verdict, *, signer: Signer | None = None, arrived_at: datetime | None = None
) -> Evidence:
    """What a mail certifies, as one value; `key` is the SHA-256 (hex) of its bytes, `arrived_at` the server's time.

    Only the daticert certifies: without one there are kind and verdict alone (of ETSI evidence also event and ids).
    """
    enclosed = None if mail.original is None else fingerprint(mail.original)
    certified = mail.daticert
    if certified is None:
        first = mail.rem[0] if mail.kind is Kind.REM_EVIDENCE else None
        return Evidence(
            key=key,
            kind=mail.kind,
            verdict=verdict,
            tipo=first.event if first else None,
            issued_at=first.issued_at if first else None,
            identifier=first.identifier if first else None,
            enclosed=enclosed,
            signer=signer,
            arrived_at=arrived_at,
        )
    return Evidence(
        key=key,
        kind=mail.kind,
        verdict=verdict,
        tipo=certified.tipo,
        error=certified.error,
        error_code=certified.error_code,
        error_detail=certified.error_detail,
        issued_at=certified.issued_at,
        provider=certified.provider,
        sender=certified.sender,
        recipients=certified.recipients,
        recipient=certified.recipient,
        receipt_form=certified.receipt_form,
        subject=certified.subject,
        reference=certified.reference,
        identifier=certified.identifier,
        enclosed=enclosed,
        signer=signer,
        arrived_at=arrived_at,
        faults=mail.faults,
    )


def _read(raw: bytes) -> Mail:
    outer = mime.entity(raw)
    if not outer.fields.any:
        return _without_content(None, "no-header" if raw else "empty")
    headers = headers_in(outer.fields)
    if address_count(headers) > MAX_ADDRESSES:
        return _without_content(within_budget(headers), "too-many-addresses")
    warnings = ["header-cut"] if outer.fields.cut else []
    if outer.fields.first(X_REBUILT.lower().encode()) is not None:
        warnings.append("rebuilt-from-msg")
    if outer.type != "multipart/signed":
        return _unsigned(raw, outer, headers, warnings)
    signed = mime.signed_parts(raw, outer)
    if signed is None:
        warnings.append("signed-without-parts")  # it says so, but there is no boundary, or nothing after it
    content = mime.entity(raw, signed.content if signed else Span(len(raw), len(raw)))
    parts = _parts(raw, content) if content.type == "multipart/mixed" else ()
    if len(parts) >= mime.MAX_CHILDREN:
        warnings.append("too-many-parts")  # what follows is not looked at
    holder = _certification(raw, parts, warnings)
    daticert = None if holder is None else _daticert(raw, holder, warnings)
    evidence = _rem(raw, parts or (content,)) if daticert is None else _rem(raw, parts)
    original = _original(raw, parts, warnings)
    kind = kind_of(headers, daticert, evidence, warnings)
    note_claims(kind, headers, daticert, original, warnings)
    faults: tuple[str, ...] = ()
    if daticert is not None and holder is not None:
        departures = layout.faults(raw, outer, content, parts, holder, lambda part: _is_daticert(raw, part))
        faults = _faults(daticert, warnings, departures)
        warnings.extend((*daticert.warnings, *faults))
    return Mail(kind, headers, daticert, evidence, signed, original, tuple(dict.fromkeys(warnings)), faults)


def _without_content(headers: Headers | None, *warnings: str) -> Mail:
    return Mail(Kind.UNREADABLE, headers, None, (), None, None, warnings)


def _parts(raw: bytes, multipart: Entity) -> tuple[Entity, ...]:
    return tuple(mime.entity(raw, span) for span in mime.children(raw, multipart))


# --- a mail that is not signed as PEC is ---


def _unsigned(raw: bytes, outer: Entity, headers: Headers, warnings: list[str]) -> Mail:
    """An ordinary mail, or one with ETSI evidence (which has a signature of its own); never PEC, whatever it claims."""
    if headers.ricevuta is not None or headers.trasporto is not None:
        warnings.append("pec-headers-unsigned")  # a provider signs what it sends: a forgery, or a wrapped PEC
    if _is_opaque(outer):
        warnings.append("opaque-signature")  # the content lies inside the CMS (.p7m): no provider signs so
    elif _wraps_signed(raw, outer):
        warnings.append("wrapped")  # another program (a mailing list, a forwarder) put a signed mail inside its own
    parts = _parts(raw, outer) if outer.type == "multipart/mixed" else (outer,)
    evidence = _rem(raw, parts)
    kind = Kind.REM_EVIDENCE if evidence else Kind.ORDINARY
    return Mail(kind, headers, None, evidence, None, None, tuple(warnings))


def _is_opaque(part: Entity) -> bool:
    return part.type in _OPAQUE_TYPES or (part.filename or "").lower() == "smime.p7m"  # RFC 8551 3.2.1


def _wraps_signed(raw: bytes, outer: Entity) -> bool:
    """Whether an S/MIME-signed entity lies inside: a part of a multipart, or of an attached mail."""
    waiting: list[tuple[int, Entity]] = [(0, outer)]
    looked_at = 0
    while waiting and looked_at < MAX_WRAPPED_PARTS:
        depth, found = waiting.pop()
        looked_at += 1
        if depth and found.type == "multipart/signed":
            protocol = found.content_type.parameters.get("protocol", "").lower()
            if not protocol or protocol in PKCS7_PROTOCOLS:
                return True
        if depth < MAX_WRAPPED_DEPTH:
            waiting.extend((depth + 1, inner) for inner in _inside(raw, found))
    return False


def _inside(raw: bytes, found: Entity) -> Iterator[Entity]:
    if found.type == "message/rfc822" and found.encoding not in ("base64", "quoted-printable"):
        yield mime.entity(raw, found.body)
    for span in mime.children(raw, found)[:MAX_WRAPPED_PARTS]:
        yield mime.entity(raw, span)


# --- what a signed multipart/mixed holds ---


def _certification(raw: bytes, parts: tuple[Entity, ...], warnings: list[str]) -> Entity | None:
    """The part that holds the certification data; two of them are none, because which one counts is a guess."""
    found = [part for part in parts if _is_daticert(raw, part)]
    if len(found) > 1:
        warnings.append("two-daticert")
    return found[0] if len(found) == 1 else None


def _daticert(raw: bytes, part: Entity, warnings: list[str]) -> Daticert | None:
    read = _examined(raw, part)
    if isinstance(read, Refusal):
        warnings.append(read.value)
        return None
    return read


def _is_daticert(raw: bytes, part: Entity) -> bool:
    """By its name, whatever its type (seen: octet-stream); nameless or otherwise named, by an XML type and its root."""
    if part.type.startswith("multipart/") or part.type == "message/rfc822":
        return False
    if (part.filename or "").lower() in layout.DATICERT_NAMES:
        return True
    if part.type not in _XML_TYPES:
        return False
    xml = _xml(raw, part)
    return xml is not None and b"<postacert" in xml


def _xml(raw: bytes, part: Entity) -> bytes | None:
    """The part's decoded content; None where it cannot be decoded or is too large to be looked at."""
    return mime.decoded(raw, part) if part.body.end - part.body.start <= MAX_ENCODED_XML else None


def _examined(raw: bytes, part: Entity) -> Daticert | Refusal:
    if part.body.end - part.body.start > MAX_ENCODED_XML:
        return Refusal.TOO_LARGE
    xml = mime.decoded(raw, part)
    return Refusal.NOT_XML if xml is None else certification.examine(xml)


def _rem(raw: bytes, parts: tuple[Entity, ...]) -> tuple[RemEvidence, ...]:
    """The ETSI evidence among the direct parts."""
    candidates = (
        part
        for part in parts
        if part.type in _XML_TYPES or part.type.endswith("+xml") or (part.filename or "").lower().endswith(".xml")
    )
    return tuple(
        found
        for part in islice(candidates, MAX_EVIDENCE)
        if (xml := _xml(raw, part)) is not None and (found := rem.parse(xml)) is not None
    )


def _original(raw: bytes, parts: tuple[Entity, ...], warnings: list[str]) -> bytes | None:
    """The enclosed original: the part named postacert.eml, else the first attached mail."""
    attached = [part for part in parts if part.type == "message/rfc822" or _is_postacert(part)]
    if not attached:
        return None
    if len(attached) > 1:
        warnings.append("two-originals")
    original = mime.decoded(raw, next(filter(_is_postacert, attached), attached[0]))
    if original is None:
        warnings.append("original-undecodable")
    return original


def _is_postacert(part: Entity) -> bool:
    return not part.type.startswith("multipart/") and (part.filename or "").lower() == POSTACERT_NAME


def _faults(daticert: Daticert, warnings: list[str], departures: Iterable[str]) -> tuple[str, ...]:
    """What forbids that the certification data counts, each name once; `departures` are those of the mail's layout."""
    told = [warning for warning in warnings if warning in _FAULTS]
    if "original-undecodable" in told:
        departures = [name for name in departures if name != "original-encoded"]  # said already, and more
    return tuple(dict.fromkeys((*daticert.faults, *told, *departures)))


# --- which kind ---
