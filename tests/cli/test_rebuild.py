"""Does `rebuild` give back what a lost or damaged database knew, and touch nothing that it should not?"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from pec_tracker.db.engine import open_engine, sqlite_url
from pec_tracker.db.passing import Lease
from tests.cli.desk import Desk
from tests.factory import receipts

SUBJECT = "Diffida ad adempiere"


@pytest.fixture
def delivered(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("DESK_PASSWORD", "sandbox")
    desk = Desk(tmp_path, capsys)
    desk.configure()
    sent = receipts.original(subject=SUBJECT)
    desk.mail("sent.eml", sent)
    desk.mail("acceptance.eml", receipts.receipt("accettazione", subject=SUBJECT))
    desk.mail("delivery.eml", receipts.receipt("avvenuta-consegna", subject=SUBJECT, original=sent))
    assert desk.run("import", desk.folder / "mails", "--mailbox", "studio").status == 0
    return desk


def database(desk: Desk) -> Path:
    return desk.folder / "data" / "pec-tracker.db"


def lose(desk: Desk) -> None:
    for file in database(desk).parent.glob("pec-tracker.db*"):
        file.unlink()


def test_a_lost_database_answers_again(delivered: Desk) -> None:
    before = delivered.run("find", "--json").out
    lose(delivered)
    assert delivered.run("rebuild", "--json").record["mails"] == 3
    assert delivered.run("find", "--json").out == before
    assert delivered.run("check").status == 0


def test_the_old_database_is_moved_aside_whole(delivered: Desk) -> None:
    before = delivered.run("find", "--json").out
    kept = Path(delivered.run("rebuild", "--json").record["old_database"])
    assert kept.is_file()
    assert kept != database(delivered)
    kept.replace(database(delivered))
    assert delivered.run("find", "--json").out == before


def test_a_database_that_is_no_database_any_more_is_made_again(delivered: Desk) -> None:
    before = delivered.run("find", "--json").out
    lose(delivered)
    database(delivered).write_bytes(b"not a database" * 1000)
    assert delivered.run("find").status == 4
    assert delivered.run("rebuild").status == 0
    assert delivered.run("find", "--json").out == before


def test_while_another_process_works_nothing_is_rebuilt(delivered: Desk) -> None:
    engine = open_engine(sqlite_url(database(delivered)))
    with engine.begin() as connection:
        until = datetime.now(UTC) + timedelta(minutes=1)
        connection.execute(insert(Lease).values(name="collect:m", owner="somebody", until=until))
    engine.dispose()
    ran = delivered.run("rebuild")
    assert ran.status == 2
    assert "serve" in ran.words
    assert not list(database(delivered).parent.glob("*.before-*"))


def test_an_object_that_is_gone_is_named(delivered: Desk) -> None:
    archived = sorted((delivered.folder / "data" / "archive" / "objects").rglob("*.eml"))
    archived[0].unlink()
    ran = delivered.run("rebuild")
    assert ran.status == 1
    assert archived[0].name in ran.words
