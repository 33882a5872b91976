"""A sandbox and a house of its own for each test, on SQLite, or on both engines where that may matter."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pec_tracker.db import leases
from pec_tracker.sandbox.server import Sandbox
from pec_tracker.service.house import Account, House
from tests.line.houses import Home, account_at, new_sqlite
from tests.sandbox.running import sandbox_in

ENGINES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """A PEC provider where a day lasts a second."""
    with sandbox_in(tmp_path / "sandbox") as running:
        yield running


@pytest.fixture
def new_home(tmp_path: Path, sandbox: Sandbox) -> Iterator[Callable[..., Home]]:
    """Makes homes on SQLite that trust the sandbox and share its clock: `new_home()`, `new_home(url=...)`."""
    homes: list[Home] = []

    def make(*, url: str | None = None) -> Home:
        folder = tmp_path / f"home{len(homes) + 1}"
        home = Home(folder, url or new_sqlite(folder), sandbox.ca_file, sandbox.clock)
        homes.append(home)
        return home

    yield make
    for home in homes:
        home.close()


@pytest.fixture
def home(new_home: Callable[..., Home]) -> Home:
    """One home on SQLite."""
    return new_home()


@pytest.fixture(params=ENGINES)
def home_on_either(request: pytest.FixtureRequest, new_home: Callable[..., Home]) -> Home:
    """One home, on SQLite and again on PostgreSQL."""
    return new_home(url=request.getfixturevalue("postgres_url") if request.param == "postgres" else None)


@pytest.fixture
def house(home: Home) -> House:
    """The house, opened by this process."""
    return home.open()


@pytest.fixture
def account(house: House, sandbox: Sandbox) -> Account:
    """Its mailbox at the sandbox."""
    return account_at(house, sandbox)


@pytest.fixture
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases that have run out by the time that anyone asks, as after minutes."""
    monkeypatch.setattr(leases, "LEASE", timedelta(0))
