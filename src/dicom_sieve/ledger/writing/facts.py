"""Keeping the facts of series with a snapshot: of those that changed since the snapshot before (ADR 46).

A snapshot of which all is read never changes again: what an object says is recorded with the snapshot that found it.
Where something is not read yet, nothing is kept; the next snapshot of which all is has the changes of both.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import sqlalchemy as sa

from dicom_sieve.columns.chunk import Column
from dicom_sieve.columns.fact_pages import FactPage, write_pages
from dicom_sieve.columns.held import Held
from dicom_sieve.columns.lookup import Numbers
from dicom_sieve.columns.pages import PAGE_IDS
from dicom_sieve.ledger.database import bulk
from dicom_sieve.ledger.database.fact_rows import (
    COLUMNS,
    MOST_NAMED,
    VERSION,
    digest_pages,
    last_with_facts,
    pages_as_of,
)
from dicom_sieve.ledger.database.outages import all_rows, read
from dicom_sieve.ledger.database.tables import fact_page, fact_snapshot, header, header_change, object_
from dicom_sieve.ledger.leases.lease import Lease
from dicom_sieve.ledger.reading.editions import editions_without, is_read_for_less
from dicom_sieve.ledger.reading.facts import attributes_of_facts, read_for_less
from dicom_sieve.ledger.reading.held_headers import headers_held
from dicom_sieve.ledger.reading.kept_facts import KEPT
from dicom_sieve.ledger.reading.measure_series import measure_series
from dicom_sieve.ledger.reading.snapshots import is_in_snapshot
from dicom_sieve.ledger.writing.headers import count_unread

MOST_LOOKED_UP = 10_000
"""Headers that changed of which the series are looked up; where more did, all series are measured again."""
_VALUES_A_QUERY = 500


@dataclass(frozen=True, slots=True, eq=False)
class _Changed:
    """The series that are measured.

    Attributes:
        headers: All of the snapshot that are theirs.
        objects: The objects of these, ascending; None: all of the snapshot.
    """

    headers: Held
    objects: Numbers | None


def keep_facts(lease: Lease, snapshot_id: int) -> None:
    """Keep the facts of the newest snapshot, where all of it is read.

    Args:
        lease: Of the location.
        snapshot_id: Of the snapshot; its listing is complete.

    Raises:
        DamagedChunkError: What the ledger holds was not written by this package.
        LedgerError: It does not hold the objects that it counts.
        LeaseLostError: The lease has ended.
    """
    engine, held = lease.engine, (snapshot_id, lease.location_id)
    last = read(engine, partial(last_with_facts, location_id=lease.location_id, snapshot_id=snapshot_id))
    if last == snapshot_id or count_unread(engine, lease.location_id)[0]:
        return
    changed = None if last is None else _find_changed(engine, held, last)
    if changed is None:
        changed = None if read_for_less(engine, held) else _Changed(headers_held(engine, *held), None)
    elif _are_read_for_less(engine, changed.headers.ids):
        changed = None
    if changed is not None:
        lease.write(partial(_record, held=held, pages=list(_pages(engine, held, changed))))


def _find_changed(engine: sa.Engine, held: tuple[int, int], last: int) -> _Changed | None:
    """Find the series that changed since a snapshot; None where there are too many to look for each."""
    snapshot_id, location_id = held
    change, columns = header_change.c, header.c
    is_up_to_now = sa.and_(change.location_id == location_id, change.snapshot_id <= snapshot_id)
    query = sa.select(change.header_id).where(is_up_to_now, change.snapshot_id > last).distinct()
    ids = read(engine, lambda connection: connection.scalars(query.limit(MOST_LOOKED_UP + 1)).all())
    if len(ids) > MOST_LOOKED_UP:
        return None
    uids = _rows(engine, sa.select(columns.series_instance_uid).distinct(), columns.id, ids)
    series = sorted({uid for (uid,) in uids if uid is not None})
    of_series = _rows(engine, sa.select(columns.id), columns.series_instance_uid, series)
    sums = (sa.cast(sa.func.sum(column), sa.BigInteger) for column in (change.instances, change.bytes))
    counts = sa.select(change.header_id, *sums).where(is_up_to_now).group_by(change.header_id)
    counted = _rows(engine, counts, change.header_id, [row[0] for row in of_series])
    table = np.array(sorted(row for row in counted if row[1] > 0), np.int64).reshape(-1, 3)
    of_these = sa.select(object_.c.id).where(is_in_snapshot(snapshot_id, location_id))
    objects = _rows(engine, of_these, object_.c.header_id, table[:, 0].tolist())
    return _Changed(Held(*table.T), np.array(sorted(row[0] for row in objects), np.int64))


def _are_read_for_less(engine: sa.Engine, header_ids: Numbers) -> bool:
    """Tell whether some of these headers were not read for what facts are made of."""
    lacking = editions_without(engine, attributes_of_facts())
    query = sa.select(header.c.id).where(is_read_for_less(lacking))
    return bool(lacking and _rows(engine, query, header.c.id, header_ids.tolist()))


def _rows(
    engine: sa.Engine, query: sa.Select[Any], column: sa.ColumnElement[Any], values: Sequence[Any]
) -> list[tuple[Any, ...]]:
    """Give the rows of a query in which a column has one of some values, each of which is in one part of them."""
    starts = range(0, len(values), _VALUES_A_QUERY)
    parts = [query.where(column.in_(values[start : start + _VALUES_A_QUERY])) for start in starts]
    return [tuple(row) for part in parts for row in read(engine, partial(all_rows, query=part))]


def _pages(engine: sa.Engine, held: tuple[int, int], changed: _Changed) -> Iterator[tuple[str, FactPage]]:
    """Measure series, and give the pages that differ from those that stand: a cell for each header of theirs."""
    if not len(changed.headers.ids):
        return
    measured = measure_series(engine, held, changed.headers, objects=changed.objects)
    rows = np.flatnonzero(measured.of_headers >= 0)
    ids, places = measured.header_ids[rows], measured.of_headers[rows]
    numbers = np.unique(ids // PAGE_IDS).tolist()
    together = len(KEPT) if len(numbers) <= MOST_NAMED else 1  # of many pages those of one fact are in memory
    for start in range(0, len(KEPT), together):
        names = KEPT[start : start + together]
        stand = partial(pages_as_of, snapshot_id=held[0], location_id=held[1], facts=names, numbers=numbers)
        for name, pages in read(engine, stand).items():
            column = measured.column(name)
            before = {page.number: page for page in pages}
            for page in write_pages(ids, Column(column.entries, column.codes[places]), before):
                yield name, page


def _record(connection: sa.Connection, held: tuple[int, int], pages: Sequence[tuple[str, FactPage]]) -> None:
    """Record pages, and that the facts of the snapshot are known."""
    snapshot_id, location_id = held
    rows = [(location_id, name, page.number, page.width, page.cells) for name, page in pages]
    bulk.append(connection, fact_page, (*COLUMNS, "snapshot_id"), ((*row, snapshot_id) for row in sorted(rows)))
    values = {"snapshot_id": snapshot_id, "location_id": location_id, "version": VERSION}
    connection.execute(sa.insert(fact_snapshot).values(**values, digest=digest_pages(rows)))
