"""Opening a ledger read-only: nothing is created, upgraded or written."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from dicom_sieve.errors import LedgerError
from dicom_sieve.ledger.database import engine as database
from dicom_sieve.ledger.database.versions import known_versions, version_of
from dicom_sieve.ledger.reading.ledger import Ledger

_FILE_MODES = ("mode=ro", "mode=ro&immutable=1")
"""How an SQLite file is opened: with other processes; or in a folder that cannot be written to."""
_POSTGRESQL_OPTIONS = "-c default_transaction_read_only=on"


def open_read_only(url: str | None = None) -> Ledger:
    """Open a ledger read-only. Its file, or its folder, may be write-protected.

    Args:
        url: As of `open_ledger`. On PostgreSQL a role that may SELECT is enough.

    Raises:
        LedgerError: It is not there, cannot be reached, or is of another version.
    """
    if url is None:
        from dicom_sieve.settings import load_settings  # noqa: PLC0415 - only where no URL is given

        url = load_settings().database_url.get_secret_value()
    engine = connect_read_only(url)
    try:
        _check_version(engine)
    except BaseException:
        engine.dispose()
        raise
    return Ledger(engine)


def connect_read_only(url: str) -> sa.Engine:
    """Make an engine of which no connection can write.

    Raises:
        LedgerError: The URL is not understood, or there is no such file.
    """
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        return database.connect(url)  # it says what is accepted
    if parsed.get_backend_name() == "postgresql":
        before = str(parsed.query.get("options", ""))
        options = " ".join(part for part in (before, _POSTGRESQL_OPTIONS) if part)
        text = parsed.update_query_dict({"options": options}).render_as_string(hide_password=False)
        return database.connect(text)
    if parsed.drivername != "sqlite" or parsed.database in (None, "", ":memory:"):
        return database.connect(url)
    path = Path(str(parsed.database)).expanduser().absolute()
    try:
        is_there = path.is_file()
    except OSError as error:
        raise LedgerError(f"the ledger {path} cannot be opened: {os.strerror(error.errno or 0)}") from None
    if not is_there:
        raise LedgerError(f"the ledger {path} is not there")
    mode = _mode_of(path)
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        hide_parameters=True,
        creator=lambda: _open_file(path, mode),
    )
    sa.event.listen(engine, "handle_error", database.translate_error, retval=True)
    return engine


def _mode_of(path: Path) -> str:
    """Find out how a file can be opened. Without its log, an outdated state would be read.

    Raises:
        LedgerError: It is no database, or its log cannot be read where it lies.
    """
    at_rest = not any(path.with_name(f"{path.name}{suffix}").exists() for suffix in ("-wal", "-shm"))
    # Else SQLite would create its log, as a file of this user, which the ledger's owner could not write to.
    modes = _FILE_MODES[::-1] if at_rest and path.stat().st_uid != os.geteuid() else _FILE_MODES
    for mode in modes:
        if "immutable" in mode and _has_log(path):
            raise LedgerError(
                f"the ledger {path} has a log beside it, {path.name}-wal, which cannot be read in a folder that "
                "takes no files: copy both into one folder of your own and verify them there"
            )
        try:
            with closing(_open_file(path, mode)) as connection:
                connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF not in _CANNOT_OPEN:
                raise LedgerError(f"the ledger {path} cannot be read: {error}") from None
        else:
            return mode
    raise LedgerError(f"the ledger {path} cannot be opened")


_CANNOT_OPEN = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM)


def _has_log(path: Path) -> bool:
    log = path.with_name(f"{path.name}-wal")
    try:
        return log.stat().st_size > 0
    except FileNotFoundError:
        return False


def _open_file(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(os.fspath(path))}?{mode}", uri=True, timeout=database.BUSY_SECONDS, check_same_thread=False
    )
    connection.execute("PRAGMA query_only = ON")
    return connection


def _check_version(engine: sa.Engine) -> None:
    try:
        with engine.connect() as connection:
            version = version_of(connection)
    except (sa.exc.DBAPIError, LedgerError):
        raise LedgerError(f"the ledger cannot be reached: {database.describe(engine)}") from None
    if version is None:
        raise LedgerError(f"{database.describe(engine)} is no ledger: it has no version")
    if version != known_versions()[0]:
        raise LedgerError(
            f"the ledger has version {version}, this software verifies {known_versions()[0]}: "
            "where nobody upgraded the software, somebody changed the ledger's version; "
            "else run 'dicom-sieve ledger upgrade'"
        )
