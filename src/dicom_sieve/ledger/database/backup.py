"""A copy of an SQLite ledger while others write to it, and a ledger from a copy. PostgreSQL has tools of its own."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from dicom_sieve import private
from dicom_sieve.errors import LedgerError
from dicom_sieve.explain import explain, explain_ledger
from dicom_sieve.inert import inert
from dicom_sieve.ledger.database import engine as database
from dicom_sieve.ledger.database.versions import known_versions, version_of

_BESIDE = ("", "-wal", "-shm", "-journal")
"""What SQLite reads as one database: a log that is left behind would be played into the copy that is put back."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of a ledger.

    Attributes:
        path: Of its file.
        size: In bytes.
        version: Of the ledger in it.
        runs: Number of runs in it.
        entries: Number of entries of the chain of seals in it.
        is_current: Whether it has the version of this software.
    """

    path: Path
    size: int
    version: str
    runs: int
    entries: int
    is_current: bool


def back_up(url: str, target: Path) -> Copy:
    """Copy the ledger as it is at one moment, while others write to it, into a new file for its owner alone.

    It has no freed page of the original: what was forgotten is not in it.

    Args:
        url: Of the ledger; SQLite in a file.
        target: The new file.

    Raises:
        LedgerError: The ledger is not in a file or cannot be read, or the file is there already or cannot be written.
    """
    source = _file_of(url, "backed up")
    if not source.is_file():
        raise LedgerError(f"the ledger {inert(source)} is not there")
    return _copy(source, target, f"the ledger {inert(source)} cannot be backed up to {inert(target)}")


def restore(url: str, copy: Path) -> Copy:
    """Make a copy the ledger, where there is none; the copy stays as it is.

    Args:
        url: Of the ledger; SQLite in a file.
        copy: A copy that `back_up` made, or an upgrade.

    Raises:
        LedgerError: There is a ledger already, or a log of one; or the copy is no whole ledger, or a newer one's.
    """
    target = _file_of(url, "restored")
    there = [name for suffix in _BESIDE if (name := target.with_name(f"{target.name}{suffix}")).exists()]
    if there:
        raise LedgerError(
            f"there is a ledger, or a log of one, already: {', '.join(map(inert, there))}; stop what uses it, move all "
            f"of {inert(target)}* into another folder, then run this again"
        )
    if not copy.is_file():
        raise LedgerError(f"the copy {inert(copy)} is not there")
    private.make_folder(target.parent)
    return _copy(copy, target, f"the copy {inert(copy)} cannot be restored to {inert(target)}", check=True)


def _file_of(url: str, what: str) -> Path:
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        parsed = database.connect(url).url  # it says what is accepted
    if parsed.get_backend_name() == "postgresql":
        raise LedgerError(
            f"a ledger on PostgreSQL is {what} by PostgreSQL's own tools: docs/keeping.md has the commands"
        )
    if parsed.drivername != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise LedgerError(f"a ledger in memory cannot be {what}")
    return Path(str(parsed.database)).expanduser().absolute()


def _copy(source: Path, target: Path, trouble: str, *, check: bool = False) -> Copy:
    """Copy beside the target first, so that a file of its name is a whole one."""
    try:
        with private.temporary_folder(f".{private.PREFIX}", target.absolute().parent) as folder:
            part = folder / "ledger.db"
            private.create(part).close()
            with _reading(source) as connection:
                if check:
                    _refuse_damaged(connection, trouble)
                connection.exec_driver_sql("VACUUM INTO ?", (str(part),))
            with _reading(part) as connection:
                copied = _describe(connection, part, target, trouble)
            _sync(part)
            os.link(part, target)  # refuses where something is
            _sync(target.absolute().parent)
    except FileExistsError:
        raise LedgerError(f"{trouble}: there is a file of that name") from None
    except OSError as error:
        raise LedgerError(f"{trouble}: {explain(error) or os.strerror(error.errno or 0)}") from None
    except sa.exc.DBAPIError as error:
        observed = explain_ledger(error.orig, inert(source)) if error.orig else None
        raise LedgerError(f"{trouble}: {observed or error.orig}") from None
    return copied


@contextmanager
def _reading(path: Path) -> Iterator[sa.Connection]:
    """Open a file without a transaction around its statements: VACUUM takes none."""
    address = f"file:{quote(os.fspath(path))}?mode=ro"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(address, uri=True, isolation_level=None, timeout=database.BUSY_SECONDS)

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection


def _refuse_damaged(connection: sa.Connection, trouble: str) -> None:
    found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one()
    if found != "ok":
        raise LedgerError(f"{trouble}: its file is damaged; take another copy")


def _describe(connection: sa.Connection, part: Path, target: Path, trouble: str) -> Copy:
    version = version_of(connection)
    if version is None:
        raise LedgerError(f"{trouble}: it is no ledger: it has no version")
    if version not in known_versions():
        raise LedgerError(f"{trouble}: it has version {version}, which this software does not know")
    is_current = version == known_versions()[0]
    tables = sa.inspect(connection).get_table_names()
    runs, entries = (
        connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() if table in tables else 0  # noqa: S608
        for table in ("run", "seal_entry")
    )
    return Copy(target, part.stat().st_size, version, runs, entries, is_current)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
