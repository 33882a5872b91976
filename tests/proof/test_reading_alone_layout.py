"""The verifier that stands alone looks for certification data by position, and refuses a layout of two readings."""

from collections.abc import Callable

import pytest

from pec_tracker.render import verify_package as alone
from pec_tracker.render.verify_package import Part
from tests.proof.test_reading_alone_daticert import read, receipt_mail

NAMED = "Content-Type: text/plain; name={0}\nContent-Disposition: attachment; filename={1}\n\nx"


@pytest.mark.parametrize(
    ("bent", "fault"),
    [
        ({"outer_more": "Content-Type: text/plain\n"}, "content-type more than once in a part"),
        ({"inner_more": "Content-Disposition: a\nContent-Disposition: a\n"}, "content-disposition more than once"),
        ({"more": "Content-Transfer-Encoding: 8bit\n"}, "content-transfer-encoding more than once in a part"),
        ({"outer_more": "Content-Transfer-Encoding: base64\n"}, "an encoded multipart"),
        ({"inner_more": "Content-Transfer-Encoding: quoted-printable\n"}, "an encoded multipart"),
        ({"after": "\n--m\nContent-Type: message/rfc822\n\nA: 1\n\nx"}, "two originals"),
        ({"original": "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQTogMQ=="},
         "an encoded original"),
        ({"after": "\n--m\n" + NAMED.format("a.xml", "daticert.xml")}, "two pieces of certification data"),
        ({"type": "application/xml; name=a.xml", "more": "Content-Disposition: a; filename=daticert.xml\n"},
         "a part of two names"),
        ({"after": "\n--m\nContent-Type: multipart/mixed; boundary=d; name=daticert.xml\n\nx"}, "a part of two names"),
        ({"after": "\n--m\nContent-Type: multipart/mixed; boundary=d; name=postacert.eml\n\nx"}, "a part of two names"),
        ({"original": "Content-Type: message/rfc822; name=daticert.xml\n\nA: 1\n\nx"}, "a part of two names"),
        ({"after": "\n--m\nContent-Type: multipart/mixed; boundary=d\n\n--d\nContent-Type: message/rfc822\n\nx\n--d--"},
         "certification data deeper down"),
        ({"encoding": "x-other"}, "certification data in an unknown encoding"),
    ],
)  # fmt: skip
def test_mail_in_which_another_reader_finds_other_parts_certifies_nothing(bent: dict[str, str], fault: str) -> None:
    assert fault in " | ".join(read(**bent).faults)


@pytest.mark.parametrize(
    "bent",
    [
        {"encoding": "7bit"},
        {"encoding": " BINARY "},
        {"type": 'text/xml; name="CertData.XML"'},
        {"type": "text/xml"},
        {"type": "application/xml; name=altro.xml"},
        {"original": ""},
        {"original": "Content-Type: message/rfc822\n\nSubject: x\n\nbody"},
        {"original": "Content-Type: application/octet-stream; name=POSTACERT.EML\n\nSubject: x\n\nbody"},
        {"inner_more": "Content-Transfer-Encoding: 7bit\nContent-Disposition: inline\n"},
        {"after": "\n--m\n" + NAMED.format("a.txt", "b.txt")},
        {"after": "\n--m\nContent-Type: multipart/mixed; boundary=d\n\n--d\n\nx\n--d--"},
        {"after": "\n--m\nContent-Type: multipart/mixed; boundary=d; name=altro.xml\n\n--d\n\nx\n--d--"},
        {"type": 'application/xml; name="daticert.xml"', "more": "Content-Disposition: a; filename=Daticert.xml\n"},
    ],
)
def test_layouts_that_providers_write_are_no_fault(bent: dict[str, str]) -> None:
    assert read(**bent).faults == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"aGVs\r\nbG8=", False), (b"aGVs bG8=\t", False), (b"aGVsbG8", True), (b"aGVsbG==8", True),
        (b"aGVs!bG8=", True), (b"aGVsbG8=\r\n", False), (b"aGV=bG8=", True), (b"a===", True),
    ],
)  # fmt: skip
def test_base64_is_to_the_letter(body: bytes, fault: bool) -> None:
    certified = Part([("content-transfer-encoding", b"base64")], body)
    found = list(alone.layout_faults(Part([], b""), Part([], b""), [certified], [], certified))
    assert found == (["certification data in base64 that is not to the letter"] if fault else [])


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"a=3D=\r\nb", False), (b"a=3d=\nb", False), (b"a=3", True), (b"a=", True), (b"a=xyb", True),
        (b"a= \r\nb", True), (b"a \r\nb", True), (b"a\t\nb", True), (b"a b \r\n", False), (b"a=\r\n\r\n", True),
    ],
)  # fmt: skip
def test_quoted_printable_is_to_the_letter(body: bytes, fault: bool) -> None:
    certified = Part([("content-transfer-encoding", b"quoted-printable")], body)
    found = list(alone.layout_faults(Part([], b""), Part([], b""), [certified], [], certified))
    assert found == (["certification data in quoted-printable that is not to the letter"] if fault else [])


def nested(depth: int, leaf: str) -> Part:
    text = leaf
    for level in range(depth):
        text = f"Content-Type: multipart/mixed; boundary=d{level}\n\n--d{level}\n{text}\n--d{level}--"
    return alone.part_of(text.encode())


@pytest.mark.parametrize(
    ("depth", "leaf", "held"),
    [
        (1, "\nx", False), (1, "Content-Type: message/rfc822\n\nx", True), (5, "\nx", False), (6, "\nx", False),
        (7, "\nx", True), (3, "Content-Type: text/xml\n\n<postacert/>", True),
        (2, "Content-Type: text/plain; name=postacert.eml\n\nx", True),
        (2, "Content-Type: text/plain; name=daticert.xml\n\nx", True), (2, "Content-Type: text/xml\n\n<a/>", False),
    ],
)  # fmt: skip
def test_certification_data_deeper_down_is_found(depth: int, leaf: str, held: bool) -> None:
    assert alone.holds_certification(nested(depth, leaf), 0) is held


@pytest.mark.parametrize(("count", "held"), [(100, False), (101, True)])
def test_more_than_a_hundred_parts_are_not_looked_through(count: int, held: bool) -> None:
    part = alone.part_of(b"Content-Type: multipart/mixed; boundary=d\n\n" + b"--d\n\nx\n" * count + b"--d--")
    assert alone.holds_certification(part, 0) is held


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda raw: raw.replace(b"multipart/signed", b"multipart/mixed", 1), "no certification data"),
        (lambda raw: raw.replace(b"multipart/mixed", b"multipart/related", 1), "no certification data"),
        (lambda raw: raw.replace(b"daticert.xml", b"altro.txt").replace(b"application/xml", b"text/plain"), "no certi"),
        (lambda raw: b"Content-Type: multipart/signed; boundary=s\n\n", "no certification data"),
        (lambda raw: b"", "no certification data"),
    ],
)
def test_only_the_signed_multipart_certifies(change: Callable[[bytes], bytes], fault: str) -> None:
    one = alone.read_receipt("x", change(receipt_mail()))
    assert len(one.faults) == 1
    assert one.faults[0].startswith(fault)
    assert (one.kind, one.xml) == (None, None)
