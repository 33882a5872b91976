"""How would somebody fake a delivery receipt? Six ways, each of which looks right to a program that trusts too much.

Each claims that a message was delivered, with its true identifiers, as its sender's enemy in the recipient's office
could. None may ever move a journey.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from pec_tracker.pec import standard
from pec_tracker.pec.standard import Errore
from pec_tracker.sandbox import receipts
from pec_tracker.sandbox.ca import Authority, self_made_copy
from pec_tracker.sandbox.certification import Recipient
from pec_tracker.sandbox.cms import base64_lines
from pec_tracker.sandbox.layout import Notice, Office, signed_mail
from pec_tracker.sandbox.original import Field, field_of, text_field
from pec_tracker.sandbox.receipts import Transaction


@dataclass(frozen=True, slots=True)
class Lie:
    """What is to be believed: that `about` reached `recipient`, said by `office`, the recipient's provider."""

    about: Transaction
    recipient: Recipient
    office: Office
    authority: Authority
    at: datetime
    to: str
    message_id: str

    def delivery(self) -> Notice:
        """The receipt as the provider itself would issue it."""
        return receipts.delivery(self.about, by=self.office.provider, at=self.at, recipient=self.recipient)


def self_made_authority(lie: Lie) -> bytes:
    """Signed, soundly, under a CA made at home with every name as in the true chain."""
    genuine = (lie.office.signer.certificate, *lie.office.signer.chain)
    signer = self_made_copy(genuine, lie.office.provider.system_address)
    forger = replace(lie.office, signer=signer)
    return signed_mail(lie.delivery(), office=forger, to=lie.to, message_id=lie.message_id)


def wrong_person(lie: Lie) -> bytes:
    """Signed, soundly, with a certificate of the true PEC CA that belongs to somebody else; From is the provider's."""
    forger = replace(lie.office, signer=lie.authority.stranger())
    return signed_mail(lie.delivery(), office=forger, to=lie.to, message_id=lie.message_id)


def swapped_daticert(lie: Lie) -> bytes:
    """A genuine non-delivery notice, its signature kept, its daticert and headers those of a delivery."""
    true = receipts.non_delivery(
        lie.about,
        by=lie.office.provider,
        at=lie.at,
        recipient=lie.recipient.address,
        errore=Errore.NO_DEST,
        code=standard.UNKNOWN_MAILBOX,
        why="indirizzo non valido",
    )
    raw = signed_mail(true, office=lie.office, to=lie.to, message_id=lie.message_id)
    claimed = lie.delivery()
    for old, new in (
        (base64_lines(true.certification.xml()), base64_lines(claimed.certification.xml())),
        (true.own_fields[0].raw, claimed.own_fields[0].raw),
        (_subject(true).raw, _subject(claimed).raw),
    ):
        raw = raw.replace(old, new, 1)
    return raw


def altered_byte(lie: Lie) -> bytes:
    """A genuine delivery receipt with one letter of its signed text in another case: the facts stay true."""
    raw = signed_mail(lie.delivery(), office=lie.office, to=lie.to, message_id=lie.message_id)
    return raw.replace(b"Identificativo messaggio", b"identificativo messaggio", 1)


def headers_only(lie: Lie) -> bytes:
    """A plain mail that has a delivery receipt's headers and words, and no signature."""
    claimed = lie.delivery()
    fields: tuple[Field, ...] = (
        field_of("From", lie.office.provider.system_address),
        field_of("To", lie.to),
        field_of("Message-ID", f"<{lie.message_id}>"),
        _subject(claimed),
        field_of("MIME-Version", "1.0"),
        field_of("Content-Type", 'text/plain; charset="iso-8859-1"'),
        field_of("Content-Transfer-Encoding", "8bit"),
        *claimed.own_fields,
    )
    body = claimed.text.plain().encode("iso-8859-1", "replace").replace(b"\n", b"\r\n")
    return b"".join((*(field.raw for field in fields), b"\r\n", body))


def nested_receipt(lie: Lie) -> bytes:
    """The receipt to be sent as the content of a PEC: signed at home, as no provider will sign it."""
    return self_made_authority(lie)


def _subject(notice: Notice) -> Field:
    return text_field("Subject", notice.certification.subject or "", prefix=notice.prefix)
