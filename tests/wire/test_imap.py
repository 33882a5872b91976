"""Every mail of a mailbox comes down byte for byte, once, or it is said why not: real Dovecot, and broken servers."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pec_tracker.errors import LoginRefusedError, ServerError, TlsError
from pec_tracker.wire.endpoint import Endpoint, Login, Security
from pec_tracker.wire.imap import SENT, FolderError, ImapConnection, probe_imap
from pec_tracker.wire.imap_fetch import GarbledAnswerError, answers, as_internal_date, internal_date, uid_set
from pec_tracker.wire.imap_folders import folder_names
from tests.servers.certificates import Authority
from tests.servers.dovecot import Dovecot
from tests.servers.faultproxy import FaultProxy, Faults
from tests.servers.programs import free_port
from tests.servers.scripted import Line, ScriptedServer
from tests.servers.scripted_imap import CUT, SILENCE, Answer, ImapScript, literal

LOGIN = Login("casella@pec.example", "segreta")


def mail(number: int, size: int = 0) -> bytes:
    body = (b"riga di prova numero %06d\r\n" % number) * (1 + size // 27)
    return b"Subject: prova %d\r\nMessage-ID: <m%d@pec.example>\r\n\r\n" % (number, number) + body


def whole(connection: ImapConnection, uids: list[int], spool: Path) -> dict[int, bytes | None]:
    """All mails by UID, spooled ones read back; None for what was not given."""
    found: dict[int, bytes | None] = {}
    for batch in connection.fetch(uids, spool=spool):
        for one in batch:
            assert one.uid not in found
            found[one.uid] = one.path.read_bytes() if one.path else one.raw
    return found


Answers = Mapping[str, Answer | Callable[[str], Answer]]


@contextmanager
def scripted(ca: Authority, replies: Answers, *, timeout: float = 5) -> Iterator[tuple[ImapConnection, ImapScript]]:
    script = ImapScript(replies)
    with (
        ScriptedServer(ca, script) as server,
        ImapConnection.connect(server.endpoint(timeout=timeout), LOGIN) as connection,
    ):
        yield connection, script


# --- real Dovecot


@pytest.mark.dovecot
@pytest.mark.parametrize("security", Security)
def test_mails_come_down_byte_for_byte_with_their_dates(dovecot: Dovecot, security: Security, tmp_path: Path) -> None:
    login = dovecot.add_user()
    at = datetime(2024, 2, 29, 23, 59, 58, tzinfo=timezone(timedelta(hours=2)))
    sent = [mail(n, n * 100) for n in range(30)]
    dovecot.append(login, sent, internal_at=at)
    with ImapConnection.connect(dovecot.endpoint(security=security), login) as connection:
        status = connection.examine("INBOX")
        fetched = [one for batch in connection.fetch(connection.all_uids(), spool=tmp_path) for one in batch]
    assert [one.raw for one in fetched] == sent
    assert [one.size for one in fetched] == [len(raw) for raw in sent]
    assert {one.internal_at for one in fetched} == {at}
    assert (status.messages, status.uidnext) == (30, 31)


@pytest.mark.dovecot
def test_collecting_leaves_every_mail_unread(dovecot: Dovecot, tmp_path: Path) -> None:
    login = dovecot.add_user()
    dovecot.append(login, [mail(1), mail(2, 9_000_000)])
    with ImapConnection.connect(dovecot.endpoint(), login) as connection:
        connection.examine("INBOX")
        whole(connection, [1, 2], tmp_path)
    with dovecot.client(login) as person:
        person.select_folder("INBOX", readonly=True)
        assert len(person.search("UNSEEN")) == 2


@pytest.mark.dovecot
def test_a_60_mb_mail_comes_as_a_file_and_the_others_in_memory(dovecot: Dovecot, tmp_path: Path) -> None:
    login = dovecot.add_user()
    sent = [mail(1), mail(2, 60_000_000), mail(3)]
    dovecot.append(login, sent)
    with ImapConnection.connect(dovecot.endpoint(), login) as connection:
        connection.examine("INBOX")
        fetched = [one for batch in connection.fetch([1, 2, 3], spool=tmp_path / "spool") for one in batch]
    assert [one.path is None for one in fetched] == [True, False, True]
    assert fetched[1].path is not None
    assert fetched[1].path.read_bytes() == sent[1]
    assert fetched[1].size == len(sent[1])
    assert fetched[1].internal_at is not None


@pytest.mark.dovecot
@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_mail_that_ends_with_a_piece_is_whole(dovecot: Dovecot, tmp_path: Path, extra: int) -> None:
    login = dovecot.add_user()
    head = b"Subject: confine\r\n\r\n"
    size = 12 * 1024 * 1024 + extra
    raw = head + b"x" * 70 + b"\r\n"
    raw += b"y" * (size - len(raw) - 2) + b"\r\n"
    dovecot.append(login, [raw])
    with ImapConnection.connect(dovecot.endpoint(), login) as connection:
        connection.examine("INBOX")
        assert whole(connection, [1], tmp_path) == {1: raw}


@pytest.mark.dovecot
def test_odd_mails_stop_nothing(dovecot: Dovecot, tmp_path: Path) -> None:
    """Delivered as files, as a server that takes anything would have them: Dovecot gives CRLF line ends."""
    login = dovecot.add_user()
    odd = [b"", b"\n", b"x", b"no header at all\n", b"A: b\n", b"A: b\n\nbody\0with\0nul\n", b"\xff\xfe\n\n\x80\n"]
    odd += [b"A: " + b"x" * 10_000_000 + b"\n\nlong line\n", b"".join(b"X-%d: y\n" % n for n in range(100_000))]
    dovecot.append(login, [mail(1)])
    inbox = dovecot.mail_folder(login) / "new"
    for number, raw in enumerate(odd):
        (inbox / f"{1700000000 + number}.M{number}.pec").write_bytes(raw)
    with ImapConnection.connect(dovecot.endpoint(), login) as connection:
        connection.examine("INBOX")
        found = whole(connection, connection.all_uids(), tmp_path)
    assert len(found) == len(odd) + 1
    got = [raw.replace(b"\r\n", b"\n") for raw in found.values() if raw is not None]
    # Dovecot itself shows NUL as 0x80, as RFC 3501 forbids NUL in a literal.
    assert sorted(got) == sorted([mail(1).replace(b"\r\n", b"\n"), *(raw.replace(b"\0", b"\x80") for raw in odd)])


@pytest.mark.dovecot
def test_uids_from_never_gives_the_last_one_again(dovecot: Dovecot) -> None:
    login = dovecot.add_user()
    dovecot.append(login, [mail(n) for n in range(5)])
    with ImapConnection.connect(dovecot.endpoint(), login) as connection:
        connection.examine("INBOX")
        assert connection.uids_from(4) == [4, 5]
        assert connection.uids_from(6) == []
        assert connection.uids_from(1000) == []


@pytest.mark.dovecot
def test_mails_deleted_while_we_read_are_told_and_the_rest_arrives(dovecot: Dovecot, tmp_path: Path) -> None:
    login = dovecot.add_user()
    dovecot.append(login, [mail(n) for n in range(1, 8)])
    with ImapConnection.connect(dovecot.endpoint(), login) as connection, dovecot.client(login) as person:
        connection.examine("INBOX")
        uids = connection.all_uids()
        person.select_folder("INBOX")
        person.delete_messages([2, 5])
        person.expunge([2, 5])
        found = whole(connection, uids, tmp_path)
    assert {uid for uid, raw in found.items() if raw is None} <= {2, 5}
    assert all(found[uid] == mail(uid) for uid in (1, 3, 4, 6, 7))


@pytest.mark.dovecot
@pytest.mark.parametrize(
    "name", ["Ricevute è più", 'virgolette "qui"', "barra\\rovescia", "日本 & co", "&", "007", "a.b"]
)
def test_folder_of_any_name_is_listed_opened_and_filled(dovecot: Dovecot, tmp_path: Path, name: str) -> None:
    login = dovecot.add_user()
    dovecot.append(login, [mail(1)], folder=name)
    with ImapConnection.connect(dovecot.endpoint(), login) as connection:
        assert name in [folder.name for folder in connection.folders() if folder.selectable]
        assert connection.append(name, mail(2), flags=[r"\Seen"]) == 2
        assert connection.status(name).messages == 2
        connection.examine(name)
        assert whole(connection, [1, 2], tmp_path) == {1: mail(1), 2: mail(2)}


@pytest.mark.dovecot
def test_folder_that_is_gone_is_told_and_the_others_go_on(dovecot: Dovecot) -> None:
    with ImapConnection.connect(dovecot.endpoint(), dovecot.add_user()) as connection:
        for ask in (connection.status, connection.examine):
            with pytest.raises(FolderError, match="refused"):
                ask("sparita")
        with pytest.raises(FolderError):
            connection.status("a\r\nx LOGOUT")
        assert connection.status("INBOX").messages == 0


@pytest.mark.dovecot
def test_recreated_folder_has_another_uidvalidity(dovecot: Dovecot) -> None:
    login = dovecot.add_user()
    dovecot.append(login, [mail(1)], folder="Nuova")
    with ImapConnection.connect(dovecot.endpoint(), login) as connection, dovecot.client(login) as person:
        before = connection.status("Nuova").uidvalidity
        person.delete_folder("Nuova")
        time.sleep(1.1)  # UIDVALIDITY is a time in seconds
        person.create_folder("Nuova")
        assert connection.status("Nuova").uidvalidity != before


@pytest.mark.dovecot
def test_message_is_found_again_by_its_reference(dovecot: Dovecot) -> None:
    login = dovecot.add_user()
    receipt = b'X-Riferimento-Message-ID: <a%(b"c@pec.example>\r\nSubject: ACCETTAZIONE\r\n\r\n'
    dovecot.append(login, [mail(1), receipt, mail(3)])
    with ImapConnection.connect(dovecot.endpoint(), login) as connection:
        connection.examine("INBOX")
        assert connection.search_reference("<m3@pec.example>") == [3]
        assert connection.search_reference('<a%(b"c@pec.example>') == [2]
        assert connection.search_reference("<none@pec.example>") == []
        assert connection.search_reference("x\r\na LOGOUT") == []


@pytest.mark.dovecot
def test_quota_is_read_in_bytes_and_a_full_mailbox_says_so(dovecot: Dovecot) -> None:
    login = dovecot.add_user(quota_kilobytes=100)
    with ImapConnection.connect(dovecot.endpoint(), login) as connection:
        raw = mail(1, 50_000)
        connection.append("INBOX", raw)
        (quota,) = connection.quota()
        assert quota.limit_bytes == 100 * 1024
        assert len(raw) <= quota.used_bytes < len(raw) + 1024  # told in units of 1,024
        with pytest.raises(FolderError, match=r"(?i)quota"):
            connection.append("INBOX", mail(2, 60_000))
        assert connection.status("INBOX").messages == 1


@pytest.mark.dovecot
def test_mailbox_without_limit_has_no_quota(dovecot: Dovecot) -> None:
    with ImapConnection.connect(dovecot.endpoint(), dovecot.add_user()) as connection:
        assert all(quota.limit_bytes is None for quota in connection.quota())


@pytest.mark.dovecot
def test_append_keeps_every_byte_and_the_date(dovecot: Dovecot, tmp_path: Path) -> None:
    login = dovecot.add_user()
    at = datetime(2025, 12, 31, 22, 30, tzinfo=UTC)
    raw = "Subject: è\r\n\r\n.\r\n\t\r\n".encode() + bytes(range(128, 256)) + b"\r\n"
    with ImapConnection.connect(dovecot.endpoint(), login) as connection:
        assert connection.append("INBOX", raw, internal_at=at) == 1
        connection.examine("INBOX")
        ((one,),) = connection.fetch([1], spool=tmp_path)
    assert (one.raw, one.internal_at) == (raw, at)


@pytest.mark.dovecot
def test_expunge_takes_only_what_was_named(dovecot: Dovecot) -> None:
    login = dovecot.add_user()
    dovecot.append(login, [mail(n) for n in range(1, 6)])
    with dovecot.client(login) as person:
        person.select_folder("INBOX")
        person.delete_messages([2])  # marked by somebody else: not ours to take
    with ImapConnection.connect(dovecot.endpoint(), login) as connection:
        connection.examine("INBOX")
        connection.expunge([4, 5])
        assert connection.all_uids() == [1, 2, 3]


@pytest.mark.dovecot
def test_waiting_ends_when_mail_arrives_and_not_before(dovecot: Dovecot) -> None:
    login = dovecot.add_user()
    with ImapConnection.connect(dovecot.endpoint(), login) as connection:
        connection.examine("INBOX")
        assert connection.wait(0.3) is False
        delivery = threading.Timer(0.3, dovecot.deliver, (login.user, mail(1)))
        delivery.start()
        began = time.monotonic()
        assert connection.wait(20) is True
        assert time.monotonic() - began < 10
        delivery.join()
        assert connection.uids_from(1) == [1]


@pytest.mark.dovecot
def test_idle_look_at_a_mailbox_costs_few_round_trips(dovecot: Dovecot) -> None:
    login = dovecot.add_user()
    with ImapConnection.connect(dovecot.endpoint(), login) as connection:
        names = [folder.name for folder in connection.folders() if folder.selectable]
        for name in names:
            connection.status(name)
        connection.quota()
        assert connection.round_trips <= 4 + len(names)  # greeting's CAPABILITY, LOGIN, LIST, GETQUOTAROOT


@pytest.mark.dovecot
def test_thrown_out_by_the_server_is_a_server_error_ever_after(dovecot: Dovecot) -> None:
    login = dovecot.add_user()
    with ImapConnection.connect(dovecot.endpoint(), login) as connection:
        dovecot.kill_sessions(login)

        def until_thrown_out() -> None:
            for _ in range(200):  # the server throws out when it comes to it
                connection.status("INBOX")
                time.sleep(0.05)

        with pytest.raises(ServerError):
            until_thrown_out()
        with pytest.raises(ServerError):
            connection.status("INBOX")


@pytest.mark.dovecot
@pytest.mark.parametrize("user", ["nobody@pec.example", 'a"b', "è@pec.example", ""])
def test_refused_login_is_one_of_its_own(dovecot: Dovecot, user: str) -> None:
    with pytest.raises(LoginRefusedError) as refused:
        ImapConnection.connect(dovecot.endpoint(), Login(user, 'pass"è word'))
    assert "pass" + '"è' not in str(refused.value)


@pytest.mark.dovecot
def test_cut_anywhere_gives_whole_mails_or_an_error(
    dovecot: Dovecot, fault_proxy: Callable[[int], FaultProxy], tmp_path: Path
) -> None:
    login = dovecot.add_user()
    sent = {n: mail(n, 2_000) for n in range(1, 20)}
    dovecot.append(login, sent.values())
    proxy = fault_proxy(dovecot.imaps_port)
    endpoint = Endpoint("localhost", proxy.port, Security.TLS, dovecot.authority.root, 5)

    def collect(faults: Faults) -> bool:
        proxy.faults = faults
        try:
            with ImapConnection.connect(endpoint, login) as connection:
                connection.examine("INBOX")
                found = whole(connection, connection.all_uids(), tmp_path)
        except ServerError:
            return False
        assert found == sent
        return True

    assert collect(Faults())
    total = proxy.connections[-1].down
    step = total // 20
    assert not any(collect(Faults(cut_down=count)) for count in range(0, total - 200, step))
    assert not any(collect(Faults(garble_down=count)) for count in range(0, total - 200, step))


# --- broken servers


ONE = b"* 1 FETCH (UID 5 RFC822.SIZE 9)"


def _fetching(*bodies: bytes) -> Answers:
    return {"UID FETCH": lambda command: [ONE] if "RFC822.SIZE" in command else list(bodies)}


@pytest.mark.parametrize(
    "body",
    [
        literal(b"* 1 FETCH (UID 5 BODY[]", b"A: b\r\n\r\nc", said=5),
        literal(b"* 1 FETCH (UID 5 BODY[]", b"A: b\r\n\r\nc", said=12),
        literal(b"* 1 FETCH (UID 5 BODY[]", b"A: b\r\n\r\nc", said=10**12),
        literal(b"* 1 FETCH (UID 5 BODY[]", b"A: b\r\n\r\nc", b""),
        literal(b"* 1 FETCH (UID 5 BODY[]", b"A: b" + CUT, said=4000),
        literal(b"* 1 FETCH (UID 5 BODY[]", b"A: b\r\n\r\nc") + CUT,
        b"* 1 FETCH (UID 5 BODY[]",
        b"* 1 FETCH (UID 5 BODY[] x)",
        b"* 1 FETCH UID 5",
        b"* 1 FETCH (UID 5 BODY[] {9x}",
        b"garbage",
        b"* BYE going down" + CUT,
        b"* BYE going down",
        b"* 1 FETCH (UID 5 BODY[] {4000}\r\nabc" + SILENCE,
        b"x999 OK done",
    ],
)
def test_garbled_mail_is_never_taken_for_mail(test_ca: Authority, tmp_path: Path, body: bytes) -> None:
    with scripted(test_ca, _fetching(body), timeout=0.5) as (connection, _):
        connection.examine("INBOX")
        with pytest.raises(ServerError) as error:
            list(connection.fetch([5], spool=tmp_path))
        assert not isinstance(error.value, FolderError)


@pytest.mark.parametrize(
    "body",
    [
        literal(b"* 1 FETCH (UID 5 BODY[]", b"A: b\r\n\r\nc"),
        literal(b"* 1 FETCH (BODY[]", b"A: b\r\n\r\nc", b' UID 5 INTERNALDATE " 1-Jan-2024 10:00:00 +0100")'),
        literal(b"* 1 FETCH (UID 5 FLAGS (\\Seen $x) BODY[]", b"A: b\r\n\r\nc", b" )"),
        literal(b"* 1 FETCH (uid 5 modseq (12) body[]", b"A: b\r\n\r\nc"),
    ],
)
def test_mail_is_read_whatever_the_order_of_the_answer(test_ca: Authority, tmp_path: Path, body: bytes) -> None:
    noise = [b"* 4 EXISTS", b"* 2 EXPUNGE", b"* 1 FETCH (FLAGS (\\Seen))", b"* 9 FETCH (UID 77 FLAGS ())", b"* OK hi"]
    with scripted(test_ca, _fetching(*noise, body, *noise)) as (connection, _):
        connection.examine("INBOX")
        assert whole(connection, [5], tmp_path) == {5: b"A: b\r\n\r\nc"}


def test_quoted_and_empty_and_missing_bodies(test_ca: Authority, tmp_path: Path) -> None:
    sizes = [b"* %d FETCH (UID %d RFC822.SIZE 1)" % (n, n) for n in range(1, 5)]
    bodies = [
        b'* 1 FETCH (UID 1 BODY[] "a \\"b\\" \\\\")',
        b'* 2 FETCH (UID 2 BODY[] "")',
        b"* 3 FETCH (UID 3 BODY[] NIL)",
    ]
    fetch = {"UID FETCH": lambda command: sizes if "RFC822.SIZE" in command else bodies}
    with scripted(test_ca, fetch) as (connection, _):
        connection.examine("INBOX")
        assert whole(connection, [1, 2, 3, 4, 5], tmp_path) == {1: b'a "b" \\', 2: b"", 3: None, 4: None, 5: None}


@pytest.mark.parametrize("word", [b"NO sorry", b"BAD broken"])
def test_one_mail_that_the_server_will_not_give_stops_no_other(test_ca: Authority, tmp_path: Path, word: bytes) -> None:
    def fetch(command: str) -> Answer:
        if "RFC822.SIZE" in command:
            return [b"* %d FETCH (UID %d RFC822.SIZE 1)" % (n, n) for n in (1, 2, 3)]
        if command.split(" ")[2] in {"2", "1:3"}:
            return [literal(b"* 1 FETCH (UID 1 BODY[]", b"old"), word]
        uid = command.split(" ")[2].encode()
        return [literal(b"* 1 FETCH (UID " + uid + b" BODY[]", b"mail " + uid)]

    with scripted(test_ca, {"UID FETCH": fetch}) as (connection, _):
        connection.examine("INBOX")
        (batch,) = connection.fetch([1, 2, 3], spool=tmp_path)
    assert [one.raw for one in batch] == [b"mail 1", None, b"mail 3"]
    assert word.split()[1].decode() in (batch[1].reason or "")


@pytest.mark.parametrize("word", [b"NO [UNAVAILABLE] later", b"NO [SERVERBUG] oops", b"NO [LIMIT] slow down"])
def test_server_in_trouble_is_no_fault_of_the_mails(test_ca: Authority, tmp_path: Path, word: bytes) -> None:
    with scripted(test_ca, {"UID FETCH": [word]}) as (connection, _):
        connection.examine("INBOX")
        with pytest.raises(ServerError) as error:
            list(connection.fetch([1, 2], spool=tmp_path))
        assert not isinstance(error.value, FolderError)


def test_large_mail_that_vanishes_half_way_leaves_no_file(test_ca: Authority, tmp_path: Path) -> None:
    def fetch(command: str) -> Answer:
        if "RFC822.SIZE" in command:
            return [b"* 1 FETCH (UID 5 RFC822.SIZE 20000000)"]
        first = "<0." in command
        return [literal(b"* 1 FETCH (UID 5 BODY[]<0>", b"x" * (4 * 1024 * 1024))] if first else []

    with scripted(test_ca, {"UID FETCH": fetch}) as (connection, _):
        connection.examine("INBOX")
        ((one,),) = connection.fetch([5], spool=tmp_path)
    assert (one.raw, one.path) == (None, None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fault", [CUT, SILENCE, literal(b"* 1 FETCH (UID 5 BODY[]<0>", b"x" * (5 * 1024 * 1024))])
def test_large_mail_that_breaks_leaves_no_file(test_ca: Authority, tmp_path: Path, fault: bytes) -> None:
    def fetch(command: str) -> Answer:
        return [b"* 1 FETCH (UID 5 RFC822.SIZE 20000000)"] if "RFC822.SIZE" in command else [fault]

    with scripted(test_ca, {"UID FETCH": fetch}, timeout=0.5) as (connection, _):
        connection.examine("INBOX")
        with pytest.raises(ServerError):
            list(connection.fetch([5], spool=tmp_path))
    assert not list(tmp_path.iterdir())


def test_search_answers_in_several_lines_and_with_modseq(test_ca: Authority) -> None:
    found = [b"* SEARCH 3 1", b"* 4 EXISTS", b"* SEARCH 2 2 (MODSEQ 917162500)", b"* SEARCH"]
    with scripted(test_ca, {"UID SEARCH": found}) as (connection, _):
        connection.examine("INBOX")
        assert connection.all_uids() == [1, 2, 3]


def test_search_answer_of_a_million_mails_is_read(test_ca: Authority) -> None:
    uids = list(range(1, 300_001))
    line = b"* SEARCH " + " ".join(map(str, uids)).encode()
    with scripted(test_ca, {"UID SEARCH": [line]}) as (connection, _):
        connection.examine("INBOX")
        assert connection.all_uids() == uids


@pytest.mark.parametrize(
    "answer",
    [
        [b"* STATUS INBOX (MESSAGES 1)"],
        [b"* STATUS INBOX ()"],
        [],
        [b"* STATUS INBOX (MESSAGES x UIDNEXT 1 UIDVALIDITY 1 HIGHESTMODSEQ 1)"],
        [b"* STATUS INBOX (MESSAGES"],
        [b"* STATUS INBOX (MESSAGES 1 UIDNEXT 2)" + CUT],
    ],
)
def test_status_that_makes_no_sense_is_a_server_error(test_ca: Authority, answer: list[bytes]) -> None:
    with scripted(test_ca, {"STATUS": answer}) as (connection, _), pytest.raises(ServerError):
        connection.status("INBOX")


def test_bye_at_any_time_is_told_in_the_servers_words(test_ca: Authority) -> None:
    with (
        scripted(test_ca, {"STATUS": [b"* BYE manutenzione alle 22"]}) as (connection, _),
        pytest.raises(ServerError, match="manutenzione alle 22"),
    ):
        connection.status("INBOX")


def test_without_uidplus_nothing_is_ever_deleted(test_ca: Authority) -> None:
    script = ImapScript(capabilities=b"IMAP4rev1")
    with ScriptedServer(test_ca, script) as server, ImapConnection.connect(server.endpoint(), LOGIN) as connection:
        connection.examine("INBOX")
        with pytest.raises(FolderError, match="UIDPLUS"):
            connection.expunge([1])
    assert not [command for command in script.heard if "STORE" in command or "EXPUNGE" in command]


def test_folder_made_anew_meanwhile_loses_nothing(test_ca: Authority) -> None:
    select: Answer = [b"* 1 EXISTS", b"* OK [UIDVALIDITY 8] ok", b"* OK [UIDNEXT 2] ok", b"OK [READ-WRITE] ok"]
    with scripted(test_ca, {"SELECT": select}) as (connection, script):
        connection.examine("INBOX")
        with pytest.raises(FolderError, match="nothing was deleted"):
            connection.expunge([1])
    assert not [command for command in script.heard if "STORE" in command]


def test_server_without_quota_idle_and_condstore_works(test_ca: Authority) -> None:
    status = [b"* STATUS INBOX (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3)"]
    script = ImapScript({"STATUS": status, "NOOP": [b"* 4 EXISTS"]}, capabilities=b"IMAP4rev1")
    with ScriptedServer(test_ca, script) as server, ImapConnection.connect(server.endpoint(), LOGIN) as connection:
        assert connection.quota() == []
        assert connection.status("INBOX").highestmodseq is None
        connection.examine("INBOX")
        assert connection.wait(0.01) is True


def test_quota_roots_of_every_form(test_ca: Authority) -> None:
    roots = [
        b'* QUOTAROOT INBOX "" other third',
        b'* QUOTA "" (STORAGE 10 512 MESSAGE 3 1000)',
        b"* QUOTA other ()",
        b"* QUOTA third (MESSAGE 3 1000)",
    ]
    with scripted(test_ca, {"GETQUOTAROOT": roots}) as (connection, _):
        (quota,) = connection.quota()
    assert (quota.root, quota.used_bytes, quota.limit_bytes) == ("", 10 * 1024, 512 * 1024)


def test_idle_that_goes_silent_or_is_refused_ends_in_time(test_ca: Authority) -> None:
    with scripted(test_ca, {"IDLE": [b"+ idling" + SILENCE]}, timeout=0.3) as (connection, _):
        connection.examine("INBOX")
        with pytest.raises(ServerError):
            connection.wait(0.2)
    with scripted(test_ca, {"IDLE": [b"NO not now"]}) as (connection, _):
        connection.examine("INBOX")
        with pytest.raises(FolderError):
            connection.wait(0.2)


@pytest.mark.parametrize(
    ("greeting", "words"),
    [(b"* BYE too busy", "too busy"), (b"220 smtp.example", "IMAP"), (CUT, "lost"), (SILENCE, "nothing")],
)
def test_bad_greeting_is_a_server_error(test_ca: Authority, greeting: bytes, words: str) -> None:
    with ScriptedServer(test_ca, ImapScript(greeting=greeting)) as server, pytest.raises(ServerError, match=words):
        ImapConnection.connect(server.endpoint(timeout=0.5), LOGIN)


@pytest.mark.parametrize("word", [b"NO [UNAVAILABLE] later", b"NO [INUSE] busy"])
def test_login_that_cannot_be_checked_now_is_not_a_refused_one(test_ca: Authority, word: bytes) -> None:
    with ScriptedServer(test_ca, ImapScript({"LOGIN": [word]})) as server, pytest.raises(ServerError) as error:
        ImapConnection.connect(server.endpoint(), LOGIN)
    assert not isinstance(error.value, LoginRefusedError)


@pytest.mark.parametrize("answer", [b"a NO no", b"a BAD what", b"* BYE"])
def test_starttls_that_is_refused_sends_no_password(test_ca: Authority, answer: bytes) -> None:
    heard: list[bytes] = []

    async def refuse(line: Line) -> None:
        await line.say(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] hi")
        heard.append(await line.hear())
        await line.say(answer)
        line.writer.write_eof()
        heard.append(await line.hear())

    with ScriptedServer(test_ca, refuse, security=Security.STARTTLS) as server, pytest.raises(ServerError):
        ImapConnection.connect(server.endpoint(timeout=0.5), LOGIN)
    assert heard == [b"a STARTTLS"]


def test_preauth_in_clear_is_not_believed(test_ca: Authority) -> None:
    async def preauth(line: Line) -> None:
        await line.say(b"* PREAUTH welcome")
        await line.silence()

    with ScriptedServer(test_ca, preauth, security=Security.STARTTLS) as server, pytest.raises(ServerError):
        ImapConnection.connect(server.endpoint(timeout=0.5), LOGIN)


@pytest.mark.parametrize("fault", ["expired", "name", "authority", "plain"])
def test_wrong_certificate_is_refused(test_ca: Authority, fault: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path) if fault == "authority" else test_ca
    ends = timedelta(days=-1 if fault == "expired" else 9)
    names = ["altro.example"] if fault == "name" else ["localhost"]
    certificate = authority.issue(names, starts=timedelta(days=-9), ends=ends)
    with ScriptedServer(test_ca, ImapScript(), certificate=certificate, plain=fault == "plain") as server:
        probe = probe_imap(server.endpoint(timeout=2), LOGIN)
    assert (probe.stage, isinstance(probe.error, TlsError)) == ("tls", True)


def test_closed_port_is_told(test_ca: Authority) -> None:
    probe = probe_imap(Endpoint("localhost", free_port(), Security.TLS, test_ca.root, 1), LOGIN)
    assert (probe.stage, "refused the connection" in str(probe.error)) == ("connect", True)


@pytest.mark.dovecot
def test_probe_shows_folders_and_quota(dovecot: Dovecot) -> None:
    facts = dict(probe_imap(dovecot.endpoint(), dovecot.add_user(quota_kilobytes=10)).facts)
    assert (facts["folders"], facts["sent_folder"], facts["quota_limit"]) == ("5", "Sent", "10240")


# --- pure parts


def test_sent_folder_is_found_by_name_where_the_server_does_not_say() -> None:
    names = ["INBOX", "INBOX.Presentazioni", "INBOX.Inviata", "INBOX.Inviata.2023", "INBOX.Cestino", "INBOX.Assenti"]
    uses = {one.name: one.special_use for one in folder_names([((), b".", name) for name in names])}
    assert uses == {**dict.fromkeys(names), "INBOX.Inviata": SENT, "INBOX.Cestino": r"\Trash"}


def test_special_use_beats_names_and_noselect_is_told() -> None:
    listed = [((rb"\SENT",), b"/", "Posta"), ((), b"/", "Sent"), ((rb"\Noselect", rb"\HasChildren"), b"/", "Padre")]
    found = folder_names(listed)
    assert [(one.special_use, one.selectable) for one in found] == [(SENT, True), (None, True), (None, False)]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 10_000), unique=True, max_size=50))
def test_uid_set_names_exactly_these_uids(uids: list[int]) -> None:
    named: list[int] = []
    for run in filter(None, uid_set(uids).split(",")):
        first, _, last = run.partition(":")
        named += range(int(first), int(last or first) + 1)
    assert named == sorted(uids)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=60), st.tuples(st.binary(max_size=40), st.binary(max_size=20)))))
def test_any_answer_at_all_is_read_or_refused(pieces: list[bytes | tuple[bytes, bytes]]) -> None:
    with suppress(GarbledAnswerError):
        list(answers(pieces))


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 4_000_000_000),
    st.integers(-14 * 60, 14 * 60),
)
def test_internal_date_survives_the_way_there_and_back(seconds: int, minutes: int) -> None:
    aware = datetime.fromtimestamp(seconds, timezone(timedelta(minutes=minutes)))
    assert internal_date(as_internal_date(aware).strip('"')) == aware


@pytest.mark.parametrize("text", ["", "31-Feb-2024 10:00:00 +0100", "1-Foo-2024 10:00:00 +0100", "1-Jan-2024"])
def test_date_that_is_none_is_none(text: str) -> None:
    assert internal_date(text) is None
