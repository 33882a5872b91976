"""How is the database opened? SQLite (the default) or PostgreSQL, always at the newest schema."""

import importlib.resources
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, OperationalError

from pec_tracker.errors import ConfigurationError, DiskFullError, StorageError

BUSY_SECONDS = 30
RETRIES = 5  # of a transaction that met another process's rows

T = TypeVar("T")


def open_engine(url: str) -> Engine:
    """An engine for *url*, its schema brought up to date. Raises ConfigurationError, StorageError."""
    try:
        parsed = make_url(url)
        sqlite = parsed.get_backend_name() == "sqlite"
        engine = create_engine(parsed, connect_args={"timeout": BUSY_SECONDS} if sqlite else {})
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigurationError(
            "the database address cannot be used ({reason}); write sqlite:///FILE or postgresql://user@host/name",
            reason=type(error).__name__,
        ) from error
    if sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    with storage_errors():
        migrate(engine)
    return engine


def sqlite_url(path: Path) -> str:
    """The address of an SQLite database in the file *path*."""
    return f"sqlite:///{path}"


def migrate(engine: Engine) -> None:
    """Bring the schema to the newest revision; refuse a database from a newer release."""
    config = Config()
    config.set_main_option("script_location", str(_migrations()))
    scripts = ScriptDirectory.from_config(config)
    newest = scripts.get_current_head()
    with reading(engine) as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current == newest:
        return
    if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
        raise ConfigurationError(
            "the database was written by a newer release (schema {revision}); install that release or a later one",
            revision=current,
        )
    try:
        _upgrade(engine, config)
    except DBAPIError:
        _upgrade(engine, config)  # another process made the first tables meanwhile: now there is nothing to do


def _upgrade(engine: Engine, config: Config) -> None:
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection for reading: on SQLite it takes no write lock. Raises StorageError."""
    with storage_errors(), engine.connect().execution_options(reading=True) as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A connection for one transaction, committed at the end of the block. Raises StorageError, DiskFullError."""
    with storage_errors(), engine.begin() as connection:
        yield connection


def in_one_transaction(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Run *work* in one transaction; where another process's rows came first, again on what it left.

    Raises StorageError, DiskFullError.
    """
    with storage_errors():
        for _ in range(RETRIES - 1):
            try:
                with engine.begin() as connection:
                    return work(connection)
            except (IntegrityError, OperationalError) as error:
                deadlock = getattr(error.orig, "sqlstate", None) in ("40001", "40P01")
                if not (isinstance(error, IntegrityError) or deadlock):
                    raise
        with engine.begin() as connection:
            return work(connection)


@contextmanager
def storage_errors() -> Iterator[None]:
    """Name what a database refusal means to a person: a full disk, a lock held too long, a server gone."""
    try:
        yield
    except DBAPIError as error:
        words = str(error.orig).lower()
        if "disk is full" in words or "no space left" in words or "disk full" in words:
            raise DiskFullError("the disk that holds the database is full; free some space and try again") from error
        if "locked" in words:
            raise StorageError(
                "the database stayed locked for {seconds} s by another process; end it or try later",
                seconds=BUSY_SECONDS,
            ) from error
        raise StorageError(
            "the database cannot be used ({reason}); check that it runs and that its folder can be written",
            reason=str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__,
        ) from error


def _migrations() -> Path:
    packaged = Path(str(importlib.resources.files("pec_tracker.db") / "migrations"))
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[2] / "alembic"


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA cache_size = -32000")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reading_only = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading_only else "BEGIN IMMEDIATE")
