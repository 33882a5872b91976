"""Yesterday's database on today's archive: nothing is sent that may have gone."""

import shutil
from pathlib import Path

import pytest

from pec_tracker.sandbox.failures import Moment
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.collect import collect
from pec_tracker.service.dispatch import FencedError, dispatch
from pec_tracker.service.house import House
from pec_tracker.service.rebuild import rebuild
from tests.line.houses import Home, account_at, journeys, new_sqlite, queued, states


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
    house = home.open(started_at=house.started_at)
    assert [one.send_state for one in dispatch(house, account)] == ["submitted"]
    return copy


def test_a_database_older_than_the_archive_sends_nothing_at_all(home: Home, sandbox: Sandbox, yesterday: Path) -> None:
    house = restored(home, yesterday)
    account = account_at(house, sandbox)
    assert set(states(house).values()) == {"queued"}
    with pytest.raises(FencedError, match="rebuild"):
        dispatch(house, account)
    assert len(sandbox.sent) == 1


def test_not_even_what_is_queued_anew_and_not_after_a_failed_try_to_collect(
    home: Home, sandbox: Sandbox, yesterday: Path
) -> None:
    house = restored(home, yesterday)
    account = account_at(house, sandbox)
    queued(house, account, subject="Nuova")
    sandbox.wait_until_quiet()
    with pytest.raises(Exception, match="rebuild"):
        collect(house, account)
    with pytest.raises(FencedError):
        dispatch(house, account)
    assert len(sandbox.sent) == 1


def test_rebuilt_it_knows_what_went_and_sends_on(home: Home, sandbox: Sandbox, yesterday: Path) -> None:
    restored(home, yesterday)
    home.close()
    home.url = new_sqlite(home.folder / "new")
    house = home.open()
    rebuild(house)
    account = account_at(house, sandbox)
    assert set(states(house).values()) == {"submitted"}
    queued(house, account, subject="Nuova")
    assert len(dispatch(house, account)) == 1
    sandbox.wait_until_quiet()
    collect(house, account)
    assert set(journeys(house).values()) == {"delivered"}
    assert len(sandbox.sent) == 2


def test_database_and_archive_of_yesterday_together_wait_for_a_collect(
    home: Home, sandbox: Sandbox, yesterday: Path
) -> None:
    """A whole machine restored: no seal tells of what went meanwhile, the receipts on the server do."""
    shutil.rmtree(home.folder / "archive" / "ledger")
    house = restored(home, yesterday)
    account = account_at(house, sandbox)
    assert dispatch(house, account) == []
    sandbox.wait_until_quiet()
    assert collect(house, account).complete
    assert set(states(house).values()) == {"submitted"}
    assert dispatch(house, account) == []
    assert len(sandbox.sent) == 1


def test_what_did_not_leave_goes_once_the_mailbox_was_looked_through(home: Home, sandbox: Sandbox) -> None:
    house = home.open()
    queued(house, account_at(house, sandbox))
    house = restored(home, backup(home))
    account = account_at(house, sandbox)
    assert dispatch(house, account) == []
    collect(house, account)
    assert [one.send_state for one in dispatch(house, account)] == ["submitted"]
    assert len(sandbox.sent) == 1


def test_an_old_collect_does_not_lift_the_fence(home: Home, sandbox: Sandbox) -> None:
    house = home.open()
    account = account_at(house, sandbox)
    collect(house, account)
    queued(house, account)
    house = restored(home, backup(home))
    assert dispatch(house, account_at(house, sandbox)) == []


def test_a_restored_uncertain_message_stays_with_the_person(home: Home, sandbox: Sandbox) -> None:
    house = home.open()
    account = account_at(house, sandbox)
    queued(house, account)
    sandbox.failures.drop(Moment.AFTER_DOT_LOST)
    dispatch(house, account)
    house = restored(home, backup(home))
    account = account_at(house, sandbox)
    collect(house, account)
    assert dispatch(house, account) == []
    assert set(states(house).values()) == {"uncertain"}
