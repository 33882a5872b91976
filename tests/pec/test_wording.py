"""What a user would lose: a mail that none of its author's words finds, or a search that a hostile mail stops."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pec_tracker.pec.wording import MAX_TEXT, wording
from tests import growth
from tests.factory import receipts


def words(raw: bytes) -> str:
    return " ".join(wording(raw))


def typed(content_type: str, body: bytes, *, encoding: str = "8bit") -> bytes:
    return f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body


def alternative(*parts: bytes) -> bytes:
    body = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts)
    return b"Content-Type: multipart/alternative; boundary=b\r\n\r\n" + body + b"--b--\r\n"


def test_text_and_file_names_are_given_but_not_what_the_files_hold() -> None:
    raw = receipts.original(
        text="Buongiorno, perché?", attachments=[("contratto.pdf", b"segreto"), ("note.txt", b"no")]
    )
    assert list(wording(raw)) == ["Buongiorno, perché?", "contratto.pdf", "note.txt"]


def test_html_is_read_without_its_tags_only_where_there_is_no_plain_text() -> None:
    html = typed("text/html", b"<style>p {color: red}</style><p title='x'>Ciao<br>Anna</p><script>evil()</script>")
    assert words(html).split() == ["Ciao", "Anna"]
    assert words(alternative(typed("text/plain", b"solo testo"), html)).split() == ["solo", "testo"]


@pytest.mark.parametrize(
    ("charset", "body"),
    [
        ("utf-8", "è".encode()),
        ("iso-8859-15", "è €".encode("iso-8859-15")),
        ("windows-1252", "è".encode("cp1252")),
        ("nobody-knows", "è".encode("latin-1")),
        ("rot13", b"\xe8"),
        ("utf-16", "è".encode("utf-16")),
    ],
)
def test_letters_are_read_in_their_charset_or_a_near_one(charset: str, body: bytes) -> None:
    assert "è" in words(typed(f"text/plain; charset={charset}", body))


@pytest.mark.parametrize("charset", ["unicode_escape", "raw_unicode_escape", "utf-7", "idna", "punycode", "undefined"])
def test_codecs_that_are_no_charsets_of_mail_are_not_run(charset: str) -> None:
    assert words(typed(f"text/plain; charset={charset}", rb"\ud800 +2AA- word")) == r"\ud800 +2AA- word"


def test_encodings_are_taken_off_and_broken_ones_stop_nothing() -> None:
    assert words(typed("text/plain; charset=utf-8", b"perch=C3=A9", encoding="quoted-printable")) == "perché"
    assert words(typed("text/plain", b"Q2lhbw==", encoding="base64")) == "Ciao"
    assert words(typed("text/plain", b"Q", encoding="base64")) == ""


def test_only_the_beginning_of_a_long_text_is_read() -> None:
    assert len(words(typed("text/plain", b"a" * 10_000_000))) == MAX_TEXT


def test_hostile_html_takes_no_time() -> None:
    for body in (b"<" * MAX_TEXT, b"<script" * 10_000, b"<script>" * 8_000, b"<style><" * 8_000):
        growth.within(0.5, lambda body=body: words(typed("text/html", body)))  # type: ignore[misc]


@settings(max_examples=200, deadline=None)
@given(raw=st.binary(max_size=300), kind=st.sampled_from(["", "text/html; charset=x", "multipart/mixed; boundary=b"]))
def test_any_bytes_have_words_or_none(raw: bytes, kind: str) -> None:
    list(wording(typed(kind, raw) if kind else raw))
