"""Opening the ledger's database: SQLite in a file by default, PostgreSQL for production.

SQLite has one writing transaction at a time. Writers take turns by a lock on a file beside the database; it ends with
the process that holds it.
"""

import datetime
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from dicom_sieve.ending import let_go
from dicom_sieve.errors import LedgerAwayError, LedgerError
from dicom_sieve.explain import PASSING, explain_ledger, state_of
from dicom_sieve.ledger.database import sqlite_file
from dicom_sieve.ledger.database.column_types import UtcDateTime
from dicom_sieve.ledger.database.outages import read, seconds_of, while_away
from dicom_sieve.ledger.database.versions import known_versions, migrate, version_of

_MIGRATION_LOCK = 0x6469636F  # any number that only this program uses
_OPENING = threading.Lock()
"""Alembic keeps its state in a module, and SQLite's locks are the process's: one thread at a time opens a ledger."""
T = TypeVar("T")
BUSY_SECONDS = 60
_KEEPALIVES = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""Options of libpq, unless the URL sets them: a network that drops all packets is noticed within a minute."""
PAUSE_SECONDS = 0.01


def connect(url: str) -> sa.Engine:
    """Make an engine, and the directory of an SQLite file; nothing is connected yet.

    Args:
        url: A SQLAlchemy URL of SQLite or PostgreSQL; ``postgresql://`` is understood as ``postgresql+psycopg://``.

    Raises:
        LedgerError: The URL is not understood, is of another database, or of PostgreSQL without its extra. The message
            does not repeat it.
    """
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # ValueError: its port is no number
        raise LedgerError(_UNKNOWN_URL) from None
    if parsed.get_backend_name() == "postgresql":
        if find_spec("psycopg") is None:
            raise LedgerError(_WITHOUT_EXTRA)
        parsed = parsed.set(drivername="postgresql+psycopg")
        keepalives = {name: value for name, value in _KEEPALIVES.items() if name not in parsed.query}
        engine = sa.create_engine(parsed, hide_parameters=True, pool_pre_ping=True, connect_args=keepalives)
        sa.event.listen(engine, "handle_error", translate_error, retval=True)
        return engine
    if parsed.drivername != "sqlite":
        raise LedgerError(_UNKNOWN_URL)
    if parsed.database and parsed.database != ":memory:":
        path = Path(parsed.database).expanduser().absolute()
        sqlite_file.make(path, _OPENING)
        parsed = parsed.set(database=str(path))
        engine = sa.create_engine(parsed, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS})
        sqlite_file.hold(engine, path)
    else:
        engine = sa.create_engine(
            parsed,
            hide_parameters=True,
            poolclass=sa.StaticPool,
            connect_args={"check_same_thread": False},
        )
    sa.event.listen(engine, "handle_error", translate_error, retval=True)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


_UNKNOWN_URL = "the ledger's URL is not accepted; accepted: sqlite:///path/to/ledger.db or postgresql://user:password@host/database"

_WITHOUT_EXTRA = "a ledger on PostgreSQL needs a package more; pip install 'dicom-sieve[postgresql]'"


def prepare(engine: sa.Engine) -> None:
    """Make an empty database a ledger, and refuse a ledger of another version.

    Raises:
        LedgerError: The database cannot be reached, or holds a ledger of another version.
    """
    with _OPENING:
        try:
            with engine.connect() as connection:
                revision = version_of(connection)
        except LedgerError as error:
            raise error from None
        except sa.exc.DBAPIError:
            raise LedgerError(f"the ledger cannot be reached: {describe(engine)}") from None
    if revision is None:
        upgrade(engine)
    elif revision != known_versions()[0]:
        _refuse_newer(revision)
        raise LedgerError(
            f"the ledger has version {revision}, this software needs {known_versions()[0]}: stop what uses the ledger, "
            "then run 'dicom-sieve ledger upgrade'"
        )


def upgrade(engine: sa.Engine, *, backup: bool = True) -> Path | None:
    """Upgrade the ledger to the version of this software. Of two processes at the same time, one does it.

    It is one transaction: where anything fails, the ledger is unchanged.

    Args:
        engine: The ledger's.
        backup: Whether an SQLite file with a ledger in it is copied first.

    Returns:
        The copy; None where there was nothing to copy.

    Raises:
        LedgerError: The ledger is newer than this software, is in use, or cannot be copied.
    """
    with _OPENING, _one_writer(engine), engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        revision = version_of(connection)
        if revision == known_versions()[0]:
            return None
        copy = None
        if revision is not None:
            _refuse_newer(revision)
            copy = _copy_file(engine, revision) if backup and engine.dialect.name == "sqlite" else None
        migrate(connection)
        connection.commit()
    return copy


def _refuse_newer(revision: str) -> None:
    if revision not in known_versions():
        raise LedgerError(
            f"the ledger has version {revision}, which this software does not know; "
            f"it knows up to {known_versions()[0]}: use the software that wrote it last, or a later one"
        )


def _copy_file(engine: sa.Engine, revision: str) -> Path:
    """Copy an SQLite ledger beside itself, for its owner alone, while nobody writes to it."""
    path = Path(str(engine.url.database))
    now = datetime.datetime.now(datetime.UTC)
    copy = path.with_name(f"{path.name}.{revision}.{now:%Y%m%dT%H%M%S.%fZ}")
    try:
        os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            copy.unlink()
        raise LedgerError(
            f"the ledger cannot be copied to {copy}: {_reason(error)}; nothing was changed. "
            "'dicom-sieve ledger upgrade --no-backup' goes on without a copy"
        ) from None
    return copy


def _reason(error: OSError | sqlite3.Error) -> str:
    return os.strerror(error.errno or 0) if isinstance(error, OSError) else str(error)


def analyze(engine: sa.Engine, tables: Sequence[str]) -> None:
    """Update PostgreSQL's statistics after writing: else it plans queries for the tables as they were, perhaps empty.

    SQLite always plans for a ledger of ten million objects: its migrations write those statistics.
    """
    if engine.dialect.name == "postgresql":
        read(engine, lambda connection: _analyze(connection, tables))


def _analyze(connection: sa.Connection, tables: Sequence[str]) -> None:
    with connection.begin():
        connection.exec_driver_sql(f"ANALYZE {', '.join(tables)}")


def describe(engine: sa.Engine) -> str:
    """Say where the ledger is, without credentials."""
    url = engine.url
    if url.get_backend_name() == "sqlite":
        return url.database or ":memory:"
    return sa.URL.create("postgresql", host=url.host, port=url.port, database=url.database).render_as_string()


@contextmanager
def writing(engine: sa.Engine, seconds: float = BUSY_SECONDS) -> Iterator[sa.Connection]:
    """Begin a transaction that writes, and commit it at the end; one at a time on SQLite.

    Args:
        engine: The ledger's.
        seconds: Time after which PostgreSQL ends the transaction of an idle process, or of a machine that does not
            answer, and releases its locks.

    Raises:
        LedgerError: The database is unreachable, or another process does not release it.
    """
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection, _letting_go():
            connection.execute(_set_timeouts(seconds))
            yield connection
        return
    with _one_writer(engine), engine.connect() as connection, _letting_go():
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection
        if (file := sqlite_file.held_by(engine)) is not None:
            file.check()
        connection.commit()


@contextmanager
def _letting_go() -> Iterator[None]:
    """Let go of what an interruption left open, a lock of the driver's perhaps, before the connection is given back."""
    try:
        yield
    except BaseException as error:
        let_go(error)
        raise


def _set_timeouts(seconds: float) -> sa.Select[Any]:
    """Set, for one transaction, how soon PostgreSQL notices that its client is gone."""
    settings = {
        "idle_in_transaction_session_timeout": int(seconds * 1000),
        "tcp_keepalives_idle": max(1, int(seconds / 2)),
        "tcp_keepalives_interval": max(1, int(seconds / 10)),
        "tcp_keepalives_count": 5,
    }
    return sa.select(*(sa.func.set_config(name, str(value), True) for name, value in settings.items()))


def write(engine: sa.Engine, work: Callable[[sa.Connection], T]) -> T:
    """Do something in a transaction, and repeat it as a whole while the ledger is unreachable; see `while_away`.

    Args:
        engine: The ledger's.
        work: Is given the connection; idempotent.
    """

    def attempt() -> T:
        with writing(engine) as connection:
            return work(connection)

    return while_away(attempt, seconds_of(engine))


@contextmanager
def _one_writer(engine: sa.Engine) -> Iterator[None]:
    """Wait for all other writers of an SQLite file.

    SQLite itself does not let them wait in turn, and before 3.51.3 two that write and reset its log at the same instant
    may damage the file (https://sqlite.org/wal.html#walresetbug).
    """
    held_file = sqlite_file.held_by(engine)
    if held_file is None:
        yield
        return
    give_up = time.monotonic() + BUSY_SECONDS
    with sqlite_file.open_lock(held_file) as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > give_up:
                    raise LedgerError(_BUSY) from None
                time.sleep(PAUSE_SECONDS)
        yield


def is_shared(engine: sa.Engine) -> bool:
    """Tell whether others can reach this database: all but an SQLite in memory."""
    return engine.dialect.name == "postgresql" or engine.url.database not in (None, "", ":memory:")


def moment(bind: sa.Engine | sa.Connection, seconds: float = 0) -> sa.ColumnElement[datetime.datetime]:
    """Give the time some seconds from now: by the clock of PostgreSQL, which its clients share, or of this machine."""
    later = datetime.timedelta(seconds=seconds)
    if bind.dialect.name == "postgresql":
        return sa.func.clock_timestamp(type_=UtcDateTime) + sa.literal(later)
    return sa.literal(datetime.datetime.now(datetime.UTC) + later, UtcDateTime())


_BUSY = f"the ledger is busy: another process has been writing to it for {BUSY_SECONDS} s; is one stopped halfway?"
_STOPPED = "the ledger did not wait for this process, which was stopped in the middle of a write"
_IDLE_TOO_LONG = "25P03"
_STOPPING_OR_STARTING = ("57P01", "57P02", "57P03")
"""SQLSTATE of PostgreSQL while it shuts down, after a crash, and while it starts; see its appendix A."""


def translate_error(context: sa.engine.ExceptionContext) -> LedgerError | None:
    """Give an error of this package where the database is busy or unreachable; None leaves an error as it is."""
    error, state = context.original_exception, getattr(context.original_exception, "sqlstate", None)
    if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
        return LedgerError(_BUSY)
    if state == _IDLE_TOO_LONG:
        return LedgerError(_STOPPED)
    if context.is_disconnect and context.execution_context is not None:
        with suppress(context.dialect.loaded_dbapi.Error):  # a server-side cursor would warn when it is deleted
            context.execution_context.cursor.close()
    if context.engine is None or context.is_pre_ping:
        return None
    return as_ledger_error(context.engine, error, is_disconnect=context.is_disconnect or context.connection is None)


def as_ledger_error(engine: sa.Engine, error: BaseException, *, is_disconnect: bool) -> LedgerError | None:
    """Give an error of the driver as one of this package; None where it may be a bug.

    Args:
        engine: The ledger's.
        error: As the driver raised it.
        is_disconnect: Whether the connection is missing or lost.
    """
    place, state = describe(engine), state_of(error)
    explained = explain_ledger(error, place)
    is_away = engine.dialect.name == "postgresql" and (is_disconnect or state in _STOPPING_OR_STARTING)
    if state in PASSING or (is_away and explained is None):
        return LedgerAwayError(place, why=explained or "")
    return None if explained is None else LedgerError(explained)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    with closing(connection.cursor()) as cursor:
        _turn_to_wal(cursor)
        # Without recursive triggers a REPLACE deletes rows without firing the triggers that refuse it.
        for pragma in ("synchronous = NORMAL", "foreign_keys = ON", "recursive_triggers = ON"):
            cursor.execute(f"PRAGMA {pragma}")


def _turn_to_wal(cursor: Any) -> None:
    """Turn the write-ahead log on; SQLite does not wait where two connections do so at the same time."""
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
