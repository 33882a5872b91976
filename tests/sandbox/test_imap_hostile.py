"""Does the server outlive what no decent client sends, and mails that no decent program wrote?"""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from socket import SocketIO

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pec_tracker.sandbox.imap_fetch import read_items, render
from pec_tracker.sandbox.imap_grammar import BadCommandError, Cursor, SequenceSet, quoted
from pec_tracker.sandbox.imap_names import decode_name, encode_name, pattern_regex
from pec_tracker.sandbox.imap_search import BadCharsetError, Candidate, Numbering, read_search
from pec_tracker.sandbox.store import Mail, Store
from tests.sandbox.imap_running import AT, HOST, RunningImap, account, running_imap


@pytest.fixture(scope="module")
def server() -> Iterator[RunningImap]:
    store = Store(None)
    store.add_account(account())
    with running_imap(store) as running:
        running.call(lambda: running.loop.set_exception_handler(_remember))
        yield running
        assert crashes == []


crashes: list[object] = []


def _remember(_: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    crashes.append(context)


@contextmanager
def _connected(server: RunningImap, *, login: bool = True) -> Iterator[SocketIO]:
    with socket.create_connection((HOST, server.port), timeout=20) as connection:
        stream = connection.makefile("rwb", buffering=0)
        stream.readline()
        if login:
            assert _say(stream, b'a0 LOGIN ufficio "se\\"gre\\\\to"')[-1].startswith(b"a0 OK")
            assert _say(stream, b"a1 SELECT INBOX")[-1].startswith(b"a1 OK")
        yield stream


def _say(stream: SocketIO, command: bytes) -> list[bytes]:
    """Send a command line; the lines up to its tagged answer."""
    stream.write(command + b"\r\n")
    tag = command.split(b" ")[0]
    lines = [stream.readline()]
    while lines[-1] and not lines[-1].startswith((tag + b" ", b"* BAD")):
        lines.append(stream.readline())
    return lines


@pytest.mark.parametrize(
    "command",
    [
        b"x",
        b"x ",
        b"x NONSENSE",
        b"x UID",
        b"x UID NOOP",
        b"x SELECT",
        b'x SELECT "INBOX',
        b"x SELECT &nope",
        b"x SELECT INBOX INBOX",
        b"x SELECT \xff\xfe",
        b"x LOGIN a b",
        b"x STARTTLS",
        b"x AUTHENTICATE PLAIN !!!!",
        b"x AUTHENTICATE PLAIN AGE=",
        b"x FETCH",
        b"x FETCH 1",
        b"x FETCH 1 ()",
        b"x FETCH 0 FLAGS",
        b"x FETCH 1:: FLAGS",
        b"x FETCH 99999999999999999999 FLAGS",
        b"x FETCH 5000 FLAGS",
        b"x UID FETCH 1 NONSENSE",
        b"x UID FETCH 1 BODY[",
        b"x UID FETCH 1 BODY[0]",
        b"x UID FETCH 1 BODY[MIME]",
        b"x UID FETCH 1 BODY[]<1.0>",
        b"x UID FETCH 1 BODY[]<1>",
        b"x UID FETCH 1 BODY[HEADER.FIELDS]",
        b"x UID FETCH 1 (FLAGS",
        b"x UID FETCH 1 (FLAGS))",
        b"x UID STORE 1 FLAGS (\\Recent)",
        b"x UID STORE 1 NONSENSE (\\Seen)",
        b"x UID SEARCH",
        b"x UID SEARCH NONSENSE",
        b"x UID SEARCH SINCE 31-Feb-2026",
        b"x UID SEARCH SINCE 1-Foo-2026",
        b"x UID SEARCH OR ALL",
        b"x UID SEARCH " + b"NOT " * 5_000 + b"ALL",
        b"x UID SEARCH " + b"(" * 5_000,
        b"x APPEND INBOX hello",
        b'x APPEND INBOX "99-Jan-2026 00:00:00 +0000" {1+}\r\nx',
        b"x STATUS INBOX (NONSENSE)",
        b"x STATUS INBOX ()",
        b'x LIST (NONSENSE) "" *',
        b'x LIST "" * RETURN (NONSENSE)',
        b"x NOOP {3+}\r\nabc",
    ],
)
def test_a_command_that_makes_no_sense_is_answered_with_bad(server: RunningImap, command: bytes) -> None:
    with _connected(server) as stream:
        assert b" BAD " in _say(stream, command)[-1]
        assert _say(stream, b"y NOOP") == [b"y OK done\r\n"]


def test_commands_wait_for_the_login(server: RunningImap) -> None:
    with _connected(server, login=False) as stream:
        for command in (b"SELECT INBOX", b'LIST "" *', b"UID FETCH 1 FLAGS", b"IDLE"):
            assert _say(stream, b"x " + command) == [b"x BAD log in first\r\n"]


def test_commands_on_mails_wait_for_a_folder(server: RunningImap) -> None:
    with _connected(server) as stream:
        _say(stream, b"x UNSELECT")
        for command in (b"UID FETCH 1 FLAGS", b"EXPUNGE", b"UID SEARCH ALL", b"CHECK", b"CLOSE"):
            assert _say(stream, b"x " + command) == [b"x BAD select a folder first\r\n"]


@pytest.mark.parametrize("flood", [b"x" * (3 << 20), b"x APPEND INBOX {9999999999+}\r\n"])
def test_what_has_no_end_is_shown_the_door(server: RunningImap, flood: bytes) -> None:
    with _connected(server) as stream:
        try:
            stream.write(flood)
            answer = stream.readline()
        except ConnectionError:
            return
        assert answer.startswith(b"* BYE") or answer == b""


def test_literals_arrive_asked_for_or_not(server: RunningImap) -> None:
    with _connected(server) as stream:
        stream.write(b"x STATUS {5}\r\n")
        assert stream.readline() == b"+ go ahead\r\n"
        stream.write(b"INBOX (MESSAGES)\r\n")
        assert stream.readline().startswith(b'* STATUS "INBOX"')
        assert stream.readline() == b"x OK done\r\n"
        assert _say(stream, b"y STATUS {5+}\r\nINBOX (UIDNEXT)")[-1] == b"y OK done\r\n"
        assert _say(stream, b'z UID SEARCH HEADER {7+}\r\nSubject "a\\"b"')[-1] == b"z OK done\r\n"


def test_clients_that_vanish_leave_nothing_broken(server: RunningImap) -> None:
    for command in (b"x IDLE\r\n", b"x APPEND INBOX {100}\r\nhalf", b"x UID FETCH 1:* BODY[]\r\n", b"x NO"):
        with _connected(server) as stream:
            stream.write(command)
    with _connected(server) as stream:
        assert _say(stream, b"y NOOP") == [b"y OK done\r\n"]


NESTED = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(5_000))
ENCLOSED = b"Content-Type: message/rfc822\r\n\r\n" * 5_000
ITEMS = b"(ENVELOPE BODY BODYSTRUCTURE BODY[1.1.1] BODY[1.MIME] BODY[TEXT] BODY[HEADER.FIELDS (TO)] RFC822.HEADER)"
WORDS = rb'BODY [ ] 1 . ( ) < > " TEXT HEADER.FIELDS FLAGS OR NOT UID * , : \ SINCE'.split()
TOKENS = [*WORDS, b" ", b"\xff", b"{1+}\r\n"]
ODD_MAILS = {
    "empty": b"",
    "no header": b"\r\nonly text",
    "no text": b"Subject: only a header",
    "NUL": b"Subject: a\x00b\r\n\r\n\x00\x00",
    "nested": NESTED,
    "enclosed": ENCLOSED,
    "many headers": b"X: y\r\n" * 100_000 + b"\r\n",
    "long line": b"Subject: " + b"x" * 10_000_000 + b"\r\n\r\n",
    "long line without colon": b"x" * 10_000_000,
    "many addresses": b"To: " + b'"a" <a@b.it>, ' * 100_000 + b"\r\n\r\n",
    "unclosed quotes": b'To: "' + b'a" <' * 20_000 + b"\r\nContent-Type: a/b" + b';a="' * 20_000 + b"\r\n\r\n",
    "many parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 20_000,
    "boundary that is a prefix": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--bc\r\n--b--",
    "multipart without parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\nnothing",
    "bare LF": b"Subject: a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n",
}


@pytest.mark.parametrize("name", ODD_MAILS)
def test_any_mail_is_described_and_searched(name: str) -> None:
    raw = ODD_MAILS[name]
    mail = Mail(1, len(raw), AT, frozenset(), 0, raw)
    assert render(mail, read_items(Cursor(ITEMS), by_uid=True))
    question = read_search(Cursor(b'OR TEXT "nowhere" SENTSINCE 1-Jan-2026'), Numbering([1]))
    assert question(Candidate(1, mail)) is False


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
@example(b"\xff")
def test_any_bytes_as_a_mail_are_described(raw: bytes) -> None:
    for start in (b"", b"From: ", b"Content-Type: ", b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"):
        mail = Mail(1, len(raw), AT, frozenset(), 0, start + raw)
        answer = b"".join(render(mail, read_items(Cursor(ITEMS), by_uid=True)))
        assert answer.count(b"BODY[TEXT]") >= 1
        assert isinstance(read_search(Cursor(b"TEXT zz"), Numbering([1]))(Candidate(1, mail)), bool)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(TOKENS), max_size=12))
def test_any_arguments_are_read_or_refused(tokens: list[bytes]) -> None:
    text = b"".join(tokens)
    for read in (lambda: read_items(Cursor(text), by_uid=True), lambda: read_search(Cursor(text), Numbering([1, 5]))):
        try:
            read()
        except (BadCommandError, BadCharsetError):
            continue


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=1, max_size=60))
def test_any_line_gets_an_answer(server: RunningImap, line: bytes) -> None:
    line = line.replace(b"\r", b"").replace(b"\n", b"").replace(b"{", b"")
    with _connected(server, login=False) as stream:
        stream.write(b"x " + line + b"\r\ny LOGOUT\r\n")
        assert b"\r\n" in stream.readline()


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_any_name_survives_the_wire(name: str) -> None:
    wire = encode_name(name)
    assert all(0x20 <= byte < 0x7F for byte in wire)
    assert decode_name(wire) == name


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=2_000))
def test_any_text_survives_its_quotes(text: bytes) -> None:
    cursor = Cursor(quoted(text))
    assert cursor.string() == text
    assert cursor.at_end()


def test_names_are_encoded_as_the_rfc_shows() -> None:
    assert encode_name("~peter/mail/台北/日本語") == b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"
    assert encode_name("Posta & co") == b"Posta &- co"
    for wrong in (b"&", b"&A-", b"&AA", b"\xe8", b"&2AA-"):
        with pytest.raises(ValueError):
            decode_name(wrong)


def test_wildcards_stop_where_they_should() -> None:
    assert pattern_regex("", "a%").fullmatch("ab")
    assert not pattern_regex("", "a%").fullmatch("a.b")
    assert pattern_regex("a.", "*").fullmatch("a.b.c")
    assert not pattern_regex("", "*a" * 500).fullmatch("a" * 400)


def test_a_sequence_set_names_what_is_there() -> None:
    known = [2, 4, 8, 16]
    assert SequenceSet(((1, 4),)).among(known) == [2, 4]
    assert SequenceSet(((99, None),)).among(known) == [16]
    assert SequenceSet(((None, None), (8, 3))).among(known) == [4, 8, 16]
    assert SequenceSet(((1, 9),)).among([]) == []
