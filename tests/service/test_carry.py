"""What a user would lose: a message that waits, when the database that alone knows it is replaced."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from pec_tracker.archive.local import LocalArchive
from pec_tracker.askers import OPERATOR
from pec_tracker.db.engine import open_engine, sqlite_url
from pec_tracker.db.tables import Ledger, Message
from pec_tracker.errors import ApartError, UsageError
from pec_tracker.ledger.seals import seal_pending
from pec_tracker.pec.compose import Draft
from pec_tracker.presence import Presence
from pec_tracker.service.house import Account, House
from pec_tracker.service.sending.send import queue
from pec_tracker.service.upkeep.carry import what_is_left
from pec_tracker.service.upkeep.check import check
from pec_tracker.service.upkeep.rebuild import rebuild
from tests.factory import receipts
from tests.service.house import NOW, open_house, rows

KEY = "a" * 26
UNSEALED = "UPDATE ledger SET line = replace(line, '\"act\"', '\"atc\"') WHERE seal_number IS NULL"


def url(house: House) -> str:
    return house.engine.url.render_as_string(hide_password=False)


@pytest.fixture
def waiting(house: House, account: Account, monkeypatch: pytest.MonkeyPatch) -> House:
    """A house with one act sealed, and a message that waits and is not: killed in between, or of an earlier release."""
    monkeypatch.setattr("pec_tracker.service.sending.send._seal", lambda _house: None)
    seal_pending(house.engine, house.archive, now=NOW)
    queue(
        OPERATOR, house, account, Draft(account.address, (receipts.RECIPIENT,), "Prova", "Buongiorno."), tracker_id=KEY
    )
    return house


@pytest.mark.parametrize("schema", ["as it is", "of a newer release", "unknown"])
def test_a_rebuild_carries_over_what_was_not_sealed(waiting: House, tmp_path: Path, schema: str) -> None:
    with waiting.engine.begin() as connection:
        if schema == "of a newer release":
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        if schema == "unknown":
            connection.execute(text("DROP TABLE alembic_version"))
    left = what_is_left(url(waiting), waiting.archive, presence=Presence())
    fresh = open_house(sqlite_url(tmp_path / "new.db"), tmp_path)
    built = rebuild(OPERATOR, fresh, left)
    assert (built.carried, built.messages, built.missing) == (1, 1, ())
    assert [row.key for row in rows(fresh.engine, select(Message.key))] == [KEY]
    assert rows(fresh.engine, select(Ledger.id).where(Ledger.seal_number.is_(None))) == []
    fresh.engine.dispose()


def test_nothing_is_carried_over_twice(waiting: House, tmp_path: Path) -> None:
    left = what_is_left(url(waiting), waiting.archive, presence=Presence())
    seal_pending(waiting.engine, waiting.archive, now=NOW)
    fresh = open_house(sqlite_url(tmp_path / "new.db"), tmp_path)
    assert rebuild(OPERATOR, fresh, left).carried == 0
    assert check(OPERATOR, fresh.engine, fresh.archive).sound
    fresh.engine.dispose()


def test_a_line_that_was_changed_is_not_carried_over_in_silence(waiting: House, tmp_path: Path) -> None:
    with waiting.engine.begin() as connection:
        connection.execute(text(UNSEALED))
    fresh = open_house(sqlite_url(tmp_path / "new.db"), tmp_path)
    built = rebuild(OPERATOR, fresh, what_is_left(url(waiting), waiting.archive, presence=Presence()))
    assert built.old_unreadable
    fresh.engine.dispose()


def test_an_empty_folder_is_not_taken_for_the_archive(waiting: House, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ApartError, match="mounted"):
        what_is_left(url(waiting), LocalArchive(tmp_path / "empty"), presence=Presence())


def test_a_database_at_work_is_left_alone(waiting: House) -> None:
    with waiting.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO lease (name, owner, until) VALUES ('collect:m', 'x', :until)"),
            {"until": f"{datetime.now(UTC) + timedelta(minutes=3):%Y-%m-%d %H:%M:%S.%f}+00:00"},
        )
    with pytest.raises(UsageError, match="serve"):
        what_is_left(url(waiting), waiting.archive, presence=Presence())


def test_a_database_that_says_no_release_is_not_written_into(waiting: House) -> None:
    with waiting.engine.begin() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
    with pytest.raises(Exception, match="rebuild"):
        open_engine(url(waiting))
