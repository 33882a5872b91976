"""PostgreSQL, private and unprivileged, on a Unix socket: one server a session, one database a test."""

import itertools
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql

from tests.servers.programs import program, service_folder, service_user, stop, wait_until

_DEBIAN = Path("/usr/lib/postgresql")  # Debian keeps server programs out of PATH, a folder a version


class Postgres:
    """One server. Without `durable` it doesn't wait for the disk: for tests, not for measurements."""

    def __init__(self, *, durable: bool = False) -> None:
        self._durable = durable
        self._user = service_user()
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self.folder = Path()

    def start(self) -> None:
        """Make an empty cluster, start the server on a socket in its folder, and wait until it answers."""
        initdb, postgres = _server_program("initdb"), _server_program("postgres")
        self.folder = service_folder("pg", user=self._user)
        cluster = self.folder / "cluster"
        options = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run(
            self._user.command(initdb, "-D", cluster, *options), check=True, capture_output=True, cwd=self.folder
        )
        settings = ["listen_addresses=", f"unix_socket_directories={self.folder}", "max_connections=100"]
        settings += [] if self._durable else ["fsync=off", "full_page_writes=off"]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                self._user.command(postgres, "-D", cluster, *itertools.chain(*(("-c", one) for one in settings))),
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=self.folder,
            )
        wait_until(self._answers, seconds=20, what=f"PostgreSQL answers; its log: {self.folder / 'log'}")

    def stop(self) -> None:
        """Stop the server and remove its folder. By SIGINT: SIGTERM would wait for every client to leave."""
        if self._process is not None:
            stop(self._process, signal.SIGINT)
            self._process = None
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def create_database(self) -> str:
        """A new empty database, as a URL for SQLAlchemy."""
        name = f"test{next(self._numbers)}"
        self._administer(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}"

    def drop_database(self, url: str) -> None:
        """Remove a database, whoever is still connected to it."""
        name = url.partition("@/")[2].partition("?")[0]
        self._administer(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _administer(self, statement: sql.Composed) -> None:
        with psycopg.connect(host=str(self.folder), user="postgres", dbname="postgres", autocommit=True) as connection:
            connection.execute(statement)

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended at once: {(self.folder / 'log').read_text()}")
        try:
            self._administer(sql.SQL("SELECT {}").format(sql.Literal(1)))
        except psycopg.OperationalError:
            return False
        return True


def _server_program(name: str) -> Path:
    """The newest installed one."""

    def version(path: Path) -> int:
        return int(path.parent.parent.name) if path.parent.parent.name.isdigit() else 0

    installed = sorted(_DEBIAN.glob(f"*/bin/{name}"), key=version)
    return installed[-1] if installed else program(name, package="postgresql")
