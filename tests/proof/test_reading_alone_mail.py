"""The verifier that stands alone reads mails by the RFCs: headers, parts, encodings, charsets, names, addresses."""

import pytest

from pec_tracker.render import verify_package as alone
from pec_tracker.render.verify_package import Part

# --- header and body (RFC 5322 2.1, 2.2.3) ---


@pytest.mark.parametrize(
    ("raw", "fields", "body"),
    [
        (b"A: 1\r\nB: 2\r\n\r\nbody\r\n", [("a", b"1"), ("b", b"2")], b"body\r\n"),
        (b"A: 1\n\nbody", [("a", b"1")], b"body"),
        (b"A: 1\n\r\nbody", [("a", b"1")], b"body"),
        (b"A: 1\r\n\r\n\r\nbody", [("a", b"1")], b"\r\nbody"),
        (b"\nA: 1\n\nbody", [], b"A: 1\n\nbody"),
        (b"\r\nbody", [], b"body"),
        (b"", [], b""),
        (b"A: 1\r\n 2\r\n\t3\r\n\r\n", [("a", b"1 2\t3")], b""),
        (b"A:\r\n 1\r\n\r\n", [("a", b"1")], b""),
        (b"A: b: c\n\n", [("a", b"b: c")], b""),
        (b"Subject : x\n\n", [("subject", b"x")], b""),
        (b"\xef\xbb\xbfA: 1\n\nbody", [("a", b"1")], b"body"),
        (b"A: 1\nno field\n 2\nB: 3\n\n", [("a", b"1"), ("b", b"3")], b""),
        (b" 0\nA: 1\n\n", [("a", b"1")], b""),
        (b"A: 1\nA: 2\n\n", [("a", b"1"), ("a", b"2")], b""),
        # without a blank line: a header where a line of it is one, else a body
        (b"A: 1\r\n", [("a", b"1")], b""),
        (b"A: 1\nb c: 2\n", [("a", b"1"), ("b c", b"2")], b""),
        (b"b c: 2\nA: 1\n", [("b c", b"2"), ("a", b"1")], b""),
        (b"Only words", [], b"Only words"),
        (b"Only words: two\n", [], b"Only words: two\n"),
        (b"no field\n\nbody", [], b"body"),
    ],
)
def test_header_ends_at_the_first_blank_line(raw: bytes, fields: list[tuple[str, bytes]], body: bytes) -> None:
    assert alone.part_of(raw) == Part(fields, body)


def test_first_field_of_a_name_is_read() -> None:
    part = alone.part_of(b"A: =?utf-8?q?perch=C3=A9?=\nA: 2\n\n")
    assert part.first("a") == b"=?utf-8?q?perch=C3=A9?="
    assert part.first("b") == b""
    assert part.text("a") == "perché"
    assert part.text("b") is None


# --- Content- fields (RFC 2045 5.1, RFC 2231) ---


def typed(value: str, disposition: str = "") -> Part:
    fields = [("content-type", value.encode())] if value else []
    return Part([*fields, *([("content-disposition", disposition.encode())] if disposition else [])], b"")


@pytest.mark.parametrize(
    ("written", "value", "parameters"),
    [
        ("text/plain", "text/plain", {}),
        (" Text/HTML ; Charset=UTF-8", "text/html", {"charset": "UTF-8"}),
        ('a/b; x="1;2"; y=3', "a/b", {"x": "1;2", "y": "3"}),
        ("a/b; x=1; x=2; X=3", "a/b", {"x": "1"}),
        (r'a/b; x="1\"2\\3"', "a/b", {"x": '1"2\\3'}),
        ('a/b; x="open', "a/b", {"x": "open"}),
        ('a/b; x="', "a/b", {"x": ""}),
        ('a/b; x=""', "a/b", {"x": ""}),
        ("a/b;\tx\t=\t1", "a/b", {"x": "1"}),
        ("", "", {}),
    ],
)
def test_parameters_are_cut_from_the_value(written: str, value: str, parameters: dict[str, str]) -> None:
    assert typed(written).parameters("content-type") == (value, parameters)


def test_field_is_read_as_far_as_65536_bytes() -> None:
    found = typed("text/plain; name=" + "x" * 70_000).parameters("content-type")[1]
    assert len(found["name"]) == 65536 - len("text/plain; name=")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("", "text/plain"),
        ("Message/RFC822", "message/rfc822"),
        ("text", "text/plain"),
        ("text; charset=x/y", "text/plain"),
        ("multipart/mixed; boundary=b", "multipart/mixed"),
    ],
)
def test_type_is_plain_text_where_there_is_none(written: str, value: str) -> None:
    assert typed(written).type == value


@pytest.mark.parametrize(
    ("disposition", "content_type", "name"),
    [
        ("", "", ""),
        ("attachment", "text/plain", ""),
        ("attachment; filename=a.txt", "text/plain; name=b.txt", "a.txt"),
        ("attachment", "text/plain; name=b.txt", "b.txt"),
        ("attachment; name=a.txt", "text/plain; filename=b.txt", ""),
        ('attachment; filename=" a.txt "', "", "a.txt"),
        ('attachment; filename="=?utf-8?q?perch=C3=A9.txt?="', "", "perché.txt"),
        ("attachment; filename=a.txt; filename*=utf-8''b.txt", "", "a.txt"),
        ("attachment; filename*=utf-8''perch%C3%A9.txt", "", "perché.txt"),
        ("attachment; filename*=ISO-8859-1'it'perch%E9.txt", "", "perché.txt"),
        ("attachment; filename*=utf-8''it's.txt", "", "it's.txt"),
        ("attachment; filename*=a'b%41", "", "a'bA"),
        ("attachment; filename*0=a; filename*1=b", "", "ab"),
        ("attachment; filename*1=b; filename*0=a", "", "ab"),
        ("attachment; filename*0*=utf-8''%C3; filename*1*=%A9; filename*2=%41", "", "é%41"),
        ("attachment; filename*0*=utf-8''x; filename*1*=a'b'c", "", "xa'b'c"),
        ("attachment; " + "; ".join(f"filename*{number}={number}" for number in range(11)), "", "012345678910"),
        ("attachment; filename*0=a'b'c", "", "a'b'c"),
        ("attachment; filename*0= a; filename*1=' b '", "", "a'"),
        ("attachment; filename*0=a; filename*1000=b; filename*x=c", "", "a"),
        ("attachment; filenamex=a.txt; renamed_*=utf-8''b.txt", "", ""),
        ("attachment; nonsense*=utf-8''b.txt", "text/plain; nome*=utf-8''x; name*=utf-8''good", "good"),
    ],
)
def test_file_name_is_decoded_and_joined(disposition: str, content_type: str, name: str) -> None:
    assert typed(content_type, disposition).filename == name


# --- transfer encodings (RFC 2045 6.7, 6.8) ---


@pytest.mark.parametrize(
    ("encoding", "body", "decoded"),
    [
        ("", b"=41", b"=41"),
        ("7bit", b"=41", b"=41"),
        ("binary", b"\x00\xff", b"\x00\xff"),
        ("x-unknown", b"=41", b"=41"),
        ("quoted-printable", b"perch=C3=A9 =\r\nno=3F", b"perch\xc3\xa9 no?"),
        (" Quoted-Printable ", b"a=3D_b", b"a=_b"),
        ("base64", b"aGVs\r\nbG8=\r\n", b"hello"),
        (" BASE64 ", b"aGVsbG8=", b"hello"),
        ("base64", b"aGVsbG8", None),
        ("base64", b"a", None),
    ],
)
def test_body_is_decoded_or_said_to_be_broken(encoding: str, body: bytes, decoded: bytes | None) -> None:
    fields = [("content-transfer-encoding", encoding.encode())] if encoding else []
    assert Part(fields, body).decoded == decoded


# --- multiparts (RFC 2046 5.1.1) ---


def multipart(body: bytes, content_type: str = 'multipart/mixed; boundary="b"') -> Part:
    return Part([("content-type", content_type.encode())], body)


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        (b"before\r\n--b\r\none\r\n--b\r\ntwo\r\n--b--\r\nafter", [b"one", b"two"]),
        (b"--b\none\n--b\ntwo\n--b--", [b"one", b"two"]),
        (b"--b\n\r\n--b\n\n--b--\n", [b"", b""]),
        (b"--b\r\none\r\n\r\n--b--", [b"one\r\n"]),
        (b"--b\none\r\r\n--b--", [b"one\r"]),
        (b"--b\n--b\n--b--", [b"", b""]),
        (b"--b \t\r\none\r\n--b-- \r\n--b\r\ntwo", [b"one"]),
        (b"--b\none\n--bb\ntwo\n --b\nthree x--b\n--b--", [b"one\n--bb\ntwo\n --b\nthree x--b"]),
        (b"--bb\n--b\none\n--b--", [b"one"]),
        (b"--b\none", [b"one"]),
        (b"--b\none\n--b", [b"one", b""]),
        (b"--b\none\n--b\ntwo", [b"one", b"two"]),
        (b"--b--\n--b\none\n--b--", []),
        (b"--b-- x\n--b\none\n--b--", [b"one"]),
        (b"x--b\none", []),
        (b"x\n--b\none\n--b--", [b"one"]),
        (b"\n--b\none\n--b--", [b"one"]),
        (b"", []),
        (b"no boundary", []),
    ],
)
def test_parts_lie_between_boundaries_at_the_beginning_of_lines(body: bytes, parts: list[bytes]) -> None:
    assert alone.parts_of(multipart(body)) == parts


@pytest.mark.parametrize(
    ("content_type", "parts"),
    [
        ("multipart/mixed; boundary=b", [b"one"]),
        ('Multipart/Related; boundary="b  "', [b"one"]),
        ("text/plain; boundary=b", []),
        ("multipart/mixed", []),
        ('multipart/mixed; boundary=""', []),
        ('multipart/mixed; boundary=" "', []),
        ("multipart/mixed; boundary=B", []),
        ("message/multipart/; boundary=b", []),
    ],
)
def test_only_a_multipart_with_a_boundary_has_parts(content_type: str, parts: list[bytes]) -> None:
    assert alone.parts_of(multipart(b"--b\none\n--b--", content_type)) == parts


def test_empty_boundary_parts_nothing() -> None:
    assert alone.parts_of(multipart(b"--\none\n--\ntwo\n----", 'multipart/mixed; boundary=""')) == []


@pytest.mark.parametrize(("written", "found"), [(999, 999), (1000, 1000), (1001, 1000), (1005, 1000)])
@pytest.mark.parametrize("end", [b"", b"--b--\n"])
def test_thousand_parts_are_read_and_no_more(written: int, found: int, end: bytes) -> None:
    parts = alone.parts_of(multipart(b"--b\nx\n" * written + end))
    assert len(parts) == found
    assert set(parts[:-1]) == {b"x"}


# --- words and charsets (RFC 2047 2, 5, 6.2, 8) ---


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (b"plain", "plain"),
        (b"perch\xc3\xa9", "perché"),
        (b"perch\xe9", "perché"),
        (b"(=?ISO-8859-1?Q?a?=)", "(a)"),
        (b"=?ISO-8859-1?Q?a?= b", "a b"),
        (b"b =?ISO-8859-1?Q?a?=", "b a"),
        (b"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),
        (b"=?ISO-8859-1?Q?a?=  \t =?ISO-8859-1?Q?b?=", "ab"),
        (b"=?ISO-8859-1?Q?a?= x =?ISO-8859-1?Q?b?=", "a x b"),
        (b"=?ISO-8859-1?Q?a_b?=", "a b"),
        (b"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"),
        (b" =?utf-8?q?a?= ", " a "),
        (b"=?utf-8?q?=C3?= =?UTF-8?b?qA==?=", "è"),
        (b"=?utf-8?q?=C3?= x =?utf-8?q?=A8?=", "\ufffd x \ufffd"),
        (b"=?utf-8?q?=C3?= =?iso-8859-1?q?=A8?=", "\ufffd\xa8"),
        (b"=?utf-8*it-IT?q?perch=C3=A9?=", "perché"),
        (b"=?utf-8?B?w6g=?=", "è"),
        (b"=?utf-8?b?w6g?=", "è"),
        (b"=?utf-8?b?YQ?=", "a"),
        (b"=?utf-8?b?w?=", "w"),
        (b"=?utf-8?b?aGVsbG9vbw?=", "hellooo"),
        (b"=?*it?q?a?= =?*it?q?b?=", "a b"),  # of no charset: not joined
        (b"=?iso-8859-15?q?5_=A4?=", "5 €"),
        (b"=?windows-1252?q?5_=80?=", "5 €"),
        (b"=?x-none?q?=C3=A8?=", "è"),
        (b"=?x-none?q?=E8?=", "è"),
        (b"a=?utf-8?q?b=00c?=", "abc"),
        (b"=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
        (b"=?utf-8?q?abc", "=?utf-8?q?abc"),
        (b"=??q?abc?=", "=??q?abc?="),
    ],
)
def test_encoded_words_are_decoded(written: bytes, text: str) -> None:
    assert alone.decoded_text(written) == text


@pytest.mark.parametrize(
    ("content", "charset", "text"),
    [
        (b"\xc3\xa8", "utf-8", "è"),
        (b"\xe8", "utf-8", "\ufffd"),
        (b"\xe8", "latin-1", "è"),
        (b"\xa4", "iso-8859-15", "€"),
        (b"\x80", "cp1252", "€"),
        (b"\xef\xbb\xbfa", "utf-8-sig", "a"),
        (b"\xd4", "koi8-u", "т"),
        (b"\xe8", "", "è"),
        (b"\xc3\xa8", "", "è"),
        (b"\xe8", "us-asciii", "è"),
        (b"+AOg-", "utf-7", "+AOg-"),
        (b"\\u0041", "unicode_escape", "\\u0041"),
        (b"\\u0041", "raw-unicode-escape", "\\u0041"),
        (b"xn--perch-fsa", "idna", "xn--perch-fsa"),
        (b"perch-fsa", "punycode", "perch-fsa"),
        (b"616263", "hex", "616263"),
        (b"abc", "rot13", "abc"),
        (b"\x80", "palmos", "\x80"),
        (b"\xe8", "utf" + "-" * 60 + "8", "\ufffd"),  # of 64 letters
        (b"\xe8", "utf" + "-" * 61 + "8", "è"),  # of 65: no charset has such a name
    ],
)
def test_bytes_are_text_of_a_charset_of_mail(content: bytes, charset: str, text: str) -> None:
    assert alone.in_charset(content, charset) == text


# --- addresses and ids (RFC 5322 3.4, 3.6.4) ---


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"anna@pec.example", ["anna@pec.example"]),
        (b"Anna <anna@pec.example>", ["anna@pec.example"]),
        (b"anna@pec.example, Bruno <bruno@pec.example>", ["anna@pec.example", "bruno@pec.example"]),
        (b'"Bianchi, Anna" <anna@pec.example>', ["anna@pec.example"]),
        (b'"x <y@z.example>" <anna@pec.example>', ["anna@pec.example"]),
        (rb'"a\", b" <anna@pec.example>', ["anna@pec.example"]),
        (b"anna@pec.example (home, or office)", ["anna@pec.example"]),
        (b"Tutti: anna@pec.example, bruno@pec.example;, carla@pec.example",
         ["anna@pec.example", "bruno@pec.example", "carla@pec.example"]),
        (b"<@relay.example:anna@pec.example>", ["anna@pec.example"]),
        (b"< anna @ pec.example >", ["anna@pec.example"]),
        (b"Anna <anna@pec.example> x@y.example", ["anna@pec.example"]),
        (b"x@y.example <>", []),
        (b"anna bruno@pec.example", []),
        (b"anna", []),
        (b"anna@", ["anna@"]),
        (b"", []),
        (b",,;:", []),
        (b"a@x.example; b@x.example", ["a@x.example", "b@x.example"]),
        (b"a@x.example>", ["a@x.example>"]),
        (b"<a@x.example", ["<a@x.example"]),
    ],
)  # fmt: skip
def test_addresses_are_read_without_names(value: bytes, found: list[str]) -> None:
    assert alone.addresses([value]) == found


def test_addresses_of_every_field_of_the_name() -> None:
    part = alone.part_of(b"To: a@x.example\nCc: b@x.example\nTo: c@x.example\n\n")
    assert alone.field_addresses(part, "to") == ["a@x.example", "c@x.example"]


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("<a@x>", "a@x"), (" < a@x >\r\n", "a@x"), ("a b", "ab"), ("a@x", "a@x"), ("<a@x", "<a@x"), ("a@x>", "a@x>"),
        ("<<a>>", "<a>"), ("<>", None), ("", None), (" ", None), (None, None),
    ],
)  # fmt: skip
def test_id_is_without_brackets(written: str | None, left: str | None) -> None:
    assert alone.bare(written) == left


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("<A@x>", "a@X", True), ("a@x", "b@x", False), (None, None, False), ("", "", False), ("<>", "<>", False),
        ("a", None, False), (None, "a", False),
    ],
)  # fmt: skip
def test_ids_are_one_but_for_case(one: str | None, other: str | None, same: bool) -> None:
    assert alone.same_id(one, other) is same
