"""The two sides of a comparison, by header: a recorded decision, or the values that criteria ask for."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa

from dicom_sieve.errors import LedgerError
from dicom_sieve.ledger.database.decisions import Decisions
from dicom_sieve.ledger.database.tables import (
    RunState,
    SnapshotState,
    decision_page,
    header,
    header_change,
    location,
    outcome,
    run,
    snapshot,
)
from dicom_sieve.ledger.reading.headers_to_decide import select_extent, select_values
from dicom_sieve.ledger.reading.rows import RunRow
from dicom_sieve.ledger.reading.snapshots import Snapshot, SnapshotCounts
from dicom_sieve.objects import Location

BATCH_ROWS = 500

ComparedRow = tuple[str, str | None, str | None, int, int, str | None, str | None, str | None, str | None]
"""Series and Study Instance UID; how far the header was read, see `read_extent`; instances on either side;
then for each side what it says, and the verdict that is recorded. A run says its findings as JSON, criteria the values
they ask for, see `read_values`."""


@dataclass(frozen=True, slots=True)
class ComparedSide:
    """One side of a comparison.

    Attributes:
        snapshot: The snapshot that is compared.
        run_number: Number of the run that decided; None where criteria are tried.
        tags: Attributes that criteria ask for, as eight upper-case hex digits; none for a run.
    """

    snapshot: Snapshot
    run_number: int | None
    tags: Sequence[str] = ()


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
    place = Location(row.endpoint, row.bucket, row.prefix)
    return Snapshot(judged.id, judged.location_id, place, SnapshotCounts(**judged.counts), judged.listed_at)


def count_read_again(engine: sa.Engine, first: Snapshot, second: Snapshot) -> int:
    """Count the objects that were read again between two snapshots, because their headers were read for less."""
    earlier, later = sorted((first.id, second.id))
    between = snapshot.c.id.between(earlier + 1, later) & (snapshot.c.location_id == first.location_id)
    query = sa.select(snapshot.c.counts).where(between, snapshot.c.state == SnapshotState.COMPLETE)
    with engine.connect() as connection:
        return sum(SnapshotCounts(**counts).read_again for counts in connection.scalars(query))


def compared_headers(engine: sa.Engine, first: ComparedSide, second: ComparedSide) -> Iterator[ComparedRow]:
    """Give every header of a series that either side holds, in the order of series; it is streamed.

    Args:
        engine: The ledger's.
        first: One side.
        second: The other, of the same location.
    """
    changes = header_change.c
    sides = [
        sa.cast(
            sa.func.sum(sa.case((changes.snapshot_id <= side.snapshot.id, changes.instances), else_=0)), sa.BigInteger
        )
        for side in (first, second)
    ]
    held = (
        sa.select(changes.header_id, sides[0].label("first"), sides[1].label("second"))
        .where(changes.location_id == first.snapshot.location_id)
        .where(changes.snapshot_id <= max(first.snapshot.id, second.snapshot.id))
        .group_by(changes.header_id)
        .having((sides[0] > 0) | (sides[1] > 0))
        .subquery("held")
    )
    rows: sa.FromClause = held.join(header, header.c.id == held.c.header_id)
    columns: list[sa.ColumnElement[Any]] = []
    for side in (first, second):
        if side.run_number is None:
            columns += [select_values(engine.dialect, side.tags), sa.null()]
            continue
        decided = Decisions(decision_page.alias(), outcome.alias())
        rows = decided.outerjoin(rows, header.c.id, decided.run_number == side.run_number)
        columns += [sa.cast(decided.findings, sa.Text), decided.verdict]
    series = header.c.series_instance_uid
    in_order = series.collate("C") if engine.dialect.name == "postgresql" else series
    query = (
        sa.select(series, header.c.study_instance_uid, select_extent(), held.c.first, held.c.second, *columns)
        .select_from(rows)
        .where(series.is_not(None))
        .order_by(in_order)
    )
    with (
        engine.connect().execution_options(yield_per=BATCH_ROWS) as connection,
        connection.execute(query) as result,
    ):
        yield from cast("Iterable[ComparedRow]", result)
