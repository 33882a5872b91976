"""Do real mail clients get from the sandbox what RFC 3501 and its extensions promise them?"""

import imaplib
import ssl
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError, LoginError

from pec_tracker.sandbox.store import Store
from tests.sandbox.imap_running import (
    ADDRESS,
    HOST,
    LOGIN,
    PASSWORD,
    RunningImap,
    account,
    make_certificates,
    running_imap,
)


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


# Logging in


def test_a_wrong_password_is_refused_and_says_so(server: RunningImap) -> None:
    with server.client(login=False) as client:
        with pytest.raises(LoginError, match="AUTHENTICATIONFAILED"):
            client.login(LOGIN, "wrong")
        client.login(LOGIN.upper(), PASSWORD)


def test_sasl_plain_logs_in_too(server: RunningImap) -> None:
    with server.client(login=False) as client:
        client.plain_login(LOGIN, PASSWORD)
        assert client.folder_exists("INBOX")


def test_starttls_comes_before_the_password(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path)
    store = Store(None)
    store.add_account(account())
    trusting = ssl.create_default_context(cafile=str(certificates.authority))
    with (
        running_imap(store, ssl_context=certificates.server, starttls=True) as server,
        server.client(login=False) as client,
    ):
        assert b"LOGINDISABLED" in client.capabilities()
        with pytest.raises(LoginError, match="STARTTLS"):
            client.login(LOGIN, PASSWORD)
        client.starttls(trusting)
        client.login(LOGIN, PASSWORD)
        assert b"STARTTLS" not in client.capabilities()
        raw = _plain("big", size=3_000_000)
        client.append("INBOX", raw)
        client.select_folder("INBOX", readonly=True)
        assert client.fetch([1], ["BODY.PEEK[]"])[1][b"BODY[]"] == raw


def test_implicit_tls_holds_against_the_authority(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path)
    store = Store(None)
    store.add_account(account())
    trusting = ssl.create_default_context(cafile=str(certificates.authority))
    with running_imap(store, ssl_context=certificates.server) as server:
        with IMAPClient(HOST, server.port, ssl_context=trusting, timeout=20) as client:
            client.login(LOGIN, PASSWORD)
            raw = _plain("far", size=5_000_000)
            client.append("INBOX", raw)
            client.select_folder("INBOX", readonly=True)
            assert client.fetch([1], ["BODY.PEEK[]"])[1][b"BODY[]"] == raw
        with pytest.raises(ssl.SSLCertVerificationError):
            IMAPClient(HOST, server.port, timeout=20)


# Folders


def test_folders_are_listed_with_their_use(client: IMAPClient) -> None:
    folders = {name: flags for flags, _, name in client.list_folders()}
    assert folders["INBOX.Inviata"] == (b"\\Sent",)
    assert client.find_special_folder(b"\\Trash") == "Trash"
    assert [name for _, _, name in client.list_folders("", "INBOX%")] == ["INBOX"]
    assert [name for _, _, name in client.list_folders("", "inbox*")] == ["INBOX", "INBOX.Inviata"]
    assert client.namespace().personal == (("", "."),)


@pytest.mark.parametrize("name", ["Città", 'a "b" \\c', "日本語", "R&D", "spazi e (parentesi)", "😀.sotto"])
def test_a_folder_of_any_name_is_made_listed_opened_renamed_and_deleted(client: IMAPClient, name: str) -> None:
    client.create_folder(name)
    assert name in [listed for _, _, listed in client.list_folders()]
    client.append(name, _plain("x"))
    assert client.select_folder(name)[b"EXISTS"] == 1
    client.subscribe_folder(name)
    assert name in [listed for _, _, listed in client.list_sub_folders()]
    client.rename_folder(name, "new " + name)
    assert client.folder_status("new " + name, ["MESSAGES"]) == {b"MESSAGES": 1}
    client.unselect_folder()
    client.delete_folder("new " + name)
    assert not client.folder_exists("new " + name)


def test_a_level_without_a_folder_is_listed_as_not_to_be_opened(client: IMAPClient) -> None:
    client.create_folder("Pratiche.2026.Rossi")
    folders = {name: flags for flags, _, name in client.list_folders("", "Pratiche*")}
    assert folders == {
        "Pratiche": (b"\\Noselect",),
        "Pratiche.2026": (b"\\Noselect",),
        "Pratiche.2026.Rossi": (),
    }
    with pytest.raises(IMAPClientError, match="NONEXISTENT"):
        client.select_folder("Pratiche")


def test_status_tells_whether_anything_moved(server: RunningImap, client: IMAPClient) -> None:
    before = client.folder_status("INBOX", ["MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "RECENT", "SIZE"])
    raw = _plain("x")
    server.deliver(raw)
    after = client.folder_status("INBOX", ["MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "RECENT", "SIZE"])
    assert (before[b"MESSAGES"], before[b"UIDNEXT"]) == (0, 1)
    assert (after[b"MESSAGES"], after[b"UIDNEXT"], after[b"UNSEEN"], after[b"SIZE"]) == (1, 2, 1, len(raw))
    assert after[b"UIDVALIDITY"] == before[b"UIDVALIDITY"]


def test_examine_changes_nothing(server: RunningImap, client: IMAPClient) -> None:
    server.deliver(_plain("x"))
    opened = client.select_folder("INBOX", readonly=True)
    assert (opened[b"EXISTS"], opened[b"UIDNEXT"], opened[b"READ-ONLY"]) == (1, 2, [b""])
    client.fetch([1], ["BODY[]", "RFC822"])
    assert client.get_flags([1]) == {1: ()}
    with pytest.raises(IMAPClientError, match="READ-ONLY"):
        client.add_flags([1], ["\\Seen"])
    with pytest.raises(IMAPClientError, match="READ-ONLY"):
        client.expunge()


def test_extended_list_gives_status_and_subscriptions_in_one_trip(server: RunningImap) -> None:
    server.deliver(_plain("x"))
    with imaplib.IMAP4(HOST, server.port) as plain:
        plain.login(LOGIN, PASSWORD)
        tag = plain._new_tag()
        plain.send(tag + b' LIST (SUBSCRIBED) "" (INBOX "Tra%") RETURN (CHILDREN STATUS (MESSAGES UIDNEXT))\r\n')
        lines = [plain.readline().rstrip() for _ in range(5)]
    assert lines == [
        b'* LIST (\\HasChildren \\Subscribed) "." "INBOX"',
        b'* STATUS "INBOX" (MESSAGES 1 UIDNEXT 2)',
        b'* LIST (\\HasNoChildren \\Trash \\Subscribed) "." "Trash"',
        b'* STATUS "Trash" (MESSAGES 0 UIDNEXT 1)',
        tag + b" OK done",
    ]


# Changing


def test_append_says_under_which_uid_the_mail_is_kept(server: RunningImap, client: IMAPClient) -> None:
    at = datetime(2020, 2, 29, 23, 59, 58)  # noqa: DTZ001 - imapclient takes local time
    reply = client.append("INBOX.Inviata", _plain("x"), flags=["\\Seen", "pratica"], msg_time=at)
    opened = client.select_folder("INBOX.Inviata")
    assert reply == b"[APPENDUID %d 1] kept" % opened[b"UIDVALIDITY"]
    assert b"pratica" in opened[b"FLAGS"]
    got = client.fetch([1], ["INTERNALDATE", "FLAGS", "BODY.PEEK[]"])[1]
    assert (got[b"BODY[]"], set(got[b"FLAGS"])) == (_plain("x"), {b"\\Seen", b"pratica"})
    assert got[b"INTERNALDATE"] == at
    with pytest.raises(IMAPClientError, match="TRYCREATE"):
        client.append("Nowhere", _plain("x"))


def test_flags_are_set_added_and_removed(server: RunningImap, client: IMAPClient) -> None:
    server.deliver(_plain("x"))
    client.select_folder("INBOX")
    assert client.add_flags([1], ["\\seen", "pratica"]) == {1: (b"\\Seen", b"pratica")}
    assert client.remove_flags([1], ["pratica"]) == {1: (b"\\Seen",)}
    assert client.set_flags([1], [b"\\Flagged"], silent=True) is None
    assert client.get_flags([1]) == {1: (b"\\Flagged",)}


def test_uid_expunge_takes_no_one_elses_mail(server: RunningImap, client: IMAPClient) -> None:
    for number in range(4):
        server.deliver(_plain(str(number)))
    client.select_folder("INBOX")
    client.add_flags([1, 2, 3], [b"\\Deleted"])
    client.uid_expunge([2, 4])
    assert client.search() == [1, 3, 4]
    assert client.expunge()[1] == [(2, b"EXPUNGE"), (1, b"EXPUNGE")]
    assert client.search() == [4]


def test_mails_are_copied_and_moved_with_their_flags(server: RunningImap, client: IMAPClient) -> None:
    for number in range(4):
        server.deliver(_plain(str(number)), flags=("\\Flagged",))
    client.select_folder("INBOX")
    client.copy([1, 2], "Junk")
    client.move([2, 3, 4], "Trash")
    assert client.search() == [1]
    assert client.folder_status("Junk", ["MESSAGES"]) == {b"MESSAGES": 2}
    assert client.select_folder("Trash")[b"EXISTS"] == 3
    assert client.get_flags([1, 2, 3]) == dict.fromkeys([1, 2, 3], (b"\\Flagged",))
    with pytest.raises(IMAPClientError, match="TRYCREATE"):
        client.copy([1], "Nowhere")


def test_close_expunges_and_unselect_does_not(server: RunningImap, client: IMAPClient) -> None:
    server.deliver(_plain("x"), flags=("\\Deleted",))
    client.select_folder("INBOX")
    client.unselect_folder()
    assert client.folder_status("INBOX", ["MESSAGES"]) == {b"MESSAGES": 1}
    client.select_folder("INBOX")
    client.close_folder()
    assert client.folder_status("INBOX", ["MESSAGES"]) == {b"MESSAGES": 0}


def test_the_quota_is_told_and_kept() -> None:
    store = Store(None)
    store.add_account(account(quota_bytes=100 * 1024))
    with running_imap(store) as server, server.client() as client:
        server.deliver(b"x" * (90 * 1024))
        (quota,) = client.get_quota("INBOX")
        assert (quota.resource, quota.usage, quota.limit) == ("STORAGE", 90, 100)
        with pytest.raises(IMAPClientError, match="OVERQUOTA"):
            client.append("INBOX", b"x" * (11 * 1024))
        client.select_folder("INBOX")
        with pytest.raises(IMAPClientError, match="OVERQUOTA"):
            client.copy([1], "Junk")
        client.move([1], "Trash")
        client.select_folder("Trash")
        client.delete_messages([1])
        client.expunge()
        assert client.get_quota("INBOX")[0].usage == 0


# Two clients at once


def test_idle_tells_of_new_mail_at_once(server: RunningImap, client: IMAPClient) -> None:
    client.select_folder("INBOX")
    client.idle()
    timer = threading.Timer(0.2, lambda: server.deliver(_plain("x")))
    timer.start()
    assert client.idle_check(timeout=5) == [(1, b"EXISTS")]
    timer.join()
    assert client.idle_done()[0] == b"done"
    assert client.search() == [1]


def test_what_one_client_does_the_other_learns_in_order(server: RunningImap, client: IMAPClient) -> None:
    for number in range(3):
        server.deliver(_plain(str(number)))
    client.select_folder("INBOX")
    with server.client() as other:
        other.select_folder("INBOX")
        other.add_flags([1], [b"\\Flagged"])
        other.delete_messages([2])
        other.expunge()
        other.append("INBOX", _plain("new"))
        assert other.search() == [1, 3, 4]
    told = client.noop()[1]
    assert told == [(2, b"EXPUNGE"), (3, b"EXISTS"), (1, b"FETCH", (b"UID", 1, b"FLAGS", (b"\\Flagged",)))]
    assert client.noop()[1] == []


def test_mails_keep_their_numbers_while_a_fetch_is_answered(server: RunningImap) -> None:
    for number in range(3):
        server.deliver(_plain(str(number)))
    with imaplib.IMAP4(HOST, server.port) as plain, server.client() as other:
        plain.login(LOGIN, PASSWORD)
        plain.select("INBOX")
        other.select_folder("INBOX")
        other.delete_messages([1])
        other.expunge()
        assert plain.fetch("2", "(UID)")[1] == [b"2 (UID 2)"]
        assert plain.response("EXPUNGE")[1] == [None]
        plain.noop()
        assert plain.response("EXPUNGE")[1] == [b"1"]
        assert plain.fetch("2", "(UID)")[1] == [b"2 (UID 3)"]


def test_a_folder_with_a_new_uidvalidity_must_be_opened_again(server: RunningImap, client: IMAPClient) -> None:
    server.deliver(_plain("x"))
    before = client.select_folder("INBOX")[b"UIDVALIDITY"]
    server.call(lambda: server.store.mailbox(ADDRESS).change_uidvalidity("INBOX"))
    with pytest.raises((IMAPClientError, imaplib.IMAP4.abort)):
        client.noop()
    with server.client() as again:
        assert again.select_folder("INBOX")[b"UIDVALIDITY"] != before
        assert again.search() == [1]
