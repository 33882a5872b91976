"""Does the sandbox do each wrong that it is asked for, when it is asked, and no longer?"""

import imaplib
import socket
import time
from collections.abc import Iterator

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError, LoginError

from pec_tracker.sandbox.store import Store
from tests.sandbox.imap_running import ADDRESS, AT, LOGIN, PASSWORD, RunningImap, account, running_imap

BROKEN = (IMAPClientError, imaplib.IMAP4.abort, OSError)


@pytest.fixture
def server() -> Iterator[RunningImap]:
    store = Store(None)
    store.add_account(account())
    with running_imap(store) as running:
        mails = [b"Subject: %d\r\n\r\n%b\r\n" % (n, b"x" * 1_000) for n in range(20)]
        running.call(lambda: [store.deliver(ADDRESS, raw, internal_at=AT) for raw in mails])
        yield running


@pytest.fixture
def client(server: RunningImap) -> Iterator[IMAPClient]:
    client = server.client()
    client.select_folder("INBOX", readonly=True)
    yield client
    client.shutdown()


def test_logins_are_refused_as_long_as_asked(server: RunningImap) -> None:
    server.faults.refuse_login = True
    with server.client(login=False) as client:
        with pytest.raises(LoginError):
            client.login(LOGIN, PASSWORD)
        server.faults.refuse_login = False
        client.login(LOGIN, PASSWORD)


def test_a_connection_is_cut_in_the_middle_of_a_literal_and_the_next_is_whole(
    server: RunningImap, client: IMAPClient
) -> None:
    server.faults.cut_after_bytes = 10_000
    with pytest.raises(BROKEN):
        client.fetch("1:20", ["BODY.PEEK[]"])
    with server.client() as again:
        again.select_folder("INBOX", readonly=True)
        assert len(again.fetch(range(1, 21), ["BODY.PEEK[]"])) == 20


def test_a_cut_connection_has_sent_exactly_so_many_bytes(server: RunningImap) -> None:
    server.faults.cut_after_bytes = 30
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        assert len(connection.makefile("rb").read()) == 30


@pytest.mark.parametrize("longer", [5, -5])
def test_a_literal_announced_with_the_wrong_length_breaks_the_client(server: RunningImap, longer: int) -> None:
    client = server.client(patience=0.5)
    client.select_folder("INBOX", readonly=True)
    server.faults.longer_literals = longer
    with pytest.raises((*BROKEN, ValueError)):
        client.fetch([1], ["BODY.PEEK[]"])
    client.shutdown()


@pytest.mark.parametrize("text", ["NO [UNAVAILABLE] not now", "BAD what?"])
def test_a_command_is_refused_from_its_second_use_and_once(server: RunningImap, client: IMAPClient, text: str) -> None:
    server.faults.answer("UID FETCH", text, after=1, times=1)
    assert client.fetch([1], ["FLAGS"])
    with pytest.raises(IMAPClientError):
        client.fetch([1], ["FLAGS"])
    assert client.fetch([1], ["FLAGS"])


def test_bye_ends_the_connection(server: RunningImap, client: IMAPClient) -> None:
    server.faults.answer("UID SEARCH", "BYE shutting down")
    with pytest.raises(imaplib.IMAP4.abort, match="shutting down"):
        client.search()
    server.faults.answers.clear()
    with server.client() as again:
        again.select_folder("INBOX")
        assert len(again.search()) == 20


def test_extensions_can_be_missing(server: RunningImap) -> None:
    server.faults.without |= {"UIDPLUS", "QUOTA", "SPECIAL-USE", "IDLE", "MOVE"}
    with server.client() as client:
        capabilities = client.capabilities()
        assert not {b"UIDPLUS", b"QUOTA", b"QUOTA=RES-STORAGE", b"SPECIAL-USE", b"IDLE", b"MOVE"} & set(capabilities)
        assert [flags for flags, _, name in client.list_folders() if name == "Trash"] == [()]
        assert client.append("INBOX", b"x") == b"kept"
        client.select_folder("INBOX")
        for command in (["UID", "EXPUNGE", "1"], ["GETQUOTAROOT", "INBOX"], ["IDLE"], ["UID", "MOVE", "1", "Trash"]):
            client._imap.send(b"x1 " + " ".join(command).encode() + b"\r\n")
            assert client._imap.readline() == b"x1 BAD unknown command\r\n"


def test_unsolicited_lines_come_in_the_midst_of_a_fetch(server: RunningImap, client: IMAPClient) -> None:
    server.faults.during_fetch += ["23 EXISTS", "2 FETCH (FLAGS (\\Seen))", "20 EXPUNGE"]
    client._imap.send(b"x1 UID FETCH 1:2 (FLAGS)\r\n")
    assert [client._imap.readline() for _ in range(6)] == [
        b"* 1 FETCH (UID 1 FLAGS ())\r\n",
        b"* 23 EXISTS\r\n",
        b"* 2 FETCH (FLAGS (\\Seen))\r\n",
        b"* 20 EXPUNGE\r\n",
        b"* 2 FETCH (UID 2 FLAGS ())\r\n",
        b"x1 OK done\r\n",
    ]


def test_idle_can_go_silent(server: RunningImap, client: IMAPClient) -> None:
    server.faults.silent_idle = True
    client.idle()
    server.deliver(b"x")
    assert client.idle_check(timeout=0.3) == []
    client.idle_done()


def test_a_slow_server_is_slow(server: RunningImap, client: IMAPClient) -> None:
    server.faults.delay_seconds = 0.3
    start = time.monotonic()
    client.noop()
    assert time.monotonic() - start >= 0.3
