"""Which mails does a provider send about a message? Every receipt, notice and envelope of RFC 6109, signed.

A `Transaction` is what all of them repeat of one message; each function here says one thing about it and gives a
`Notice`, which `layout.signed_mail` turns into the bytes that travel.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pec_tracker.pec import standard
from pec_tracker.pec.standard import Errore, ReceiptForm, Tipo
from pec_tracker.sandbox import wording
from pec_tracker.sandbox.brief import brief_form
from pec_tracker.sandbox.certification import Certification, Recipient, Role
from pec_tracker.sandbox.layout import Notice
from pec_tracker.sandbox.original import Field, Letter, field_of, text_field
from pec_tracker.sandbox.providers import Provider

# Fields of the original that a transport envelope shows unchanged (RFC 6109 3.1.5), and those of a thread.
INHERITED = ("Received", "To", "Cc", "Reply-To")
THREAD = ("In-Reply-To", "References")


@dataclass(frozen=True, slots=True)
class Transaction:
    """One message as its provider took it in: what every receipt about it repeats.

    `identifier` is the provider's id of the message, without brackets; `reference` the client's Message-ID, likewise,
    None where the client set none. `original` is the message as passed on (see `original.rewritten`).
    """

    sender: str
    recipients: tuple[Recipient, ...]
    subject: str | None
    replies: str
    identifier: str
    reference: str | None
    form: ReceiptForm
    original: Letter


def acceptance(of: Transaction, *, by: Provider, at: datetime) -> Notice:
    """RFC 6109 3.1.4: taken in, checked, sent on; all recipients with their type."""
    facts = _facts(of, Tipo.ACCETTAZIONE, by=by, at=at)
    rem = text_field(standard.X_REM_SUBJECT, of.subject or "", prefix="REM SubmissionAcceptance: ")
    return Notice(standard.SUBJECT_ACCEPTANCE, facts, wording.acceptance(facts), (*_receipt(facts), rem))


def non_acceptance(of: Transaction, *, by: Provider, at: datetime, because_it: str, because_en: str) -> Notice:
    """RFC 6109 3.1.2: the formal checks failed, nothing went to anybody."""
    facts = _facts(of, Tipo.NON_ACCETTAZIONE, by=by, at=at, errore=Errore.ALTRO, detail=because_it)
    text = wording.non_acceptance(facts, because_it=because_it, because_en=because_en)
    return Notice(standard.SUBJECT_NON_ACCEPTANCE, facts, text, _receipt(facts))


def virus_non_acceptance(of: Transaction, *, by: Provider, at: datetime) -> Notice:
    """RFC 6109 3.1.3: the sender's provider found a virus."""
    facts = _facts(of, Tipo.NON_ACCETTAZIONE, by=by, at=at, errore=Errore.VIRUS, detail=_virus_detail(by))
    text = wording.non_acceptance(facts, because_it="presenza di un virus nel messaggio", because_en="a virus in it")
    return Notice(standard.SUBJECT_NON_ACCEPTANCE_VIRUS, facts, text, (*_receipt(facts), _unsafe()))


def taken_in_charge(of: Transaction, *, by: Provider, at: datetime, recipients: Sequence[str]) -> Notice:
    """RFC 6109 3.2.1: between providers; no user ever gets one."""
    facts = _facts(of, Tipo.PRESA_IN_CARICO, by=by, at=at, taken_for=tuple(recipients))
    return Notice(standard.SUBJECT_TAKEN_IN_CHARGE, facts, wording.taken_in_charge(facts), _receipt(facts))


def virus_notice(of: Transaction, *, by: Provider, at: datetime, recipient: str) -> Notice:
    """RFC 6109 3.2.3: between providers; tells the sender's that its message carried a virus."""
    facts = _facts(
        of, Tipo.RILEVAZIONE_VIRUS, by=by, at=at, errore=Errore.VIRUS, recipient=recipient, detail=_virus_detail(by)
    )
    sender = field_of(standard.X_MITTENTE, of.sender)
    return Notice(standard.SUBJECT_VIRUS, facts, wording.virus_notice(facts), (*_receipt(facts), sender))


def delivery(of: Transaction, *, by: Provider, at: datetime, recipient: Recipient) -> Notice:
    """RFC 6109 3.3.2: in the recipient's mailbox. The form asked for, but synthetic for recipients in copy."""
    form = of.form if recipient.role is Role.TO else ReceiptForm.SYNTHETIC
    facts = _facts(of, Tipo.AVVENUTA_CONSEGNA, by=by, at=at, form=form, recipient=recipient.address)
    enclosed = _ENCLOSED[form](of.original)
    return Notice(standard.SUBJECT_DELIVERY, facts, wording.delivery(facts), _receipt(facts), enclosed)


def non_delivery(
    of: Transaction, *, by: Provider, at: datetime, recipient: str, errore: Errore, code: str, why: str
) -> Notice:
    """RFC 6109 3.3.3, worded by AgID's integrative note 12: "code - provider - reason"."""
    detail = f"{code} - {by.name} - {why}"
    facts = _facts(of, Tipo.ERRORE_CONSEGNA, by=by, at=at, errore=errore, recipient=recipient, detail=detail)
    return Notice(standard.SUBJECT_NON_DELIVERY, facts, wording.non_delivery(facts), _receipt(facts))


def virus_non_delivery(of: Transaction, *, by: Provider, at: datetime, recipient: str) -> Notice:
    """RFC 6109 3.2.4: the recipient's provider found a virus."""
    facts = _facts(
        of, Tipo.ERRORE_CONSEGNA, by=by, at=at, errore=Errore.VIRUS, recipient=recipient, detail=_virus_detail(by)
    )
    text = wording.non_delivery(facts)
    return Notice(standard.SUBJECT_NON_DELIVERY_VIRUS, facts, text, (*_receipt(facts), _unsafe()))


def first_delay_notice(of: Transaction, *, by: Provider, at: datetime, recipient: str) -> Notice:
    """RFC 6109 3.1.6: twelve hours and no word from the recipient's provider; it may still come."""
    detail = f"{by.name} - il messaggio non è stato consegnato nelle prime dodici ore dal suo invio"
    facts = _facts(
        of, Tipo.PREAVVISO_ERRORE_CONSEGNA, by=by, at=at, errore=Errore.ALTRO, recipient=recipient, detail=detail
    )
    return Notice(standard.SUBJECT_DELAY, facts, wording.first_delay_notice(facts), _receipt(facts))


def second_delay_notice(of: Transaction, *, by: Provider, at: datetime, recipient: str) -> Notice:
    """RFC 6109 3.1.6: twenty-four hours; closed. Only the code 5.4.1 tells it from the first (seen: SEND)."""
    why = "il messaggio non è stato consegnato nelle prime ventiquattro ore dal suo invio"
    detail = f"{standard.DELAY_24_HOURS} - {by.name} - {why}"
    facts = _facts(
        of, Tipo.PREAVVISO_ERRORE_CONSEGNA, by=by, at=at, errore=Errore.ALTRO, recipient=recipient, detail=detail
    )
    return Notice(standard.SUBJECT_DELAY, facts, wording.second_delay_notice(facts), _receipt(facts))


def transport_envelope(of: Transaction, *, by: Provider, at: datetime) -> Notice:
    """RFC 6109 3.1.5: what the recipient gets; the original is inside, its thread and addressees are shown outside."""
    facts = _facts(of, Tipo.POSTA_CERTIFICATA, by=by, at=at, form=of.form)
    shown = of.original.named(*INHERITED, *(THREAD if by.threads_envelopes else ()))
    if not of.original.named("Reply-To"):
        shown = (*shown, field_of("Reply-To", of.replies))
    fields = (
        field_of(standard.X_TRASPORTO, standard.TRASPORTO_CERTIFICATA),
        field_of(standard.X_TIPO_RICEVUTA, of.form),
        *_reference(of.reference),
        *shown,
    )
    return Notice(standard.SUBJECT_TRANSPORT, facts, wording.transport_envelope(facts), fields, of.original.raw)


def anomaly_envelope(received: Letter, *, by: Provider, at: datetime, recipient: str, why: str) -> Notice:
    """RFC 6109 3.2.2: around a mail that is no certified one (or whose certification failed); certifies nothing."""
    sender = next(iter(received.addresses("From")), "")
    claims = Certification(
        tipo=Tipo.POSTA_CERTIFICATA,
        sender=sender,
        recipients=(Recipient(recipient),),
        replies=sender,
        subject=received.subject,
        provider=by.name,
        issued_at=at,
        identifier=received.reference or "",
        detail=why,
    )
    fields = (field_of(standard.X_TRASPORTO, standard.TRASPORTO_ERRORE), *received.named("To", "Cc", "Reply-To"))
    text = wording.anomaly_envelope(claims)
    return Notice(standard.SUBJECT_ANOMALY, claims, text, fields, received.raw, certified=False)


def _facts(
    of: Transaction,
    tipo: Tipo,
    *,
    by: Provider,
    at: datetime,
    errore: Errore = Errore.NESSUNO,
    form: ReceiptForm | None = None,
    recipient: str | None = None,
    taken_for: tuple[str, ...] = (),
    detail: str | None = None,
) -> Certification:
    return Certification(
        tipo=tipo,
        sender=of.sender,
        recipients=of.recipients,
        replies=of.replies,
        subject=of.subject,
        provider=by.name,
        issued_at=at,
        identifier=of.identifier,
        reference=of.reference,
        errore=errore,
        form=form,
        recipient=recipient,
        taken_for=taken_for,
        detail=detail,
    )


def _receipt(facts: Certification) -> tuple[Field, ...]:
    return (field_of(standard.X_RICEVUTA, facts.tipo), *_reference(facts.reference))


def _reference(reference: str | None) -> tuple[Field, ...]:
    return () if reference is None else (text_field(standard.X_RIFERIMENTO, f"<{reference}>"),)


def _unsafe() -> Field:
    return field_of(standard.X_VERIFICA_SICUREZZA, standard.SICUREZZA_ERRORE)


def _virus_detail(by: Provider) -> str:
    """With commas where the other codes have dashes (seen: real notices)."""
    return f"{standard.VIRUS_FOUND}, {by.name}, presenza di un virus nel messaggio"


def _complete(original: Letter) -> bytes | None:
    return original.raw


def _brief(original: Letter) -> bytes | None:
    return brief_form(original).raw


def _nothing(original: Letter) -> bytes | None:
    return None


# RFC 6109 3.3.2.1 to 3.3.2.3.
_ENCLOSED: dict[ReceiptForm, Callable[[Letter], bytes | None]] = {
    ReceiptForm.COMPLETE: _complete,
    ReceiptForm.BRIEF: _brief,
    ReceiptForm.SYNTHETIC: _nothing,
}
