"""What a lawyer would lose: a relata taken for signed that is not, or a signature said to be more than it is."""

import base64
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pec_tracker.pec.compose import Attachment, Draft, compose, new_tracker_id
from pec_tracker.pec.signed_documents import DocumentSignature, SignatureForm, signature_findings, signatures_of
from tests.factory import ca
from tests.factory.cms import SIGNED_AT, Signer, sign

ACT = b"%PDF-1.7\nL'atto.\n"
ROOM = 16_000  # hexadecimal digits that a PDF keeps for its signature


def identity() -> ca.Identity:
    return ca.provider(ca.pec_ca(ca.root()))


def envelope(document: bytes = ACT, *signers: Signer) -> bytes:
    return sign(document, *(signers or (Signer(identity()),)), enclosed=document)


def signed_pdf(*, changed: bytes = b"", added: bytes = b"") -> bytes:
    """A PDF with a signature over all but its own value; `changed` stands in what it covers, `added` after its end."""
    head, tail = b"%PDF-1.7\n1 0 obj << /Type /Sig /Contents ", b" /ByteRange [%-40s] >> endobj\n%%%%EOF\n"
    before, after = len(head), len(head) + ROOM + 2
    tail = tail % (b"0 %d %d %d" % (before, after, len(tail % b"")))
    value = sign(head + tail, Signer(identity())).hex().encode().ljust(ROOM, b"0")
    return head + b"<" + value + b">" + tail.replace(b"endobj", changed or b"endobj") + added


def only(document: bytes) -> DocumentSignature:
    (found,) = signatures_of(document)
    return found


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda raw: raw,
        base64.b64encode,
        base64.encodebytes,
        lambda raw: b"-----BEGIN PKCS7-----\n" + base64.encodebytes(raw) + b"-----END PKCS7-----\n",
    ],
    ids=["der", "base64", "lines", "pem"],
)
def test_an_envelope_says_who_signed_and_when_and_that_the_signature_fits(wrapped: object) -> None:
    found = only(wrapped(envelope()))  # type: ignore[operator]
    signer = identity().certificate.subject.rfc4514_string()
    assert found.form is SignatureForm.CADES
    assert (found.signed_at, found.fits) == (SIGNED_AT, True)
    assert found.signer is not None
    assert found.signer in signer


def test_an_envelope_whose_document_was_changed_no_longer_fits() -> None:
    assert only(envelope().replace(b"L'atto", b"L'altr")).fits is False


def test_a_value_of_another_key_does_not_fit() -> None:
    other = ca.provider(ca.pec_ca(ca.root()), key="other")
    assert only(sign(ACT, Signer(identity()), enclosed=ACT, certificates=(identity().der, other.der))).fits is True
    assert only(sign(ACT, Signer(identity()), enclosed=ACT, certificates=(other.der,))).signer is None


@pytest.mark.parametrize(
    "document",
    [
        envelope(ACT, Signer(identity(), algorithm="sha256_ecdsa")),
        sign(ACT, Signer(identity())),  # the document is elsewhere
        sign(ACT, Signer(identity()), enclosed=ACT, certificates=()),
        sign(ACT, Signer(identity()), enclosed=ACT, announced=("sha512",)),
    ],
    ids=["unknown-algorithm", "detached", "no-certificate", "contradicts-itself"],
)
def test_what_cannot_be_checked_is_present_and_not_said_to_be_broken(document: bytes) -> None:
    assert only(document).fits is None


def test_each_signer_of_an_envelope_is_told() -> None:
    other = ca.provider(ca.pec_ca(ca.root()), key="other")
    assert [one.fits for one in signatures_of(envelope(ACT, Signer(identity()), Signer(other)))] == [True, True]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_what_openssl_signs_fits(tmp_path: Path) -> None:
    one = identity()
    (tmp_path / "key.pem").write_bytes(one.key_pem)
    (tmp_path / "own.pem").write_bytes(one.pem)
    (tmp_path / "atto.pdf").write_bytes(ACT)
    asked = "openssl cms -sign -binary -nodetach -outform DER -in atto.pdf -signer own.pem -inkey key.pem -out a.p7m"
    subprocess.run(asked.split(), cwd=tmp_path, check=True, capture_output=True)
    assert only((tmp_path / "a.p7m").read_bytes()).fits is True


def test_a_signature_in_a_pdf_is_found_and_held_against_what_it_covers() -> None:
    assert (only(signed_pdf()).form, only(signed_pdf()).fits) == (SignatureForm.PADES, True)
    assert only(signed_pdf(changed=b"ENDOBJ")).fits is False
    assert only(signed_pdf(added=b"2 0 obj << >> endobj\n")).fits is None  # more was added after it was signed


@pytest.mark.parametrize(
    "document",
    [
        b"",
        ACT,
        b"%PDF-1.7 /ByteRange [0 9 99 9]",
        b"%PDF-1.7 /ByteRange [0 30 20 1] " + b"x" * 40,
        b"%PDF-1.7 /ByteRange [0 50 70 5] " + b" " * 18 + b"<3082zz>" + b" " * 30,
        signed_pdf().replace(b"<30", b"<31"),
        signed_pdf().replace(b"<30", b"(30"),
        signed_pdf().replace(b"00> /B", b"00) /B"),
        signed_pdf()[:-2],  # it says that more follows
        b"MI" * 40,
        b"0" * 40,
        envelope()[:-10],
    ],
)
def test_no_signature_is_seen_where_there_is_none(document: bytes) -> None:
    assert signatures_of(document) == []


@given(st.binary(max_size=300), st.integers(0, 4000))
def test_no_bytes_end_in_a_crash(junk: bytes, at: int) -> None:
    for document in (envelope(), signed_pdf()):
        signatures_of(document[:at] + junk + document[at + len(junk) :])
    signatures_of(junk)


def test_a_message_tells_of_the_signatures_of_its_attachments() -> None:
    files = (
        Attachment("atto.pdf.p7m", envelope()),
        Attachment("altro.pdf.p7m", envelope().replace(b"L'atto", b"L'altr")),
        Attachment("nulla.P7M", b"nulla"),
        Attachment("firmato.pdf", signed_pdf(added=b"x")),
        Attachment("foto.jpg", b"\xff\xd8\xff"),
    )
    draft = Draft(sender="a@pec.example", to=("b@pec.example",), subject="x", text="x", attachments=files)
    outgoing = compose(draft, tracker_id=new_tracker_id(bytes(16)), now=datetime(2026, 3, 2, 9, tzinfo=UTC))
    found = list(signature_findings(outgoing.raw))
    assert [(one.rule, one.where) for one in found] == [
        ("attachment-signed", "atto.pdf.p7m"),
        ("attachment-signature-broken", "altro.pdf.p7m"),
        ("attachment-not-signed", "nulla.P7M"),
        ("attachment-signature-present", "firmato.pdf"),
    ]
    assert (found[0].who is not None, found[0].at) == (True, SIGNED_AT)
