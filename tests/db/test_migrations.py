"""What a user would lose: an upgrade that leaves the database other than the code believes, or is not shipped."""

import base64
import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
import tomllib
import zipfile
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError

from pec_tracker import osfiles
from pec_tracker.db import book, campaigns, drafts
from pec_tracker.db.base import Base
from pec_tracker.db.base import table as table_of
from pec_tracker.db.engine import migrate, open_engine, reading, sqlite_url
from pec_tracker.db.tables import Evidence, Mailbox
from pec_tracker.db.types import unpacked
from pec_tracker.errors import ConfigurationError, StorageError
from pec_tracker.service.house import Account, House
from tests.archive.killed import at_once
from tests.factory import receipts
from tests.service.house import NOW, account, bring, house, house_url, place_of, rows

__all__ = ["account", "book", "campaigns", "drafts", "house", "house_url"]

ROOT = Path(__file__).parents[2]


def test_migrations_make_what_the_models_say(house_url: str) -> None:
    engine = open_engine(house_url)
    with reading(engine) as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_object": lambda _o, name, *_: "search" not in (name or "")}
        )
        assert compare_metadata(context, Base.metadata) == []
        found = inspect(connection)
        for table in Base.metadata.tables.values():
            named = {index["name"] for index in found.get_indexes(table.name)}
            assert {index.name for index in table.indexes} <= named, table.name
            option = f"{connection.dialect.name}_where"
            partial = {
                one["name"]
                for one in found.get_indexes(table.name)
                if one.get("dialect_options", {}).get(option) is not None
            }
            assert {index.name for index in table.indexes if index.info.get("postgresql_where")} == partial, table.name
            checks = {check["name"] for check in found.get_check_constraints(table.name)}
            assert {str(c.name) for c in table.constraints if type(c).__name__ == "CheckConstraint"} <= checks
    engine.dispose()


def test_opening_again_changes_nothing(house_url: str) -> None:
    for _ in range(2):
        engine = open_engine(house_url)
        migrate(engine)
        engine.dispose()


def test_two_processes_that_open_a_new_database_at_once_both_succeed(house_url: str) -> None:
    def opened() -> None:
        open_engine(house_url).dispose()

    assert at_once([opened, opened, opened]) == [0, 0, 0]
    test_migrations_make_what_the_models_say(house_url)


def test_database_of_a_newer_release_is_refused_with_what_to_do(house_url: str) -> None:
    open_engine(house_url).dispose()
    engine = create_engine(house_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(ConfigurationError, match="newer release"):
        open_engine(house_url)


def test_wheel_carries_the_migrations(tmp_path: Path) -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert (
        settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]["alembic"]
        == "pec_tracker/db/migrations"
    )
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "No module named" in built.stderr:  # no builder here: the setting above is what it goes by
        return
    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    shipped = {
        f"pec_tracker/db/migrations/{path.relative_to(ROOT / 'alembic')}" for path in (ROOT / "alembic").rglob("*.py")
    }
    assert shipped <= names


def test_database_that_another_process_is_writing_is_waited_for_not_given_up(tmp_path: Path) -> None:
    file = tmp_path / "new.db"
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")  # not WAL yet, and who wants that is refused at once
    ending = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    ending.start()
    try:
        open_engine(sqlite_url(file)).dispose()
    finally:
        ending.join()
        other.close()


def test_database_is_private_with_all_that_lies_beside_it(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        engine = open_engine(sqlite_url(tmp_path / "t.db"))
        with reading(engine):
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        engine.dispose()
    finally:
        os.umask(before)
    assert set(modes) == {"t.db", "t.db-wal", "t.db-shm"}
    assert set(modes.values()) == {0o600} or osfiles.WINDOWS  # which has no such rights: the user's folder is private


def test_database_in_a_folder_that_is_not_there_is_said_with_its_folder(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="missing"):
        open_engine(sqlite_url(tmp_path / "missing" / "t.db"))


def test_evidence_is_the_same_after_it_was_unpacked_and_packed_again(house: House, account: Account) -> None:
    delivery = receipts.receipt("avvenuta-consegna", original=receipts.original())
    bring(house, place_of(account), [receipts.receipt("accettazione"), delivery])
    before = rows(house.engine, select(Evidence).order_by(Evidence.id))
    assert any(row.enclosed for row in before)
    assert any(row.enclosed is None for row in before)
    _alembic(house.engine, "0012", down=True)
    with reading(house.engine) as connection:
        kept = connection.execute(text("SELECT CAST(verification AS text) AS said FROM evidence ORDER BY id")).all()
    assert [json.loads(row.said) for row in kept] == [row.verification for row in before]
    migrate(house.engine)
    after = rows(house.engine, select(Evidence).order_by(Evidence.id))
    assert [row._mapping for row in after] == [row._mapping for row in before]


def _alembic(engine: Engine, revision: str, *, down: bool) -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "alembic"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        (command.downgrade if down else command.upgrade)(config, revision)


def test_packed_facts_of_earlier_rows_can_always_be_read() -> None:
    kept = base64.b64decode("AcMVmXAVKEbpH16hVAsA")
    assert unpacked(kept) == '{"verdict": "trusted", "weak": [], "anchor": "/è"}'


def test_a_database_of_before_the_address_book_gets_one_and_keeps_what_it_has(house_url: str) -> None:
    engine = open_engine(house_url)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(ROOT / "alembic"))
        config.attributes["connection"] = connection
        command.downgrade(config, "0014-1")
        assert not inspect(connection).has_table("person")
        connection.execute(insert(table_of(Mailbox)).values(key="m", name="b", known_at=NOW))
    migrate(engine)
    with engine.begin() as connection:
        assert connection.execute(text("SELECT name FROM mailbox")).scalars().all() == ["b"]
        values = {"key": "k", "name": "n", "name_key": "n", "known_at": NOW}
        connection.execute(insert(table_of(book.Person)).values(kind="natural", **values))
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(insert(table_of(book.Person)).values(kind="alien", **{**values, "key": "l"}))
    engine.dispose()
