"""The two sides of a comparison, in columns: what a run decided, and the values that criteria ask for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import sqlalchemy as sa

from dicom_sieve.columns.coded import Coded
from dicom_sieve.columns.combine import combine
from dicom_sieve.columns.held import Held
from dicom_sieve.columns.judge import Block
from dicom_sieve.columns.lookup import Numbers, look_up
from dicom_sieve.errors import LedgerError
from dicom_sieve.ledger.database import bulk
from dicom_sieve.ledger.database.decisions import Outcome
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.states import PageKind, RunState, SnapshotState
from dicom_sieve.ledger.database.tables import header, location, run, snapshot
from dicom_sieve.ledger.reading.decided import decided_on, decides_on_objects
from dicom_sieve.ledger.reading.held_headers import HeldBlock, headers_held, rows_of_headers
from dicom_sieve.ledger.reading.held_objects import objects_of_both
from dicom_sieve.ledger.reading.held_rows import HeaderTable, absent_in, divide
from dicom_sieve.ledger.reading.rows import RunRow
from dicom_sieve.ledger.reading.snapshots import Snapshot, SnapshotCounts

IDS_A_QUERY, DENSE = 5_000, 8
"""Headers whose UIDs are read at a time; headers between two of them, up to which all are read."""


@dataclass(frozen=True, slots=True, eq=False)
class ComparedBlock:
    """Headers of one block that either side holds; or objects of one.

    Attributes:
        ids: Of the headers; of objects, each that of its header.
        series: Number of the series of each, see `series_number`; 0: it has none.
        instances: Of each, on either side.
        values: What was asked for, and how far each was read.
        decided: What the run of either side decided; None for a side without a run.
    """

    ids: Numbers
    series: Numbers
    instances: tuple[Numbers, Numbers]
    values: Block
    decided: tuple[Coded[Outcome | None] | None, Coded[Outcome | None] | None]


def snapshot_of_run(engine: sa.Engine, row: RunRow) -> Snapshot:
    """Give the snapshot that a run judged.

    Raises:
        LedgerError: It had not judged it when it ended.
    """
    if row.state not in (RunState.COMPLETED, RunState.INCOMPLETE):
        raise LedgerError(
            f"run {row.id} is {row.state}: it did not judge what it listed; accepted: COMPLETED, INCOMPLETE"
        )
    query = (
        sa.select(snapshot.c.id, snapshot.c.location_id, snapshot.c.counts, snapshot.c.listed_at)
        .select_from(
            run.join(snapshot, snapshot.c.id == run.c.snapshot_id).join(location, location.c.id == run.c.location_id)
        )
        .where(run.c.number == row.number)
    )
    with engine.connect() as connection:
        judged = connection.execute(query).one()
    return Snapshot(judged.id, judged.location_id, row.location, SnapshotCounts(**judged.counts), judged.listed_at)


def count_read_again(engine: sa.Engine, first: Snapshot, second: Snapshot) -> int:
    """Count the objects that were read again between two snapshots, because their headers were read for less."""
    earlier, later = sorted((first.id, second.id))
    between = snapshot.c.id.between(earlier + 1, later) & (snapshot.c.location_id == first.location_id)
    query = sa.select(snapshot.c.counts).where(between, snapshot.c.state == SnapshotState.COMPLETE)
    with engine.connect() as connection:
        return sum(SnapshotCounts(**counts).read_again for counts in connection.scalars(query))


def compared_blocks(
    engine: sa.Engine, snapshots: tuple[Snapshot, Snapshot], runs: tuple[int | None, int | None], keys: Sequence[str]
) -> Iterator[ComparedBlock]:
    """Give every header that either side holds, a block at a time; or its objects, where these are decided on.

    Args:
        engine: The ledger's.
        snapshots: Of both sides; of the same location.
        runs: Number of the run that decided, or None, for either side.
        keys: The columns that are asked for.
    """
    held = _held_of(engine, snapshots)
    ids = np.union1d(held[0].ids, held[1].ids)
    instances = _instances_of(held[0], ids), _instances_of(held[1], ids)
    if not divide(keys)[0] and not read(engine, partial(_decide_on_objects, runs=runs)):
        yield from _headers(engine, runs, keys, ids, instances)
        return
    yield from _objects(engine, snapshots, runs, keys, ids=ids, instances=instances)


_Pair = tuple[Numbers, Numbers]


def _headers(
    engine: sa.Engine, runs: tuple[int | None, int | None], keys: Sequence[str], ids: Numbers, instances: _Pair
) -> Iterator[ComparedBlock]:
    """Give headers, with what was decided on them."""
    for rows in rows_of_headers(engine, ids, keys) if len(ids) else ():
        decided = read(engine, partial(_decided_by, runs=runs, headers=rows.ids))
        of_sides = instances[0][rows.places], instances[1][rows.places]
        yield ComparedBlock(rows.ids, rows.series, of_sides, rows.values, decided)


def _objects(
    engine: sa.Engine,
    snapshots: tuple[Snapshot, Snapshot],
    runs: tuple[int | None, int | None],
    keys: Sequence[str],
    *,
    ids: Numbers,
    instances: _Pair,
) -> Iterator[ComparedBlock]:
    """Give objects; of headers whose objects were read before they had values of their own, the headers."""
    own, common = divide(keys)
    table = HeaderTable(common)
    for rows in rows_of_headers(engine, ids, common) if len(ids) else ():
        of_both = instances[0][rows.places] + instances[1][rows.places]
        table.add(HeldBlock(rows.ids, rows.digests, of_both, of_both, rows.series, rows.values))
    table.finish()
    first, second = snapshots
    sides = objects_of_both(engine, (first.id, second.id), first.location_id, own)
    for objects, in_first, in_second in sides:
        joined = table.join(objects, in_first.astype(np.int64) + in_second)
        if joined is not None:
            decided = read(engine, partial(_decided_by, runs=runs, headers=joined.headers, objects=joined.ids))
            kept, _ = look_up(objects.ids, joined.ids)
            of_sides = in_first[kept].astype(np.int64), in_second[kept].astype(np.int64)
            yield ComparedBlock(joined.headers, joined.series, of_sides, joined.values, decided)
    rest = table.without_objects()
    places = np.searchsorted(ids, rest)
    for block in _headers(engine, runs, common, rest, (instances[0][places], instances[1][places])):
        yield replace(block, values=absent_in(block.values, own))


def _decide_on_objects(connection: sa.Connection, runs: tuple[int | None, int | None]) -> bool:
    return any(decides_on_objects(connection, number) for number in runs if number is not None)


def _held_of(engine: sa.Engine, snapshots: tuple[Snapshot, Snapshot]) -> tuple[Held, Held]:
    first, second = snapshots
    held = headers_held(engine, first.id, first.location_id)
    return held, held if second.id == first.id else headers_held(engine, second.id, second.location_id)


def _instances_of(held: Held, ids: Numbers) -> Numbers:
    """Give the instances of headers on one side; 0 of those that it does not hold."""
    instances = np.zeros(len(ids), np.int64)
    instances[np.searchsorted(ids, held.ids)] = held.instances
    return instances


def _decided_by(
    connection: sa.Connection, runs: tuple[int | None, int | None], headers: Numbers, objects: Numbers | None = None
) -> tuple[Coded[Outcome | None] | None, Coded[Outcome | None] | None]:
    """Give what the run of either side decided on headers, or on objects, each of the header in its place."""

    def decided_by(number: int) -> Coded[Outcome | None]:
        of_headers = decided_on(connection, number, headers)
        if objects is None:
            return of_headers
        own = decided_on(connection, number, objects, PageKind.OBJECT)
        return combine([own, of_headers], len(objects)).map(lambda both: both[0] or both[1])

    first, second = (None if number is None else decided_by(number) for number in runs)
    return first, second


def uids_of(engine: sa.Engine, ids: Numbers) -> Iterator[tuple[str, str | None]]:
    """Give Series and Study Instance UID of headers that have a series, in the order of the ids."""
    columns = header.c
    select = sa.select(columns.id, columns.series_instance_uid, columns.study_instance_uid)
    for start in range(0, len(ids), IDS_A_QUERY):
        some = ids[start : start + IDS_A_QUERY].tolist()
        lowest, highest = min(some), max(some)
        is_dense = highest - lowest < len(some) * DENSE  # a long list of ids costs more than rows between them
        are_these = columns.id.between(lowest, highest) if is_dense else columns.id.in_(set(some))
        rows = read(engine, partial(_plain_rows, query=select.where(are_these)))
        known = {header_id: (series_uid, study_uid) for header_id, series_uid, study_uid in rows}
        yield from (known[header_id] for header_id in some)


def _plain_rows(connection: sa.Connection, query: sa.Select[Any]) -> list[Any]:
    with connection.execute(query) as rows:
        return list(bulk.plain_rows(rows))
