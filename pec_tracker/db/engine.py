"""How is the database opened? SQLite (the default) or PostgreSQL, always at the newest schema."""

import importlib.resources
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, OperationalError

from pec_tracker.errors import ConfigurationError, DiskFullError, StorageError
from pec_tracker.osfiles import disk_errors, make_private_file

BUSY_SECONDS = 30
_BUSY_PAUSE = 0.01  # seconds
RETRIES = 5  # of a transaction that met another process's rows

T = TypeVar("T")


def open_engine(url: str) -> Engine:
    """An engine for *url*, its schema brought up to date. Raises ConfigurationError, StorageError."""
    engine = open_as_it_is(url)
    try:
        with storage_errors():
            migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def open_as_it_is(url: str) -> Engine:
    """An engine for *url*, whatever its schema. Raises ConfigurationError, StorageError."""
    try:
        parsed = _for_reading_alone(make_url(url))
        sqlite = parsed.get_backend_name() == "sqlite"
        engine = create_engine(parsed, connect_args={"timeout": BUSY_SECONDS} if sqlite else {})
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigurationError(
            "the database address cannot be used ({reason}); write sqlite:///FILE or postgresql://user@host/name",
            reason=type(error).__name__,
        ) from error
    if sqlite:
        _make_private(parsed.database)
        event.listen(engine, "connect", _prepare_reading if read_only(engine) else _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        if not read_only(engine):
            event.listen(engine, "close", _optimize)
    return engine


def read_only(engine: Engine) -> bool:
    """Whether the database lies where nothing can be written, and was opened for reading alone."""
    return "immutable" in engine.url.query


def _for_reading_alone(url: URL) -> URL:
    """*url*, or the same database as it stands, where its folder can't be written: a copy on a read-only medium.

    Raises StorageError where its last changes still lie beside it (the -wal file): SQLite must write to bring them in.
    """
    file = Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
    if file is None or not file.is_file() or os.access(file.parent, os.W_OK):
        return url
    beside = file.with_name(f"{file.name}-wal")
    if beside.exists() and beside.stat().st_size:
        raise StorageError(
            "{folder} cannot be written, and the newest changes of the database still lie in {file}: "
            "copy the folder to where it can be written, and look there",
            folder=file.parent,
            file=beside.name,
        )
    address = f"file:{quote(str(file.resolve()))}"
    return URL.create("sqlite", database=address, query={"mode": "ro", "immutable": "1", "uri": "true"})


def _make_private(database: str | None) -> None:
    """A new database is for its owner's eyes alone; SQLite gives the files that it lays beside it the same rights."""
    if database and database != ":memory:" and not database.startswith("file:"):
        path = Path(database)
        with disk_errors(path.parent):
            make_private_file(path)


def sqlite_url(path: Path) -> str:
    """The address of an SQLite database in the file *path*."""
    return f"sqlite:///{path}"


def migrate(engine: Engine) -> None:
    """Bring the schema to the newest revision; refuse a database from a newer release.

    Alembic, which takes a third of a second to import, is asked only where there is something to migrate: the
    revisions are the numbers at the head of the files' names.
    """
    folder = _migrations()
    known = sorted(path.name.partition("_")[0] for path in (folder / "versions").glob("[0-9]*_*.py"))
    with reading(engine) as connection:
        current = _revision(connection)
    if current == known[-1]:
        return
    if read_only(engine):
        raise ConfigurationError(
            "the database is of another release and lies where nothing can be written, so it cannot be brought to "
            "this one: copy the folder to where it can be written, and look there"
        )
    if current is not None and current not in known:
        raise ConfigurationError(
            "the database was written by a newer release (schema {revision}); install that release or a later one",
            revision=current,
        )
    if current is None:
        _require_new(engine)
    try:
        _upgrade(engine, folder)
    except DBAPIError:
        _upgrade(engine, folder)  # another process made the first tables meanwhile: now there is nothing to do


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def _require_new(engine: Engine) -> None:
    """A database with our tables and no word of their release is damaged: nothing is known of what it lacks."""
    with reading(engine) as connection:
        ours = inspect(connection).has_table("ledger") and _revision(connection) is None
    if ours:
        raise StorageError(
            "the database does not say which release wrote it (the row of the table alembic_version is gone): "
            "put back a copy of it, or move it aside and run `pec-tracker rebuild`"
        )


def _upgrade(engine: Engine, folder: Path) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(folder))
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


def erasing(connection: Connection) -> None:
    """From here on this connection overwrites what it deletes: SQLite would leave the bytes in the file."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")


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
        if "readonly database" in words:
            raise StorageError(
                "the database lies where nothing can be written, so it can only be looked at: find, show, check, "
                "verify and status work; for all else copy the folder to where it can be written"
            ) from error
        raise StorageError(
            "the database cannot be used ({reason}); check that it runs and that its folder can be written",
            reason=str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__,
        ) from error


def _migrations() -> Path:
    packaged = Path(str(importlib.resources.files("pec_tracker.db") / "migrations"))
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[2] / "alembic"


def _prepare_reading(connection: Any, _record: object) -> None:
    connection.isolation_level = None


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    _use_wal(cursor)
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA cache_size = -32000")
    cursor.close()


def _use_wal(cursor: Any) -> None:
    """Write ahead: a property of the file, that the first one to open it sets.

    Here SQLite does not wait: whoever finds another at the same change, or writing, is refused at once, busy timeout or
    not (a read lock is held already, and waiting with it could be for ever). So the waiting is done here.
    """
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
            time.sleep(_BUSY_PAUSE)


def _optimize(connection: Any, _record: object) -> None:
    """Let SQLite look at how full its tables are, where they have changed much: its plans rest on that.

    Who changed nothing has nothing to look at, and writes nothing. Nobody waits for it: where another process writes,
    it is left to the next one.
    """
    if not connection.total_changes:
        return
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA busy_timeout = 0")
        connection.execute("PRAGMA analysis_limit = 400")
        connection.execute("PRAGMA optimize")


def _begin_sqlite(connection: Connection) -> None:
    reading_only = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading_only else "BEGIN IMMEDIATE")
