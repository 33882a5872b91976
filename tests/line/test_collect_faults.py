"""IMAP servers, networks and disks at their worst while we collect: no mail lost, none doubled, the others go on."""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from imapclient.imap_utf7 import encode as utf7
from sqlalchemy import func, select

from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import reading
from pec_tracker.db.tables import Folder, Mail, Message, Sighting
from pec_tracker.errors import DiskFullError, ServerError
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.collecting import collect as collecting
from pec_tracker.service.collecting.collect import collect, retry_quarantined
from pec_tracker.service.collecting.completeness import completeness
from pec_tracker.service.collecting.quarantine import quarantined
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending.dispatch import dispatch
from pec_tracker.service.upkeep.rebuild import rebuild
from pec_tracker.settings import Folders
from pec_tracker.wire.endpoint import Endpoint, Security
from tests.line.dump import differing, dump, files
from tests.line.houses import Home, account_at, journeys, new_sqlite, open_alerts, queued, standing_clock
from tests.line.story import sent_elsewhere
from tests.sandbox.materials import SENDER, letter
from tests.sandbox.running import imap
from tests.servers.certificates import Authority
from tests.servers.faultproxy import FaultProxy, Faults
from tests.servers.scripted import ScriptedServer
from tests.servers.scripted_imap import ImapScript

SENT = "INBOX.Inviata"


def mail(number: int, *, size: int = 0) -> bytes:
    return letter(headers=f"X-N: {number}\r\n", body="Buongiorno.\r\n" * (1 + size // 13))


def fill(sandbox: Sandbox, count: int = 5) -> None:
    """Mails in two folders, receipts among them."""
    sent_elsewhere(sandbox)
    sandbox.wait_until_quiet()
    for number in range(count):
        sandbox.deliver(SENDER, mail(number, size=3_000))


def counted(house: House, column: Any) -> int:
    with reading(house.engine) as connection:
        return connection.execute(select(func.count(column))).scalar_one()


def mails(house: House) -> int:
    return counted(house, Mail.id)


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """As a full disk does, writing stops in the middle of a file; without any privilege."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_cut_anywhere_and_repeated_a_collect_is_as_one_that_was_not(
    new_home: Callable[..., Home], sandbox: Sandbox, fault_proxy: Callable[[int], FaultProxy]
) -> None:
    """Mid-command, mid-literal, mid-batch: the line is cut after so many bytes of what the server says."""
    fill(sandbox)
    proxy = fault_proxy(sandbox.imap_port)
    clock = standing_clock(sandbox.clock)

    def opened() -> tuple[House, Account, Home]:
        home = new_home()
        home.clock = clock
        house = home.open()
        return house, account_at(house, sandbox, imap_port=proxy.port), home

    house, account, home = opened()
    collect(OPERATOR, house, account)
    rows, objects, down = (
        dump(house.engine, same_ledger=False),
        files(home.folder / "archive"),
        proxy.connections[0].down,
    )
    for at in range(0, down - 100, down // 14):
        house, account, home = opened()
        proxy.faults = Faults(cut_down=at)
        with pytest.raises(ServerError):
            collect(OPERATOR, house, account)
        proxy.faults = Faults()
        assert collect(OPERATOR, house, account).complete
        assert files(home.folder / "archive") == objects, at
        assert differing(dump(house.engine, same_ledger=False), rows) == {}, at
        home.close()


@pytest.mark.parametrize("wrong", [-20, 7, 5_000])
def test_a_literal_of_another_length_than_said_archives_nothing_wrong(
    house: House, account: Account, sandbox: Sandbox, wrong: int
) -> None:
    fill(sandbox)
    sandbox.imap_faults.longer_literals = wrong
    account = replace(account, imap=replace(account.imap, timeout=1.0))
    with pytest.raises(ServerError):
        collect(OPERATOR, house, account)
    assert mails(house) == 0
    sandbox.imap_faults.longer_literals = 0
    assert collect(OPERATOR, house, account).complete
    assert mails(house) == len({*sandbox.mails(SENDER), *sandbox.mails(SENDER, SENT)})


@pytest.mark.parametrize("farewell", ["BYE [UNAVAILABLE] going down", "BAD what is that?", "NO [UNAVAILABLE] later"])
@pytest.mark.parametrize("command", ["LIST", "STATUS", "EXAMINE", "UID SEARCH", "UID FETCH"])
def test_a_server_that_ends_it_or_refuses_at_any_command_is_collected_next_time(
    house: House, account: Account, sandbox: Sandbox, command: str, farewell: str
) -> None:
    fill(sandbox, 2)
    sandbox.imap_faults.answer(command, farewell, times=1)
    with suppress(ServerError):
        assert not collect(OPERATOR, house, account).complete or command == "UID FETCH"
    sandbox.imap_faults.answers.clear()
    assert collect(OPERATOR, house, account).complete
    assert mails(house) == len({*sandbox.mails(SENDER), *sandbox.mails(SENDER, SENT)})


def test_a_folder_that_is_refused_stops_no_other_and_is_named(house: House, account: Account, sandbox: Sandbox) -> None:
    fill(sandbox, 2)
    sandbox.imap_faults.answer("EXAMINE", "NO [NOPERM] not yours", times=1)
    collected = collect(OPERATOR, house, account)
    assert [folder for folder, _ in collected.failures] == ["INBOX"]
    assert "not yours" in str(collected.failures[0][1])
    assert collected.taken.archived == 1  # the copy in Sent
    assert not collected.complete
    assert collect(OPERATOR, house, account).complete


def test_a_configured_folder_that_is_not_there_is_named(house: House, account: Account, sandbox: Sandbox) -> None:
    account = replace(account, folders=Folders(("inbox", "Ricevute")))
    collected = collect(OPERATOR, house, account)
    assert [folder for folder, _ in collected.failures] == ["Ricevute"]
    assert (collected.folders, collected.complete) == (1, False)


def test_folders_numbered_anew_are_read_again_and_nothing_is_doubled(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    queued(house, account)
    dispatch(OPERATOR, house, account)
    sandbox.wait_until_quiet()
    fill(sandbox, 3)
    collect(OPERATOR, house, account)
    before = (mails(house), counted(house, Message.id), journeys(house))
    sightings = counted(house, Sighting.uid)
    with imap(sandbox) as client:
        client.rename(SENT, "Altrove")
        client.create(SENT)
        client.select("Altrove")
        client.copy("1:*", SENT)
        client.unselect()
        client.delete("Altrove")
    collected = collect(OPERATOR, house, account)
    assert collected.complete
    assert (collected.taken.archived, collected.taken.known) == (0, 1)
    assert (mails(house), counted(house, Message.id), journeys(house)) == before
    assert counted(house, Sighting.uid) == sightings + 1


def test_folders_renamed_deleted_and_created_lose_and_double_nothing(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    with imap(sandbox) as client:
        for name in ("Vecchia", "Altra"):
            client.create(name)
    sandbox.deliver(SENDER, mail(1), folder="Vecchia")
    sandbox.deliver(SENDER, mail(2), folder="Altra")
    assert collect(OPERATOR, house, account).taken.archived == 2
    with imap(sandbox) as client:
        client.rename("Vecchia", "Nuova")
        client.delete("Altra")
        client.create("Terza")
    sandbox.deliver(SENDER, mail(3), folder="Terza")
    collected = collect(OPERATOR, house, account)
    assert collected.complete
    assert collected.taken.archived == 1
    assert mails(house) == 3


def test_a_folder_that_goes_while_we_look_stops_no_other(house: House, account: Account, sandbox: Sandbox) -> None:
    fill(sandbox, 2)
    sandbox.imap_faults.answer("STATUS", "NO [NONEXISTENT] no such folder", times=1)
    collected = collect(OPERATOR, house, account)
    assert len(collected.failures) == 1
    assert collected.taken.archived == 1


@pytest.mark.parametrize(
    "name", ["Pratiche – così è", 'con "virgolette" e \\', "a&b", "Archivio 2026 ✉", "INBOX.Ricevute.2026"]
)
def test_folders_of_any_name_are_collected(house: House, account: Account, sandbox: Sandbox, name: str) -> None:
    encoded = utf7(name).decode().replace("\\", "\\\\").replace('"', '\\"')
    with imap(sandbox) as client:
        assert client.create(f'"{encoded}"')[0] == "OK"
    sandbox.deliver(SENDER, mail(1), folder=name)
    assert collect(OPERATOR, house, account).taken.archived == 1
    with reading(house.engine) as connection:
        assert name in connection.scalars(select(Folder.name)).all()
    assert collect(OPERATOR, house, account).taken.archived == 0


def test_mails_deleted_while_we_read_are_named_and_stop_no_other(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    for number in range(1_503):
        sandbox.deliver(SENDER, mail(number))

    def expunge_a_later_one(done: int, _all: int) -> None:
        if done == 500:  # the next batch may be on its way by now
            with imap(sandbox) as client:
                client.select("INBOX")
                client.uid("STORE", "1502", "+FLAGS", "(\\Deleted)")
                client.expunge()

    collected = collect(OPERATOR, house, account, progress=expunge_a_later_one)
    assert collected.complete
    assert (collected.taken.archived, collected.taken.quarantined) == (1_502, 0), "what is gone is owed by nobody"
    (missing,) = quarantined(OPERATOR, house)
    assert (missing.uid, missing.reason) == (1_502, "gone")


def test_mails_that_arrive_while_we_read_come_with_the_next_collect(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    sandbox.deliver(SENDER, mail(1))

    def one_more(_done: int, _all: int) -> None:
        sandbox.deliver(SENDER, mail(2))

    collected = collect(OPERATOR, house, account, progress=one_more)
    assert collected.taken.archived == 1
    assert collect(OPERATOR, house, account).taken.archived == 1


@pytest.mark.parametrize("line", ["40 EXISTS", "1 EXPUNGE", "1 FETCH (FLAGS (\\Seen))", "3 RECENT", "OK still here"])
def test_what_the_server_says_unasked_changes_nothing(
    house: House, account: Account, sandbox: Sandbox, line: str
) -> None:
    fill(sandbox)
    sandbox.imap_faults.during_fetch = [line]
    collected = collect(OPERATOR, house, account)
    assert collected.taken.quarantined == 0
    assert mails(house) == len({*sandbox.mails(SENDER), *sandbox.mails(SENDER, SENT)})


def test_a_server_with_no_extensions_at_all_is_collected(house: House, account: Account, sandbox: Sandbox) -> None:
    fill(sandbox)
    sandbox.imap_faults.without = {"UIDPLUS", "QUOTA", "SPECIAL-USE", "IDLE", "MOVE", "LITERAL+", "CONDSTORE"}
    assert collect(OPERATOR, house, account).complete
    with reading(house.engine) as connection:
        assert connection.execute(select(Message.origin)).scalar_one() == "found"  # the Sent folder by its name


class TestQuarantine:
    """A UID that gives no mail: named, and asked for again by the next collect, or when a person says so."""

    @pytest.fixture
    def refused(self, house: House, account: Account, sandbox: Sandbox) -> None:
        sandbox.deliver(SENDER, mail(1))
        sandbox.imap_faults.answer("UID FETCH", "NO cannot read it", after=1, times=1)
        assert collect(OPERATOR, house, account).taken.quarantined == 1
        sandbox.imap_faults.answers.clear()

    @pytest.mark.usefixtures("refused")
    def test_it_is_listed_and_comes_when_it_is_asked_for_again(
        self, house: House, account: Account, sandbox: Sandbox
    ) -> None:
        assert [entry.reason for entry in quarantined(OPERATOR, house)] == ["refused"]
        assert open_alerts(house) == ["mails-refused"]
        assert retry_quarantined(OPERATOR, house, account).archived == 1
        assert quarantined(OPERATOR, house) == []
        assert open_alerts(house) == []

    @pytest.mark.usefixtures("refused")
    def test_it_comes_with_the_next_collect_though_nothing_new_is_there(
        self, house: House, account: Account, sandbox: Sandbox
    ) -> None:
        assert collect(OPERATOR, house, account).taken.archived == 1
        assert quarantined(OPERATOR, house) == []
        assert open_alerts(house) == []

    @pytest.mark.usefixtures("refused")
    def test_asking_again_skips_no_later_mail(self, house: House, account: Account, sandbox: Sandbox) -> None:
        for number in range(2, 5):
            sandbox.deliver(SENDER, mail(number))
        assert retry_quarantined(OPERATOR, house, account).archived == 1
        assert collect(OPERATOR, house, account).taken.archived == 3

    @pytest.mark.usefixtures("refused")
    def test_a_folder_numbered_anew_is_not_asked_for_old_numbers(
        self, house: House, account: Account, sandbox: Sandbox
    ) -> None:
        with imap(sandbox) as client:
            client.create("Altrove")
            client.rename("INBOX", "Altrove.Prima")
        sandbox.deliver(SENDER, mail(2))
        collect(OPERATOR, house, account)
        assert retry_quarantined(OPERATOR, house, account).archived in (0, 1)
        sandbox.deliver(SENDER, mail(3))
        collect(OPERATOR, house, account)
        assert mails(house) == 3


def test_an_empty_mail_and_one_of_60_mb_are_archived(house: House, account: Account, sandbox: Sandbox) -> None:
    large = letter(headers="X-N: grande\r\n", body="0123456789abcdef" * 4 + "\r\n")
    large += large[-66:] * (60 * 1024 * 1024 // 66)
    for raw in (b"", large, mail(1)):
        sandbox.deliver(SENDER, raw)
    collected = collect(OPERATOR, house, account)
    assert collected.complete
    assert collected.taken.archived == 3
    assert list(house.spool.iterdir()) == []
    with reading(house.engine) as connection:
        assert sorted(connection.scalars(select(Mail.size))) == sorted([0, len(large), len(mail(1))])


@pytest.mark.parametrize("size", [5_000_000, 9_000_000])
def test_a_full_disk_loses_nothing_and_leaves_no_rubbish(
    house: House, account: Account, sandbox: Sandbox, size: int
) -> None:
    """At the archive, and at the file in which a large mail rests on its way there."""
    sandbox.deliver(SENDER, mail(1))
    collect(OPERATOR, house, account)
    sandbox.deliver(SENDER, mail(2, size=size))
    with no_file_larger_than(4_500_000), pytest.raises(DiskFullError):
        collect(OPERATOR, house, account)
    assert mails(house) == 1
    assert list(house.spool.iterdir()) == []
    assert collect(OPERATOR, house, account).taken.archived == 1


def test_spooled_mails_of_a_run_that_died_are_swept_away(
    house: House, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, fresh = house.spool / "mail-left.eml", house.spool / "other.txt"
    left.write_bytes(b"x")
    fresh.write_bytes(b"x")
    collect(OPERATOR, house, account)
    assert left.exists()  # it may be another run's
    monkeypatch.setattr(collecting, "ABANDONED_SECONDS", -60)
    collect(OPERATOR, house, account)
    assert not left.exists()
    assert fresh.exists()


def test_stopped_it_keeps_what_it_has_and_goes_on_there(house: House, account: Account, sandbox: Sandbox) -> None:
    for number in range(700):
        sandbox.deliver(SENDER, mail(number))
    done: list[int] = []
    collected = collect(
        OPERATOR, house, account, progress=lambda count, _all: done.append(count), stop=lambda: bool(done)
    )
    assert collected.stopped
    assert not collected.complete
    assert collected.taken.archived == mails(house) == 500
    assert collect(OPERATOR, house, account).taken.archived == 200


@pytest.mark.slow
def test_ten_thousand_folders_are_collected_with_one_question_each(
    home: Home, test_ca: Authority, sandbox: Sandbox
) -> None:
    names = [b'"F%05d"' % number for number in range(10_000)]

    def status(command: str) -> list[bytes]:
        name = command.split('"')[1].encode()
        return [b'* STATUS "%b" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 7)' % name]

    script = ImapScript(
        {"LIST": [b'* LIST (\\HasNoChildren) "." ' + name for name in names], "STATUS": status},
        capabilities=b"IMAP4rev1",
    )
    with ScriptedServer(test_ca, script, security=Security.TLS) as server:
        house = home.open()
        account = account_at(house, sandbox)
        account = replace(account, imap=Endpoint("localhost", server.port, Security.TLS, test_ca.root, 20.0))
        for _ in range(2):
            collected = collect(OPERATOR, house, account)
            assert (collected.complete, collected.folders) == (True, 10_000)
            assert collected.round_trips <= 6 + 10_000
    assert counted(house, Folder.id) == 10_000


# --- what the server owes, and what it gives twice ---


def answered(sandbox: Sandbox, count: int = 10) -> list[int]:
    """Mails in the inbox, by UID."""
    return [sandbox.deliver(SENDER, mail(number, size=100 * number)) for number in range(count)]


def test_a_mail_that_was_left_out_of_an_answer_once_is_collected_all_the_same(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    uids = answered(sandbox)
    sandbox.imap_faults.left_out = {uids[3]: 1, uids[7]: 1}
    collected = collect(OPERATOR, house, account)
    assert collected.complete
    assert (mails(house), collected.taken.quarantined) == (10, 0)


def test_a_mail_that_the_server_keeps_leaving_out_is_asked_for_until_it_comes(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    uids = answered(sandbox)
    sandbox.imap_faults.left_out = {uids[3]: None, uids[7]: None}
    assert collect(OPERATOR, house, account).taken.quarantined == 2
    assert open_alerts(house) == ["mails-refused"]
    report = completeness(OPERATOR, house, account)
    assert not report.complete
    assert [folder.quarantined for folder in report.folders if folder.quarantined] == [
        ((uids[3], "left-out"), (uids[7], "left-out"))
    ]
    del sandbox.imap_faults.left_out[uids[3]]
    assert collect(OPERATOR, house, account).taken.archived == 1, "nothing new came, and it is asked for all the same"
    assert open_alerts(house) == ["mails-refused"]
    sandbox.imap_faults.left_out.clear()
    assert collect(OPERATOR, house, account).taken.archived == 1
    assert (mails(house), open_alerts(house)) == (10, [])
    assert completeness(OPERATOR, house, account).complete


def test_a_mail_that_was_deleted_before_it_came_is_no_debt(house: House, account: Account, sandbox: Sandbox) -> None:
    uids = answered(sandbox)
    sandbox.imap_faults.left_out = {uids[9]: None}
    assert collect(OPERATOR, house, account).taken.quarantined == 1
    with imap(sandbox) as person:
        person.select("INBOX")
        person.uid("STORE", str(uids[9]), "+FLAGS", "(\\Deleted)")
        person.expunge()
    assert collect(OPERATOR, house, account).taken.quarantined == 0
    assert open_alerts(house) == []
    assert completeness(OPERATOR, house, account).complete
    assert [entry.reason for entry in quarantined(OPERATOR, house)] == ["gone"]


def test_a_server_that_was_restored_gives_uids_anew_and_their_mails_are_collected(
    home: Home, house: House, account: Account, sandbox: Sandbox, new_home: Callable[..., Home]
) -> None:
    """The provider brings back its backup: five mails are gone there, three others take their UIDs."""
    answered(sandbox)
    assert collect(OPERATOR, house, account).complete
    sandbox.roll_back(SENDER, to_uid=5)
    for number in range(100, 103):
        sandbox.deliver(SENDER, mail(number, size=70 * number))
    before = completeness(OPERATOR, house, account)
    assert not before.complete
    assert [folder.others for folder in before.folders if folder.others] == [(6, 7, 8)]
    assert collect(OPERATOR, house, account).taken.archived == 3
    assert mails(house) == 13, "what was archived stays, though it is gone there"
    assert open_alerts(house) == ["folder-restored"]
    assert completeness(OPERATOR, house, account).complete
    sandbox.deliver(SENDER, mail(200))
    assert collect(OPERATOR, house, account).taken.archived == 1, "the cursor follows the server"
    assert completeness(OPERATOR, house, account).complete
    again = new_home()
    again.folder = home.folder
    again.url = new_sqlite(home.folder / "rebuilt")
    built = again.open()
    rebuild(OPERATOR, built)
    assert differing(dump(built.engine, leave_out=CURSOR), dump(house.engine, leave_out=CURSOR)) == {}
    assert collect(OPERATOR, built, account_at(built, sandbox)).complete
    assert mails(built) == 14


CURSOR = frozenset({"folder.last_uid"})  # of a restored server it is found again by the next collect


def test_more_mails_than_were_lost_hide_none_of_those_that_took_their_uids(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    answered(sandbox)
    collect(OPERATOR, house, account)
    sandbox.roll_back(SENDER, to_uid=5)
    for number in range(100, 108):
        sandbox.deliver(SENDER, mail(number, size=70 * number))
    assert collect(OPERATOR, house, account).taken.archived == 8
    assert open_alerts(house) == ["folder-restored"]
    assert completeness(OPERATOR, house, account).complete


def test_a_server_that_counts_wrong_is_not_taken_for_a_restored_one(
    house: House, account: Account, sandbox: Sandbox
) -> None:
    answered(sandbox)
    collect(OPERATOR, house, account)
    inbox = sandbox._store.mailbox(SENDER).folder("INBOX")
    assert inbox is not None
    inbox.next_uid = 4  # and its mails 5 to 10 are there
    collect(OPERATOR, house, account)
    assert (mails(house), open_alerts(house)) == (10, [])


def test_deleting_in_the_webmail_brings_nothing_again(house: House, account: Account, sandbox: Sandbox) -> None:
    uids = answered(sandbox)
    collect(OPERATOR, house, account)
    with imap(sandbox) as person:
        person.select("INBOX")
        person.uid("STORE", f"{uids[2]}:{uids[4]}", "+FLAGS", "(\\Deleted)")
        person.expunge()
    collected = collect(OPERATOR, house, account)
    assert (collected.taken.archived, collected.taken.known, open_alerts(house)) == (0, 0, [])
    assert completeness(OPERATOR, house, account).complete
