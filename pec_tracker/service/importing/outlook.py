"""Which mails lie in an Outlook item file (.msg)? Outlook keeps properties, not mails: they are rebuilt from these.

A signed mail is kept whole, as the only attachment ([MS-OXOSMIME]): with the transport headers before it, its
signature holds as ever. Any other mail is put together anew from its text and attachments, and proves nothing. Each
says so in the field `X-PEC-Tracker-Rebuilt`, with the SHA-256 of the .msg, whose own bytes are kept beside it.
Mails that lie in it as attachments, where people file receipts, are given too: an .eml as it is, a .msg rebuilt.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Final

from pec_tracker.pec import encode, mime
from pec_tracker.pec.read import X_REBUILT
from pec_tracker.service.importing.outlook_file import MAGIC, Attachment, Item, OutlookError, Properties, Tag, opened

# A mail in a mail in a mail: deeper ones stay in the .msg, and so does what would unfold into more mails than this.
MAX_DEPTH: Final = 8
MAX_MAILS: Final = 1_000
# A mail in a mail is given twice, in it and by itself, so a file unfolds: to so many times its size, no further.
MAX_UNFOLDED: Final = 16
FREE: Final = 16 * 1024 * 1024

# What Outlook calls mails, reports about mails among them; no class at all is what other programs write.
_MAIL_CLASSES: Final = re.compile(r"(?:ipm(?:\.note\b.*)?|ipm\.post\b.*|ipm\.schedule\b.*|report\..*)?")
_OPAQUE_CLASS: Final = "ipm.note.smime"
_SIGNED_TAG: Final = "multipart/signed"
_MAIL_TAG: Final = "message/rfc822"
_OCTET_STREAM: Final = "application/octet-stream"

_FIELD: Final = re.compile(r"([!-9;-~]+)[ \t]*:")  # RFC 5322 3.6.8
_CONTENT_FIELD: Final = re.compile(r"content-|mime-version$", re.IGNORECASE)
_WRITABLE_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+")
_ADDRESS: Final = re.compile(r"[!-;=?-~]+@[!-;=?-~]+")  # ASCII, without blanks and angle brackets
MAX_ADDRESS: Final = 998  # a line may not be longer (RFC 5322 2.1.1)
_IDS: Final = re.compile(r"[!-~]+")
_RECIPIENT_FIELDS: Final = {1: "To", 2: "Cc", 3: "Bcc"}  # [MS-OXOMSG]
_CHARSETS: Final = {20127: "us-ascii", 28591: "iso-8859-1", 28605: "iso-8859-15", 65001: "utf-8"}


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail to take in; `outlook` are the bytes of the .msg that it was rebuilt from, None where it is as it came.

    `source` names where it stands: a file, `#` and a number in an mbox, `!` and a member of a .zip.
    """

    raw: bytes = field(repr=False)
    outlook: bytes | None = field(default=None, repr=False)
    source: str = ""


def is_item(raw: bytes) -> bool:
    """Whether these bytes are a compound file, as every .msg is; no mail begins so."""
    return raw.startswith(MAGIC)


def letters(raw: bytes) -> list[Letter]:
    """The mail of a .msg, then those attached to it; the same bytes give the same mails.

    Raises OutlookError: `outlook-damaged`, `unfolds-too-far`, or `outlook-not-a-mail` for a contact, an appointment,
    another document.
    """
    found: list[Letter] = []
    with opened(raw) as item:
        most = max(FREE, MAX_UNFOLDED * len(raw))
        _Rebuilding(raw, hashlib.sha256(raw).hexdigest(), found, most).mail(item, depth=0)
    return found


@dataclass(slots=True)
class _Rebuilding:
    """One .msg on its way into mails; `found` are those that came of it, and of what is attached, so far."""

    outlook: bytes
    sha256: str
    found: list[Letter]
    most: int  # bytes of all that is found

    def mail(self, item: Item, *, depth: int) -> bytes:
        """The mail of an item, which is added to `found`, with those attached to it behind it."""
        if not _MAIL_CLASSES.fullmatch(item.item_class):
            raise OutlookError("outlook-not-a-mail")
        attachments = list(item.attachments())
        place = len(self.found)
        self.found.append(Letter(b""))
        mark = encode.folded(X_REBUILT, ["msg;", f"sha256={self.sha256}"])
        whole = _kept_whole(item, attachments)
        raw = mark + (whole if whole is not None else self._put_together(item, attachments, depth))
        self.found[place] = Letter(raw, self.outlook)
        self._require_within()
        return raw

    def _require_within(self) -> None:
        files = {id(letter.outlook): len(letter.outlook) for letter in self.found if letter.outlook is not None}
        if sum(len(letter.raw) for letter in self.found) + sum(files.values()) > self.most:
            raise OutlookError("unfolds-too-far")

    def _put_together(self, item: Item, attachments: Sequence[Attachment], depth: int) -> bytes:
        parts = [part for one in attachments if (part := self._part(one, depth)) is not None]
        boundary = f"=_{self.sha256[:40]}_{len(self.found)}_{depth}"
        text = _text(item.properties, boundary)
        content = _multipart("mixed", [text, *parts], boundary=f"{boundary}_m") if parts else text
        return _head(item) + b"MIME-Version: 1.0\r\n" + content

    def _part(self, one: Attachment, depth: int) -> bytes | None:
        """An attachment as a part; None for what has no bytes of its own (an OLE object, a link, a mail too deep)."""
        deeper = depth < MAX_DEPTH and len(self.found) < MAX_MAILS
        if one.embedded is not None:
            return self._embedded_part(one.embedded, depth + 1) if deeper else None
        if one.content is None:
            return None
        if _is_mail(one):
            if deeper:
                self.found.append(Letter(one.content))
                self._require_within()
            return _mail_part(one.content)
        if deeper and is_item(one.content) and (one.name or "").lower().endswith(".msg"):
            self._add_file(one.content, depth + 1)
        return _file_part(one)

    def _embedded_part(self, item: Item, depth: int) -> bytes | None:
        """An item within this one; one that is no mail (an appointment) stays in the .msg alone."""
        try:
            return _mail_part(self.mail(item, depth=depth))
        except OutlookError as error:
            if error.reason != "outlook-not-a-mail":
                raise
            return None

    def _add_file(self, content: bytes, depth: int) -> None:
        """A whole .msg that is attached as a file: rebuilt from its own bytes; where it holds no mail it is a file."""
        place = len(self.found)
        try:
            with opened(content) as item:
                _Rebuilding(content, hashlib.sha256(content).hexdigest(), self.found, self.most).mail(item, depth=depth)
        except OutlookError as error:
            if error.reason == "unfolds-too-far":
                raise
            del self.found[place:]


def _is_mail(one: Attachment) -> bool:
    return one.content is not None and (one.mime_tag == _MAIL_TAG or (one.name or "").lower().endswith(".eml"))


# --- a signed mail, kept whole ---


def _kept_whole(item: Item, attachments: Sequence[Attachment]) -> bytes | None:
    """The mail whose one attachment is its whole content; None for any other."""
    if len(attachments) != 1 or attachments[0].content is None:
        return None
    (only,) = attachments
    assert only.content is not None
    entity = only.content
    if only.mime_tag == _SIGNED_TAG or item.item_class.startswith(f"{_OPAQUE_CLASS}."):
        return _clear_signed(item, entity)
    if item.item_class == _OPAQUE_CLASS:
        return _head(item) + b"MIME-Version: 1.0\r\n" + _opaque_part(entity)
    return None


def _clear_signed(item: Item, entity: bytes) -> bytes | None:
    """The headers, then the signed entity to the last byte: the signature is over its bytes."""
    outer = mime.entity(entity)
    if outer.type == _SIGNED_TAG:
        if outer.fields.first(b"from") is not None:
            return entity  # some programs keep the whole mail, headers and all
        versioned = re.search(rb"(?im)^mime-version[ \t]*:", entity[: outer.body.start])
        return _head(item) + (b"" if versioned else b"MIME-Version: 1.0\r\n") + entity
    headers = "".join(f"{line}\r\n" for line in _header_lines(item.properties))
    if re.search(r"(?im)^content-type:\s*multipart/signed", headers):
        return headers.encode("utf-8", "replace") + b"\r\n" + entity  # the entity without its own header
    return None


def _opaque_part(cms: bytes) -> bytes:
    name = b'Content-Type: application/pkcs7-mime; name="smime.p7m"\r\nContent-Transfer-Encoding: base64\r\n'
    return name + b'Content-Disposition: attachment; filename="smime.p7m"\r\n\r\n' + _base64_lines(cms)


# --- the header ---


def _head(item: Item) -> bytes:
    """The transport headers without those of the content; where there are none (sent mail) what the properties say."""
    kept: list[str] = []
    keeping = False
    for line in _header_lines(item.properties):
        named = _FIELD.match(line)
        if named:
            keeping = _CONTENT_FIELD.match(named[1]) is None
        if keeping:
            kept.append(line)
    if kept:
        return "".join(f"{line}\r\n" for line in kept).encode("utf-8", "replace")
    return b"".join(_told_fields(item))


def _header_lines(properties: Properties) -> Iterator[str]:
    """The transport headers' fields line by line; what is no field (seen: `Microsoft Mail Internet Headers`) is not."""
    begun = False
    for line in re.split(r"\r\n|\r|\n", properties.text(Tag.TRANSPORT_HEADERS) or ""):
        continued = begun and line[:1] in (" ", "\t") and bool(line.strip())
        if not continued:
            begun = _FIELD.match(line) is not None
        if begun:
            yield line.replace("\0", "")


def _told_fields(item: Item) -> Iterator[bytes]:
    of = item.properties
    sent = of.time(Tag.CLIENT_SUBMIT_TIME) or of.time(Tag.DELIVERY_TIME)
    if sent is not None:
        yield encode.folded("Date", [format_datetime(sent)])
    name = of.text(Tag.SENT_REPRESENTING_NAME) or of.text(Tag.SENDER_NAME)
    sender = _address(
        of,
        Tag.SENT_REPRESENTING_SMTP_ADDRESS,
        Tag.SENT_REPRESENTING_ADDRESS,
        Tag.SENDER_SMTP_ADDRESS,
        Tag.SENDER_ADDRESS,
    )
    if sender is not None:
        yield encode.folded("From", _mailbox(name, sender))
    yield from _recipient_fields(item.recipients())
    subject = of.text(Tag.SUBJECT)
    if subject is not None:
        yield encode.unstructured("Subject", subject)
    ids = (("Message-ID", Tag.INTERNET_MESSAGE_ID), ("In-Reply-To", Tag.IN_REPLY_TO),
           ("References", Tag.INTERNET_REFERENCES))  # fmt: skip
    for field_name, tag in ids:
        words = _IDS.findall(of.text(tag) or "")
        if words:
            yield encode.folded(field_name, words)


def _recipient_fields(recipients: Iterable[Properties]) -> Iterator[bytes]:
    listed: dict[str, list[list[str]]] = {}
    for one in recipients:
        address = _address(one, Tag.SMTP_ADDRESS, Tag.EMAIL_ADDRESS)
        name = _RECIPIENT_FIELDS.get((one.number(Tag.RECIPIENT_TYPE) or 1) & 0xF)
        if name is not None and address is not None:
            listed.setdefault(name, []).append(_mailbox(one.text(Tag.DISPLAY_NAME), address))
    for name in _RECIPIENT_FIELDS.values():
        mailboxes = listed.get(name)
        if mailboxes:
            for words in mailboxes[:-1]:
                words[-1] += ","
            yield encode.folded(name, [word for words in mailboxes for word in words])


def _address(of: Properties, *tags: Tag) -> str | None:
    """The first of these that is an address: the plain property may hold an X.500 name (Exchange)."""
    for tag in tags:
        told = (of.text(tag) or "").strip()
        if len(told) <= MAX_ADDRESS and _ADDRESS.fullmatch(told):
            return told
    return None


def _mailbox(name: str | None, address: str) -> list[str]:
    flat = encode.one_line(name or "").strip().strip("'\"")
    return [*encode.phrase(flat), f"<{address}>"] if flat and flat != address else [address]


# --- text and parts ---


def _text(of: Properties, boundary: str) -> bytes:
    """The letter's words: plain, HTML, or both. Rich text alone is not read: it stays in the .msg."""
    plain, html = of.text(Tag.BODY), _html(of)
    written = [] if plain is None else [_encoded_part("text/plain; charset=utf-8", plain.encode("utf-8", "replace"))]
    if html is not None:
        written.append(html)
    if len(written) == 2:
        return _multipart("alternative", written, boundary=f"{boundary}_a")
    return written[0] if written else _encoded_part("text/plain; charset=utf-8", b"")


def _html(of: Properties) -> bytes | None:
    content = of.binary(Tag.HTML)
    if content is not None:
        page = of.number(Tag.INTERNET_CODEPAGE) or 0
        charset = _CHARSETS.get(page) or (f"windows-{page}" if 1250 <= page <= 1258 else None)
        return _encoded_part("text/html" + (f"; charset={charset}" if charset else ""), content)
    text = of.text(Tag.HTML)
    return None if text is None else _encoded_part("text/html; charset=utf-8", text.encode("utf-8", "replace"))


def _file_part(one: Attachment) -> bytes:
    assert one.content is not None
    name = encode.file_name(one.name or "")
    tag = one.mime_tag or ""
    writable = _WRITABLE_TYPE.fullmatch(tag) and not tag.startswith(("multipart/", "message/"))
    kind = (tag if writable else _OCTET_STREAM).encode("ascii") + encode.parameter_fallback("name", name)
    place = b"Content-Disposition: attachment" + encode.parameter("filename", name) + b"\r\n"
    return (
        b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: base64\r\n" + place + b"\r\n"
        + _base64_lines(one.content)
    )  # fmt: skip


def _mail_part(raw: bytes) -> bytes:
    """A mail as a part: never encoded (RFC 2046 5.2.1)."""
    return f"Content-Type: {_MAIL_TAG}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n".encode("ascii") + raw


def _encoded_part(content_type: str, content: bytes) -> bytes:
    head = f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head.encode("ascii") + _base64_lines(content)


def _multipart(subtype: str, parts: Sequence[bytes], *, boundary: str) -> bytes:
    """The boundary holds a hash of the very file that the parts came from, so that no part can hold it."""
    delimiter = f"--{boundary}".encode("ascii")
    head = f'Content-Type: multipart/{subtype};\r\n boundary="{boundary}"\r\n\r\n'.encode("ascii")
    return head + b"".join(delimiter + b"\r\n" + part + b"\r\n" for part in parts) + delimiter + b"--\r\n"


def _base64_lines(content: bytes) -> bytes:
    return base64.encodebytes(content).replace(b"\n", b"\r\n")
