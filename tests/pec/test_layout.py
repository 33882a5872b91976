"""A mail in which two programs find different parts says two things: what a user shows a judge must say one."""

import pytest

from pec_tracker.pec.evidence import Verdict
from pec_tracker.pec.read import evidence_of, read
from tests.factory.mime import b64, entity, joined, multipart
from tests.factory.receipts import daticert_xml, original
from tests.pec.mails import TEXT, attached, certification, dummy, signed

DELIVERY = daticert_xml("avvenuta-consegna", recipient="destinatario@pec.example", receipt_form="completa")
OTHER = DELIVERY.replace(b"destinatario@", b"altri@")
NAMED = 'Content-Type: application/xml; name="daticert.xml"'
BASE64 = "Content-Transfer-Encoding: base64"


def faults(raw: bytes) -> tuple[str, ...]:
    mail = read(raw)
    assert mail.daticert is not None
    assert set(mail.faults) <= set(mail.warnings), "what takes the proof away is told"
    return evidence_of("0" * 64, mail, Verdict.TRUSTED).faults


def around(*lines: str, body: bytes | None = None) -> bytes:
    """A receipt whose certification data has these header lines."""
    return signed(TEXT, entity(lines, b64(DELIVERY) if body is None else body), attached(original()))


def test_a_receipt_as_providers_write_it_has_no_fault() -> None:
    assert faults(dummy("avvenuta-consegna", original=original())) == ()
    assert faults(around(NAMED, BASE64)) == ()


@pytest.mark.parametrize(
    "lines",
    [
        (NAMED, BASE64, 'Content-Disposition: inline; filename="daticert.xml"'),
        (NAMED + ";", BASE64),
        ("Content-Type: application/xml;\r\n\tname=daticert.xml", BASE64),
        ("Content-Type: application/octet-stream; name=DATICERT.XML; charset=UTF-8", BASE64.upper()),
        (NAMED.replace("; ", ";" + " " * (4096 - len(NAMED) + 15)), BASE64),  # a value of 4,096
        ("Content-Type: application/xml; name*0*=utf-8''dati; name*1*=cert.xml", BASE64),
        ("content-type: text/xml", BASE64, 'Content-Disposition: attachment;filename="daticert.xml"'),
        ("Content-Type: application/xml; name*=utf-8''daticert.xml", BASE64),
        (NAMED, BASE64, "Content-Description: dati di certificazione: xml", "X-Altro:"),
    ],
)
def test_header_fields_of_every_honest_writing_are_no_fault(lines: tuple[str, ...]) -> None:
    assert faults(around(*lines)) == ()


@pytest.mark.parametrize(
    "second",
    ["Content-Type: text/plain", "Content-Transfer-Encoding: 7bit", BASE64],
)
def test_a_repeated_field_of_a_part_takes_the_proof_away(second: str) -> None:
    assert "part-field-repeated" in faults(around(NAMED, BASE64, second))


def test_a_repeated_field_of_the_mail_itself_takes_the_proof_away() -> None:
    raw = signed(TEXT, certification(DELIVERY))

    assert "part-field-repeated" in faults(raw.replace(b"\r\n\r\n", b"\r\nContent-Type: text/plain\r\n\r\n", 1))


@pytest.mark.parametrize(
    "line",
    [
        NAMED + '; name="altro.xml"',
        NAMED + "; name*=utf-8''altro.xml",
        NAMED + "; name*0=altro.xml",
        "Content-Type: application/xml; name=daticert.xml altro",
        'Content-Type: application/xml; name="dati\\cert.xml"; x=y',
        "Content-Type: application/xml (commento); name=daticert.xml",
        "Content-Type: application/xml; name=daticert.xml;" + " " * 5000 + "x=y",
        NAMED.replace("; ", ";" + " " * (4097 - len(NAMED) + 15)),
        "Content-Type: application/xml; name=daticert.xml; boundary*=utf-8''x",
    ],
)
def test_a_parameter_that_readers_cut_differently_takes_the_proof_away(line: str) -> None:
    raw = around(line, BASE64, 'Content-Disposition: inline; filename="daticert.xml"')

    assert "part-parameter-unclear" in faults(raw)


@pytest.mark.parametrize(
    "lines",
    [
        ("rotta", NAMED, BASE64),
        (" continua", NAMED, BASE64),
        (NAMED, BASE64, "Content-Description : x"),
        (NAMED, BASE64, "From daticert: x"),
        (NAMED, BASE64, "X-A: b\rContent-Transfer-Encoding: 7bit"),
        (NAMED, BASE64, "X-A: b\r\r\nX-B: c"),
    ],
)
def test_a_header_that_ends_elsewhere_for_others_takes_the_proof_away(lines: tuple[str, ...]) -> None:
    assert "part-field-malformed" in faults(around(*lines))


def test_a_header_of_the_signed_multipart_that_ends_elsewhere_for_others_takes_the_proof_away() -> None:
    content = b"Content-Type: multipart/mixed"
    raw = signed(TEXT, certification(DELIVERY)).replace(content, b"rotta\r\n" + content)

    assert "part-field-malformed" in faults(raw)


def test_an_encoding_that_only_the_text_for_people_has_does_not() -> None:
    for lines in (["Content-Transfer-Encoding: 8bit (come sopra)"], ["Content-Type: text/html", BASE64]):
        assert faults(signed(entity(lines, b64(b"Ricevuta")), certification(DELIVERY))) == ()


def test_a_broken_line_that_a_relay_put_on_top_does_not() -> None:
    assert faults(b"Questa riga non e' un campo\r\n" + around(NAMED, BASE64)) == ()


@pytest.mark.parametrize(
    "lines",
    [
        (NAMED, BASE64, 'Content-Disposition: inline; filename="altro.xml"'),
        ('Content-Type: application/xml; name="altro.xml"', BASE64, "Content-Disposition: x; filename=daticert.xml"),
        (NAMED, BASE64, "Content-Disposition: inline; filename=postacert.eml"),
        ('Content-Type: application/xml; name="postacert.eml"', BASE64),
    ],
)
def test_a_part_of_two_names_takes_the_proof_away(lines: tuple[str, ...]) -> None:
    assert "part-names-differ" in faults(around(*lines))


@pytest.mark.parametrize("name", [b"daticert.xml", b"postacert.eml"])
def test_a_multipart_under_a_known_name_takes_the_proof_away(name: bytes) -> None:
    inner = multipart("mixed", [TEXT], "=_in").replace(b"mixed;", b"mixed; name=%b;" % name, 1)

    assert "part-names-differ" in faults(signed(inner, certification(DELIVERY)))


def test_a_mail_called_daticert_takes_the_proof_away() -> None:
    assert faults(signed(certification(DELIVERY), attached(original(), name="daticert.xml"))) == ("part-names-differ",)


@pytest.mark.parametrize(
    "inside",
    [
        certification(OTHER),
        certification(OTHER, name=None),
        attached(original()),
        entity(["Content-Type: message/rfc822"], b"From: a@b.it\r\n\r\nBuongiorno\r\n"),
        entity(['Content-Type: text/plain; name="postacert.eml"'], b"Buongiorno\r\n"),
    ],
)
def test_certification_data_deeper_down_takes_the_proof_away(inside: bytes) -> None:
    once = multipart("mixed", [TEXT, inside], "=_in")
    twice = multipart("related", [once], "=_out")

    assert "nested-certification" in faults(signed(once, certification(DELIVERY)))
    assert "nested-certification" in faults(signed(twice, certification(DELIVERY)))


def test_a_mail_that_only_its_multiparts_type_makes_one_takes_the_proof_away() -> None:
    inner = multipart("digest", [b"\r\nFrom: a@b.it\r\nSubject: x\r\n\r\nBuongiorno\r\n"], "=_in")

    assert "nested-certification" in faults(signed(inner, certification(DELIVERY)))
    assert "nested-certification" in faults(signed(multipart("mixed", [inner], "=_out"), certification(DELIVERY)))


WITH_A_WORD = entity(["Content-Type: text/plain"], b"Il suo nome (name), in XML, per message/rfc822")


@pytest.mark.parametrize("text", [TEXT, WITH_A_WORD])
def test_texts_for_people_do_not(text: bytes) -> None:
    assert faults(signed(multipart("alternative", [text, text], "=_in"), certification(DELIVERY))) == ()


@pytest.mark.parametrize(("deep", "hides"), [(5, False), (6, True)])
def test_where_nobody_looked_something_may_be(deep: int, hides: bool) -> None:
    inner = WITH_A_WORD
    for level in range(deep):
        inner = multipart("mixed", [inner], f"=_{level}")

    assert faults(signed(inner, certification(DELIVERY))) == (("nested-certification",) if hides else ())


@pytest.mark.parametrize(("texts", "hides"), [(99, False), (100, True)])
def test_among_more_parts_than_are_looked_at_something_may_be(texts: int, hides: bool) -> None:
    inner = multipart("mixed", [WITH_A_WORD] * texts, "=_in")

    assert faults(signed(inner, certification(DELIVERY))) == (("nested-certification",) if hides else ())


def test_many_texts_in_which_nothing_can_be_do_not() -> None:
    assert faults(signed(multipart("mixed", [TEXT] * 200, "=_in"), certification(DELIVERY))) == ()


def test_certification_data_within_the_enclosed_mail_does_not() -> None:
    forwarded = dummy("avvenuta-consegna", original=original())

    assert faults(signed(TEXT, certification(DELIVERY), attached(forwarded))) == ()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("base64", b64(DELIVERY).replace(b"\r\n", b"\r\n!", 1)),
        ("base64", b64(DELIVERY[:100]) + b64(DELIVERY[100:])),
        ("base64", b64(DELIVERY) + b64(OTHER)),
        ("base64", b64(DELIVERY).replace(b"\r\n", b"\x00\r\n", 1)),
        ("quoted-printable", DELIVERY.replace(b"=", b"=3D").replace(b"mittente@", b"mit= \r\ntente@", 1)),
        ("quoted-printable", DELIVERY.replace(b"=", b"=3D").replace(b"Prova", b"Pr=XXova")),
        ("x-uuencode", DELIVERY),
        ("base64 (commento)", DELIVERY),
        ("=?us-ascii?q?base64?=", b64(DELIVERY)),
    ],
)
def test_an_encoding_that_decoders_take_off_differently_takes_the_proof_away(encoding: str, body: bytes) -> None:
    mail = read(around(NAMED, f"Content-Transfer-Encoding: {encoding}", body=body))

    # Or it cannot be read at all, and then it certifies nothing either.
    assert mail.daticert is None or "daticert-odd-encoding" in mail.faults


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "x-altro"])
def test_an_encoded_original_takes_the_proof_away(encoding: str) -> None:
    enclosed = attached(original(), encoding="base64").replace(b"Encoding: base64", f"Encoding: {encoding}".encode())

    assert {"original-encoded", "original-undecodable"} & set(faults(signed(certification(DELIVERY), enclosed)))


@pytest.mark.parametrize("name", ["postacert.eml", None])
@pytest.mark.parametrize("media", ["message/rfc822", "application/octet-stream"])
def test_an_original_in_base64_is_known_by_its_type_or_its_name(name: str | None, media: str) -> None:
    enclosed = certification(original(), media=media, name=name)
    unsure = name is not None or media == "message/rfc822"

    assert ("original-encoded" in faults(signed(certification(DELIVERY), enclosed))) is unsure


def test_an_encoded_multipart_takes_the_proof_away() -> None:
    content = multipart("mixed", [certification(DELIVERY)], "=_odd")
    raw = signed(certification(DELIVERY)).replace(content, joined(["Content-Transfer-Encoding: base64"]) + content)

    assert "multipart-encoded" in faults(raw)


def test_two_originals_take_the_proof_away() -> None:
    raw = signed(certification(DELIVERY), attached(original()), attached(original(subject="Altro"), name="altro.eml"))

    assert faults(raw) == ("two-originals",)


@pytest.mark.parametrize("line", [b"\r--%s\r\n", b"\r\n--%s\r", b"\r--%s\r", b"\r--%s--\r\n", b"\r\n--%s--\rx"])
def test_a_boundary_behind_a_lone_cr_takes_the_proof_away(line: bytes) -> None:
    raw = signed(TEXT, certification(DELIVERY))
    boundary = raw.split(b'boundary="=_odd', 1)[1].split(b'"', 1)[0]
    hidden = line % (b"=_odd" + boundary) + entity([NAMED, BASE64], b64(OTHER))

    assert "boundary-unclear" in faults(raw.replace(b"-- Ricevuta --", b"-- Ricevuta --" + hidden, 1))


def test_an_inner_boundary_that_begins_like_the_outer_one_does_not() -> None:
    raw = signed(TEXT, certification(DELIVERY))
    boundary = b"=_odd" + raw.split(b'boundary="=_odd', 1)[1].split(b'"', 1)[0]

    assert faults(raw.replace(b"-- Ricevuta --", b"Testo\r\n--%s_in\r\nx\r\n--%s-- x" % (boundary, boundary), 1)) == ()
    assert faults(raw.replace(b"-- Ricevuta --", b"Testo --%s\rx" % boundary, 1)) == (), "nor within a line"


@pytest.mark.parametrize(("times", "unclear"), [(1_996, False), (1_997, True)])
def test_a_boundary_that_stands_where_nobody_looked_may_cut(times: int, unclear: bool) -> None:
    """Three times it stands on lines of its own; the rest would go on in the text for as long as somebody pleases."""
    raw = signed(TEXT, certification(DELIVERY))
    boundary = b"=_odd" + raw.split(b'boundary="=_odd', 1)[1].split(b'"', 1)[0]
    text = raw.replace(b"-- Ricevuta --", b"x--%s " % boundary * times, 1)

    assert faults(text) == (("boundary-unclear",) if unclear else ())


def test_more_parts_than_are_looked_at_take_the_proof_away() -> None:
    raw = signed(certification(DELIVERY), *([TEXT] * 1_100))

    assert "too-many-parts" in faults(raw)
