"""One ledger database a test, with the newest schema, on each engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from pec_tracker.db.engine import open_engine, sqlite_url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    sqlite = request.param == "sqlite"
    opened = open_engine(sqlite_url(tmp_path / "tracker.db") if sqlite else request.getfixturevalue("postgres_url"))
    yield opened
    opened.dispose()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "archive"
