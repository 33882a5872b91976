"""How is a notice laid out and signed? From what it certifies and says to the bytes that travel.

The layout of July to September 2026 (seen: Aruba): multipart/signed of multipart/mixed of the text in two languages,
daticert.xml, and postacert.eml where due. Line ends are CRLF throughout.
"""

import hashlib
import quopri
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from pec_tracker.clock import ROME
from pec_tracker.pec import standard
from pec_tracker.sandbox.certification import Certification
from pec_tracker.sandbox.cms import Signer, base64_lines, signed_body, signed_headers
from pec_tracker.sandbox.original import Field, field_of, text_field
from pec_tracker.sandbox.providers import Provider
from pec_tracker.sandbox.wording import Wording


@dataclass(frozen=True, slots=True)
class Office:
    """A provider with the means to sign: what makes a notice real."""

    provider: Provider
    signer: Signer


@dataclass(frozen=True, slots=True)
class Notice:
    """One mail to be signed and sent: what it certifies and says, what it shows outside, what it encloses."""

    prefix: str
    certification: Certification
    text: Wording
    own_fields: tuple[Field, ...]  # X-Ricevuta, X-Trasporto and their company
    enclosed: bytes | None = None
    certified: bool = True  # an anomaly envelope carries no daticert


def signed_mail(notice: Notice, *, office: Office, to: str, message_id: str) -> bytes:
    """*notice* as the mail that reaches *to*, signed by *office*; *message_id* without brackets.

    The same arguments give the same bytes.
    """
    facts = notice.certification
    entity = _entity(notice, message_id)
    boundary = _boundary(message_id, "signed")
    outside = (
        field_of("Return-Path", f"<{_return_path(notice, office.provider)}>"),
        field_of("Delivered-To", to),
        field_of("Received", _received(office.provider, to, facts.issued_at)),
        field_of("Date", _date(facts.issued_at)),
        _from(notice, office.provider),
        *(() if _is_envelope(notice) else (field_of("To", to),)),
        field_of("Message-ID", f"<{message_id}>"),
        text_field("Subject", facts.subject or "", prefix=notice.prefix),
        field_of("MIME-Version", "1.0"),
        Field("Content-Type", signed_headers(boundary)),
        *notice.own_fields,
    )
    signature = office.signer.sign(entity, at=facts.issued_at)
    body = signed_body(entity, signature, boundary=boundary)
    return b"".join((*(field.raw for field in outside), b"\r\n", body))


def _is_envelope(notice: Notice) -> bool:
    return any(field.name == standard.X_TRASPORTO for field in notice.own_fields)


def _from(notice: Notice, provider: Provider) -> Field:
    """Envelopes speak on the sender's behalf (seen: `Per conto di`; RFC 6109 3.1.5 has it in English)."""
    if not _is_envelope(notice):
        return field_of("From", provider.system_address)
    shown = notice.certification.sender.replace("\\", "").replace('"', "")
    return Field("From", f'From: "Per conto di: {shown}" <{provider.system_address}>\r\n'.encode())


def _return_path(notice: Notice, provider: Provider) -> str:
    """Routing data of an envelope are the original's (RFC 6109 3.1.5)."""
    return notice.certification.sender if _is_envelope(notice) else provider.system_address


def _received(provider: Provider, to: str, at: datetime) -> str:
    return f"from mx.{provider.domain} by imap.{provider.domain} with LMTP\r\n\tfor <{to}>; {_date(at)}"


def _date(at: datetime) -> str:
    local = at.astimezone(ROME).replace(microsecond=0)
    return f"{format_datetime(local)} ({local:%Z})"  # seen: Aruba 2026 names the zone


def _entity(notice: Notice, message_id: str) -> bytes:
    """The signed multipart/mixed, without the line break that belongs to the boundary after it."""
    parts = [_text_parts(notice.text, _boundary(message_id, "text"))]
    if notice.certified:
        parts.append(_daticert_part(notice.certification))
    if notice.enclosed is not None:
        parts.append(_postacert_part(notice.enclosed))
    return _multipart("mixed", _boundary(message_id, "mixed"), parts)


def _text_parts(text: Wording, boundary: str) -> bytes:
    return _multipart("alternative", boundary, [_text_part("plain", text.plain()), _text_part("html", text.html())])


def _multipart(subtype: str, boundary: str, parts: Sequence[bytes]) -> bytes:
    line = f"--{boundary}".encode("ascii")
    head = f'Content-Type: multipart/{subtype}; \r\n\tboundary="{boundary}"\r\n\r\n'.encode("ascii")
    return head + b"".join(line + b"\r\n" + part + b"\r\n" for part in parts) + line + b"--\r\n"


def _text_part(subtype: str, text: str) -> bytes:
    content = quopri.encodestring(text.encode("iso-8859-1", "replace")).replace(b"\n", b"\r\n")
    return (
        f'Content-Type: text/{subtype}; charset="iso-8859-1"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\nContent-Disposition: inline\r\n\r\n"
    ).encode("ascii") + content


def _daticert_part(facts: Certification) -> bytes:
    name = standard.DATICERT_NAME
    return (
        f'Content-Type: application/xml; name="{name}"\r\nContent-Transfer-Encoding: base64\r\n'
        f'Content-Disposition: inline; filename="{name}"\r\n\r\n'
    ).encode("ascii") + base64_lines(facts.xml())


def _postacert_part(enclosed: bytes) -> bytes:
    name = standard.POSTACERT_NAME
    encoding = "7bit" if enclosed.isascii() else "8bit"
    return (
        f'Content-Type: message/rfc822; name="{name}"\r\nContent-Transfer-Encoding: {encoding}\r\n'
        f'Content-Disposition: inline; filename="{name}"\r\n\r\n'
    ).encode("ascii") + enclosed


def _boundary(message_id: str, purpose: str) -> str:
    """In Aruba's shape, from the Message-ID: deterministic, and in no original by chance."""
    digest = hashlib.sha256(f"{purpose} {message_id}".encode()).hexdigest()
    return f"----=_Part_{int(digest[:6], 16)}_{int(digest[6:14], 16)}.{int(digest[14:24], 16)}"
