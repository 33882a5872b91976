"""Do two headers read the same to whoever opens the mail? What is put into one form, and what stays as it stands."""

import base64
import quopri
import unicodedata
from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pec_tracker.pec import headblock
from pec_tracker.pec.headblock import MAX_FIELDS, MAX_KEPT, MAX_TYPED, fields_of, is_cut, kept


def value(field: str) -> str:
    """The one field of a block, as it is compared."""
    ((_, found),) = fields_of(field.encode("utf-8", "surrogateescape") + b"\r\n")
    return found


def subject(text: str) -> str:
    """A subject as it is compared."""
    return value(f"Subject: {text}")


def b_word(text: str, charset: str = "utf-8") -> str:
    """An encoded word, base64."""
    return f"=?{charset}?B?{base64.b64encode(text.encode(charset)).decode()}?="


# --- lines and fields


def test_folded_lines_are_one_value_and_blanks_are_one_blank() -> None:
    block = b"Subject: uno\r\n  due\r\n\ttre  quattro\r\nTo: a@b.it\r\n"
    assert list(fields_of(block)) == [("subject", "uno due tre quattro"), ("to", "a@b.it")]
    assert list(fields_of(block.replace(b"\r\n", b"\n"))) == list(fields_of(block))


def test_a_folded_line_of_blanks_alone_ends_the_header_to_some_and_is_seen() -> None:
    assert list(fields_of(b"Subject: uno\r\n \r\n due\r\n")) != list(fields_of(b"Subject: uno\r\n due\r\n"))


def test_a_line_of_blanks_before_an_encoded_word_is_seen_too() -> None:
    assert value("Subject:\r\n \t\r\n =?utf-8?Q?x?=") != value("Subject: =?utf-8?Q?x?=")


def test_quoted_values_differ_by_their_first_and_last_letter_too() -> None:
    read = {value(f'Content-Type: a/b; name="{name}"') for name in ("abc", "bbc", "abb", "ab", "bc")}
    assert len(read) == 5


def test_a_mailbox_files_first_line_and_a_byte_order_mark_are_no_fields() -> None:
    plain = list(fields_of(b"Subject: uno\r\n"))
    for before in (b"\xef\xbb\xbf", b"From a@b.it Mon Mar  2 10:00:00 2026\r\n", b">From a@b.it\r\n"):
        assert list(fields_of(before + b"Subject: uno\r\n")) == plain
    later = list(fields_of(b"Subject: uno\r\nFrom a@b.it\r\n"))
    assert later == [*plain, ("", "From a@b.it")], "further below it is a line that is no field"


def test_a_line_that_is_no_field_has_no_name_and_what_is_folded_to_it_is_its() -> None:
    assert list(fields_of(b"Subject: uno\r\nnulla\r\n di piu\r\nTo: a@b.it\r\n")) == [
        ("subject", "uno"), ("", "nulla di piu"), ("to", "a@b.it"),
    ]  # fmt: skip
    assert list(fields_of(b" folded to nothing\r\nTo: a@b.it\r\n")) == [("", "folded to nothing"), ("to", "a@b.it")]


def test_an_empty_line_is_no_field() -> None:
    assert list(fields_of(b"To: a@b.it\r\n\r\n")) == [("to", "a@b.it")]
    assert list(fields_of(b"")) == []


def test_names_are_compared_without_case_but_letter_by_letter() -> None:
    assert [name for name, _ in fields_of("SUBJECT: a\r\nSub\u212aect: b\r\n".encode())] == ["subject", "sub\u212aect"]


def test_bytes_that_are_no_utf_8_and_nul_stay_apart() -> None:
    found = {value for block in (b"X-A: \xff\r\n", b"X-A: \xfe\r\n", b"X-A: \x00\r\n", b"X-A: \xc3\xbf\r\n")
             for _, value in fields_of(block)}  # fmt: skip
    assert len(found) == 4


# --- limits


def test_a_block_is_cut_past_its_bytes_or_its_lines() -> None:
    assert not is_cut(b"a" * 4 * 1024 * 1024)
    assert is_cut(b"a" * (4 * 1024 * 1024 + 1))
    lines = b"X: a\r\n" * 50_000
    assert not is_cut(lines)
    assert is_cut(lines + b"\n")
    assert not is_cut(b"\n" * 50_000)
    assert is_cut(b"\n" * (50_000 + 1))


def test_past_so_many_fields_the_rest_is_one_hash_that_still_tells_of_every_change() -> None:
    many = [("x-a", str(number)) for number in range(MAX_FIELDS + 3)]
    exact = kept(many[:MAX_FIELDS])
    assert len(exact) == MAX_FIELDS
    assert [name for name, _ in exact] == ["x-a"] * MAX_FIELDS
    whole = kept(many)
    assert len(whole) == MAX_FIELDS + 1
    assert whole[-1][0] == ""
    for at in range(MAX_FIELDS, MAX_FIELDS + 3):
        changed = [*many[:at], ("x-a", "other"), *many[at + 1 :]]
        renamed = [*many[:at], ("x-b", many[at][1]), *many[at + 1 :]]
        assert kept(changed)[-1] != whole[-1] != kept(renamed)[-1]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a" * MAX_KEPT, "a" * MAX_KEPT),
        ("a" * (MAX_KEPT + 1), None),
        ("text/plain\x00charset=utf-8", "text/plain; charset=utf-8"),
        ("text/plain; charset=utf-8", None),  # or it would be taken for the one before
        ("a\x07b", None),
        ("sha256:0000", None),  # or a sender could name the hash of something else
        ("", ""),
    ],
)
def test_a_value_is_kept_as_it_is_only_where_nothing_else_looks_like_it(text: str, shown: str | None) -> None:
    ((_, found),) = kept([("x-a", text)])
    if shown is None:
        assert found.startswith("sha256:")
        assert found != text
        assert len(found) == 7 + 64
    else:
        assert found == shown


@given(st.lists(st.text(max_size=70), min_size=2, max_size=2, unique=True))
def test_no_two_values_are_kept_as_one(values: list[str]) -> None:
    one, other = (kept([("x-a", text)]) for text in values)
    assert one != other


# --- what a provider may change


def test_only_a_providers_fields_may_change_and_only_where_they_hide_nothing() -> None:
    assert headblock.is_providers("received", "from a by b")
    assert headblock.is_providers("message-id", "<a@b>")
    assert not headblock.is_providers("subject", "a")
    assert not headblock.is_providers("received", "from a\nSubject: b")
    assert not headblock.is_providers("received", "from a\x00b")


def test_a_boundary_says_nothing_but_only_that_of_the_content_type() -> None:
    head = [("content-type", "multipart/mixed\x00boundary=a b\x00charset=utf-8"), ("x-a", "\x00boundary=a")]
    assert headblock.without_boundary(head) == [("content-type", "multipart/mixed\x00charset=utf-8"), head[1]]


# --- types


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("text/plain; charset=UTF-8", 'TEXT/Plain;charset="utf-8"'),
        ('a/b; name="x y"; size=1', 'a/b;size="1";name="x y"'),
        ('a/b; name="q\\"q"', 'a/b; name="q\\"q";'),
        ("attachment; filename=a.pdf", 'Attachment; FILENAME="a.pdf"'),
    ],
)
def test_types_that_read_the_same_are_one(one: str, other: str) -> None:
    for name in ("Content-Type", "Content-Disposition"):
        assert value(f"{name}: {one}") == value(f"{name}: {other}")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a/b; name=x", "a/b; name=X"),  # a file's name has case
        ("a/b; name=x", "a/b; name=x; name=y"),  # programs take the first or the last
        ("a/b; name=y", "a/b; name=x; name=y"),
        ("a/b; name=x; NAME=x", "a/b; name=x"),
        ("a/b; name=x y", "a/b; name=x"),
        ("a/b (comment)", "a/b"),
        ("a/b; charset=utf-8", "a/b; charset=iso-8859-1"),
        ("a/b", "a/c"),
    ],
)
def test_types_that_some_program_may_read_otherwise_stay_apart(one: str, other: str) -> None:
    assert value(f"Content-Type: {one}") != value(f"Content-Type: {other}")


def test_a_type_written_twice_stays_as_it_stands_and_so_does_one_of_two_meanings() -> None:
    for text in ("a/b; x=1; x=2", "a/b; x=1; X=1"):
        assert value(f"Content-Type: {text}") == text


def test_a_type_longer_than_is_looked_into_stays_as_it_stands() -> None:
    fits = "a/b; name=" + "x" * (MAX_TYPED - len("a/b; name="))
    assert value(f"Content-Type: {fits}") == fits.replace("; ", "\x00")
    assert value(f"Content-Type: {fits}x") == fits + "x"


def test_an_encoding_has_no_case_and_other_fields_have() -> None:
    assert value("Content-Transfer-Encoding: Base64") == "base64"
    assert value("X-Priority: High") == "High"
    assert value(f"X-A: {b_word('però')}") == b_word("però"), "only what is shown decoded is decoded"


# --- encoded words


@pytest.mark.parametrize("name", ["Subject", "From", "To", "Cc", "Reply-To"])
def test_encoded_and_plain_text_are_one(name: str) -> None:
    assert value(f"{name}: {b_word('Citta')}") == "Citta"
    assert value(f"{name}: {b_word('Città')}") == "Città"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (f"{b_word('Per')} {b_word('ché')}", "Perché"),  # blanks between words are no text (RFC 2047 6.2)
        (f"{b_word('Per')} {b_word('ché', 'iso-8859-1')}", "Perché"),  # also where the charset changes
        (f"uno {b_word('due')} tre", "uno due tre"),
        (f"uno {b_word('due')} e {b_word('tre')}", "uno due e tre"),
        (f"{b_word('due')} e", "due e"),
        ("=?utf-8?Q?Citt=C3=A0_bella?=", "Città bella"),
        ("=?ISO-8859-15?q?=A4?=", "€"),
        ("=?windows-1252?Q?=80?=", "€"),
        ("=?us-ascii?Q?a?=", "a"),
        ("=?utf-8*it?Q?a?=", "a"),  # RFC 2231 5: a language
        ("=?utf-8?Q?e=CC=80?=", "è"),  # two forms of one letter
    ],
)
def test_words_are_read_as_mail_programs_read_them(text: str, read: str) -> None:
    assert subject(text) == read


def test_a_character_cut_between_two_words_is_put_together() -> None:
    whole = "à".encode()
    first, second = (base64.b64encode(part).decode() for part in (b"Citt" + whole[:1], whole[1:]))
    assert subject(f"=?utf-8?B?{first}?= =?utf-8?B?{second}?=") == "Città"
    other = base64.b64encode(b"x").decode()
    apart = f"=?utf-8?B?{first}?= e =?utf-8?B?{other}?="
    assert subject(apart) == apart, "with text between them they share nothing"


@pytest.mark.parametrize(
    "text",
    [
        "=?utf-8?Q?a?=b",  # glued: some decode it, others do not
        "a=?utf-8?Q?b?=",
        "=?utf-8?Q?a?==?utf-8?Q?b?=",
        "=?utf-8?Q?a b?=",
        "=?utf-8?B?YQ?=",  # without padding
        "=?utf-8?B?Y Q==?=",
        "=?utf-8?Q?=E0?=",  # no UTF-8
        "=?utf-8?Q?=0?=",
        "=?utf-7?Q?+AGE-?=",  # a charset that programs differ about
        "=?utf-8?X?a?=",
        "=?utf-8?Q?a=0Ab?=",  # a line of its own
        f"{b_word('uno')} =?utf-8?Q?=E0?=",
        f"uno {b_word('due')} =?rotto",
    ],
)
def test_what_programs_may_read_otherwise_stays_as_it_stands(text: str) -> None:
    assert subject(text) == text


def test_text_that_merely_looks_encoded_once_decoded_is_not_decoded_at_all() -> None:
    inner = b_word("=?utf-8?Q?a?=")
    assert subject(inner) == inner


def test_raw_eight_bit_text_is_nothing_that_encoded_text_could_be() -> None:
    assert subject("Città") == "\x00Città" != subject(b_word("Città"))


@pytest.mark.parametrize("special", list('()<>[]:;@\\,."'))
def test_a_word_that_would_part_an_address_list_is_not_decoded_there(special: str) -> None:
    word = b_word(f"a{special}b")
    assert subject(word) == f"a{special}b"
    assert value(f"To: {word} <x@y.it>") == f"{word} <x@y.it>"


def test_blanks_at_the_ends_of_what_is_decoded_are_one_blank_or_none() -> None:
    assert subject("=?utf-8?Q?_a__b_?=") == "a b"


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co", "Zl", "Zp")), max_size=30))
def test_what_is_decoded_is_what_the_standard_library_reads(text: str) -> None:
    for word in (b_word(text), f"=?utf-8?Q?{quopri.encodestring(text.encode(), header=True).decode()}?="):
        if len(word) > 1_000 or "\n" in word:
            continue
        found = subject(word)
        if found != word and not found.startswith("\x00"):
            theirs = unicodedata.normalize("NFC", str(make_header(decode_header(word))))
            assert found.split() == theirs.split()
