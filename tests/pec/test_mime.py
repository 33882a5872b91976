"""The byte-exact cut: a signed part that is one byte off is a broken signature."""

import base64
import binascii
import os
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pec_tracker.pec import mime
from pec_tracker.pec.mime import Span, children, decoded, entity, signed_parts
from tests.factory.mime import between, joined
from tests.pec.mails import NO_CMS, TEXT, certification, dummy, signed

MIXED = 'Content-Type: multipart/mixed; boundary="b"'


def parts_of(body: bytes, header: str = MIXED) -> list[bytes]:
    raw = joined([header]) + b"\r\n" + body
    return [span.of(raw) for span in children(raw, entity(raw))]


@given(st.binary(max_size=300), st.binary(max_size=100))
@settings(max_examples=150, deadline=None)
def test_the_signed_bytes_are_cut_exactly(content: bytes, preamble: bytes) -> None:
    boundary = "----=_exact.of.this.test"
    header = f'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary="{boundary}"'
    part = b"Content-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA"
    raw = joined([header]) + b"\r\n" + preamble + b"\r\n" + between(boundary, [content, part]) + b"epilogue"

    found = signed_parts(raw, entity(raw))

    assert found is not None
    assert found.content.of(raw) == content
    assert found.signature == b"\0\0\0"
    assert found.sound


def test_lf_stored_mail_is_cut_the_same() -> None:
    raw = dummy()
    stored = raw.replace(b"\r\n", b"\n")

    as_received, as_stored = signed_parts(raw, entity(raw)), signed_parts(stored, entity(stored))

    assert as_received is not None
    assert as_stored is not None
    assert as_stored.content.of(stored) == as_received.content.of(raw).replace(b"\r\n", b"\n")
    assert as_stored.signature == as_received.signature == NO_CMS


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        (b"--b\r\none\r\n--b\r\ntwo\r\n--b--\r\n", [b"one", b"two"]),
        (b"--b\none\n--b\ntwo\n--b--", [b"one", b"two"]),
        (b"--b  \r\none\r\n--b--  \r\nepilogue\r\n--b\r\nlate\r\n", [b"one"]),  # padding; nothing after the end
        (b"--b\r\none\r\n--bb\r\nstill one\r\n--b--", [b"one\r\n--bb\r\nstill one"]),  # a boundary that begins alike
        (b"--b\r\none\r\n--b-\r\nstill one\r\n--b--", [b"one\r\n--b-\r\nstill one"]),
        (b"--b\r\n--b\r\n\r\n--b--", [b"", b""]),
        (b"--b\r\nno end\r\n", [b"no end\r\n"]),
        (b"--b", [b""]),
        (b"x--b\r\nnot a line\r\n", []),
        (b"", []),
    ],
)
def test_delimiter_lines_are_told_from_text(body: bytes, parts: list[bytes]) -> None:
    assert parts_of(body) == parts


def test_without_a_boundary_there_are_no_parts() -> None:
    assert parts_of(b"--b\r\none\r\n--b--", "Content-Type: multipart/mixed") == []
    assert parts_of(b"--\r\none\r\n----", 'Content-Type: multipart/mixed; boundary=""') == []
    assert parts_of(b"--b\r\none\r\n--b--", 'Content-Type: text/plain; boundary="b"') == []


def test_a_million_empty_parts_are_counted_to_a_thousand() -> None:
    assert len(parts_of(b"--b\r\n" * 1_000_000)) == mime.MAX_CHILDREN


def test_a_million_lines_like_a_boundary_are_one_part() -> None:
    assert len(parts_of(b"--b\r\n" + b"--bx\r\n" * 1_000_000)) == 1


@pytest.mark.parametrize(
    ("raw", "has_header", "body"),
    [
        (b"", False, b""),
        (b"\r\nbody", False, b"body"),
        (b"\nbody", False, b"body"),
        (b"Subject: only headers", True, b""),
        (b"just text\r\nwithout a header", False, b"just text\r\nwithout a header"),
        (b"Subject: a\r\n\r\nbody", True, b"body"),
        (b"Subject: a\n\nbody", True, b"body"),
        (b"\xef\xbb\xbfSubject: a\r\n\r\nbody", True, b"body"),
        (b"From x Mon Jan 1\nSubject: a\n\nbody", True, b"body"),
        (b"Subject: a\x00\r\n\r\n\x00", True, b"\x00"),
    ],
)
def test_headers_end_at_the_first_blank_line(raw: bytes, has_header: bool, body: bytes) -> None:
    found = entity(raw)

    assert found.fields.any is has_header
    assert found.body.of(raw) == body


@pytest.mark.parametrize(
    ("headers", "body", "content"),
    [
        (["Content-Transfer-Encoding: base64"], b"YSBi\r\nYw==\r\n", b"a bc"),
        (["Content-Transfer-Encoding: BASE64"], b"YSBi", b"a b"),
        (["Content-Transfer-Encoding: base64"], b"YSBiY", None),
        (["Content-Transfer-Encoding: quoted-printable"], b"a=20b=\r\nc", b"a bc"),
        (["Content-Transfer-Encoding: 7bit"], b"a=20b", b"a=20b"),
        (["Content-Transfer-Encoding: binary"], b"\x00\xff", b"\x00\xff"),
        (["Content-Transfer-Encoding: x-unheard-of"], b"a", b"a"),
        (["Subject: none"], b"a", b"a"),
    ],
)
def test_transfer_encodings(headers: list[str], body: bytes, content: bytes | None) -> None:
    raw = joined(headers) + b"\r\n" + body

    assert decoded(raw, entity(raw)) == content


def test_content_in_pieces_is_the_content() -> None:
    content = os.urandom(2_500_001)
    raw = b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(content).replace(b"\n", b"\r\n")

    pieces = list(mime.decoded_chunks(raw, entity(raw)))

    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= 1024 * 1024


def test_pieces_of_a_cut_base64_raise() -> None:
    raw = b"Content-Transfer-Encoding: base64\r\n\r\nYSBiY"

    with pytest.raises(binascii.Error):
        list(mime.decoded_chunks(raw, entity(raw)))


@pytest.mark.parametrize(
    ("signature_part", "signature", "sound"),
    [
        (b"Content-Type: application/pkcs7-signature\r\n\r\nraw", b"raw", True),
        (b"Content-Type: application/x-pkcs7-signature\r\n\r\n", b"", True),
        (b"Content-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\nA", b"", True),
        (b"Content-Type: application/octet-stream; name=smime.p7s\r\n\r\nraw", b"raw", False),
    ],
)
def test_what_stands_in_the_signature_part(signature_part: bytes, signature: bytes, sound: bool) -> None:
    header = 'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=SHA-256; boundary="b"'
    raw = joined([header]) + b"\r\n" + between("b", [TEXT, signature_part])

    found = signed_parts(raw, entity(raw))

    assert found is not None
    assert (found.signature, found.sound, found.micalg) == (signature, sound, "sha-256")


def test_a_pgp_signature_is_none_of_ours() -> None:
    header = 'Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary="b"'
    raw = joined([header]) + b"\r\n" + between("b", [TEXT, b"Content-Type: application/pgp-signature\r\n\r\nPGP"])

    found = signed_parts(raw, entity(raw))

    assert found is not None
    assert found.signature is None
    assert not found.sound


def test_one_part_or_three_are_not_sound() -> None:
    header = 'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary="b"'
    signature = b"Content-Type: application/pkcs7-signature\r\n\r\nraw"
    for parts, expected in (([TEXT], None), ([TEXT, signature, TEXT], b"raw")):
        raw = joined([header]) + b"\r\n" + between("b", parts)
        found = signed_parts(raw, entity(raw))
        assert found is not None
        assert found.signature == expected
        assert not found.sound


def test_only_a_multipart_signed_has_signed_parts() -> None:
    raw = joined([MIXED]) + b"\r\n" + between("b", [TEXT, TEXT])

    assert signed_parts(raw, entity(raw)) is None
    assert signed_parts(b"", entity(b"")) is None


def test_a_nested_span_never_reaches_outside_itself() -> None:
    raw = signed(TEXT, certification(b"<a/>"))
    outer = entity(raw)
    content = entity(raw, children(raw, outer)[0])

    inner = children(raw, content)

    assert len(inner) == 2
    assert all(content.body.start <= span.start <= span.end <= content.body.end for span in inner)
    assert Span(0, 3).of(b"abcdef") == b"abc"


def test_sixty_megabytes_are_cut_without_a_copy() -> None:
    raw = signed(TEXT, b"Content-Type: application/octet-stream\r\n\r\n" + b"x" * 60_000_000)
    tracemalloc.start()

    found = signed_parts(raw, entity(raw))

    assert found is not None
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
