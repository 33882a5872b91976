"""Every mail that the sandbox makes is genuine: read by our reader, and by OpenSSL, it says what it was made from."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from asn1crypto import cms
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from pec_tracker.clock import ROME
from pec_tracker.pec.read import read
from pec_tracker.pec.standard import Errore, Kind, ReceiptForm, RecipientType
from pec_tracker.sandbox import receipts
from pec_tracker.sandbox.bulk import Bulk, bulk_receipts
from pec_tracker.sandbox.ca import Authority
from pec_tracker.sandbox.certification import Recipient, Role
from pec_tracker.sandbox.layout import Notice, signed_mail
from pec_tracker.sandbox.original import Letter, field_of, rewritten, text_field
from pec_tracker.sandbox.providers import DEFAULT_PROVIDERS
from pec_tracker.sandbox.receipts import Transaction
from tests.sandbox.materials import NOON, SENDER, authority, letter, office, openssl_accepts

Maker = Callable[[Transaction, datetime], Notice]

PROVIDER = DEFAULT_PROVIDERS[0]
TO = Recipient("consegnata@pec.test")

MAKERS: dict[str, tuple[Kind, Maker]] = {
    "acceptance": (Kind.ACCEPTANCE, lambda of, at: receipts.acceptance(of, by=PROVIDER, at=at)),
    "non-acceptance": (
        Kind.NON_ACCEPTANCE,
        lambda of, at: receipts.non_acceptance(of, by=PROVIDER, at=at, because_it="motivo", because_en="reason"),
    ),
    "virus-non-acceptance": (
        Kind.NON_ACCEPTANCE,
        lambda of, at: receipts.virus_non_acceptance(of, by=PROVIDER, at=at),
    ),
    "taken-in-charge": (
        Kind.TAKEN_IN_CHARGE,
        lambda of, at: receipts.taken_in_charge(of, by=PROVIDER, at=at, recipients=[TO.address]),
    ),
    "virus-notice": (
        Kind.VIRUS_NOTICE,
        lambda of, at: receipts.virus_notice(of, by=PROVIDER, at=at, recipient=TO.address),
    ),
    "delivery": (Kind.DELIVERY, lambda of, at: receipts.delivery(of, by=PROVIDER, at=at, recipient=of.recipients[0])),
    "non-delivery": (
        Kind.NON_DELIVERY,
        lambda of, at: receipts.non_delivery(
            of, by=PROVIDER, at=at, recipient=TO.address, errore=Errore.NO_DEST, code="5.1.1", why="non valido"
        ),
    ),
    "virus-non-delivery": (
        Kind.NON_DELIVERY,
        lambda of, at: receipts.virus_non_delivery(of, by=PROVIDER, at=at, recipient=TO.address),
    ),
    "first-delay-notice": (
        Kind.DELAY_NOTICE,
        lambda of, at: receipts.first_delay_notice(of, by=PROVIDER, at=at, recipient=TO.address),
    ),
    "second-delay-notice": (
        Kind.DELAY_NOTICE,
        lambda of, at: receipts.second_delay_notice(of, by=PROVIDER, at=at, recipient=TO.address),
    ),
    "transport-envelope": (
        Kind.TRANSPORT_ENVELOPE,
        lambda of, at: receipts.transport_envelope(of, by=PROVIDER, at=at),
    ),
    "anomaly-envelope": (
        Kind.ANOMALY_ENVELOPE,
        lambda of, at: receipts.anomaly_envelope(of.original, by=PROVIDER, at=at, recipient=SENDER, why="motivo"),
    ),
}


def transaction(raw: bytes | None = None, **changes: object) -> Transaction:
    """A message to one recipient; *raw* is what the client sent."""
    identifier = "sbx1.20261102120000.1.1.1@gestore.sandbox.test"
    sent = Letter.read(raw or letter())
    usual = Transaction(
        sender=SENDER,
        recipients=(TO,),
        subject=sent.subject,
        replies=SENDER,
        identifier=identifier,
        reference=sent.reference,
        form=ReceiptForm.COMPLETE,
        original=rewritten(sent, identifier=identifier),
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


def mail(notice: Notice, message_id: str = "sbx1.20261102120000.1.1.2@gestore.sandbox.test") -> bytes:
    """The notice as it reaches the sender."""
    return signed_mail(notice, office=office(), to=SENDER, message_id=message_id)


LOCAL = st.from_regex(r"[a-z0-9][a-z0-9._+-]{0,30}[a-z0-9]", fullmatch=True)
ADDRESSES = st.builds(
    lambda local, domain: f"{local}@{domain}.test", LOCAL, st.from_regex(r"[a-z]{1,12}", fullmatch=True)
)
# Whole words: what stands around a subject is not certain to survive any header, so it is not promised.
SUBJECTS = st.one_of(
    st.text(
        st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), exclude_characters="\ufffe\uffff"),
        min_size=1,
        max_size=200,
    ),
    st.sampled_from(
        (
            '"virgolette" e <parentesi> & "altro"',
            "😀 emoji 🇮🇹",
            "x" * 998,
            "parola " * 142 + "fine",
            "=?utf-8?q?finto?=",
            "a",
        )
    ),
)
TIMES = st.datetimes(min_value=datetime(2011, 1, 1), max_value=datetime(2048, 1, 1)).map(  # noqa: DTZ001 - made UTC here
    lambda naive: naive.replace(microsecond=0, tzinfo=UTC)
)
RECIPIENTS = st.lists(
    st.builds(Recipient, ADDRESSES, st.sampled_from(Role), st.sampled_from(RecipientType)),
    min_size=1,
    max_size=4,
    unique_by=lambda one: one.address,
).map(tuple)


@settings(max_examples=120, deadline=None)
@given(
    kind=st.sampled_from([name for name in MAKERS if name != "anomaly-envelope"]),
    subject=SUBJECTS,
    sender=ADDRESSES,
    recipients=RECIPIENTS,
    at=TIMES,
    form=st.sampled_from(ReceiptForm),
)
def test_every_receipt_is_read_back_with_the_facts_it_was_made_from(
    kind: str, subject: str, sender: str, recipients: tuple[Recipient, ...], at: datetime, form: ReceiptForm
) -> None:
    of = transaction(subject=subject, sender=sender, replies=sender, recipients=recipients, form=form)
    expected, make = MAKERS[kind]
    notice = make(of, at)
    found = read(mail(notice))
    assert (found.kind, found.warnings) == (expected, ())
    assert found.daticert is not None
    assert found.daticert.subject == subject
    assert found.daticert.sender == sender
    assert [(one.address, one.type) for one in found.daticert.recipients] == [(r.address, r.type) for r in recipients]
    assert found.daticert.issued_at == at
    assert found.daticert.issued_at.utcoffset() == at.astimezone(ROME).utcoffset()
    assert found.daticert.identifier == of.identifier
    assert found.daticert.reference == of.reference
    assert found.daticert.provider == PROVIDER.name
    assert found.daticert.recipient == notice.certification.recipient
    assert found.daticert.receipt_form == notice.certification.form
    assert found.daticert.error_detail == notice.certification.detail
    assert found.original == notice.enclosed


@settings(max_examples=12, deadline=None)
@given(kind=st.sampled_from(list(MAKERS)), subject=SUBJECTS, at=TIMES, form=st.sampled_from(ReceiptForm))
def test_openssl_accepts_receipts_of_any_subject_and_time(
    kind: str, subject: str, at: datetime, form: ReceiptForm
) -> None:
    assert openssl_accepts(mail(MAKERS[kind][1](transaction(subject=subject, form=form), at)))


@pytest.mark.parametrize("kind", MAKERS)
def test_openssl_accepts_every_kind(kind: str) -> None:
    raw = mail(MAKERS[kind][1](transaction(), NOON))
    assert openssl_accepts(raw)
    assert not openssl_accepts(raw.replace(b"messaggio", b"massaggio", 1))


@pytest.mark.parametrize("kind", MAKERS)
def test_the_same_facts_make_the_same_bytes(kind: str) -> None:
    make = MAKERS[kind][1]
    assert mail(make(transaction(), NOON)) == mail(make(transaction(), NOON))


@pytest.mark.parametrize("kind", MAKERS)
def test_line_ends_are_crlf_whatever_the_client_sent(kind: str) -> None:
    mixed = letter().replace(b"Buongiorno.\r\n", b"uno\ndue\rtre\r\n\r\r\nfine\r")
    raw = mail(MAKERS[kind][1](transaction(mixed), NOON))
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", raw)
    assert openssl_accepts(raw)


@given(subject=SUBJECTS)
@settings(max_examples=150, deadline=None)
def test_a_subject_survives_its_header(subject: str) -> None:
    field = text_field("Subject", subject, prefix="CONSEGNA: ")
    assert max(map(len, field.raw.split(b"\r\n"))) <= 998
    assert Letter((field,), b"").subject == f"CONSEGNA: {subject}"


def test_prefix_of_an_encoded_subject_stays_legible() -> None:
    raw = mail(MAKERS["delivery"][1](transaction(subject="è 😀"), NOON))
    assert b"\r\nSubject: CONSEGNA:\r\n =?UTF-8?B?" in raw


def test_provider_changes_two_header_fields_of_the_original_and_no_byte_of_its_body() -> None:
    body = "riga\r\n.punto\r\n\r\n   spazi   \r\n"
    sent = Letter.read(letter(headers="X-Proprio: uno\r\n", body=body))
    passed_on = rewritten(sent, identifier="nuovo@gestore.sandbox.test")
    assert passed_on.body == body.encode()
    assert passed_on.first("Message-ID") == "<nuovo@gestore.sandbox.test>"
    assert passed_on.first("X-Riferimento-Message-ID") == "<prova.1@pec.sandbox.test>"
    assert passed_on.first("X-Proprio") == "uno"


def test_message_without_message_id_gets_receipts_without_reference() -> None:
    of = transaction(letter().replace(b"Message-ID: <prova.1@pec.sandbox.test>\r\n", b""))
    raw = mail(MAKERS["acceptance"][1](of, NOON))
    found = read(raw)
    assert found.daticert is not None
    assert found.daticert.reference is None
    assert b"X-Riferimento" not in raw


@pytest.mark.parametrize("form", ReceiptForm)
def test_recipients_in_copy_get_the_synthetic_receipt(form: ReceiptForm) -> None:
    copied = Recipient("copia@pec.test", Role.CC)
    notice = receipts.delivery(transaction(form=form), by=PROVIDER, at=NOON, recipient=copied)
    assert (notice.certification.form, notice.enclosed) == (ReceiptForm.SYNTHETIC, None)


ATTACHED = (
    b"From: mittente@pec.sandbox.test\r\nTo: consegnata@pec.test\r\nMessage-ID: <prova.1@pec.sandbox.test>\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="=_x"\r\n\r\npreambolo\r\n'
    b"--=_x\r\nContent-Type: text/plain\r\n\r\nTesto.\r\n"
    b'--=_x\r\nContent-Type: application/pdf; name="atto.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    b"JVBERi0xLjQ=\r\nJVBERi0xLjQ=\r\n"
    b'--=_x\r\nContent-Type: application/pkcs7-mime; name="atto.p7m"\r\n\r\nopaco\r\n'
    b"--=_x\r\nContent-Type: message/rfc822\r\n\r\nSubject: dentro\r\n\r\nciao\r\n"
    b"--=_x--\r\nepilogo\r\n"
)


def test_brief_receipt_holds_the_hash_of_what_was_transferred_and_leaves_the_rest() -> None:
    of = transaction(ATTACHED, form=ReceiptForm.BRIEF)
    brief = receipts.delivery(of, by=PROVIDER, at=NOON, recipient=TO).enclosed
    assert brief is not None
    _, text, attached, opaque, message = message_from_bytes(brief).walk()
    transferred = b"JVBERi0xLjQ=\r\nJVBERi0xLjQ="
    assert text.get_payload() == "Testo."
    assert attached.get_filename() == "atto.pdf.hash"
    assert attached.get_payload() == hashlib.sha1(transferred, usedforsecurity=False).hexdigest()
    assert opaque.get_payload() == "opaco"
    inner = b"Subject: dentro\r\n\r\nciao"
    assert message.get_payload() == hashlib.sha1(inner, usedforsecurity=False).hexdigest()
    assert brief.startswith(of.original.raw[:300])
    assert brief.endswith(b"--=_x--\r\nepilogo\r\n")


@pytest.mark.parametrize(("threads", "shown"), [(True, "<a@x.test>"), (False, None)])
def test_envelope_shows_the_thread_where_its_provider_does(threads: bool, shown: str | None) -> None:
    of = transaction(letter(headers="In-Reply-To: <a@x.test>\r\n"))
    notice = receipts.transport_envelope(of, by=replace(PROVIDER, threads_envelopes=threads), at=NOON)
    outer = message_from_bytes(mail(notice, of.identifier))
    assert outer["In-Reply-To"] == shown
    assert outer["Message-ID"] == f"<{of.identifier}>"
    assert outer["Reply-To"] == SENDER
    assert outer["Return-Path"] == f"<{SENDER}>"
    assert outer["From"] == f'"Per conto di: {SENDER}" <{PROVIDER.system_address}>'


def test_envelope_keeps_addressees_as_the_client_wrote_them() -> None:
    of = transaction(letter(to='"Rossi, Mario" <consegnata@pec.test>', headers="Reply-To: altri@pec.test\r\n"))
    outer = message_from_bytes(mail(receipts.transport_envelope(of, by=PROVIDER, at=NOON)))
    assert (outer["To"], outer["Reply-To"]) == ('"Rossi, Mario" <consegnata@pec.test>', "altri@pec.test")


def test_anomaly_envelope_certifies_nothing() -> None:
    found = read(mail(MAKERS["anomaly-envelope"][1](transaction(), NOON)))
    assert (found.kind, found.daticert) == (Kind.ANOMALY_ENVELOPE, None)
    assert found.original == transaction().original.raw


def test_provider_certificate_has_the_form_of_2026() -> None:
    certificate = office().signer.certificate
    extensions = certificate.extensions
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.RFC822Name) == [PROVIDER.system_address]
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.EMAIL_PROTECTION
    ]
    assert (usage.critical, usage.value.digital_signature, usage.value.key_cert_sign) == (True, True, False)
    with pytest.raises(x509.ExtensionNotFound):
        extensions.get_extension_for_class(x509.BasicConstraints)


def test_signing_time_is_the_certified_time_and_not_the_machine_s() -> None:
    at = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
    info = cms.ContentInfo.load(office().signer.sign(b"x", at=at))["content"]["signer_infos"][0]
    times = [one["values"][0].native for one in info["signed_attrs"] if one["type"].native == "signing_time"]
    assert times == [at]


def test_a_hidden_letter_is_no_header_injection() -> None:
    sneaky = letter().replace(b"Subject: Prova", b"Subject: =?utf-8?b?YQ0KQmNjOiB4QHkueg==?=")
    raw = mail(MAKERS["acceptance"][1](transaction(sneaky), NOON))
    assert message_from_bytes(raw)["Bcc"] is None
    assert read(raw).kind is Kind.ACCEPTANCE


def test_external_recipients_are_said_to_be_external() -> None:
    outside = Recipient("fuori@example.test", type=RecipientType.EXTERNAL)
    found = read(mail(MAKERS["acceptance"][1](transaction(recipients=(outside, TO)), NOON)))
    assert found.daticert is not None
    assert [one.type for one in found.daticert.recipients] == ["esterno", "certificato"]


def test_authority_is_made_once_and_found_again() -> None:
    again = Authority(authority().ca_file.parent)
    assert again.signer(PROVIDER).certificate == office().signer.certificate
    assert again.ca_file.read_bytes() == authority().ca_file.read_bytes()


def test_bulk_makes_as_many_genuine_receipts_as_asked_within_the_sizes() -> None:
    bulk = Bulk(count=21, sender=SENDER, until=NOON + timedelta(days=1))
    made = list(bulk_receipts(bulk, office=office()))
    assert [read(raw).kind for raw in made] == [Kind.ACCEPTANCE, Kind.DELIVERY] * 10 + [Kind.ACCEPTANCE]
    assert max(map(len, made)) < 62_000
    assert made == list(bulk_receipts(bulk, office=office()))
    assert openssl_accepts(made[1])


def test_field_of_takes_what_is_not_ascii_as_it_is() -> None:
    assert field_of("X-Prova", "è").raw == "X-Prova: è\r\n".encode()


@pytest.mark.parametrize("name", ["atto finale.pdf", "perché.pdf", 'le "virgolette".pdf', "😀.pdf"])
def test_brief_receipt_keeps_any_file_name(name: str) -> None:
    sent = EmailMessage()
    sent["From"], sent["To"] = SENDER, TO.address
    sent.set_content("Testo.")
    sent.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename=name)
    of = transaction(sent.as_bytes(policy=SMTP), form=ReceiptForm.BRIEF)
    brief = receipts.delivery(of, by=PROVIDER, at=NOON, recipient=TO).enclosed
    assert brief is not None
    *_, attached = message_from_bytes(brief).walk()
    assert attached.get_filename() == f"{name}.hash"
    assert openssl_accepts(mail(receipts.delivery(of, by=PROVIDER, at=NOON, recipient=TO)))
