"""A house without any server for each test: what is decided here is decided in the database and the archive alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from pec_tracker.service.house import Account, House
from tests.line.houses import Home
from tests.sending.offline import account_of, home_in, opened


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Every log event can be heard, whatever a command that ran before in this process has set."""
    before = structlog.get_config()
    structlog.reset_defaults()
    yield
    structlog.configure(**before)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home without servers."""
    return home_in(tmp_path / "home")


@pytest.fixture
def house(home: Home) -> House:
    """A house without servers."""
    return opened(home)


@pytest.fixture
def account(house: House) -> Account:
    """Its mailbox."""
    return account_of(house)
