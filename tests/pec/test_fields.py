"""Header fields: what a person wrote comes back, whatever a relay or an attacker did to the bytes."""

from datetime import UTC, datetime, timedelta
from encodings.aliases import aliases

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pec_tracker.pec import fields
from pec_tracker.pec.fields import cut_fields, decoded_text
from tests.factory.mime import encoded

CHARSETS = sorted({*aliases.values(), "idna", "punycode", "undefined", "unicode-escape", "no-such", "", "\x00"})


def test_names_of_any_case_and_folded_values_are_found() -> None:
    found = cut_fields(b"x-RICEVUTA : accettazione\r\nSubject: uno\r\n due\r\n\ttre\r\nX-Other: y")

    assert found.token(b"x-ricevuta") == "accettazione"
    assert found.text(b"subject") == "uno due\ttre"


def test_the_first_of_repeated_fields_counts_and_none_is_lost() -> None:
    found = cut_fields(b"Subject: primo\nSubject: secondo\nFrom: a@b.it\nFrom: c@d.it")

    assert found.text(b"subject") == "primo"
    assert fields.addresses(found.all(b"from")) == ("a@b.it", "c@d.it")


def test_a_line_that_is_no_field_hides_nothing_after_it() -> None:
    found = cut_fields(b"From mailbox Thu Jan 1\r\nno colon here\r\n stray\r\nSubject: c'e")

    assert found.text(b"subject") == "c'e"


@pytest.mark.parametrize("block", [b"", b"no colon", b"two words: x", b" folded: x", b": nameless", b"\xff\xfe: x"])
def test_bytes_without_a_field_are_no_header(block: bytes) -> None:
    assert not cut_fields(block).any


def test_a_header_of_eight_megabytes_is_cut_and_says_so() -> None:
    found = cut_fields(b"Subject: s\n" + b"X: y\n" * 2_000_000)

    assert found.cut
    assert found.text(b"subject") == "s"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"=?utf-8?Q?Perch=C3=A9_no?=", "Perché no"),
        (b"=?UTF-8?B?w6g=?= =?UTF-8?B?IHF1aQ==?=", "è qui"),
        (b"=?utf-8?B?w6?= =?utf-8?B?g=?=", None),
        (b"=?utf-8?Q?=C3?= =?utf-8?Q?=A8?=", "è"),  # a letter cut in two
        (b"=?iso-8859-1*it?Q?=E8?= vero", "è vero"),
        (b"prima =?utf-8?q?poi?= dopo", "prima poi dopo"),
        ("già UTF-8".encode(), "già UTF-8"),
        ("già Latin".encode("latin-1"), "già Latin"),
        (b"=?no-such-charset?Q?=C3=A8?=", "è"),
        (b"=?unicode_escape?Q?\\ud800?=", "\\ud800"),
        (b"NUL\x00 dentro", "NUL dentro"),
        (b"=?utf-8?Q?incompiuto", "=?utf-8?Q?incompiuto"),
    ],
)
def test_text_is_decoded(written: bytes, read: str | None) -> None:
    text = decoded_text(written)

    assert text.encode("utf-8")
    if read is not None:
        assert text == read


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), min_size=1, max_size=200))
@settings(max_examples=100, deadline=None)
def test_every_subject_comes_back(subject: str) -> None:
    block = f"Subject: {encoded(subject)}".encode()

    assert "".join((cut_fields(block).text(b"subject") or "").split()) == "".join(subject.split())


@given(st.binary(max_size=60), st.sampled_from(CHARSETS), st.sampled_from(["q", "b", "Q"]))
@settings(max_examples=200, deadline=None)
def test_any_encoded_word_becomes_storable_text(content: bytes, charset: str, encoding: str) -> None:
    word = f"=?{charset}?{encoding}?".encode() + content.replace(b"?", b"") + b"?="

    text = decoded_text(word * 2)

    assert "\x00" not in text
    assert text.encode("utf-8").decode("utf-8") == text


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"a@b.it", ("a@b.it",)),
        (b"Nome <a@b.it>, c@d.it", ("a@b.it", "c@d.it")),
        (b'"posta-certificata@pec.aruba.it" <evil@example.com>', ("evil@example.com",)),
        (b'"Per conto di: x@y.it" <posta-certificata@pec.it>', ("posta-certificata@pec.it",)),
        (b'"Rossi, Mario" <m@r.it> (ufficio), <@route:n@r.it>', ("m@r.it", "n@r.it")),
        (b"undisclosed-recipients:;", ()),
        (b"Gruppo: a@b.it, c@d.it;, e@f.it", ("a@b.it", "c@d.it", "e@f.it")),
        (b'"unclosed <a@b.it>', ()),
        (b"<[abc]@x>", ("[abc]@x",)),
        (b"nobody", ()),
        (b"=?utf-8?q?a=40b=2Eit?= <c@d.it>", ("c@d.it",)),
        (b"due parole@x.it", ()),
        (b"", ()),
    ],
)
def test_a_display_name_never_passes_for_an_address(written: bytes, read: tuple[str, ...]) -> None:
    assert fields.addresses([written]) == read


def test_twenty_thousand_recipients_are_read() -> None:
    listed = b", ".join(b"Nome %d <u%d@pec.example>" % (n, n) for n in range(20_000))

    assert len(fields.addresses([listed])) == 20_000


def test_ids_lose_brackets_and_folding_only() -> None:
    assert fields.ids([b"<a+b%2B@c.it>\r\n <d@\r\n e.it>", b"bare@f.it"]) == ("a+b%2B@c.it", "d@e.it", "bare@f.it")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"Sat, 19 Sep 2026 15:41:19 +0200 (CEST)", datetime(2026, 9, 19, 13, 41, 19, tzinfo=UTC)),
        (b"19 Sep 2026 15:41:19 -0000", datetime(2026, 9, 19, 15, 41, 19, tzinfo=UTC)),
        (b"Sat, 19 Sep 2026 15:41:19 GMT", datetime(2026, 9, 19, 15, 41, 19, tzinfo=UTC)),
        (b"Sat, 19 Sep 2026 15:41:19", None),
        (b"31 Feb 2026 10:00:00 +0100", None),
        (b"mai", None),
        (b"\xff", None),
        (b"", None),
        (b"0 " * 500, None),
        (None, None),
    ],
)
def test_a_date_that_cannot_be_read_is_none(written: bytes | None, read: datetime | None) -> None:
    assert fields.date(written) == read


def test_a_date_keeps_its_own_offset() -> None:
    found = fields.date(b"Sat, 19 Sep 2026 15:41:19 +0200")

    assert found is not None
    assert found.utcoffset() == timedelta(hours=2)


@pytest.mark.parametrize(
    ("disposition", "content_type", "name"),
    [
        (b'attachment; filename="a b.pdf"', b"application/pdf", "a b.pdf"),
        (b"attachment", b"application/pdf; name=a.pdf", "a.pdf"),
        (b'attachment; filename="=?utf-8?Q?perch=C3=A9.pdf?="', b"", "perché.pdf"),
        (b"attachment; filename*=utf-8'it'perch%C3%A9.pdf", b"", "perché.pdf"),
        (b"attachment; filename*0=lungo; filename*1=.pdf", b"", "lungo.pdf"),
        (b"attachment; filename*0*=utf-8''lun%20; filename*1*=go.pdf", b"", "lun go.pdf"),
        (b'attachment; filename="a\\"b.pdf"', b"", 'a"b.pdf'),
        (b'attachment; filename=""', b"text/plain", None),
        (b'attachment; filename="open', b"", "open"),
        (None, None, None),
    ],
)
def test_file_names_of_every_writing(disposition: bytes | None, content_type: bytes | None, name: str | None) -> None:
    assert fields.filename(fields.parametrised(disposition), fields.parametrised(content_type)) == name


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_no_bytes_make_the_fields_raise(raw: bytes) -> None:
    cut_fields(raw)
    decoded_text(raw)
    fields.addresses([raw])
    fields.ids([raw])
    fields.date(raw)
    fields.filename(fields.parametrised(raw), fields.parametrised(raw))


@pytest.mark.parametrize("unit", [b'"\\', b"(", b"<", b",", b"=?a?q?", b"=?a?q?x?= ", b'; a="', b";   ", b"[<>"])
def test_hostile_repetition_costs_no_more_than_its_length(unit: bytes) -> None:
    value = unit * (fields.MAX_VALUE // len(unit))

    decoded_text(value)
    fields.addresses([value])
    fields.ids([value])
    fields.parametrised(value)
