"""Yesterday's database on today's archive: nothing is sent that may have gone."""

import shutil
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from imapclient import IMAPClient
from sqlalchemy import update

from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import writing
from pec_tracker.db.tables import Ledger
from pec_tracker.errors import ApartError
from pec_tracker.sandbox.failures import Moment
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.house import House
from pec_tracker.service.sending.dispatch import dispatch
from pec_tracker.service.sending.outbox import resend, waiting
from pec_tracker.service.upkeep.rebuild import rebuild
from tests.archive.folders import folder_of
from tests.archive.killed import killed_at
from tests.line.houses import Home, account_at, journeys, message_of, new_sqlite, open_alerts, queued, states
from tests.sandbox.materials import SENDER
from tests.sandbox.running import PASSWORD


def backup(home: Home, name: str = "backup.db") -> Path:
    """The database file as it is now, everything written into it."""
    home.open().engine.dispose()
    home.close()
    return Path(shutil.copy(home.folder / "pec-tracker.db", home.folder / name))


def restored(home: Home, copy: Path) -> House:
    """The house as a process opens it after the backup was put back."""
    home.close()
    for left in home.folder.glob("pec-tracker.db*"):
        left.unlink()
    shutil.copy(copy, home.folder / "pec-tracker.db")
    return home.open()


@pytest.fixture
def yesterday(home: Home, sandbox: Sandbox) -> Path:
    """A backup made while one message waits; it leaves afterwards."""
    house = home.open()
    account = account_at(house, sandbox)
    queued(house, account)
    copy = backup(home)
    house = home.open(start=house.start)
    assert [one.send_state for one in dispatch(OPERATOR, house, account)] == ["submitted"]
    return copy


def test_a_database_older_than_the_archive_sends_nothing_at_all(home: Home, sandbox: Sandbox, yesterday: Path) -> None:
    house = restored(home, yesterday)
    account = account_at(house, sandbox)
    assert set(states(house).values()) == {"queued"}
    with pytest.raises(ApartError, match="rebuild"):
        dispatch(OPERATOR, house, account)
    assert len(sandbox.sent) == 1


def test_not_even_what_is_queued_anew_and_not_after_a_failed_try_to_collect(
    home: Home, sandbox: Sandbox, yesterday: Path
) -> None:
    house = restored(home, yesterday)
    account = account_at(house, sandbox)
    with pytest.raises(ApartError):
        queued(house, account, subject="Nuova")  # `rebuild` would lose it
    assert len(states(house)) == 1
    sandbox.wait_until_quiet()
    with pytest.raises(Exception, match="rebuild"):
        collect(OPERATOR, house, account)
    with pytest.raises(ApartError):
        dispatch(OPERATOR, house, account)
    assert len(sandbox.sent) == 1


def test_rebuilt_it_knows_what_went_and_sends_on(home: Home, sandbox: Sandbox, yesterday: Path) -> None:
    restored(home, yesterday)
    home.close()
    home.url = new_sqlite(home.folder / "new")
    house = home.open()
    rebuild(OPERATOR, house)
    account = account_at(house, sandbox)
    assert set(states(house).values()) == {"submitted"}
    queued(house, account, subject="Nuova")
    assert len(dispatch(OPERATOR, house, account)) == 1
    sandbox.wait_until_quiet()
    collect(OPERATOR, house, account)
    assert set(journeys(house).values()) == {"delivered"}
    assert len(sandbox.sent) == 2


def whole_backup(home: Home) -> Path:
    """Database and archive as they are now, as a copy of the whole disk has them."""
    backup(home)
    return Path(shutil.copytree(home.folder, home.folder.with_name("disk"), dirs_exist_ok=True))


def whole_restored(home: Home, disk: Path) -> House:
    """The house as a process opens it after the copy of the disk was put back."""
    home.close()
    shutil.rmtree(home.folder)
    shutil.copytree(disk, home.folder)
    return home.open()


@pytest.fixture
def disk(home: Home, sandbox: Sandbox) -> Path:
    """A copy of the whole disk from when a second message waited; it left afterwards, like the first one before."""
    house = home.open()
    account = account_at(house, sandbox)
    queued(house, account, subject="Prima")
    dispatch(OPERATOR, house, account)
    queued(house, account, subject="Seconda")
    copy = whole_backup(home)
    house = home.open(start=house.start)
    assert [one.send_state for one in dispatch(OPERATOR, house, account)] == ["submitted"]
    home.close()
    return copy


def no_receipts(sandbox: Sandbox) -> None:
    """The receipts have not come yet, or somebody has deleted them in the webmail."""
    sandbox.wait_until_quiet()
    context = ssl.create_default_context(cafile=str(sandbox.ca_file))
    with IMAPClient("localhost", sandbox.imap_port, ssl_context=context) as webmail:
        webmail.login(SENDER, PASSWORD)
        webmail.select_folder("INBOX")
        webmail.delete_messages(webmail.search())
        webmail.expunge()


def test_a_whole_disk_restored_sends_nothing_again_though_no_receipt_tells(
    home: Home, sandbox: Sandbox, disk: Path
) -> None:
    no_receipts(sandbox)
    house = whole_restored(home, disk)
    account = account_at(house, sandbox)
    collect(OPERATOR, house, account)
    assert dispatch(OPERATOR, house, account) == []
    assert collect(OPERATOR, house, account).complete
    assert dispatch(OPERATOR, house, account) == []
    assert [entry.send_state for entry in waiting(OPERATOR, house)] == ["uncertain"]
    assert "send-uncertain" in open_alerts(house)
    assert len(sandbox.sent) == 2


def test_on_another_computer_neither_that_has_no_mark(home: Home, sandbox: Sandbox, disk: Path) -> None:
    """The disk broke, and the backup of last night goes into a new machine."""
    no_receipts(sandbox)
    house = whole_restored(home, disk)
    shutil.rmtree(home.marks)
    with writing(house.engine) as connection:
        connection.execute(update(Ledger).values(at=house.clock.now() - timedelta(hours=9)))
    account = account_at(house, sandbox)
    collect(OPERATOR, house, account)
    assert dispatch(OPERATOR, house, account) == []
    assert [entry.send_state for entry in waiting(OPERATOR, house)] == ["uncertain"]
    assert len(sandbox.sent) == 2


def test_what_is_queued_after_a_restore_leaves(home: Home, sandbox: Sandbox, disk: Path) -> None:
    house = whole_restored(home, disk)
    account = account_at(house, sandbox)
    fresh = queued(house, account, subject="Terza").key
    assert [one.key for one in dispatch(OPERATOR, house, account)] == [fresh]
    again = home.open()
    assert collect(OPERATOR, again, account_at(again, sandbox)).complete
    assert [one.send_state for one in dispatch(OPERATOR, again, account_at(again, sandbox))] == []
    assert states(house)[fresh] == "submitted"
    assert len(sandbox.sent) == 3


def test_the_receipts_tell_after_a_restore_and_nobody_need_decide(home: Home, sandbox: Sandbox, disk: Path) -> None:
    sandbox.wait_until_quiet()
    house = whole_restored(home, disk)
    account = account_at(house, sandbox)
    assert dispatch(OPERATOR, house, account) == []
    assert collect(OPERATOR, house, account).complete
    assert set(states(house).values()) == {"submitted"}
    assert dispatch(OPERATOR, house, account) == []
    assert open_alerts(house) == []
    assert len(sandbox.sent) == 2


def test_a_mere_restart_makes_nothing_uncertain(home: Home, sandbox: Sandbox) -> None:
    """As by the timer of a server that sends at night what was queued by day."""
    house = home.open()
    account = account_at(house, sandbox)
    queued(house, account)
    dispatch(OPERATOR, house, account)
    for _ in range(2):
        house = home.open()
        account = account_at(house, sandbox)
        queued(house, account)
        again = home.open()
        account = account_at(again, sandbox)
        assert dispatch(OPERATOR, again, account) == []
        collect(OPERATOR, again, account)
        assert [one.send_state for one in dispatch(OPERATOR, again, account)] == ["submitted"]
    assert len(sandbox.sent) == 3


@pytest.mark.parametrize("content", [b"", b"{}", b"not json", b'{"line": 7}'])
def test_a_mark_that_cannot_be_read_sends_nothing_that_waited(
    home: Home, sandbox: Sandbox, disk: Path, content: bytes
) -> None:
    house = whole_restored(home, disk)
    (mark,) = home.marks.iterdir()
    mark.unlink()
    mark.write_bytes(content)
    account = account_at(house, sandbox)
    no_receipts(sandbox)
    collect(OPERATOR, house, account)
    assert dispatch(OPERATOR, house, account) == []
    assert len(sandbox.sent) == 2


def test_no_place_for_the_mark_stops_no_message(home: Home, sandbox: Sandbox) -> None:
    home.marks.write_text("a file where the folder should be")
    house = home.open()
    account = account_at(house, sandbox)
    queued(house, account)
    assert [one.send_state for one in dispatch(OPERATOR, house, account)] == ["submitted"]
    again = home.open()
    assert len(dispatch(OPERATOR, again, account_at(again, sandbox))) == 0
    assert set(states(again).values()) == {"submitted"}


def test_a_copy_among_the_sent_mails_keeps_a_waiting_message_back(home: Home, sandbox: Sandbox) -> None:
    house = home.open()
    account = account_at(house, sandbox)
    key = queued(house, account).key
    sandbox.deliver(SENDER, house.archive.get(str(message_of(house, key).raw), Suffix.MAIL), folder="INBOX.Inviata")
    house = home.open()
    account = account_at(house, sandbox)
    collect(OPERATOR, house, account)
    assert dispatch(OPERATOR, house, account) == []
    assert states(house) == {key: "uncertain"}
    (entry,) = waiting(OPERATOR, house)
    assert entry.problem is not None
    assert "a copy of it" in entry.problem["template"]
    assert sandbox.sent == []


def test_killed_right_after_the_dot_yesterdays_database_finds_the_attempt_in_the_archive(
    home: Home, sandbox: Sandbox
) -> None:
    house = home.open()
    account = account_at(house, sandbox)
    key = queued(house, account).key
    copy = backup(home)

    def send() -> None:
        again = home.open(start=house.start)
        dispatch(OPERATOR, again, account_at(again, sandbox))

    assert killed_at("smtp.after-dot", send)
    shutil.rmtree(home.marks)
    no_receipts(sandbox)
    house = restored(home, copy)
    account = account_at(house, sandbox)
    assert states(house) == {key: "queued"}
    collect(OPERATOR, house, account)
    assert dispatch(OPERATOR, house, account) == []
    assert states(house) == {key: "uncertain"}
    assert len(sandbox.sent) == 1
    resend(OPERATOR, house, key, reason="nel webmail non c'è traccia")
    assert [one.send_state for one in dispatch(OPERATOR, house, account)] == ["submitted"]
    assert message_of(house, key).attempts == 2


def test_the_archives_notes_of_attempts_go_once_the_ledger_tells_of_them(home: Home, sandbox: Sandbox) -> None:
    house = home.open()
    account = account_at(house, sandbox)
    for number in range(3):
        queued(house, account, subject=f"Numero {number}")
    dispatch(OPERATOR, house, account)
    assert list((folder_of(house.archive) / "underway").glob("*.attempt")) == []


def test_what_did_not_leave_goes_once_the_mailbox_was_looked_through(home: Home, sandbox: Sandbox) -> None:
    house = home.open()
    queued(house, account_at(house, sandbox))
    house = restored(home, backup(home))
    account = account_at(house, sandbox)
    assert dispatch(OPERATOR, house, account) == []
    collect(OPERATOR, house, account)
    assert [one.send_state for one in dispatch(OPERATOR, house, account)] == ["submitted"]
    assert len(sandbox.sent) == 1


def test_an_old_collect_does_not_lift_the_fence(home: Home, sandbox: Sandbox) -> None:
    house = home.open()
    account = account_at(house, sandbox)
    collect(OPERATOR, house, account)
    queued(house, account)
    house = restored(home, backup(home))
    assert dispatch(OPERATOR, house, account_at(house, sandbox)) == []


def test_a_restored_uncertain_message_stays_with_the_person(home: Home, sandbox: Sandbox) -> None:
    house = home.open()
    account = account_at(house, sandbox)
    queued(house, account)
    sandbox.failures.drop(Moment.AFTER_DOT_LOST)
    dispatch(OPERATOR, house, account)
    house = restored(home, backup(home))
    account = account_at(house, sandbox)
    collect(OPERATOR, house, account)
    assert dispatch(OPERATOR, house, account) == []
    assert set(states(house).values()) == {"uncertain"}
