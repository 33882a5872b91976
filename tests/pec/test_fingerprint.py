"""Fingerprints: a message that came back is recognised, and one changed letter is seen."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pec_tracker.pec.fingerprint import MAX_PARTS, fingerprint
from tests.factory.mime import b64, entity, joined, multipart
from tests.factory.receipts import original
from tests.pec.mails import TEXT, attached, plain

SENT = original(attachments=[("a.pdf", b"%PDF-1.7 content"), ("b.bin", bytes(range(256)) * 20)])


def test_parts_are_hashed_decoded_and_as_they_travel() -> None:
    found = fingerprint(SENT)

    assert [part.path for part in found.parts] == ["1", "2", "3"]
    pdf = found.parts[1]
    assert (pdf.filename, pdf.content_type) == ("a.pdf", "application/octet-stream")
    assert pdf.sha256 == hashlib.sha256(b"%PDF-1.7 content").hexdigest()
    assert pdf.sha1 == hashlib.sha1(b"%PDF-1.7 content").hexdigest()
    assert pdf.sha1_encoded == hashlib.sha1(b64(b"%PDF-1.7 content").rstrip()).hexdigest()
    assert (found.message_id, found.subject, found.sender) == (
        "pt.original@pec.example",
        "Prova",
        "mittente@pec.example",
    )


def test_other_headers_line_ends_and_a_lost_last_line_break_change_nothing() -> None:
    returned = b"X-Riferimento-Message-ID: <x@y>\r\n" + SENT
    stored = SENT.replace(b"\r\n", b"\n")

    assert fingerprint(returned) == fingerprint(SENT)
    assert fingerprint(stored) == fingerprint(SENT)
    assert fingerprint(SENT.rstrip(b"\r\n")) == fingerprint(SENT)


@given(st.integers(SENT.index(b"\r\n\r\n") + 4, len(SENT.rstrip()) - 1))
@settings(max_examples=100, deadline=None)
def test_one_changed_letter_of_the_body_is_seen(at: int) -> None:
    changed = SENT[:at] + bytes([SENT[at] ^ 1]) + SENT[at + 1 :]

    assert fingerprint(changed).body != fingerprint(SENT).body


def test_nested_parts_are_numbered_as_imap_numbers_them() -> None:
    inner = multipart("alternative", [TEXT, TEXT], "=_in")
    raw = joined(["From: a@b.it"]) + multipart("mixed", [inner, attached(SENT)], "=_out")

    found = fingerprint(raw)

    assert [(part.path, part.content_type) for part in found.parts] == [
        ("1.1", "text/plain"),
        ("1.2", "text/plain"),
        ("2", "message/rfc822"),
    ]
    assert found.parts[2].sha256 == hashlib.sha256(SENT).hexdigest()


@pytest.mark.parametrize(
    ("name", "media", "body", "recognised"),
    [
        ("a.pdf.hash", "text/plain", b"0123456789abcdef0123456789ABCDEF01234567\r\n", True),
        ("a.pdf.HASH", "text/plain", b"0123456789abcdef0123456789ABCDEF01234567", True),
        ("a.pdf", "text/plain", b"0123456789abcdef0123456789abcdef01234567", False),
        ("a.hash", "text/html", b"0123456789abcdef0123456789abcdef01234567", False),
        ("a.hash", "text/plain", b"0123456789abcdef", False),
        ("a.hash", "text/plain", b"x" * 40, False),
        ("a.hash", "text/plain", b"0" * 40 + b" " * 1_000, False),
    ],
)
def test_the_hashes_of_a_brief_receipt_are_recognised(name: str, media: str, body: bytes, recognised: bool) -> None:
    part = entity([f"Content-Type: {media}", f'Content-Disposition: attachment; filename="{name}"'], body)
    found = fingerprint(joined(["From: a@b.it"]) + multipart("mixed", [TEXT, part], "=_brief"))

    assert found.parts[1].brief_hash == ("0123456789abcdef0123456789abcdef01234567" if recognised else None)


def test_a_brief_hash_in_base64_is_recognised() -> None:
    lines = ['Content-Type: text/plain; name="a.hash"', "Content-Transfer-Encoding: base64"]

    assert fingerprint(joined(lines) + b"\r\n" + b64(b"ab" * 20)).parts[0].brief_hash == "ab" * 20


def test_content_that_cannot_be_decoded_is_hashed_as_it_is() -> None:
    raw = plain("From: a@b.it", "Content-Transfer-Encoding: base64", body=b"YSBiY")

    assert fingerprint(raw).parts[0].sha256 == hashlib.sha256(b"YSBiY").hexdigest()


@pytest.mark.parametrize("break_at", [1024 * 1024 - 1, 1024 * 1024, 1024 * 1024 + 1])
def test_a_line_end_across_two_pieces_is_one_line_end(break_at: int) -> None:
    body = b"x" * (break_at - 1) + b"\r\n" + b"y" * 100
    raw = b"From: a@b.it\r\n\r\n" + body

    assert fingerprint(raw).body == hashlib.sha256(body).hexdigest()
    assert fingerprint(raw.replace(b"\r\n", b"\n")).body == fingerprint(raw).body


def test_a_body_of_line_breaks_and_no_body_are_the_same_body() -> None:
    empty = fingerprint(b"From: a@b.it\r\n\r\n")

    assert fingerprint(b"From: a@b.it\r\n\r\n" + b"\n" * 3_000_000).body == empty.body
    assert fingerprint(b"").parts[0].sha256 == hashlib.sha256(b"").hexdigest()


def test_thousands_of_parts_are_counted_to_the_limit() -> None:
    many = multipart("mixed", [multipart("mixed", [TEXT] * 40, f"=_{n}") for n in range(60)], "=_many")

    assert len(fingerprint(joined(["From: a@b.it"]) + many).parts) == MAX_PARTS


@given(st.binary(max_size=500))
@settings(max_examples=150, deadline=None)
def test_no_bytes_make_it_raise(raw: bytes) -> None:
    fingerprint(raw)
