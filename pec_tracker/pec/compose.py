"""Which bytes exactly will be sent? A message composed and tagged once; these bytes leave, and are archived.

The bytes are 7-bit with CRLF and short lines, so that no server on the way has a reason to rewrite them: a complete
delivery receipt then returns them as they are, and `agree` can compare byte for byte. The same draft, id and time
give the same bytes. Whatever a draft holds, no text of it can end a header field or begin another.
"""

import base64
import quopri
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from pec_tracker.clock import ROME
from pec_tracker.errors import RuleError
from pec_tracker.pec import encode
from pec_tracker.pec.address import domain_of, is_valid
from pec_tracker.pec.evidence import address_key, bare_id
from pec_tracker.pec.standard import X_TIPO_RICEVUTA, ReceiptForm

X_TRACKER: Final = "X-PEC-Tracker"
# Above this the Message-ID's field is folded by some servers, and folded ids come back changed (reference 3.2).
MAX_MESSAGE_ID: Final = 69

_TRACKER_ID: Final = re.compile(r"[a-z2-7]{16,32}")
_ANSWERED_ID: Final = re.compile(r"[\x21-\x3b\x3d\x3f-\x7e]{1,900}")
_CONTENT_TYPE: Final = re.compile(
    r"(?!multipart/|message/)[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}"
)
_OCTET_STREAM: Final = "application/octet-stream"
# A table of our own: the machine's (mimetypes) would make the bytes depend on where they were composed. Mails are
# octet streams, because a message/rfc822 may not be base64 (RFC 2046 5.2.1) and so could be rewritten on the way.
_TYPE_OF_SUFFIX: Final = {
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "gif": "image/gif",
    "html": "text/html",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odt": "application/vnd.oasis.opendocument.text",
    "p7m": "application/pkcs7-mime",
    "p7s": "application/pkcs7-signature",
    "pdf": "application/pdf",
    "png": "image/png",
    "rtf": "application/rtf",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "txt": "text/plain",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xml": "application/xml",
    "zip": "application/zip",
}


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file to attach: `name` as the recipient will see it, without folders."""

    name: str
    content: bytes
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """What the user wants to send. Addresses are plain ASCII `local@domain`, names are kept apart, by their address."""

    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    cc: tuple[str, ...] = ()
    sender_name: str | None = None
    reply_to: str | None = None
    html: str | None = None
    attachments: tuple[Attachment, ...] = ()
    receipt_form: ReceiptForm = ReceiptForm.COMPLETE
    in_reply_to: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as it will leave: envelope and bytes. `reference` is its Message-ID without `<>`."""

    tracker_id: str
    reference: str
    mail_from: str
    rcpt_to: tuple[str, ...]
    raw: bytes
    composed_at: datetime


def new_tracker_id(random_bytes: bytes) -> str:
    """An id of lower-case letters and digits 2 to 7 (base32, RFC 4648) out of 10 to 20 random bytes; 16 are usual."""
    if not 10 <= len(random_bytes) <= 20:
        raise ValueError("a tracker id is made of 10 to 20 random bytes")
    return base64.b32encode(random_bytes).decode("ascii").rstrip("=").lower()


def compose(draft: Draft, *, tracker_id: str, now: datetime) -> Outgoing:
    """The message that `draft` asks for, as bytes and envelope.

    `now` (with a zone) becomes Date, in Italian time. Raises RuleError for an address that cannot be carried or a
    draft without To; `rules.check_draft` says all that is wrong at once, and in which field.
    """
    if not _TRACKER_ID.fullmatch(tracker_id):
        raise ValueError("a tracker id is 16 to 32 of a-z and 2-7")
    _refuse_bad_addresses(draft)
    to = _distinct(draft.to, besides=())
    cc = _distinct(draft.cc, besides=to)
    reference = message_id(tracker_id, domain=domain_of(draft.sender))
    head = b"".join(_head(draft, to=to, cc=cc, reference=reference, tracker_id=tracker_id, now=now))
    return Outgoing(
        tracker_id=tracker_id,
        reference=reference,
        mail_from=draft.sender,
        rcpt_to=to + cc,
        raw=head + _body(draft, tracker_id),
        composed_at=now,
    )


def message_id(tracker_id: str, *, domain: str) -> str:
    """`pt.{id}@{domain}` without `<>`; a long domain loses labels from its left, so that the whole stays unfolded.

    The id alone makes it unique; the domain only says whose it is.
    """
    labels = domain.lower().split(".")
    while len(labels) > 1 and len(f"<pt.{tracker_id}@{'.'.join(labels)}>") > MAX_MESSAGE_ID:
        labels = labels[1:]
    return f"pt.{tracker_id}@{'.'.join(labels)}"


def _refuse_bad_addresses(draft: Draft) -> None:
    reply_to = () if draft.reply_to is None else (draft.reply_to,)
    for address in (draft.sender, *draft.to, *draft.cc, *reply_to):
        if not is_valid(address):
            raise RuleError(
                "{address} is not an address that PEC can carry; write it as name@domain, without accents",
                address=encode.one_line(address),
            )
    if not draft.to:
        raise RuleError("The message has no recipient in To; PEC wants at least one there, Cc is not enough")


def _distinct(addresses: tuple[str, ...], *, besides: tuple[str, ...]) -> tuple[str, ...]:
    """`addresses` in order, each once and none that is among `besides`."""
    seen = {address_key(address) for address in besides}
    kept: dict[str, str] = {}
    for address in addresses:
        if address_key(address) not in seen:
            kept.setdefault(address_key(address), address)
    return tuple(kept.values())


def _head(
    draft: Draft, *, to: tuple[str, ...], cc: tuple[str, ...], reference: str, tracker_id: str, now: datetime
) -> Iterator[bytes]:
    """The header fields of the message itself; those of its content come with the body."""
    yield encode.folded("Date", [format_datetime(now.astimezone(ROME))])
    yield encode.folded("From", _mailbox(draft.sender, draft.sender_name))
    names = {address_key(address): name for address, name in draft.names.items()}
    yield encode.folded("To", _listed(to, names))
    if cc:
        yield encode.folded("Cc", _listed(cc, names))
    if draft.reply_to is not None:
        yield encode.folded("Reply-To", [draft.reply_to])
    yield encode.unstructured("Subject", draft.subject)
    yield encode.folded("Message-ID", [f"<{reference}>"])
    answered = answered_id(draft)
    if answered is not None:
        yield encode.folded("In-Reply-To", [f"<{answered}>"])
        yield encode.folded("References", [f"<{answered}>"])
    yield encode.folded(X_TRACKER, [tracker_id])
    # Absent means complete (RFC 6109 3.3.2), and absent is what every mail program sends: the path that providers
    # know best is kept for the form that matters most.
    if draft.receipt_form is not ReceiptForm.COMPLETE:
        yield encode.folded(X_TIPO_RICEVUTA, [draft.receipt_form.value])
    yield encode.folded("MIME-Version", ["1.0"])


def answered_id(draft: Draft) -> str | None:
    """The id that the draft answers, without `<>`; None without one, or where it cannot be written in a encode."""
    identifier = bare_id(draft.in_reply_to)
    return identifier if identifier is not None and _ANSWERED_ID.fullmatch(identifier) else None


def _mailbox(address: str, name: str | None) -> list[str]:
    if name is None or not name.strip():
        return [address]
    return [*encode.phrase(name.strip()), f"<{address}>"]


def _listed(addresses: tuple[str, ...], names: Mapping[str, str]) -> list[str]:
    """The words of an address list; `names` by address key."""
    words: list[str] = []
    for address in addresses:
        *before, last = _mailbox(address, names.get(address_key(address)))
        words += [*before, f"{last},"]
    return [*words[:-1], words[-1].removesuffix(",")]


def _body(draft: Draft, tracker_id: str) -> bytes:
    """The content with its own header fields: text, or text and HTML, and the attachments after it."""
    text = _text_part("plain", draft.text)
    if draft.html is not None:
        text = _multipart("alternative", [text, _text_part("html", draft.html)], boundary=f"=_{tracker_id}_2")
    if not draft.attachments:
        return text
    parts = [text, *(_attachment_part(attachment) for attachment in draft.attachments)]
    return _multipart("mixed", parts, boundary=f"=_{tracker_id}_1")


def _multipart(subtype: str, parts: list[bytes], *, boundary: str) -> bytes:
    """`=_` stands in the boundary because neither quoted-printable nor base64 can hold it (RFC 2045 6.7)."""
    head = f'Content-Type: multipart/{subtype};\r\n boundary="{boundary}"\r\n\r\n'.encode("ascii")
    delimiter = f"--{boundary}".encode("ascii")
    return head + b"".join(delimiter + b"\r\n" + part + b"\r\n" for part in parts) + delimiter + b"--\r\n"


def _text_part(subtype: str, text: str) -> bytes:
    """A text in UTF-8, its line ends CRLF and its last line ended."""
    lines = re.sub(r"\r\n?", "\n", text)
    content = (lines if lines.endswith("\n") else lines + "\n").encode("utf-8", "replace")
    encoding = "quoted-printable" if _reads_well_quoted(content) else "base64"
    head = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    if encoding == "base64":
        return head.encode("ascii") + _base64_lines(content.replace(b"\n", b"\r\n"))
    return head.encode("ascii") + quopri.encodestring(content).replace(b"\n", b"\r\n")


def _reads_well_quoted(content: bytes) -> bool:
    """Few octets to escape, and no line that begins with `From `, which mail stores still rewrite (RFC 4155)."""
    escaped = len(content.translate(None, bytes(range(0x80))))
    return escaped * 6 <= len(content) and not re.search(rb"(?m)^From ", content)


def _attachment_part(attachment: Attachment) -> bytes:
    name = encode.file_name(attachment.name)
    head = (
        b"Content-Type: "
        + content_type(attachment).encode("ascii")
        + encode.parameter_fallback("name", name)
        + b"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment"
        + encode.parameter("filename", name)
        + b"\r\n\r\n"
    )
    return head + _base64_lines(attachment.content)


def content_type(attachment: Attachment) -> str:
    """The type to write: the one asked for where it can be written, else by the name's suffix, else octet stream."""
    asked = (attachment.content_type or "").strip().lower()
    if _CONTENT_TYPE.fullmatch(asked):
        return asked
    suffix = attachment.name.rpartition(".")[2].lower()
    return _OCTET_STREAM if asked else _TYPE_OF_SUFFIX.get(suffix, _OCTET_STREAM)


def _base64_lines(content: bytes) -> bytes:
    return base64.encodebytes(content).replace(b"\n", b"\r\n")
