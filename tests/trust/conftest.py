"""A house of each test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pec_tracker.db.engine import open_engine, sqlite_url
from pec_tracker.service.house import House
from tests.trust.houses import house_in


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A house that trusts nobody yet, on each engine."""
    sqlite = request.param == "sqlite"
    engine = open_engine(sqlite_url(tmp_path / "tracker.db") if sqlite else request.getfixturevalue("postgres_url"))
    yield house_in(tmp_path, engine)
    engine.dispose()
