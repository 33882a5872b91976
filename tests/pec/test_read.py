"""Reading: what a mail is, for any bytes at all; a forgery is never taken for what it claims to be."""

import random
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pec_tracker.pec.evidence import Verdict
from pec_tracker.pec.headers import headers_of
from pec_tracker.pec.read import Mail, evidence_of, read
from pec_tracker.pec.standard import KIND_OF_TIPO, Kind, Tipo
from tests.factory.mime import b64, between, entity, joined, multipart
from tests.factory.receipts import anomaly_envelope, daticert_xml, original, receipt, signed_content, wrapped
from tests.pec.mails import (
    NO_CMS,
    RECEIPT_HEADERS,
    TEXT,
    attached,
    certification,
    claiming,
    dummy,
    plain,
    signed,
    transport,
)
from tests.pec.test_rem import ERDS

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"
ACCEPTANCE = daticert_xml("accettazione")
DELIVERY = daticert_xml("avvenuta-consegna", recipient="destinatario@pec.example")


@pytest.mark.parametrize("tipo", list(Tipo))
def test_every_tipo_of_the_standard_has_its_kind(tipo: Tipo) -> None:
    mail = read(dummy(tipo.value))

    assert mail.kind is KIND_OF_TIPO[tipo]
    assert mail.daticert is not None
    assert mail.daticert.tipo == tipo.value
    assert mail.warnings == ()
    assert (mail.subject, mail.sender, mail.reference) == ("Prova", "mittente@pec.example", "pt.original@pec.example")


def test_the_outer_headers_are_read_as_hints() -> None:
    headers = read(
        dummy("posta-certificata", headers=("In-Reply-To: <a@b.it>", "References: <c@d.it> <a@b.it>"))
    ).headers

    assert headers is not None
    assert headers.from_addresses == ("posta-certificata@pec.example",)
    assert headers.to_addresses == ("destinatario@pec.example",)
    assert headers.reference == "pt.original@pec.example"
    assert (headers.trasporto, headers.ricevuta, headers.receipt_form) == ("posta-certificata", None, "completa")
    assert headers.in_reply_to == ("a@b.it",)
    assert headers.references == ("c@d.it", "a@b.it")


def test_the_alias_of_other_software_is_a_non_delivery_with_its_token_kept() -> None:
    mail = read(dummy("mancata-consegna"))

    assert mail.kind is Kind.NON_DELIVERY
    assert mail.daticert is not None
    assert mail.daticert.tipo == "mancata-consegna"
    assert mail.warnings == ("alias-tipo",)


def test_an_unknown_tipo_is_unreadable_with_its_text_kept() -> None:
    mail = read(dummy("nuovo-tipo"))

    assert mail.kind is Kind.UNREADABLE
    assert mail.daticert is not None
    assert mail.daticert.tipo == "nuovo-tipo"
    assert mail.warnings == ("unknown-tipo",)


@pytest.mark.parametrize(
    ("media", "name", "encoding"),
    [
        ("application/xml", "daticert.xml", "quoted-printable"),
        ("application/xml", "daticert.xml", "7bit"),
        ("application/xml", "daticert.xml", None),
        ("text/plain; charset=utf-8", "daticert.xml", "base64"),
        ("application/octet-stream", "DatiCert.XML", "base64"),
        ("text/xml", "certdata.xml", "base64"),
        ("text/xml", None, "base64"),
        ("application/xml", "altro.xml", "8bit"),
    ],
)
def test_the_daticert_is_found_however_its_part_is_written(media: str, name: str | None, encoding: str | None) -> None:
    mail = read(signed(TEXT, certification(ACCEPTANCE, media=media, name=name, encoding=encoding)))

    assert mail.kind is Kind.ACCEPTANCE
    assert mail.warnings == ()


def test_parts_may_come_in_any_order() -> None:
    parts = [attached(original()), TEXT, certification(DELIVERY)]

    mail = read(signed(*parts, headers=claiming("avvenuta-consegna")))

    assert mail.kind is Kind.DELIVERY
    assert mail.original == original()


def test_lf_stored_receipts_are_read() -> None:
    mail = read(dummy("avvenuta-consegna", original=original()).replace(b"\r\n", b"\n"))

    assert mail.kind is Kind.DELIVERY
    assert mail.original == original().replace(b"\r\n", b"\n")


@pytest.mark.parametrize(
    ("headers", "kind", "warnings"),
    [
        (transport("posta-certificata"), Kind.TRANSPORT_ENVELOPE, ("no-daticert",)),
        (transport("errore"), Kind.ANOMALY_ENVELOPE, ()),
        (transport("sconosciuto"), Kind.UNREADABLE, ("no-daticert",)),
        (claiming("accettazione"), Kind.UNREADABLE, ("no-daticert",)),
        ((*transport("errore"), "X-Ricevuta: avvenuta-consegna"), Kind.ANOMALY_ENVELOPE, ("header-disagrees",)),
        (RECEIPT_HEADERS, Kind.ORDINARY, ()),
    ],
)
def test_without_a_daticert_x_trasporto_decides(
    headers: tuple[str, ...], kind: Kind, warnings: tuple[str, ...]
) -> None:
    mail = read(signed(TEXT, headers=headers))

    assert mail.kind is kind
    assert mail.daticert is None
    assert mail.warnings == warnings
    assert mail.reference == "pt.original@pec.example"
    assert mail.sender == "posta-certificata@pec.example"


@pytest.mark.parametrize(
    ("xml", "warning"),
    [
        (b"<postacert", "daticert-not-xml"),
        (b"<other/>", "daticert-other-root"),
        (ACCEPTANCE.replace(b"?>", b"?><!DOCTYPE postacert>"), "daticert-doctype"),
        (b" " * 2_100_000, "daticert-too-large"),
        (b" " * 10_000_000, "daticert-too-large"),
        (ACCEPTANCE.replace(b' tipo="accettazione"', b""), "daticert-without-tipo"),
    ],
)
def test_a_daticert_that_cannot_be_read_makes_a_receipt_unreadable_and_says_why(xml: bytes, warning: str) -> None:
    mail = read(signed(TEXT, certification(xml), headers=claiming("accettazione")))

    assert mail.kind is Kind.UNREADABLE
    assert mail.warnings == (warning, "no-daticert")


def test_a_daticert_with_cut_base64_is_unreadable() -> None:
    lines = ['Content-Type: application/xml; name="daticert.xml"', "Content-Transfer-Encoding: base64"]

    mail = read(signed(TEXT, entity(lines, b64(ACCEPTANCE)[:-5]), headers=claiming("accettazione")))

    assert mail.kind is Kind.UNREADABLE


def test_two_daticert_are_none_even_with_x_trasporto() -> None:
    for headers in (claiming("accettazione"), transport("posta-certificata"), RECEIPT_HEADERS):
        mail = read(signed(TEXT, certification(ACCEPTANCE), certification(DELIVERY), headers=headers))

        assert mail.kind is Kind.UNREADABLE
        assert mail.daticert is None
        assert mail.warnings == ("two-daticert",)


def test_a_nested_daticert_is_never_taken() -> None:
    """A receipt inside a genuine envelope, a part of a part, the signed part itself: all hold one, none counts."""
    forged = dummy("avvenuta-consegna")
    deeper = multipart("mixed", [certification(DELIVERY)], "=_deeper")

    inside_original = read(signed(TEXT, attached(forged), headers=transport("posta-certificata")))
    inside_multipart = read(signed(TEXT, deeper, headers=claiming("avvenuta-consegna")))
    outside_signature = read(wrapped(RECEIPT_HEADERS, certification(DELIVERY), signature=NO_CMS))

    assert (inside_original.kind, inside_original.daticert) == (Kind.TRANSPORT_ENVELOPE, None)
    assert (inside_multipart.kind, inside_multipart.daticert) == (Kind.UNREADABLE, None)
    assert (outside_signature.kind, outside_signature.daticert) == (Kind.ORDINARY, None)


def test_a_part_after_the_signature_certifies_nothing() -> None:
    content = multipart("mixed", [TEXT], "=_in")
    signature = entity(["Content-Type: application/pkcs7-signature", "Content-Transfer-Encoding: base64"], b64(NO_CMS))
    top = joined([*claiming("avvenuta-consegna"), 'Content-Type: multipart/signed; boundary="b"'])

    mail = read(top + b"\r\n" + between("b", [content, signature, certification(DELIVERY)]))

    assert mail.kind is Kind.UNREADABLE
    assert mail.daticert is None


def test_the_daticert_wins_over_headers_that_say_otherwise() -> None:
    claims = [claiming("avvenuta-consegna"), transport("errore"), transport("posta-certificata"), claiming("inventata")]
    for headers in claims:
        mail = read(signed(TEXT, certification(ACCEPTANCE), headers=headers))

        assert mail.kind is Kind.ACCEPTANCE
        assert mail.warnings == ("header-disagrees",)


def test_a_reference_that_differs_from_the_daticert_is_noted() -> None:
    mail = read(signed(TEXT, certification(daticert_xml("accettazione", reference="other@x.it"))))

    assert mail.reference == "other@x.it"
    assert mail.warnings == ("reference-disagrees",)


def test_the_case_of_headers_and_values_does_not_matter() -> None:
    headers = [line.upper() if line.startswith("X-T") else line for line in transport("posta-certificata")]

    assert read(signed(TEXT, headers=headers)).kind is Kind.TRANSPORT_ENVELOPE


@pytest.mark.parametrize("header", ["X-Ricevuta: avvenuta-consegna", "X-Trasporto: posta-certificata"])
def test_pec_headers_on_a_plain_mail_are_a_forgery_and_named(header: str) -> None:
    mail = read(plain("From: posta-certificata@pec.example", "Subject: CONSEGNA: Prova", header))

    assert mail.kind is Kind.ORDINARY
    assert mail.warnings == ("pec-headers-unsigned",)


def test_an_unsigned_daticert_is_an_ordinary_attachment() -> None:
    mail = read(receipt("avvenuta-consegna", signers=()))

    assert mail.kind is Kind.ORDINARY
    assert mail.daticert is None
    assert mail.warnings == ("pec-headers-unsigned",)


def test_the_original_of_an_envelope_cannot_pass_for_a_receipt() -> None:
    forged = original(headers=("X-Ricevuta: avvenuta-consegna", 'X-Trasporto: "posta-certificata"'))

    mail = read(dummy("posta-certificata", original=forged))

    assert mail.kind is Kind.TRANSPORT_ENVELOPE
    assert mail.warnings == ("original-claims-receipt",)


def test_an_anomaly_envelope_keeps_the_whole_received_mail() -> None:
    received = dummy("posta-certificata", original=original())

    unsigned = read(anomaly_envelope(received, signers=()))
    mail = read(
        wrapped(transport("errore"), signed_content("Anomalia", daticert=None, original=received), signature=NO_CMS)
    )

    assert unsigned.kind is Kind.ORDINARY
    assert mail.kind is Kind.ANOMALY_ENVELOPE
    assert mail.original == received
    assert mail.daticert is None
    assert mail.warnings == ()


def test_a_mailing_list_footer_makes_a_receipt_ordinary() -> None:
    whole = wrapped((), signed_content("Consegna", daticert=DELIVERY, original=None), signature=NO_CMS)

    mail = read(joined(claiming("avvenuta-consegna")) + multipart("mixed", [whole, TEXT], "=_list"))

    assert mail.kind is Kind.ORDINARY
    assert mail.warnings == ("pec-headers-unsigned", "wrapped")


def test_a_forwarded_receipt_is_ordinary() -> None:
    raw = joined(["From: a@b.it", "Subject: I: CONSEGNA"]) + multipart("mixed", [TEXT, attached(dummy())], "=_fwd")

    mail = read(raw)

    assert mail.kind is Kind.ORDINARY
    assert mail.warnings == ("wrapped",)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/pkcs7-mime; smime-type=signed-data; name=smime.p7m",
        "application/x-pkcs7-mime",
        "application/octet-stream; name=smime.p7m",
    ],
)
def test_an_opaque_signature_is_ordinary(content_type: str) -> None:
    mail = read(plain("From: a@b.it", f"Content-Type: {content_type}", "X-Ricevuta: accettazione"))

    assert mail.kind is Kind.ORDINARY
    assert mail.warnings == ("pec-headers-unsigned", "opaque-signature")


def test_a_multipart_signed_cut_after_its_headers_is_unreadable() -> None:
    raw = dummy("avvenuta-consegna")
    headers_only = raw[: raw.index(b"\r\n\r\n") + 2]

    mail = read(headers_only)

    assert mail.kind is Kind.UNREADABLE
    assert mail.warnings == ("signed-without-parts", "no-daticert")


@pytest.mark.parametrize(
    ("raw", "warning"),
    [(b"", "empty"), (b"\r\n\r\ntext", "no-header"), (b"\x00" * 1000, "no-header"), (b"no header here", "no-header")],
)
def test_a_mail_without_a_header_is_unreadable(raw: bytes, warning: str) -> None:
    assert read(raw) == Mail(Kind.UNREADABLE, None, None, (), None, None, (warning,))


def test_nul_bytes_anywhere_are_read() -> None:
    mail = read(plain("From: a@b.it", "Subject: uno\x00due", body=b"\x00" * 100))

    assert mail.kind is Kind.ORDINARY
    assert mail.subject == "unodue"


def test_five_thousand_nested_parts_are_read() -> None:
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(5_000))

    ordinary = read(b"Subject: nested\r\n" + nested)
    acceptance = read(signed(TEXT, nested, certification(ACCEPTANCE)))
    evidence = evidence_of("0" * 64, read(signed(certification(DELIVERY), attached(nested))), Verdict.UNSIGNED)

    assert ordinary.kind is Kind.ORDINARY
    assert acceptance.kind is Kind.ACCEPTANCE
    assert evidence.enclosed is not None


def test_a_hundred_thousand_headers_are_read() -> None:
    many = [f"X-Filler-{n}: {n}" for n in range(100_000)]

    assert read(dummy("accettazione", headers=many)).kind is Kind.ACCEPTANCE


def test_a_line_of_ten_megabytes_is_read() -> None:
    mail = read(signed(b"Content-Type: text/plain\r\n\r\n" + b"x" * 10_000_000, certification(ACCEPTANCE)))
    header = read(plain("Subject: " + "x" * 10_000_000))

    assert mail.kind is Kind.ACCEPTANCE
    assert header.kind is Kind.ORDINARY
    assert "header-cut" in header.warnings


def test_sixty_megabytes_are_read_in_twice_their_size() -> None:
    raw = dummy("avvenuta-consegna", original=original(attachments=[("a.bin", b"\x01" * 44_000_000)]))
    tracemalloc.start()

    mail = read(raw)
    evidence = evidence_of("0" * 64, mail, Verdict.UNSIGNED)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert mail.kind is Kind.DELIVERY
    assert evidence.enclosed is not None
    assert peak < 1.2 * len(raw)  # beside the mail itself: the original, and a few pieces


def test_two_originals_are_noted_and_the_named_one_is_taken() -> None:
    other = attached(b"Subject: other\r\n\r\n", name="other.eml")

    mail = read(signed(certification(DELIVERY), other, attached(original())))

    assert mail.original == original()
    assert mail.warnings == ("two-originals",)


def test_an_original_in_base64_is_decoded() -> None:
    mail = read(signed(certification(DELIVERY), attached(original(), encoding="base64")))

    assert mail.original == original()


def test_an_original_with_cut_base64_is_named() -> None:
    broken = attached(original(), encoding="base64")[:-5]

    mail = read(signed(certification(DELIVERY), broken))

    assert mail.original is None
    assert mail.warnings == ("original-undecodable",)


def test_etsi_evidence_is_kept_and_a_daticert_beside_it_decides() -> None:
    erds = certification(ERDS, name="evidence.xml")

    alone = read(signed(TEXT, erds))
    beside = read(signed(TEXT, erds, certification(ACCEPTANCE)))
    unsigned = read(joined(RECEIPT_HEADERS) + multipart("mixed", [TEXT, erds], "=_rem"))

    assert (alone.kind, beside.kind, unsigned.kind) == (Kind.REM_EVIDENCE, Kind.ACCEPTANCE, Kind.REM_EVIDENCE)
    assert [mail.rem[0].event for mail in (alone, beside, unsigned)] == ["SubmissionAcceptance"] * 3
    evidence = evidence_of("k", alone, Verdict.INTACT)
    assert (evidence.identifier, evidence.tipo, evidence.reference) == ("ev-1", "SubmissionAcceptance", None)


def test_the_rem_header_is_noted_and_decides_nothing() -> None:
    mail = read(dummy("accettazione", headers=("X-REM-Subject: REM SubmissionAcceptance: Prova",)))

    assert mail.kind is Kind.ACCEPTANCE
    assert mail.headers is not None
    assert mail.headers.rem_subject == "REM SubmissionAcceptance: Prova"


def test_evidence_holds_what_the_daticert_certifies_and_the_original_in_hashes() -> None:
    mail = read(dummy("avvenuta-consegna", original=original(subject="Prova")))

    evidence = evidence_of("k" * 64, mail, Verdict.TRUSTED)

    assert (evidence.key, evidence.kind, evidence.verdict) == ("k" * 64, Kind.DELIVERY, Verdict.TRUSTED)
    assert mail.daticert is not None
    assert evidence.recipient == "destinatario@pec.example"
    assert evidence.issued_at == mail.daticert.issued_at
    assert evidence.identifier == mail.daticert.identifier
    assert evidence.receipt_form == "completa"
    assert evidence.enclosed is not None
    assert evidence.enclosed.subject == "Prova"


def test_evidence_without_a_daticert_certifies_nothing() -> None:
    evidence = evidence_of("k", read(signed(TEXT, headers=transport("posta-certificata"))), Verdict.TRUSTED)

    assert evidence.kind is Kind.TRANSPORT_ENVELOPE
    assert (evidence.sender, evidence.reference, evidence.subject, evidence.issued_at) == (None, None, None, None)


def test_headers_of_an_enclosed_original_are_read() -> None:
    headers = headers_of(original(headers=("X-PEC-Tracker: abc",)))

    assert headers is not None
    assert (headers.message_id, headers.tracker_id) == ("pt.original@pec.example", "abc")
    assert headers_of(b"") is None


@pytest.mark.parametrize(
    ("name", "kind", "reference"),
    [
        ("acceptance-2026-aruba.eml", Kind.ACCEPTANCE, "m_jQaMqbpy0CRWKphL@pec.it"),
        ("accettazione.eml", Kind.ACCEPTANCE, "SN05IE$951DEC16C1CFD3E4FD8FF1B1D24A99AE@fakepec.it"),
        ("consegna.eml", Kind.NON_DELIVERY, "SN05IE$951DEC16C1CFD3E4FD8FF1B1D24A99AE@fakepec.it"),
    ],
)
def test_mail_as_it_arrives_today_is_read(name: str, kind: Kind, reference: str) -> None:
    for path in SAMPLES.glob(name):  # none where the samples are not at hand
        mail = read(path.read_bytes())
        assert (mail.kind, mail.reference) == (kind, reference)
        assert mail.daticert is not None
        assert mail.daticert.warnings == ()
        assert mail.daticert.error_code == ("5.1.1" if kind is Kind.NON_DELIVERY else None)


@given(st.binary(max_size=600))
@settings(max_examples=200, deadline=None)
def test_no_bytes_make_the_reader_fail(raw: bytes) -> None:
    mail = read(raw)

    assert "reader-failed" not in mail.warnings
    evidence_of("k", mail, Verdict.UNSIGNED)


_WHOLE = dummy("avvenuta-consegna", original=original(attachments=[("a.bin", b"content")]))


@given(st.integers(0, len(_WHOLE) - 1), st.binary(max_size=10), st.integers(0, 40))
@settings(max_examples=300, deadline=None)
def test_no_damage_to_a_receipt_makes_the_reader_fail(at: int, put: bytes, removed: int) -> None:
    mail = read(_WHOLE[:at] + put + _WHOLE[at + removed :])

    assert "reader-failed" not in mail.warnings
    evidence_of("k", mail, Verdict.UNSIGNED)


def test_fuzzed_receipts_never_make_the_reader_fail() -> None:
    """Structural damage that single edits do not reach: mails cut, doubled and spliced, the same in every run."""
    chance = random.Random(20260919)
    seeds = [
        _WHOLE,
        dummy("posta-certificata", original=original()),
        signed(TEXT, certification(ERDS)),
        plain("From: a"),
    ]
    for _ in range(1_500):
        raw = chance.choice(seeds)
        for _ in range(chance.randint(1, 6)):
            other = chance.choice(seeds)
            start, end = sorted((chance.randrange(len(raw) + 1), chance.randrange(len(raw) + 1)))
            piece = other[chance.randrange(len(other)) :][: chance.randrange(200)]
            raw = raw[:start] + piece + raw[chance.choice((start, end, max(start, end - 20))) :]
        mail = read(raw)
        assert "reader-failed" not in mail.warnings
        evidence_of("k", mail, Verdict.UNSIGNED)
