"""Does a real client read and find in the sandbox's mailboxes what RFC 3501 says it should?"""

import imaplib
from collections.abc import Iterator
from datetime import date

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError
from imapclient.response_types import Address

from pec_tracker.sandbox.store import Store
from tests.sandbox.imap_running import (
    ADDRESS,
    AT,
    HOST,
    LOGIN,
    PASSWORD,
    RunningImap,
    account,
    running_imap,
)

MAIL = b"""\
Date: Mon, 2 Mar 2026 09:00:00 +0100\r
From: "Rossi, Mario" <mario@pec.example.it>\r
To: ufficio@pec.example.it, =?utf-8?q?Citt=C3=A0?= <citta@pec.example.it>\r
Subject: =?utf-8?q?Citt=C3=A0_e?=\r
 perch\xc3\xa9\r
Message-ID: <1@pec.example.it>\r
X-Trasporto: posta-certificata\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary="out"\r
\r
preamble\r
--out\r
Content-Type: multipart/alternative; boundary=in\r
\r
--in\r
Content-Type: text/plain; charset=iso-8859-1\r
Content-Transfer-Encoding: quoted-printable\r
\r
Perch=E9 no\r
--in\r
Content-Type: text/html\r
\r
<p>x</p>\r
--in--\r
--out\r
Content-Type: message/rfc822\r
Content-Disposition: inline; filename="postacert.eml"\r
\r
From: inner@example.it\r
Subject: inside\r
\r
inner text\r
--out\r
Content-Type: application/xml; name="daticert.xml"\r
Content-Transfer-Encoding: base64\r
\r
PGE+PC9hPg==\r
--out--\r
"""
WANTED_FIELDS = b"Date: Mon, 2 Mar 2026 09:00:00 +0100\r\nX-Trasporto: posta-certificata\r\n\r\n"


@pytest.fixture
def server() -> Iterator[RunningImap]:
    store = Store(None)
    store.add_account(account())
    with running_imap(store) as running:
        yield running


@pytest.fixture
def client(server: RunningImap) -> Iterator[IMAPClient]:
    with server.client() as connected:
        yield connected


def _plain(subject: str, text: str = "text", *, size: int = 0) -> bytes:
    return f"From: a@b.it\r\nSubject: {subject}\r\n\r\n{text}{'x' * size}\r\n".encode()


# Fetching


def test_a_mail_is_fetched_byte_for_byte_and_stays_unread_when_peeked(server: RunningImap, client: IMAPClient) -> None:
    raw = MAIL + bytes(range(256))
    uid = server.deliver(raw)
    client.normalise_times = False
    client.select_folder("INBOX")
    got = client.fetch([uid], ["RFC822.SIZE", "INTERNALDATE", "FLAGS", "BODY.PEEK[]"])[uid]
    assert (got[b"BODY[]"], got[b"RFC822.SIZE"], got[b"INTERNALDATE"], got[b"FLAGS"]) == (raw, len(raw), AT, ())
    assert client.fetch([uid], ["RFC822"])[uid] == {b"RFC822": raw, b"FLAGS": (b"\\Seen",), b"SEQ": 1}


def test_four_thousand_mails_come_in_batches(server: RunningImap, client: IMAPClient) -> None:
    mails = [_plain(f"mail {number}", size=number % 977) for number in range(4_000)]
    server.call(lambda: [server.store.deliver(ADDRESS, raw, internal_at=AT) for raw in mails])
    client.select_folder("INBOX", readonly=True)
    uids = client.search(["UID", "1:*"])
    assert uids == list(range(1, 4_001))
    fetched: dict[int, bytes] = {}
    for start in range(0, 4_000, 500):
        batch = client.fetch(uids[start : start + 500], ["BODY.PEEK[]"])
        fetched.update({uid: values[b"BODY[]"] for uid, values in batch.items()})
    assert [fetched[uid] for uid in uids] == mails


def test_partials_put_together_are_the_mail(server: RunningImap, client: IMAPClient) -> None:
    raw = bytes(range(256)) * 500
    uid = server.deliver(raw)
    client.select_folder("INBOX", readonly=True)
    pieces = [
        client.fetch([uid], [f"BODY.PEEK[]<{start}.30000>"])[uid][f"BODY[]<{start}>".encode()]
        for start in range(0, 150_000, 30_000)
    ]
    assert b"".join(pieces) == raw
    assert pieces[-1] == raw[120_000:]


@pytest.mark.parametrize(
    ("section", "content"),
    [
        ("1.1", b"Perch=E9 no"),
        ("1.2", b"<p>x</p>"),
        ("1.2.MIME", b"Content-Type: text/html\r\n\r\n"),
        ("2", b"From: inner@example.it\r\nSubject: inside\r\n\r\ninner text"),
        ("2.HEADER", b"From: inner@example.it\r\nSubject: inside\r\n\r\n"),
        ("2.TEXT", b"inner text"),
        ("2.1", b"inner text"),
        ("2.HEADER.FIELDS (subject)", b"Subject: inside\r\n\r\n"),
        ("3", b"PGE+PC9hPg=="),
        ("HEADER", MAIL.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"),
        ("TEXT", MAIL.partition(b"\r\n\r\n")[2]),
        ("HEADER.FIELDS (DATE X-TRASPORTO)", WANTED_FIELDS),
        ("HEADER.FIELDS (subject)", b"Subject: =?utf-8?q?Citt=C3=A0_e?=\r\n perch\xc3\xa9\r\n\r\n"),
        ("HEADER.FIELDS (X-None)", b"\r\n"),
        ("4", b""),
        ("1.1.1", b""),
        ("3.HEADER", b""),
    ],
)  # fmt: skip
def test_each_section_is_cut_out_of_the_mail(
    server: RunningImap, client: IMAPClient, section: str, content: bytes
) -> None:
    uid = server.deliver(MAIL)
    client.select_folder("INBOX", readonly=True)
    got = client.fetch([uid], [f"BODY.PEEK[{section}]"])[uid]
    assert got[f"BODY[{section}]".upper().encode()] == content


def test_all_headers_but_some(server: RunningImap, client: IMAPClient) -> None:
    uid = server.deliver(_plain("x"))
    client.select_folder("INBOX", readonly=True)
    got = client.fetch([uid], ["BODY.PEEK[HEADER.FIELDS.NOT (SUBJECT)]"])[uid]
    assert got[b"BODY[HEADER.FIELDS.NOT (SUBJECT)]"] == b"From: a@b.it\r\n\r\n"


def test_the_structure_is_told_without_the_text(server: RunningImap, client: IMAPClient) -> None:
    uid = server.deliver(MAIL)
    client.select_folder("INBOX", readonly=True)
    structure = client.fetch([uid], ["BODYSTRUCTURE"])[uid][b"BODYSTRUCTURE"]
    alternative, enclosed, daticert = structure[0]
    assert (structure.is_multipart, structure[1]) == (True, b"mixed")
    assert [part[1] for part in alternative[0]] == [b"plain", b"html"]
    assert alternative[0][0][:8] == (
        b"text", b"plain", (b"charset", b"iso-8859-1"), None, None, b"quoted-printable", 11, 0,
    )  # fmt: skip
    assert enclosed[:2] == (b"message", b"rfc822")
    assert enclosed[7][1] == b"inside"
    assert enclosed[8][:2] == (b"text", b"plain")
    assert daticert[:7] == (b"application", b"xml", (b"name", b"daticert.xml"), None, None, b"base64", 12)


def test_the_envelope_holds_the_headers_as_they_are(server: RunningImap, client: IMAPClient) -> None:
    uid = server.deliver(MAIL)
    client.select_folder("INBOX", readonly=True)
    envelope = client.fetch([uid], ["ENVELOPE"])[uid][b"ENVELOPE"]
    assert envelope.subject == b"=?utf-8?q?Citt=C3=A0_e?= perch\xc3\xa9"
    assert envelope.message_id == b"<1@pec.example.it>"
    assert envelope.from_ == envelope.sender == envelope.reply_to
    assert envelope.from_ == (Address(b"Rossi, Mario", None, b"mario", b"pec.example.it"),)
    assert envelope.to == (
        Address(None, None, b"ufficio", b"pec.example.it"),
        Address(b"=?utf-8?q?Citt=C3=A0?=", None, b"citta", b"pec.example.it"),
    )
    assert envelope.cc is envelope.bcc is envelope.in_reply_to is None


def test_addresses_in_every_form_are_taken_apart(server: RunningImap, client: IMAPClient) -> None:
    uid = server.deliver(
        b'From: "A \\"q\\" B" <a@b.it>\r\n'
        b"To: c@d.it (Name), Ufficio: x@y.it, <z@w.it>;, <@r1:e@f.it>,\r\n nobody, , Plain Name <g@h.it>\r\n"
        b"Cc: undisclosed-recipients:;\r\n\r\n"
    )
    client.select_folder("INBOX", readonly=True)
    envelope = client.fetch([uid], ["ENVELOPE"])[uid][b"ENVELOPE"]
    assert envelope.from_ == (Address(b'A "q" B', None, b"a", b"b.it"),)
    assert envelope.to == (
        Address(b"Name", None, b"c", b"d.it"),
        Address(None, None, b"Ufficio", None),
        Address(None, None, b"x", b"y.it"),
        Address(None, None, b"z", b"w.it"),
        Address(None, None, None, None),
        Address(None, b"@r1", b"e", b"f.it"),
        Address(None, None, b"nobody", b""),
        Address(b"Plain Name", None, b"g", b"h.it"),
    )
    assert envelope.cc == (Address(None, None, b"undisclosed-recipients", None), Address(None, None, None, None))


def test_a_range_beyond_the_last_uid_still_returns_the_last_mail(server: RunningImap, client: IMAPClient) -> None:
    for number in range(3):
        server.deliver(_plain(str(number)))
    with imaplib.IMAP4(HOST, server.port) as plain:
        plain.login(LOGIN, PASSWORD)
        plain.select("INBOX", readonly=True)
        assert plain.uid("FETCH", "4:*", "(FLAGS)") == ("OK", [b"3 (UID 3 FLAGS ())"])
        assert plain.uid("SEARCH", "UID", "99:*") == ("OK", [b"3"])
        assert plain.uid("FETCH", "7,9", "(FLAGS)") == ("OK", [None])
        assert (
            plain.fetch("2:*", "FAST")[1][0] == b'2 (FLAGS () INTERNALDATE " 1-Mar-2026 10:30:00 +0000" RFC822.SIZE 34)'
        )


# Searching


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ("ALL", [1, 2, 3, 4]),
        (["SUBJECT", "città e perché"], [1]),
        (["FROM", "MARIO"], [1]),
        (["TO", "citta@"], [1]),
        (["HEADER", "X-Trasporto", "certificata"], [1]),
        (["HEADER", "X-Trasporto", ""], [1]),
        (["HEADER", "Message-ID", "<1@pec.example.it>"], [1]),
        (["BODY", "perché no"], [1]),
        (["TEXT", "INNER TEXT"], [1]),
        (["TEXT", "second"], [2]),
        (["BODY", "second"], []),
        (["LARGER", 5_000], [3]),
        (["SMALLER", 5_000, "NOT", "SUBJECT", "second"], [1, 4]),
        (["SEEN"], [2]),
        (["UNSEEN", "UNDELETED"], [1, 3, 4]),
        (["KEYWORD", "Pratica"], [4]),
        (["UNKEYWORD", "pratica"], [1, 2, 3]),
        (["OR", "SUBJECT", "second", "OR", "SUBJECT", "third", "FLAGGED"], [2, 3]),
        (["OR", ["SEEN", "SUBJECT", "second"], ["LARGER", 5_000]], [2, 3]),
        (["SINCE", date(2026, 3, 1)], [1, 2, 3, 4]),
        (["BEFORE", date(2026, 3, 1)], []),
        (["ON", date(2026, 3, 1)], [1, 2, 3, 4]),
        (["SENTSINCE", date(2026, 3, 2)], [1]),
        (["SENTBEFORE", date(2026, 3, 2)], []),
        (["SENTON", date(2026, 3, 2)], [1]),
        (["UID", "2:3"], [2, 3]),
        (["2:3"], [2, 3]),
        (["UID", "4,1"], [1, 4]),
        (["RECENT"], []),
    ],
)
def test_each_search_key_finds_what_it_should(
    server: RunningImap, client: IMAPClient, criteria: list[object] | str, found: list[int]
) -> None:
    server.deliver(MAIL)
    server.deliver(_plain("second"), flags=("\\Seen",))
    server.deliver(_plain("third", size=5_000))
    server.deliver(_plain("fourth"), flags=("pratica",))
    client.select_folder("INBOX", readonly=True)
    assert client.search(criteria, "UTF-8") == found


def test_a_search_in_another_charset_is_refused(client: IMAPClient) -> None:
    client.select_folder("INBOX")
    with pytest.raises(IMAPClientError, match="BADCHARSET"):
        client.search(["SUBJECT", "è"], "ISO-8859-1")
