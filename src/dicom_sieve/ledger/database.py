"""Opening the ledger's database: SQLite in a file by default, PostgreSQL for production.

SQLite has one writing process at a time, kept apart by a lock on a file beside the database; PostgreSQL locks per
location. Both locks end with the process that holds them.
"""

import fcntl
import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from dicom_sieve.errors import LedgerError
from dicom_sieve.objects import Location

_MIGRATION_LOCK = 0x6469636F  # any number that only this program uses
_OPENING = threading.Lock()
"""Alembic keeps its state in a module, and SQLite's locks are the process's: one thread at a time opens a ledger."""
BUSY_SECONDS = 60
PAUSE_SECONDS = 0.01


def connect(url: str) -> sa.Engine:
    """Make an engine; nothing is connected to yet but the directory of an SQLite file is made.

    Args:
        url: A SQLAlchemy URL of SQLite or PostgreSQL; ``postgresql://`` is understood as ``postgresql+psycopg://``.

    Raises:
        LedgerError: The URL is not understood, or is of another database. The message does not repeat it.
    """
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # ValueError: its port is no number
        raise LedgerError(_UNKNOWN_URL) from None
    if parsed.get_backend_name() == "postgresql":
        return sa.create_engine(parsed.set(drivername="postgresql+psycopg"), hide_parameters=True, pool_pre_ping=True)
    if parsed.drivername != "sqlite":
        raise LedgerError(_UNKNOWN_URL)
    if parsed.database and parsed.database != ":memory:":
        path = Path(parsed.database).expanduser().absolute()
        _make_private(path)
        parsed = parsed.set(database=str(path))
        engine = sa.create_engine(parsed, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS})
    else:
        engine = sa.create_engine(
            parsed,
            hide_parameters=True,
            poolclass=sa.StaticPool,
            connect_args={"check_same_thread": False},
        )
    sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


_UNKNOWN_URL = "the ledger's URL is not accepted; accepted: sqlite:///path/to/ledger.db or postgresql://user:password@host/database"


def prepare(engine: sa.Engine) -> None:
    """Make an empty database a ledger, and refuse a ledger of another version.

    Raises:
        LedgerError: The database cannot be reached, or holds a ledger of another version.
    """
    with _OPENING:
        try:
            with engine.connect() as connection:
                found, needed = _revision(connection), _newest_revision(connection)
        except sa.exc.DBAPIError:
            raise LedgerError(f"the ledger cannot be reached: {describe(engine)}") from None
    if found is None:
        upgrade(engine)
    elif found != needed:
        raise LedgerError(
            f"the ledger has version {found}, this software needs {needed}: run 'dicom-sieve ledger upgrade', "
            "or use the software that wrote it last"
        )


def upgrade(engine: sa.Engine) -> None:
    """Bring the ledger to the version of this software. Two processes that try at once do it once."""
    with _OPENING, engine.connect() as connection, _alembic(connection) as config:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        command.upgrade(config, "head")
        connection.commit()


def count_anew(engine: sa.Engine) -> None:
    """Let PostgreSQL look at what was just written: else it plans for the tables as they were, perhaps empty.

    SQLite plans by its indexes and needs no such look.
    """
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.execute(sa.text("ANALYZE object, header, decision"))


def describe(engine: sa.Engine) -> str:
    """Say where the ledger is, without credentials."""
    url = engine.url
    if url.get_backend_name() == "sqlite":
        return url.database or ":memory:"
    return sa.URL.create("postgresql", host=url.host, port=url.port, database=url.database).render_as_string()


def lock(engine: sa.Engine, place: Location, on_wait: Callable[[], None]) -> AbstractContextManager[None]:
    """Keep other runs from writing: to this location on PostgreSQL, to this ledger on SQLite.

    Args:
        engine: The ledger's.
        place: Which location.
        on_wait: Called once when another run holds the lock, before waiting for it.
    """
    if engine.dialect.name == "postgresql":
        return _lock_location(engine, _lock_number(place), on_wait)
    return _lock_file(Path(f"{engine.url.database}.lock") if _is_file(engine) else None, on_wait)


@contextmanager
def _lock_location(engine: sa.Engine, number: int, on_wait: Callable[[], None]) -> Iterator[None]:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(number))):
            on_wait()
            connection.execute(sa.select(sa.func.pg_advisory_lock(number)))
        try:
            yield
        finally:
            connection.execute(sa.select(sa.func.pg_advisory_unlock(number)))


@contextmanager
def _lock_file(path: Path | None, on_wait: Callable[[], None]) -> Iterator[None]:
    if path is None:
        yield
        return
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _lock_number(place: Location) -> int:
    text = "\n".join((place.endpoint, place.bucket, place.prefix))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], signed=True)


def _is_file(engine: sa.Engine) -> bool:
    return bool(engine.url.database) and engine.url.database != ":memory:"


def _make_private(path: Path) -> None:
    """Make the file so that only its owner reads it: the ledger holds patients' values."""
    try:
        if not path.parent.exists():
            path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        # Only a new file is opened: closing another would take SQLite's locks on it from this process (POSIX fcntl).
        with _OPENING, suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise LedgerError(f"the ledger {path} cannot be opened: {os.strerror(error.errno or 0)}") from None


def _prepare_sqlite(connection: Any, _record: object) -> None:
    with closing(connection.cursor()) as cursor:
        _turn_to_wal(cursor)
        # Without recursive triggers a REPLACE deletes rows unseen by the triggers that refuse it.
        for pragma in ("synchronous = NORMAL", "foreign_keys = ON", "recursive_triggers = ON"):
            cursor.execute(f"PRAGMA {pragma}")


def _turn_to_wal(cursor: Any) -> None:
    """Turn the log on; SQLite does not wait by itself where two connections do so at the same time."""
    give_up = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(PAUSE_SECONDS)
        else:
            return


def _revision(connection: sa.Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _newest_revision(connection: sa.Connection) -> str | None:
    with _alembic(connection) as config:
        return ScriptDirectory.from_config(config).get_current_head()


@contextmanager
def _alembic(connection: sa.Connection) -> Iterator[Config]:
    with as_file(files("dicom_sieve.ledger") / "migrations") as directory:
        config = Config()
        config.set_main_option("script_location", str(directory).replace("%", "%%"))
        config.attributes["connection"] = connection
        yield config
