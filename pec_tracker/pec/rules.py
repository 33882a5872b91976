"""Would the access point accept this message? Its formal checks (RFC 6109 3.1.1), before anything leaves.

`check` judges the bytes and the envelope themselves, whoever composed them; `check_draft` says what is wrong with a
draft before it becomes bytes. Both are pure: a provider's limits come as an argument.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pec_tracker.pec import encode, mime
from pec_tracker.pec.address import addresses_in, is_valid
from pec_tracker.pec.attached import is_attached
from pec_tracker.pec.blocked import blocked
from pec_tracker.pec.compose import MAX_MESSAGE_ID, Draft, Outgoing, answered_id, content_type
from pec_tracker.pec.evidence import address_key, bare_id
from pec_tracker.pec.fields import decoded_text
from pec_tracker.pec.finding import Finding, beyond, finding
from pec_tracker.pec.fingerprint import leaves
from pec_tracker.pec.limits import Limits
from pec_tracker.pec.mime import Entity
from pec_tracker.pec.signed_documents import signature_findings
from pec_tracker.pec.standard import X_TIPO_RICEVUTA, ReceiptForm

_ONCE: Final = frozenset(
    {"from", "sender", "reply-to", "to", "cc", "bcc", "message-id", "in-reply-to", "references", "subject", "date"}
    | {"mime-version", "content-type", "content-transfer-encoding", X_TIPO_RICEVUTA.lower()}
)
_FIELD_LINE: Final = re.compile(rb"[\x21-\x39\x3b-\x7e]+[ \t]*:.*")
_OUTSIDE_HEADER: Final = re.compile(rb"[^\t\x20-\x7e]")
_BAD_SIGNATURES: Final = frozenset({"attachment-signature-broken", "attachment-not-signed"})
MAX_LINE: Final = 998  # RFC 5322 2.1.1, without CRLF
MAX_SUBJECT: Final = 255

_SPEAKS_OF_ATTACHMENT: Final = re.compile(
    r"\b(in allegato|allegat[oaie]|alleg(o|hiamo)|attached|attachments?|enclosed)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Fields:
    """The header fields of a message, in order: names in lower case, values unfolded."""

    fields: tuple[tuple[str, str], ...]

    def all(self, name: str) -> tuple[str, ...]:
        return tuple(value for field, value in self.fields if field == name)

    def addresses(self, name: str) -> tuple[str, ...]:
        """Of every field `name`; none from one that cannot be read, which `check` names by itself."""
        return tuple(address for value in self.all(name) for address in addresses_in(value) or ())


def check(outgoing: Outgoing, *, account: str, limits: Limits) -> list[Finding]:
    """What the access point of `account` would refuse, and what we advise against, in a message as it would leave.

    Without a finding of severity `refuse` the message may go. `where` names a header, an address or an attachment.
    """
    head, body = _halves(outgoing.raw)
    fields = _Fields(tuple(_fields(head)))
    return [
        *_form(outgoing.raw, head, body),
        *_repeated(fields),
        *_origin(fields, outgoing, account),
        *_recipients(fields, outgoing),
        *_identity(fields, outgoing),
        *_size(outgoing, limits),
        *_advice(fields, outgoing),
        *_content(outgoing.raw),
        *blocked(outgoing.raw, limits),
    ]


def check_draft(draft: Draft, *, account: str) -> list[Finding]:
    """What is wrong with a draft before it is composed; `where` names the draft's field, address or attachment.

    `compose` is safe by itself: it raises on a bad address and makes blanks of line breaks. Here a line break in a
    subject or a name is refused, because whoever put it there did not mean what would be sent.
    """
    return [*_draft_addresses(draft, account), *_draft_texts(draft), *_draft_attachments(draft)]


def _halves(raw: bytes) -> tuple[bytes, bytes]:
    """The header block with the CRLF of its last field, and the body after the blank line."""
    head, _, body = raw.partition(b"\r\n\r\n")
    return head.removeprefix(b"\r\n") + b"\r\n", body


def _fields(head: bytes) -> Iterator[tuple[str, str]]:
    """The fields as the most lenient server would see them: any line end ends a line, what is no field is skipped."""
    for line in re.sub(rb"[\r\n]+(?=[ \t])", b"", head).splitlines():
        name, colon, value = line.partition(b":")
        if colon:
            yield name.decode("ascii", "replace").strip().lower(), value.decode("ascii", "replace").strip()


def _form(raw: bytes, head: bytes, body: bytes) -> Iterator[Finding]:
    """The bytes as bytes: line ends, lengths, NUL, what stands in the header."""
    if not raw.count(b"\n") == raw.count(b"\r") == raw.count(b"\r\n"):
        yield finding("bare-line-end", "message")
    if b"\0" in raw:
        yield finding("nul", "message")
    if any(len(line.rstrip(b"\r\n")) > MAX_LINE for line in io.BytesIO(raw)):
        yield finding("line-too-long", "message")
    for number, line in enumerate(head.removesuffix(b"\r\n").split(b"\r\n"), start=1):
        if _OUTSIDE_HEADER.search(line):
            yield finding("header-control", f"line {number}")
        continues = line[:1] in (b" ", b"\t") and number > 1
        if not (line.strip() if continues else _FIELD_LINE.fullmatch(line)):
            yield finding("header-malformed", f"line {number}")
    if not body.isascii():
        yield finding("eight-bit-body", "body")


def _repeated(fields: _Fields) -> Iterator[Finding]:
    for name in sorted(_ONCE - {"from"}):
        if len(fields.all(name)) > 1:
            yield finding("header-twice", name)


def _origin(fields: _Fields, outgoing: Outgoing, account: str) -> Iterator[Finding]:
    """Who sends: one From, equal to the account and to MAIL FROM."""
    origins = fields.addresses("from")
    if not origins:
        yield finding("from-missing", "from")
    if len(origins) > 1 or len(fields.all("from")) > 1:
        yield finding("from-several", "from")
    if any(address_key(origin) != address_key(account) for origin in origins):
        yield finding("from-not-account", "from")
    if address_key(outgoing.mail_from) != address_key(account):
        yield finding("mail-from-not-account", outgoing.mail_from)
    senders = fields.addresses("sender")
    if len(senders) != len(fields.all("sender")) or any(address_key(s) != address_key(account) for s in senders):
        yield finding("sender-differs", "sender")


def _recipients(fields: _Fields, outgoing: Outgoing) -> Iterator[Finding]:
    """Who receives: To and Cc on one side, RCPT TO on the other, each address once and the same."""
    if not fields.addresses("to"):
        yield finding("to-missing", "to")
    for name, _ in fields.fields:
        if name == "bcc" or name.startswith("resent-"):
            yield finding("bcc-present" if name == "bcc" else "resent-present", name)
    yield from _addresses(fields, outgoing)
    named = [*fields.addresses("to"), *fields.addresses("cc")]
    header_keys, envelope_keys = [address_key(a) for a in named], [address_key(a) for a in outgoing.rcpt_to]
    for address in outgoing.rcpt_to:
        if address_key(address) not in header_keys:
            yield finding("recipient-not-in-header", address)
    for address in named:
        if address_key(address) not in envelope_keys:
            yield finding("recipient-not-in-envelope", address)
    for keys in (header_keys, envelope_keys):
        yield from (finding("recipient-twice", key) for key in dict.fromkeys(keys) if keys.count(key) > 1)


def _addresses(fields: _Fields, outgoing: Outgoing) -> Iterator[Finding]:
    """Every address that is written anywhere can be carried."""
    written = [outgoing.mail_from, *outgoing.rcpt_to]
    for name in ("from", "sender", "reply-to", "to", "cc"):
        if any(addresses_in(value) is None for value in fields.all(name)):
            yield finding("address-header-unreadable", name)
        written.extend(fields.addresses(name))
    yield from (finding("address-invalid", address) for address in dict.fromkeys(written) if not is_valid(address))


def _identity(fields: _Fields, outgoing: Outgoing) -> Iterator[Finding]:
    """What its receipts will call it."""
    ids = fields.all("message-id")
    if not ids or bare_id(ids[0]) is None:
        yield finding("message-id-missing", "message-id")
    elif bare_id(ids[0]) != outgoing.reference:
        yield finding("message-id-differs", "message-id")
    elif len(ids[0].strip()) > MAX_MESSAGE_ID:
        yield finding("message-id-long", "message-id")
    if not fields.all("date"):
        yield finding("date-missing", "date")


def _size(outgoing: Outgoing, limits: Limits) -> Iterator[Finding]:
    size, count = len(outgoing.raw), len(outgoing.rcpt_to)
    if count > limits.max_recipients:
        yield beyond("too-many-recipients", "envelope", count, limits.max_recipients)
    if limits.max_size is not None and size > limits.max_size:
        yield beyond("too-large", "message", size, limits.max_size)
    if limits.max_product is not None and size * count > limits.max_product:
        yield beyond("too-large-for-recipients", "message", size * count, limits.max_product)


def _advice(fields: _Fields, outgoing: Outgoing) -> Iterator[Finding]:
    subject = decoded_text(" ".join(fields.all("subject")).encode()).strip()
    if not subject:
        yield finding("subject-empty", "subject")
    if len(subject) > MAX_SUBJECT:
        yield finding("subject-long", "subject")
    if len(outgoing.rcpt_to) > 1:
        yield finding("many-recipients", "envelope")
    for form in fields.all(X_TIPO_RICEVUTA.lower()):
        if form.lower() not in set(ReceiptForm):
            yield finding("receipt-form-unknown", X_TIPO_RICEVUTA)
        elif form.lower() != ReceiptForm.COMPLETE:
            yield finding("receipt-weaker", X_TIPO_RICEVUTA)


def _content(raw: bytes) -> Iterator[Finding]:
    """The attachments, and the text beside them."""
    parts = [part for _, part in leaves(raw)]
    files = [part for part in parts if is_attached(part)]
    for part in files:
        name = part.filename or ""
        if part.body.start == part.body.end or not mime.decoded(raw, part):
            yield finding("attachment-empty", name)
    yield from (one for one in signature_findings(raw) if one.rule in _BAD_SIGNATURES)
    texts = [part for part in parts if part.type == "text/plain"]
    if not files and any(_SPEAKS_OF_ATTACHMENT.search(_own_words(raw, part)) for part in texts):
        yield finding("attachment-missing", "text")


def _own_words(raw: bytes, part: Entity) -> str:
    """The text of a part without what it quotes of another. The words that are looked for are ASCII in any charset."""
    text = (mime.decoded(raw, part) or b"").decode("utf-8", "replace")
    return "\n".join(line for line in text.splitlines() if not line.startswith(">"))


def _draft_addresses(draft: Draft, account: str) -> Iterator[Finding]:
    if address_key(draft.sender) != address_key(account):
        yield finding("from-not-account", draft.sender)
    if not draft.to:
        yield finding("to-missing", "to")
    written = [draft.sender, *draft.to, *draft.cc, *([] if draft.reply_to is None else [draft.reply_to])]
    yield from (finding("address-invalid", address) for address in dict.fromkeys(written) if not is_valid(address))
    if draft.in_reply_to and answered_id(draft) is None:
        yield finding("in-reply-to-left-out", "in_reply_to")


def _draft_texts(draft: Draft) -> Iterator[Finding]:
    for where, text in (("subject", draft.subject), ("sender_name", draft.sender_name or ""), *draft.names.items()):
        if encode.has_controls(text):
            yield finding("header-injection", where)
    texts = {
        "subject": draft.subject,
        "sender_name": draft.sender_name or "",
        "text": draft.text,
        "html": draft.html or "",
        **draft.names,
    }
    for where, text in texts.items():
        if not _is_unicode(text):
            yield finding("text-not-unicode", where)


def _draft_attachments(draft: Draft) -> Iterator[Finding]:
    for attachment in draft.attachments:
        if encode.has_controls(attachment.name):
            yield finding("header-injection", attachment.name)
        elif not _is_unicode(attachment.name):
            yield finding("text-not-unicode", attachment.name)
        elif encode.file_name(attachment.name) != attachment.name:
            yield finding("attachment-renamed", attachment.name)
        if attachment.content_type and content_type(attachment) != attachment.content_type.strip().lower():
            yield finding("attachment-type-replaced", attachment.name)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)
