"""The database is an index: lost, it is made again from the archive, and answers the same."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from pec_tracker.archive.objects import Suffix
from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import open_engine, reading
from pec_tracker.db.passing import Alert
from pec_tracker.db.tables import Mail, Message, Sighting
from pec_tracker.errors import UsageError
from pec_tracker.sandbox.bulk import Bulk, bulk_receipts
from pec_tracker.sandbox.failures import Moment
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.collecting.collect import collect
from pec_tracker.service.house import House
from pec_tracker.service.importing.import_ import bring_in
from pec_tracker.service.journeys.reconsider import refresh
from pec_tracker.service.sending.dispatch import dispatch
from pec_tracker.service.sending.outbox import resend
from pec_tracker.service.upkeep.check import check
from pec_tracker.service.upkeep.rebuild import rebuild
from tests.line.dump import differing, dump
from tests.line.houses import Home, account_at, journeys, new_sqlite, queued, states
from tests.line.story import tell
from tests.sandbox.materials import SENDER, authority, office


def lost(home: Home, *, url: str | None = None) -> House:
    """The house with a new, empty database in place of the old one."""
    home.url = url or new_sqlite(home.folder / "new")
    return home.open()


def test_a_rebuilt_database_is_equal_to_the_lost_one(home: Home, sandbox: Sandbox, tmp_path: Path) -> None:
    house = home.open()
    tell(house, sandbox, tmp_path / "import")
    before = dump(house.engine)
    new = lost(home)
    rebuilt = rebuild(OPERATOR, new)
    assert (rebuilt.missing, rebuilt.uncertain) == ((), 0)
    assert differing(dump(new.engine), before) == {}
    assert all(before[table] for table in before if table != "stamp")  # the story leaves no table out
    with reading(new.engine) as connection:
        assert connection.scalars(select(Sighting.reason).where(Sighting.reason.is_not(None))).all() == ["left-out"]
        assert set(connection.scalars(select(Message.origin))) == {"composed", "found"}


@pytest.mark.postgres
def test_what_was_kept_on_postgresql_is_rebuilt_there(
    new_home: Callable[..., Home], sandbox: Sandbox, tmp_path: Path, postgres: object, postgres_url: str
) -> None:
    home = new_home(url=postgres_url)
    house = home.open()
    tell(house, sandbox, tmp_path / "import")
    before = dump(house.engine)
    other = postgres.create_database()  # type: ignore[attr-defined]
    new = lost(home, url=other)
    rebuild(OPERATOR, new)
    assert differing(dump(new.engine), before) == {}
    home.close()
    postgres.drop_database(other)  # type: ignore[attr-defined]


def test_collecting_goes_on_where_the_lost_database_had_stopped(home: Home, sandbox: Sandbox, tmp_path: Path) -> None:
    house = home.open()
    account, _other = tell(house, sandbox, tmp_path / "import")
    before = dump(house.engine, same_ledger=False)
    new = lost(home)
    rebuild(OPERATOR, new)
    again = collect(OPERATOR, new, account_at(new, sandbox))
    assert (again.complete, again.taken.archived, again.taken.known) == (True, 0, 0)
    assert differing(dump(new.engine, same_ledger=False), before) == {}
    assert account_at(new, sandbox).key == account.key


def test_what_may_have_left_since_the_last_seal_is_uncertain_and_stays(home: Home, sandbox: Sandbox) -> None:
    house = home.open()
    account = account_at(house, sandbox)
    sandbox.failures.drop(Moment.BEFORE_MAIL)
    deferred = queued(house, account, subject="Rimandata").key
    dispatch(OPERATOR, house, account)
    waiting = queued(house, account, subject="In attesa").key
    done = queued(house, account, subject="Partita").key
    dispatch(OPERATOR, house, account, only=[done])  # sealed
    dispatch(OPERATOR, house, account, only=[waiting])  # it leaves, and the database is lost
    new = lost(home)
    rebuild(OPERATOR, new)
    account = account_at(new, sandbox)
    assert states(new)[deferred] == "uncertain"
    sandbox.wait_until_quiet()
    collect(OPERATOR, new, account)
    left = len(sandbox.sent)
    assert dispatch(OPERATOR, new, account) == []
    assert len(sandbox.sent) == left == 2
    assert states(new) == {deferred: "uncertain", waiting: "submitted", done: "submitted"}
    with reading(new.engine) as connection:
        asked = connection.scalars(select(Alert.message_id).where(Alert.kind == "uncertain-unresolved")).all()
    assert len(asked) == 1
    resend(OPERATOR, new, deferred, reason="non è mai arrivata")
    dispatch(OPERATOR, new, account)
    assert states(new)[deferred] == "submitted"
    assert len(sandbox.sent) == 3


def test_a_rebuilt_ledger_goes_on_and_holds(home: Home, sandbox: Sandbox, tmp_path: Path) -> None:
    house = home.open()
    tell(house, sandbox, tmp_path / "import")
    new = lost(home)
    rebuild(OPERATOR, new)
    account = account_at(new, sandbox)
    queued(new, account, subject="Dopo")
    dispatch(OPERATOR, new, account)
    sandbox.wait_until_quiet()
    collect(OPERATOR, new, account)
    assert journeys(new, subject="Dopo") == {"consegnata@pec.test": "delivered"}
    report = check(OPERATOR, new.engine, new.archive, processes=1)
    assert list(report.findings) == []


def test_a_second_rebuild_into_the_same_database_is_refused(home: Home, sandbox: Sandbox) -> None:
    house = home.open()
    account_at(house, sandbox)
    with pytest.raises(UsageError, match="not empty"):
        rebuild(OPERATOR, house)


def test_an_object_that_is_missing_is_named_and_the_rest_is_rebuilt(home: Home, sandbox: Sandbox) -> None:
    house = home.open()
    account = account_at(house, sandbox)
    queued(house, account)
    dispatch(OPERATOR, house, account)
    sandbox.wait_until_quiet()
    collect(OPERATOR, house, account)
    with reading(house.engine) as connection:
        sha256 = connection.scalars(select(Mail.sha256).where(Mail.kind == "acceptance")).one()
    house.archive.delete(sha256, Suffix.MAIL)
    new = lost(home)
    assert rebuild(OPERATOR, new).missing == (f"{sha256}.eml",)
    assert journeys(new) == {"consegnata@pec.test": "delivered"}


@pytest.mark.slow
def test_four_thousand_receipts_are_rebuilt_in_seconds(home: Home, tmp_path: Path, sandbox: Sandbox) -> None:
    home.ca_file = authority().ca_file
    house = home.open()
    folder = tmp_path / "receipts"
    folder.mkdir()
    until = sandbox.clock.now() - timedelta(days=1)
    for number, raw in enumerate(bulk_receipts(Bulk(4_000, SENDER, until, most_bytes=12_000), office=office())):
        (folder / f"{number}.eml").write_bytes(raw)
    imported = bring_in(OPERATOR, house, [folder], account=account_at(house, sandbox))
    assert imported.taken.proof == 4_000
    before = dump(house.engine)
    assert len(before["message"]) == 2_000
    new = lost(home)
    rebuild(OPERATOR, new)
    assert differing(dump(new.engine), before) == {}


def test_an_engine_of_its_own_is_all_that_a_rebuild_needs(home: Home, sandbox: Sandbox) -> None:
    """As the command line does it: the configuration's database file is gone, and made anew."""
    house = home.open()
    account = account_at(house, sandbox)
    queued(house, account)
    dispatch(OPERATOR, house, account)
    refresh(house.engine, now=house.clock.now())  # by now its acceptance is overdue
    before = dump(house.engine)
    home.close()
    (home.folder / "pec-tracker.db").unlink()
    for left in home.folder.glob("pec-tracker.db-*"):
        left.unlink()
    open_engine(home.url).dispose()
    new = home.open()
    rebuild(OPERATOR, new)
    assert differing(dump(new.engine), before) == {}
