"""The verifier that stands alone holds an enclosed original against the message: the same reading in every program."""

from hashlib import sha1, sha256
from typing import Any

import pytest

from pec_tracker.render import verify_package as alone
from pec_tracker.render.verify_package import Message, Receipt

HEAD = b"From: studio@pec.example\nTo: anna@pec.example\nSubject: Diffida\nDate: Mon, 02 Mar 2026 10:00:00 +0100\n"
LETTER = HEAD + b"\nSi diffida.\n"


def points(theirs: bytes, ours: bytes = LETTER, *, held_to: str = "composed", **facts: Any) -> list[str]:
    one = Receipt("m", b"", kind="delivery", original=theirs, **facts)
    return list(alone.original_points(one, Message(held_to=held_to, compared=ours)))


def with_field(field: bytes) -> bytes:
    return HEAD + field + b"\n\nSi diffida.\n"


@pytest.mark.parametrize(
    ("theirs", "composed", "found"),
    [
        (LETTER, [], []),
        (LETTER.replace(b"\n", b"\r\n"), [], []),
        (LETTER + b"\r\n\r\n", [], []),
        (with_field(b"Received: by x"), [], []),
        (with_field(b"Return-Path: <x>\nMessage-ID: <y>\nX-TipoRicevuta: breve\nX-Riferimento-Message-ID: z"), [], []),
        (LETTER.replace(b"Subject: Diffida", b"Subject: Altro"), ["original's subject"], ["original's subject"]),
        (LETTER.replace(b"10:00:00", b"11:00:00"), [], []),  # the Date alone is a limit, said elsewhere
        (with_field(b"Reply-To: x@y.example"), [], []),
        (with_field(b"Bcc: x@y.example"), ["original's bcc"], ["original's bcc"]),
        (with_field(b"X-Mailer: x"), ["original's x-mailer"], []),
        (with_field(b"List-Unsubscribe: x"), ["original's list-unsubscribe"], ["original's list-unsubscribe"]),
        (with_field(b"Resent-To: x"), ["original's resent-to"], ["original's resent-to"]),
        (with_field(b"no field"), ["original's header"], ["original's header"]),
        (with_field(b"Subject: Diffida"), ["original's subject"], ["original's subject"]),
        (LETTER.replace(b"Si diffida", b"Si augura"), ["original's body"], ["original's parts"]),
        (with_field(b"Content-Language: it"), ["original's content-language"], ["original's parts"]),
        (with_field(b"Content-Type: text/html"), ["original's content-type"], ["original's parts"]),
        (b"", ["original's from", "original's subject", "original's to", "original's body"],
         ["original's from", "original's subject", "original's to", "original's parts"]),
    ],
)  # fmt: skip
def test_every_difference_that_a_reader_sees_is_named(theirs: bytes, composed: list[str], found: list[str]) -> None:
    assert points(theirs) == composed
    assert points(theirs, held_to="copy") == found


def test_both_body_and_type_are_named() -> None:
    theirs = HEAD + b"Content-Type: text/html\n\nSi augura."
    assert points(theirs) == ["original's content-type", "original's body"]
    assert points(theirs, receipt_form="breve") == ["original's parts"]


# --- the form in which fields are compared ---


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        (b"A: 1\r\nB:  2 \r\n\r\nbody", [("a", "1"), ("b", "2")]),
        (b"A: 1\n 2\n\t3\n\n", [("a", "1 2 3")]),
        (b"A: 1 \t 2\n\n", [("a", "1 2")]),
        (b"A: 1\n  \n 2\n\n", [("a", "1\n 2")]),
        (b"\nA: 1\n\n", []),
        (b"\r\nA: 1\n\n", []),
        (b"A: 1", [("a", "1")]),
        (b"", []),
        (b"\xef\xbb\xbfA: 1\n\n", [("a", "1")]),
        (b"From x@y Mon\nA: 1\n\n", [("a", "1")]),
        (b">From x@y Mon\nA: 1\n\n", [("a", "1")]),
        (b"A: 1\nFrom x@y\n\n", [("a", "1"), ("", "From x@y")]),
        (b" A: 1\nB: 2\n\n", [(" a", "1"), ("b", "2")]),
        (b"no field\nA: 1\n\n", [("", "no field"), ("a", "1")]),
        (b"A: 1\x002\n\n", [("a", "1\udc002")]),
        (b"A: \xe8\n\n", [("a", "\udce8")]),
        (b"A : 1\n\n", [("a ", "1")]),
        (b"Received: x\nMessage-ID: y\nA: 1\n\n", [("a", "1")]),
        (b"Received: x\ry\nA: 1\n\n", [("received", "x\ry"), ("a", "1")]),
        (b"A: 1\r\r\n\n", [("a", "1\r")]),
        (b"A: 1\n\nB: 2\n\n", [("a", "1")]),
    ],
)
def test_fields_are_compared_in_one_form(raw: bytes, fields: list[tuple[str, str]]) -> None:
    assert alone.compared_fields(raw) == fields


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("subject", "Diffida", "Diffida"),
        ("subject", "=?utf-8?q?perch=C3=A9?=", "perché"),
        ("subject", "=?utf-8?b?cGVyY2jDqQ==?= no", "perché no"),
        ("subject", "no =?iso-8859-1*it?Q?perch=E9?=", "no perché"),
        ("subject", "=?utf-8?q?a?= =?UTF-8?q?b?=", "ab"),
        ("subject", "=?utf-8?q?a?= =?iso-8859-1?q?b?=", "ab"),
        ("subject", "=?utf-8?q?a?= x =?utf-8?q?b?=", "a x b"),
        ("subject", "=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "é"),
        ("subject", "=?utf-8?q?=C3?=", "=?utf-8?q?=C3?="),
        ("subject", "=?utf-8?q?e=CC=81?=", "é"),
        ("subject", "=?windows-1252?q?=80?= =?iso-8859-15?q?=A4?=", "€€"),
        ("subject", "=?us-ascii?q?a_b?=", "a b"),
        ("subject", "=?utf-8?q?_a__b_?=", "a b"),
        ("subject", "=?koi8-r?q?a?=", "=?koi8-r?q?a?="),
        ("subject", "x=?utf-8?q?a?=", "x=?utf-8?q?a?="),
        ("subject", "=?utf-8?q?a?=x", "=?utf-8?q?a?=x"),
        ("subject", "=?utf-8?q?a?= =?utf-8?q?b", "=?utf-8?q?a?= =?utf-8?q?b"),
        ("subject", "=?utf-8?q?a=0Ab?=", "=?utf-8?q?a=0Ab?="),
        ("subject", "=?utf-8?q?a=,b?=", "=?utf-8?q?a=,b?="),
        ("subject", "=?utf-8?b?YQ?=", "=?utf-8?b?YQ?="),
        ("subject", "=?utf-8?b?YR==?=", "=?utf-8?b?YR==?="),
        ("subject", "=?utf-8?q?a,b?=", "a,b"),
        ("from", "=?utf-8?q?a,b?= <x@y>", "=?utf-8?q?a,b?= <x@y>"),
        ("to", "=?utf-8?q?perch=C3=A9?= <x@y>", "perché <x@y>"),
        ("cc", "=?utf-8?q?a=22?=", "=?utf-8?q?a=22?="),
        ("reply-to", "=?utf-8?q?a?=", "a"),
        ("subject", "perché", "\0perché"),
        ("comments", "=?utf-8?q?a?=", "=?utf-8?q?a?="),
        ("content-type", "Text/Plain; Charset=UTF-8; Name=\"a b\"", "text/plain\0charset=utf-8\0name=a b"),
        ("content-type", "text/plain;name=B ;charset=\"Utf-8\";", "text/plain\0charset=utf-8\0name=B"),
        ("content-type", "text/plain; a=1; A=2", "text/plain; a=1; A=2"),
        ("content-type", "Text/Plain; a", "Text/Plain; a"),
        ("content-type", "Text/Plain; a=b c", "Text/Plain; a=b c"),
        ("content-disposition", "ATTACHMENT; filename=A", "attachment\0filename=A"),
        ("content-transfer-encoding", "Base64", "base64"),
        ("x-other", "Base64", "Base64"),
        ("content-type", "text/plain; a=" + "B" * (16384 - 14), "text/plain\0a=" + "B" * (16384 - 14)),
        ("content-type", "Text/plain; a=" + "B" * (16385 - 14), "Text/plain; a=" + "B" * (16385 - 14)),
        ("content-type", "Text/plain; a=b" + " " * 20000, "Text/plain; a=b" + " " * 20000),
    ],
)  # fmt: skip
def test_value_is_taken_apart_only_where_it_follows_the_grammar(name: str, text: str, value: str) -> None:
    assert alone.compared_value(name, text) == value


@pytest.mark.parametrize(
    ("theirs", "every", "names"),
    [
        ([("a", "1")], True, ["a", "subject"]),
        ([("a", "1"), ("subject", "s")], True, ["a"]),
        ([("a", "1"), ("subject", "s")], False, []),
        ([("subject", "t")], False, ["subject"]),
        ([("subject", "s"), ("subject", "s")], False, ["subject"]),
        ([("subject", "s"), ("list-id", "x"), ("resent-to", "x"), ("content-id", "x")], False,
         ["content-id", "list-id", "resent-to"]),
    ],
)  # fmt: skip
def test_names_of_fields_that_differ(theirs: list[tuple[str, str]], every: bool, names: list[str]) -> None:
    assert list(alone.differing(theirs, [("subject", "s")], every=every)) == names


def test_body_is_compared_as_on_the_wire() -> None:
    assert alone.wire(b"a\nb\r\nc\r\n\n") == b"a\r\nb\r\nc"
    assert alone.body_of(alone.part_of(b"A: 1\n\na\nb\n")) == sha256(b"a\r\nb").hexdigest()


# --- the tree of parts ---


def tree(*parts: bytes, mark: bytes = b"b", before: bytes = b"", after: bytes = b"", more: bytes = b"") -> bytes:
    body = before + b"".join(b"\n--" + mark + b"\n" + part for part in parts) + b"\n--" + mark + b"--\n" + after
    return HEAD + b"Content-Type: multipart/mixed; boundary=" + mark + b"\n" + more + b"\n" + body


TEXT = b"Content-Type: text/plain\n\nSi diffida.\n"
BASE64 = b"Content-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\naGVsbG8="
QUOTED = b"Content-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: quoted-printable\n\nhel=6Co"
PLAIN = b"Content-Type: application/pdf; name=a.pdf\n\nhello"


@pytest.mark.parametrize(
    ("theirs", "ours", "same"),
    [
        (tree(TEXT, BASE64), tree(TEXT, BASE64, mark=b"other"), True),
        (tree(TEXT, BASE64), tree(TEXT, QUOTED), True),
        (tree(TEXT, BASE64), tree(TEXT, PLAIN), True),
        (tree(TEXT, BASE64), tree(BASE64, TEXT), False),
        (tree(TEXT), tree(TEXT, BASE64), False),
        (tree(TEXT, PLAIN), tree(TEXT, PLAIN + b"x"), False),
        (tree(TEXT, PLAIN), tree(TEXT, PLAIN.replace(b"a.pdf", b"b.pdf")), False),
        (tree(TEXT, PLAIN), tree(TEXT, PLAIN.replace(b"\n\n", b"\nX-A: 1\n\n")), False),
        (tree(TEXT, before=b"hidden"), tree(TEXT), False),
        (tree(TEXT, after=b"hidden"), tree(TEXT), False),
        (tree(TEXT, before=b"same", after=b"too"), tree(TEXT, before=b"same", after=b"too", mark=b"c"), True),
        (tree(TEXT, BASE64 + b"!"), tree(TEXT, QUOTED), False),  # one decodes what is not to the letter otherwise
        (tree(TEXT, BASE64 + b"!"), tree(TEXT, BASE64 + b"!", mark=b"c"), True),
        (tree(TEXT, BASE64[:-1]), tree(TEXT, BASE64[:-1], mark=b"c"), False),  # broken, and so nobody knows
        (tree(TEXT), tree(TEXT, more=b"Content-Language: it\n"), False),
        (tree(TEXT), tree(TEXT, more=b"X-Other: it\n"), True),
    ],
)
def test_parts_are_the_same_node_for_node(theirs: bytes, ours: bytes, same: bool) -> None:
    assert alone.same_parts(theirs, ours, brief=False) is same
    assert alone.same_parts(ours, theirs, brief=False) is same


def hashed(content: bytes, name: str = "a.pdf.hash") -> bytes:
    digits = sha1(content).hexdigest()
    return f"Content-Type: application/octet-stream; name={name}\n\n{digits}".encode()


@pytest.mark.parametrize(
    ("part", "ours", "same"),
    [
        (hashed(b"hello"), BASE64, True),
        (hashed(b"aGVsbG8="), BASE64, True),  # seen: over the encoded content
        (hashed(b"hello", "a.pdf.HASH"), BASE64, False),
        (hashed(b"hello", "b.pdf.hash"), BASE64, False),
        (hashed(b"hello", "b.pdf.hash"), BASE64.replace(b"; name=a.pdf", b""), True),
        (hashed(b"hello", "a.pdf.hash"), BASE64.replace(b"a.pdf", b"a.pdf.hash"), True),
        (hashed(b"hellO"), BASE64, False),
        (hashed(b"hello").replace(b".hash", b".txt"), BASE64, False),
        (hashed(b"hello") + b"0", BASE64, False),
        (hashed(b"hello") + b" " * 160, BASE64, True),
        (hashed(b"hello") + b" " * 161, BASE64, False),
        (hashed(b"aGVsbG8"), BASE64[:-1], True),
        (hashed(b"hello").upper().replace(b"APPLICATION", b"application"), BASE64, False),
    ],
)
def test_brief_receipt_holds_the_sha1_of_an_attachment(part: bytes, ours: bytes, same: bool) -> None:
    theirs, mine = tree(TEXT, part), tree(TEXT, ours)
    assert alone.same_parts(theirs, mine, brief=True) is same
    assert alone.same_parts(theirs, mine, brief=False) is False
    assert points(theirs, mine, receipt_form="breve") == ([] if same else ["original's parts"])
    assert points(theirs, mine) == ["original's body"]


@pytest.mark.parametrize(
    ("encoding", "body", "clean"),
    [
        (b"base64", b"aGVs\r\nbG8=\r\n", True), (b"Base64", b"aGVsbG8", False), (b"base64", b"aGVsbG8=!", False),
        (b"base64", b"aGVs bG8=", False), (b"quoted-printable", b"a=3D=\r\nb\tc", True),
        (b"quoted-printable", b"a=3d", False), (b"quoted-printable", b"a=", False),
        (b"quoted-printable", b"\xe8", False),
        (b"", b"\xe8", True), (b"7bit", b"x", True), (b"8bit", b"x", True), (b"binary", b"x", True),
        (b"uuencode", b"x", False),
    ],
)  # fmt: skip
def test_encoding_is_clean_to_the_letter(encoding: bytes, body: bytes, clean: bool) -> None:
    assert alone.is_clean(alone.Part([("content-transfer-encoding", encoding)], body)) is clean


def test_tree_has_its_places_and_an_end() -> None:
    inner = b"Content-Type: multipart/mixed; boundary=i\n\n--i\n\none\n--i\n\ntwo\n--i--"
    assert sorted(alone.nodes(tree(TEXT, inner))) == ["1", "1.0", "1.1", "1.1.0", "1.1.1"]
    part, fields, around = alone.nodes(tree(TEXT, before=b"b", after=b"a"))["1"]
    assert (part.type, fields, around) == ("multipart/mixed", [("content-type", "multipart/mixed")], b"b\0a")
    assert "cut" not in alone.nodes(tree(*[b"\nx"] * 999))
    assert "cut" in alone.nodes(tree(*[b"\nx"] * 1000))
    assert not alone.same_parts(tree(*[b"\nx"] * 1000), tree(*[b"\nx"] * 1000), brief=False)
    deep = b"\nx"
    for level in range(25):
        mark = b"m%d" % level
        deep = (
            b"Content-Type: multipart/mixed; boundary="
            + mark
            + b"\n\n--"
            + mark
            + b"\n"
            + deep
            + b"\n--"
            + mark
            + b"--"
        )
    assert max(place.count(".") for place in alone.nodes(deep)) == 20
    unclosed = alone.part_of(b"Content-Type: multipart/mixed; boundary=b\n\nx\n--b\n\none")
    assert alone.outside(unclosed) == b"x\0"
