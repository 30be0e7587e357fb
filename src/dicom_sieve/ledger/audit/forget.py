"""Forgetting: what a ledger holds of a location is removed; a record of the removal is kept permanently (ADR 10).

The row in `forgotten` is written first. While it has no end, the triggers permit deleting the location's rows. After an
interruption, the same call continues.
"""

import datetime
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa

from dicom_sieve.errors import LedgerError
from dicom_sieve.ledger.audit.row_digests import enter_forgotten
from dicom_sieve.ledger.audit.sealed_pages import count_decisions
from dicom_sieve.ledger.audit.seals import last_seal
from dicom_sieve.ledger.database.entries import EntryKind
from dicom_sieve.ledger.database.forgotten_rows import remove_headers
from dicom_sieve.ledger.database.held_pages import drop_pages
from dicom_sieve.ledger.database.listed_ranges import drop_ranges
from dicom_sieve.ledger.database.locations import new_key
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.tables import (
    block,
    chunk,
    computation,
    computation_input,
    computation_output,
    computation_region,
    decision_page,
    fact_page,
    fact_snapshot,
    forgotten,
    header,
    header_change,
    location,
    object_,
    outcome,
    run,
    seal_block,
    snapshot,
)
from dicom_sieve.ledger.leases.lease import Lease, hold
from dicom_sieve.objects import Location

BATCH_ROWS = 10_000
Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a ledger holds of a location.

    Attributes:
        runs: Number of runs.
        decisions: Number of decisions.
        snapshots: Number of snapshots.
        objects: Number of object rows.
        headers: Number of headers of its objects, and of no other location's.
    """

    runs: int
    decisions: int
    snapshots: int
    objects: int
    headers: int

    @property
    def rows(self) -> int:
        """Number of decisions and objects that are removed."""
        return self.decisions + self.objects


def find_locations(engine: sa.Engine, bucket: str, prefix: str, endpoint: str | None) -> list[Location]:
    """Give the locations of a ledger by bucket and prefix, and by endpoint where it is given."""
    query = sa.select(location.c.endpoint, location.c.bucket, location.c.prefix).where(
        location.c.bucket == bucket, location.c.prefix == prefix
    )
    if endpoint is not None:
        query = query.where(location.c.endpoint == endpoint)
    with engine.connect() as connection:
        return [Location(*row) for row in connection.execute(query.order_by(location.c.endpoint))]


def count_holdings(engine: sa.Engine, place: Location) -> Holdings:
    """Count what forgetting a location would remove."""
    with engine.connect() as connection:
        location_id = _id_of(connection, place)
        its_runs = sa.select(run.c.number).where(run.c.location_id == location_id)
        other = object_.alias()
        elsewhere = sa.exists().where(other.c.header_id == header.c.id, other.c.location_id != location_id)
        its = sa.exists().where(object_.c.header_id == header.c.id, object_.c.location_id == location_id)
        queries = (
            sa.select(sa.func.count()).select_from(run).where(run.c.location_id == location_id),
            sa.select(sa.func.count()).select_from(snapshot).where(snapshot.c.location_id == location_id),
            sa.select(sa.func.count()).select_from(object_).where(object_.c.location_id == location_id),
            sa.select(sa.func.count()).select_from(header).where(its, ~elsewhere),
        )
        runs, *others = (connection.execute(query).scalar_one() for query in queries)
        decisions = sum(count_decisions(connection, number) for number in connection.scalars(its_runs).all())
        return Holdings(runs, decisions, *others)


def forget(
    engine: sa.Engine,
    place: Location,
    reason: str,
    *,
    clock: Callable[[], datetime.datetime],
    advance: Advance = lambda _: None,
) -> None:
    """Remove a location's runs, decisions, seals, objects, snapshots, and the headers that no other location uses.

    In transactions of `BATCH_ROWS` rows. After an interruption it continues when called again, with the first reason.

    Args:
        engine: The ledger's.
        place: A location that the ledger holds.
        reason: Why it is removed; kept in the ledger.
        clock: Gives the time.
        advance: Called with the number of decisions and objects that were removed.

    Raises:
        LedgerError: A run is under way there.
    """
    with hold(engine, place, on_wait=lambda: _refuse(place)) as lease:
        holdings = count_holdings(engine, place)
        with lease.writing() as connection:
            _log(connection, lease, reason, holdings, clock())
        for number in _its(lease, run.c.number, run.c.location_id):
            _forget_run(lease, number, advance)
        _forget_counts(lease)
        _forget_facts(lease)
        _forget_own_values(lease)
        _forget_objects(lease, advance)
        for number in _its(lease, snapshot.c.id, snapshot.c.location_id):
            with lease.writing() as connection:
                connection.execute(sa.delete(snapshot).where(snapshot.c.id == number))
        with lease.writing() as connection:
            open_id = connection.execute(_open(lease.location_id)).scalar_one()
            ended = sa.update(forgotten).where(forgotten.c.id == open_id).values(finished_at=clock())
            connection.execute(ended)
            enter_forgotten(connection, open_id, EntryKind.FORGOTTEN)


def is_interrupted(engine: sa.Engine, place: Location) -> bool:
    """Tell whether forgetting a location was begun, and not ended."""
    with engine.connect() as connection:
        return _is_open(connection, _id_of(connection, place))


def refuse_forgotten(lease: Lease) -> None:
    """Refuse to write to a location of which half is forgotten.

    Raises:
        LedgerError: It is one.
    """
    if read(lease.engine, lambda connection: _is_open(connection, lease.location_id)):
        raise LedgerError(
            f"{lease.place}: somebody began to forget this location and was interrupted: "
            "run the same 'dicom-sieve forget' again first"
        )


def _id_of(connection: sa.Connection, place: Location) -> int:
    query = sa.select(location.c.id).filter_by(endpoint=place.endpoint, bucket=place.bucket, prefix=place.prefix)
    return int(connection.execute(query).scalar_one())


def _is_open(connection: sa.Connection, location_id: int) -> bool:
    return connection.scalar(_open(location_id)) is not None


def _open(location_id: int) -> sa.Select[tuple[int]]:
    is_open = sa.and_(forgotten.c.location_id == location_id, forgotten.c.finished_at.is_(None))
    return sa.select(forgotten.c.id).where(is_open)


def _refuse(place: Location) -> None:
    raise LedgerError(f"{place}: a run is under way there: forget it when the run has ended")


def _log(
    connection: sa.Connection, lease: Lease, reason: str, holdings: Holdings, started_at: datetime.datetime
) -> None:
    """Record that it begins, unless that is recorded."""
    if _is_open(connection, lease.location_id):
        return
    last = last_seal(connection, lease.location_id)
    begun = connection.execute(
        sa.insert(forgotten).values(
            location_id=lease.location_id,
            endpoint=lease.place.endpoint,
            bucket=lease.place.bucket,
            prefix=lease.place.prefix,
            reason=reason,
            counts=asdict(holdings),
            last_seal=last and last[1],
            started_at=started_at,
        )
    )
    enter_forgotten(connection, new_key(begun), EntryKind.FORGETTING)


def _its(lease: Lease, column: sa.Column[int], location_id: sa.Column[int]) -> list[int]:
    with lease.engine.connect() as connection:
        return list(connection.scalars(sa.select(column).where(location_id == lease.location_id).order_by(column)))


def _forget_run(lease: Lease, number: int, advance: Advance) -> None:
    is_its = decision_page.c.run_number == number
    for last in _batch_ends(lease, sa.select(decision_page.c.number).where(is_its).order_by(decision_page.c.number)):
        with lease.writing() as connection:
            decisions = count_decisions(connection, number, last)
            connection.execute(sa.delete(decision_page).where(is_its, decision_page.c.number <= last))
        advance(decisions)
    computations = sa.select(computation.c.id).where(computation.c.run_number == number)
    with lease.writing() as connection:
        for table in (computation_region, computation_output, computation_input):
            connection.execute(sa.delete(table).where(table.c.computation_id.in_(computations)))
        connection.execute(sa.delete(computation).where(computation.c.run_number == number))
        connection.execute(sa.delete(outcome).where(outcome.c.run_number == number))
        connection.execute(sa.delete(seal_block).where(seal_block.c.run_number == number))
        connection.execute(sa.delete(run).where(run.c.number == number))


def _forget_counts(lease: Lease) -> None:
    with lease.writing() as connection:
        drop_pages(connection, lease.location_id)
        drop_ranges(connection, lease.location_id)
    is_its = header_change.c.location_id == lease.location_id
    for last in _batch_ends(
        lease, sa.select(header_change.c.header_id).where(is_its).order_by(header_change.c.header_id)
    ):
        with lease.writing() as connection:
            connection.execute(sa.delete(header_change).where(is_its, header_change.c.header_id <= last))


def _forget_own_values(lease: Lease) -> None:
    """Remove the values that objects have for themselves, which lie in blocks of the location alone."""
    for number in _its(lease, block.c.id, block.c.location_id):
        with lease.writing() as connection:
            connection.execute(sa.delete(chunk).where(chunk.c.block_id == number))
            connection.execute(sa.delete(block).where(block.c.id == number))


def _forget_facts(lease: Lease) -> None:
    is_its = fact_page.c.location_id == lease.location_id
    for last in _batch_ends(lease, sa.select(fact_page.c.page).where(is_its).order_by(fact_page.c.page)):
        with lease.writing() as connection:
            connection.execute(sa.delete(fact_page).where(is_its, fact_page.c.page <= last))
    with lease.writing() as connection:
        connection.execute(sa.delete(fact_snapshot).where(fact_snapshot.c.location_id == lease.location_id))


def _forget_objects(lease: Lease, advance: Advance) -> None:
    is_its = (object_.c.location_id + 0) == lease.location_id  # in the order of ids
    for last in _batch_ends(lease, sa.select(object_.c.id).where(is_its).order_by(object_.c.id)):
        is_in_batch = sa.and_(is_its, object_.c.id <= last)
        with lease.writing() as connection:
            headers = list(connection.scalars(sa.select(object_.c.header_id).where(is_in_batch).distinct()))
            deleted = connection.execute(sa.delete(object_).where(is_in_batch))
            _forget_headers(connection, [row for row in headers if row is not None])
        advance(deleted.rowcount)


def _forget_headers(connection: sa.Connection, ids: list[int]) -> None:
    """Remove headers that no object has any more, with their values.

    On PostgreSQL another process may be recording one of them for its objects: the lock makes one wait for the other.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE header IN SHARE ROW EXCLUSIVE MODE")
    is_unused = ~sa.exists().where(object_.c.header_id == header.c.id)
    unused: list[int] = []
    for start in range(0, len(ids), _IDS_A_QUERY):
        is_in_batch = header.c.id.in_(ids[start : start + _IDS_A_QUERY])
        unused += connection.scalars(sa.select(header.c.id).where(is_in_batch, is_unused))
    remove_headers(connection, np.array(sorted(unused), np.int64))
    for start in range(0, len(unused), _IDS_A_QUERY):
        connection.execute(sa.delete(header).where(header.c.id.in_(unused[start : start + _IDS_A_QUERY])))


_IDS_A_QUERY = 500


def _batch_ends(lease: Lease, ids: sa.Select[Any]) -> Iterator[int]:
    """Give the last id of each batch of rows; each batch must be deleted before the next is asked for."""
    while True:
        with lease.engine.connect() as connection:
            last = connection.scalar(ids.limit(1).offset(BATCH_ROWS - 1))
            if last is None:
                every = ids.order_by(None).subquery()
                last = connection.scalar(sa.select(sa.func.max(every.c[0])))
        if last is None:
            return
        yield int(last)
