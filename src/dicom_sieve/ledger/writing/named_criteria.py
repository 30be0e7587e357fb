"""Saving criteria under a name: every version is a row of its own, sealed by an entry of the chain."""

import datetime
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from dicom_sieve.clock import now
from dicom_sieve.criteria import Asked, compile_criteria, criteria_digest
from dicom_sieve.criteria.named import check_name
from dicom_sieve.errors import InvalidRequestError, SavedElsewhereError
from dicom_sieve.ledger.audit.row_digests import enter_criteria
from dicom_sieve.ledger.database.engine import write
from dicom_sieve.ledger.database.locations import new_key
from dicom_sieve.ledger.database.tables import named_criteria
from dicom_sieve.ledger.reading.named_criteria import SavedCriteria, newest_version
from dicom_sieve.version import __version__

LONGEST_NOTE = 500


def save_criteria(
    engine: sa.Engine,
    name: str,
    criteria: Sequence[Asked],
    note: str = "",
    *,
    after: int | None = None,
    clock: Callable[[], datetime.datetime] = now,
) -> tuple[SavedCriteria, bool]:
    """Save criteria as the next version of a name, unless the newest one asks the same.

    Args:
        engine: The ledger's.
        name: What they are called.
        criteria: What is asked.
        note: Why; one line.
        after: The version that they were made of, 0 for none; None: whatever the newest is.
        clock: Gives the time.

    Returns:
        The newest version, and whether it is new.

    Raises:
        InvalidRequestError: The name, the note or the criteria are not accepted; nothing was saved.
        SavedElsewhereError: The newest version is another than ``after``; nothing was saved.
    """
    check_name(name, "NAME")
    if len(note) > LONGEST_NOTE or not note.isprintable():
        raise InvalidRequestError((f"note: not accepted; accepted: one line of {LONGEST_NOTE} characters at most",))
    compile_criteria(criteria)
    given = [item.as_given() for item in criteria]
    digest = criteria_digest(criteria)

    def save(connection: sa.Connection) -> tuple[SavedCriteria, bool]:
        _take_turns(connection)
        newest = newest_version(connection, name)
        if newest is not None and newest.criteria_digest == digest:
            return newest, False
        if newest is not None and after not in (None, newest.version):
            raise SavedElsewhereError(name, newest.version)
        version = newest.version + 1 if newest else 1
        saved = SavedCriteria(name, version, given, digest, note, clock(), __version__)
        _insert(connection, saved)
        return saved, True

    return write(engine, save)


def _take_turns(connection: sa.Connection) -> None:
    """Let others that save wait until this transaction ends; on SQLite there is one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE named_criteria IN SHARE ROW EXCLUSIVE MODE")


def _insert(connection: sa.Connection, saved: SavedCriteria) -> None:
    values = {column.name: getattr(saved, column.name) for column in named_criteria.c if column.name != "id"}
    enter_criteria(connection, new_key(connection.execute(sa.insert(named_criteria).values(values))))
