"""The real servers, each started once a session, and only when a test asks for it."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.servers.certificates import Authority
from tests.servers.dovecot import Dovecot
from tests.servers.faultproxy import FaultProxy
from tests.servers.postfix import Postfix
from tests.servers.postgres import Postgres
from tests.servers.programs import service_folder


@pytest.fixture(scope="session", autouse=True)
def state_of_this_computer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What was sent last is marked in a folder of the tests, not in the developer's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def test_ca() -> Iterator[Authority]:
    """The authority that signs every test server's certificate."""
    folder = service_folder("ca")
    yield Authority(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def dovecot(test_ca: Authority) -> Iterator[Dovecot]:
    """A running Dovecot; take a mailbox of your own with `add_user()`."""
    with Dovecot(test_ca) as server:
        yield server


@pytest.fixture(scope="session")
def postfix(dovecot: Dovecot) -> Iterator[Postfix]:
    """A running Postfix that knows Dovecot's users and delivers to them."""
    with Postfix(dovecot) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL."""
    with Postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """A new empty database of PostgreSQL, as a URL for SQLAlchemy."""
    url = postgres.create_database()
    yield url
    postgres.drop_database(url)


@pytest.fixture
def fault_proxy() -> Iterator[Callable[[int], FaultProxy]]:
    """Makes a fault proxy in front of a port of 127.0.0.1: `proxy = fault_proxy(port)`."""
    with ExitStack() as running:
        yield lambda port: running.enter_context(FaultProxy(port))
