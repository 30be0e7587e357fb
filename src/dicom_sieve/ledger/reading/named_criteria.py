"""Reading criteria that were saved under a name, and which runs used them."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import sqlalchemy as sa

from dicom_sieve.criteria import Asked
from dicom_sieve.criteria.named import NamedCriteria
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.errors import UnknownCriteriaError
from dicom_sieve.ledger.database.outages import all_rows, read
from dicom_sieve.ledger.database.tables import named_criteria, run


@dataclass(frozen=True, slots=True)
class SavedCriteria:
    """One version of named criteria.

    Attributes:
        name: What they are called.
        version: From 1.
        criteria: As given.
        criteria_digest: Identifies what is asked, as that of a run.
        note: Why it was saved; may be empty.
        saved_at: When.
        software_version: Of what saved it.
    """

    name: str
    version: int
    criteria: Sequence[Mapping[str, Any]]
    criteria_digest: str
    note: str
    saved_at: datetime.datetime
    software_version: str

    @property
    def named(self) -> NamedCriteria:
        """Its name and version."""
        return NamedCriteria(self.name, self.version)

    def items(self) -> tuple[Asked, ...]:
        """Give the criteria.

        Raises:
            InvalidRequestError: This software does not accept them any more.
        """
        return load_criteria(self.criteria)


@dataclass(frozen=True, slots=True)
class RunOfCriteria:
    """A run that used a version of named criteria.

    Attributes:
        id: The run's id.
        version: Which version.
        state: As it is on record.
        started_at: When it began.
    """

    id: str
    version: int
    state: str
    started_at: datetime.datetime


COLUMNS = [column for column in named_criteria.c if column.name != "id"]


def find_criteria(engine: sa.Engine, named: NamedCriteria) -> SavedCriteria:
    """Give a version of named criteria, or the newest.

    Raises:
        UnknownCriteriaError: There is none.
    """
    return read(engine, lambda connection: find_version(connection, named))


def find_version(connection: sa.Connection, named: NamedCriteria) -> SavedCriteria:
    """Give a version within a transaction; see `find_criteria`."""
    newest = newest_version(connection, named.name)
    if newest is None:
        names = connection.scalars(sa.select(named_criteria.c.name).distinct()).all()
        raise UnknownCriteriaError(named.name, None, 0, *get_close_matches(named.name, names, 1))
    if named.version is None or named.version == newest.version:
        return newest
    query = sa.select(*COLUMNS).where(named_criteria.c.name == named.name, named_criteria.c.version == named.version)
    row = connection.execute(query).first()
    if row is None:
        raise UnknownCriteriaError(named.name, named.version, newest.version)
    return SavedCriteria(*row)


def newest_version(connection: sa.Connection, name: str) -> SavedCriteria | None:
    """Give the newest version of a name; None where there is none."""
    query = sa.select(*COLUMNS).where(named_criteria.c.name == name).order_by(named_criteria.c.version.desc())
    row = connection.execute(query.limit(1)).first()
    return None if row is None else SavedCriteria(*row)


def list_newest(engine: sa.Engine) -> list[SavedCriteria]:
    """Give the newest version of every name, in the order of names."""
    columns = named_criteria.c
    newest = sa.select(columns.name, sa.func.max(columns.version).label("version")).group_by(columns.name).subquery()
    is_newest = sa.and_(newest.c.name == columns.name, newest.c.version == columns.version)
    query = sa.select(*COLUMNS).select_from(named_criteria.join(newest, is_newest)).order_by(columns.name)
    return [SavedCriteria(*row) for row in read(engine, lambda connection: all_rows(connection, query))]


def list_versions(engine: sa.Engine, name: str) -> list[SavedCriteria]:
    """Give all versions of a name, the newest first.

    Raises:
        UnknownCriteriaError: There is none.
    """
    find_criteria(engine, NamedCriteria(name))
    query = sa.select(*COLUMNS).where(named_criteria.c.name == name).order_by(named_criteria.c.version.desc())
    return [SavedCriteria(*row) for row in read(engine, lambda connection: all_rows(connection, query))]


def runs_of(engine: sa.Engine, name: str) -> list[RunOfCriteria]:
    """Give the runs that used any version of a name, the newest first."""
    query = sa.select(run.c.id, run.c.criteria_version, run.c.state, run.c.started_at).where(
        run.c.criteria_name == name
    )
    rows = read(engine, lambda connection: all_rows(connection, query.order_by(run.c.number.desc())))
    return [RunOfCriteria(*row) for row in rows]


def count_runs(engine: sa.Engine) -> dict[str, int]:
    """Give how many runs used any version of a name, by name; names that none used are not in it."""
    query = sa.select(run.c.criteria_name, sa.func.count()).where(run.c.criteria_name.is_not(None))
    rows = read(engine, lambda connection: all_rows(connection, query.group_by(run.c.criteria_name)))
    return {str(name): int(runs) for name, runs in rows}
