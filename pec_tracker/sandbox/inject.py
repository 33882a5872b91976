"""What else can arrive in a mailbox? Mails of every kind that no message of ours asked for, forgeries among them.

`INJECTIONS` lists them with an explanation; `injected` makes the bytes. Forged receipts are about a message that was
really sent (`about`), quote its identifiers rightly and claim its delivery: a reader that believes one is wrong.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from pec_tracker.pec.standard import ReceiptForm
from pec_tracker.sandbox import receipts
from pec_tracker.sandbox.ca import Authority
from pec_tracker.sandbox.certification import Recipient
from pec_tracker.sandbox.forgeries import (
    Lie,
    altered_byte,
    headers_only,
    nested_receipt,
    self_made_authority,
    swapped_daticert,
    wrong_person,
)
from pec_tracker.sandbox.layout import Office, signed_mail
from pec_tracker.sandbox.original import Field, Letter, field_of, rewritten
from pec_tracker.sandbox.plan import Offices
from pec_tracker.sandbox.receipts import Transaction
from pec_tracker.texts import N_

CORRESPONDENT = "corrispondente@azienda.test"
STRANGERS_MESSAGE = "messaggio.di.altri@azienda.test"


class Injection(StrEnum):
    """The kinds that can be put into a mailbox."""

    TRANSPORT_ENVELOPE = "transport-envelope"
    REPLY = "reply"
    ANOMALY_ENVELOPE = "anomaly-envelope"
    ORDINARY = "ordinary"
    TAKEN_IN_CHARGE = "taken-in-charge"
    VIRUS_NOTICE = "virus-notice"
    STRANGERS_RECEIPT = "strangers-receipt"
    FORGED_OWN_CA = "forged-own-ca"
    FORGED_SWAPPED_DATICERT = "forged-swapped-daticert"
    FORGED_NESTED = "forged-nested"
    FORGED_HEADERS_ONLY = "forged-headers-only"
    FORGED_ALTERED_BYTE = "forged-altered-byte"
    FORGED_WRONG_PERSON = "forged-wrong-person"


INJECTIONS: dict[Injection, str] = {
    Injection.TRANSPORT_ENVELOPE: N_("A PEC from a correspondent."),
    Injection.REPLY: N_("A PEC from a correspondent that answers the message (In-Reply-To)."),
    Injection.ANOMALY_ENVELOPE: N_("An ordinary mail in its anomaly envelope."),
    Injection.ORDINARY: N_("An ordinary mail, bare."),
    Injection.TAKEN_IN_CHARGE: N_("A taken-in-charge receipt, which providers keep among themselves."),
    Injection.VIRUS_NOTICE: N_("A virus notice, which providers keep among themselves."),
    Injection.STRANGERS_RECEIPT: N_("A genuine delivery receipt for a message that nobody here sent."),
    Injection.FORGED_OWN_CA: N_("Forged delivery: signed under a self-made CA with the provider's very names."),
    Injection.FORGED_SWAPPED_DATICERT: N_(
        "Forged delivery: a genuine non-delivery notice with another daticert put in."
    ),
    Injection.FORGED_NESTED: N_("Forged delivery: a receipt as the content of a genuine transport envelope."),
    Injection.FORGED_HEADERS_ONLY: N_("Forged delivery: a plain mail with a receipt's headers and words."),
    Injection.FORGED_ALTERED_BYTE: N_("Altered: a genuine delivery receipt with one letter of its text changed."),
    Injection.FORGED_WRONG_PERSON: N_("Forged delivery: a genuine certificate of the right CA, but of another person."),
}


@dataclass(frozen=True, slots=True)
class Scene:
    """All that an injection is made from. `letter` is what the correspondent writes; `recipient` who is lied about."""

    about: Transaction
    mailbox: str
    recipient: Recipient
    letter: Letter
    at: datetime
    number: int
    offices: Offices
    authority: Authority

    @property
    def receiving(self) -> Office:
        """The office of the provider whose receipt is forged: the recipient's."""
        return self.offices.serving(self.recipient.address)

    @property
    def corresponding(self) -> Office:
        """The office of the correspondent's provider."""
        return self.offices.serving(CORRESPONDENT)

    def message_id(self, office: Office) -> str:
        """An identifier that no other mail of this sandbox has."""
        return f"sbx-inject.{self.at:%Y%m%d%H%M%S}.{self.number}@{office.provider.domain}"


def injected(injection: Injection, scene: Scene) -> bytes:
    """The mail."""
    return _MAKERS[injection](scene)


def letter_to(mailbox: str, *, subject: str, text: str, at: datetime, number: int) -> Letter:
    """A plain mail from the correspondent."""
    fields = (
        field_of("Date", f"{at:%a, %d %b %Y %H:%M:%S} +0000"),
        field_of("From", CORRESPONDENT),
        field_of("To", mailbox),
        field_of("Message-ID", f"<lettera.{at:%Y%m%d%H%M%S}.{number}@azienda.test>"),
        field_of("Subject", subject),
        field_of("MIME-Version", "1.0"),
        field_of("Content-Type", "text/plain; charset=us-ascii"),
    )
    return Letter(fields, text.encode("ascii") + b"\r\n")


def invented_transaction(sender: str, *, at: datetime) -> Transaction:
    """A message that was never sent, for receipts about nothing."""
    recipient = Recipient("destinatario@azienda.test")
    letter = letter_to(recipient.address, subject="Mai spedito", text="Mai spedito.", at=at, number=0)
    identifier = f"sbx-mai.{at:%Y%m%d%H%M%S}.1.1@gestore.sandbox.test"
    return Transaction(
        sender=sender,
        recipients=(recipient,),
        subject=letter.subject,
        replies=sender,
        identifier=identifier,
        reference=STRANGERS_MESSAGE,
        form=ReceiptForm.COMPLETE,
        original=rewritten(letter, identifier=identifier),
    )


def _envelope(scene: Scene) -> bytes:
    office = scene.corresponding
    identifier = scene.message_id(office)
    of = Transaction(
        sender=CORRESPONDENT,
        recipients=(Recipient(scene.mailbox),),
        subject=scene.letter.subject,
        replies=CORRESPONDENT,
        identifier=identifier,
        reference=scene.letter.reference,
        form=ReceiptForm.COMPLETE,
        original=rewritten(scene.letter, identifier=identifier),
    )
    notice = receipts.transport_envelope(of, by=office.provider, at=scene.at)
    return signed_mail(notice, office=office, to=scene.mailbox, message_id=identifier)


def _reply(scene: Scene) -> bytes:
    """Correspondents see, and quote, the provider's identifier: ours was replaced on the way (RFC 6109 2.2.1)."""
    quoted = f"<{scene.about.identifier}>"
    thread = (field_of("In-Reply-To", quoted), field_of("References", quoted))
    answer = Field("Subject", b"Subject: Re: " + _subject_of(scene.about))
    kept = scene.letter.without(lambda field: field.name.lower() == "subject")
    return _envelope(replace(scene, letter=Letter((*kept.fields, answer, *thread), kept.body)))


def _subject_of(transaction: Transaction) -> bytes:
    """The original's subject as its bytes stand, with the line end; an empty one where there is none."""
    for field in transaction.original.named("Subject"):
        return field.raw.partition(b":")[2].lstrip(b" ")
    return b"\r\n"


def _anomaly(scene: Scene) -> bytes:
    office = scene.offices.serving(scene.mailbox)
    why = "il messaggio non proviene da un sistema di posta certificata"
    notice = receipts.anomaly_envelope(scene.letter, by=office.provider, at=scene.at, recipient=scene.mailbox, why=why)
    kept = scene.letter.reference or scene.message_id(office)  # the original's own id (RFC 6109 3.2.2)
    return signed_mail(notice, office=office, to=scene.mailbox, message_id=kept)


def _ordinary(scene: Scene) -> bytes:
    return scene.letter.raw


def _taken_in_charge(scene: Scene) -> bytes:
    office = scene.receiving
    notice = receipts.taken_in_charge(
        scene.about, by=office.provider, at=scene.at, recipients=[scene.recipient.address]
    )
    return signed_mail(notice, office=office, to=scene.mailbox, message_id=scene.message_id(office))


def _virus_notice(scene: Scene) -> bytes:
    office = scene.receiving
    notice = receipts.virus_notice(scene.about, by=office.provider, at=scene.at, recipient=scene.recipient.address)
    return signed_mail(notice, office=office, to=scene.mailbox, message_id=scene.message_id(office))


def _strangers_receipt(scene: Scene) -> bytes:
    office = scene.receiving
    of = invented_transaction(scene.mailbox, at=scene.at)
    notice = receipts.delivery(of, by=office.provider, at=scene.at, recipient=of.recipients[0])
    return signed_mail(notice, office=office, to=scene.mailbox, message_id=scene.message_id(office))


def _forged(make: Callable[[Lie], bytes]) -> Callable[[Scene], bytes]:
    """One of `forgeries`, given the facts of the scene."""
    return lambda scene: make(_lie(scene))


def _lie(scene: Scene) -> Lie:
    return Lie(
        about=scene.about,
        recipient=scene.recipient,
        office=scene.receiving,
        authority=scene.authority,
        at=scene.at,
        to=scene.mailbox,
        message_id=scene.message_id(scene.receiving),
    )


def _nested(scene: Scene) -> bytes:
    """The envelope is genuine: any PEC user can send any bytes as a message."""
    return _envelope(replace(scene, letter=Letter.read(nested_receipt(_lie(scene)))))


_MAKERS: dict[Injection, Callable[[Scene], bytes]] = {
    Injection.TRANSPORT_ENVELOPE: _envelope,
    Injection.REPLY: _reply,
    Injection.ANOMALY_ENVELOPE: _anomaly,
    Injection.ORDINARY: _ordinary,
    Injection.TAKEN_IN_CHARGE: _taken_in_charge,
    Injection.VIRUS_NOTICE: _virus_notice,
    Injection.STRANGERS_RECEIPT: _strangers_receipt,
    Injection.FORGED_OWN_CA: _forged(self_made_authority),
    Injection.FORGED_SWAPPED_DATICERT: _forged(swapped_daticert),
    Injection.FORGED_NESTED: _nested,
    Injection.FORGED_HEADERS_ONLY: _forged(headers_only),
    Injection.FORGED_ALTERED_BYTE: _forged(altered_byte),
    Injection.FORGED_WRONG_PERSON: _forged(wrong_person),
}
