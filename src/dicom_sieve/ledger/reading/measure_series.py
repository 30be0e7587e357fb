"""Measuring the series of a snapshot, all facts of each in one pass over its objects."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import sqlalchemy as sa

from dicom_sieve.columns.chunk import Column, as_entry
from dicom_sieve.columns.fact_columns import column_of_whole
from dicom_sieve.columns.held import Held
from dicom_sieve.columns.lookup import Numbers, look_up
from dicom_sieve.columns.series_pass import OWN_KEYS, SeriesPass
from dicom_sieve.criteria.measures import Measure
from dicom_sieve.errors import LedgerError
from dicom_sieve.ledger.database.bulk import prefetch_next
from dicom_sieve.ledger.database.chunks import ADDED_IN, HEADER, ID, BlockKind, blocks_of, blocks_with
from dicom_sieve.ledger.database.engine import is_shared
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.packed_blocks import PackedRows, grouped, read_packed
from dicom_sieve.ledger.reading.held_objects import closed_by
from dicom_sieve.ledger.reading.kept_facts import MEASURES
from dicom_sieve.ledger.reading.pass_headers import read_headers
from dicom_sieve.objects import Damaged


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredSeries:
    """The facts of series.

    Attributes:
        series: The number of each, in the order of their first headers.
        whole: By measure, whole numbers as `SeriesPass.finish` gives them.
        thickness: Of each the place in `thicknesses`.
        thicknesses: Slice Thickness in mm, as decimals are written; None: there is none, or several.
        header_ids: Of headers, ascending.
        of_headers: Of each header the place of its series; -1: it has none.
    """

    series: Numbers
    whole: Mapping[Measure, Numbers]
    thickness: Numbers
    thicknesses: tuple[str | None, ...]
    header_ids: Numbers
    of_headers: Numbers

    def column(self, name: str) -> Column:
        """Give one fact of each series, by its name."""
        if name in MEASURES:
            return column_of_whole(MEASURES[name], self.whole[MEASURES[name]])
        entries = (None if text is None else as_entry([text]) for text in self.thicknesses)
        return Column(tuple(entries), self.thickness.astype(np.uint32))


def measure_series(
    engine: sa.Engine,
    held: tuple[int, int],
    headers: Held,
    damaged: Damaged = Damaged.DISCARD,
    *,
    objects: Numbers | None = None,
) -> MeasuredSeries:
    """Measure the series of headers.

    Args:
        engine: The ledger's.
        held: Ids of a snapshot and of its location.
        headers: All of the snapshot that are of these series, or of no series.
        damaged: Whether damaged objects are judged by what is known of them.
        objects: Ids of all objects of these headers that the snapshot holds, ascending; None: not known.

    Raises:
        DamagedChunkError: What the ledger holds was not written by this package.
        LedgerError: It does not hold the objects that it counts.
    """
    table = read_headers(engine, headers, damaged)
    ids, of_pass = table.judged()
    measuring, found = SeriesPass(of_pass, table.is_broken()), np.zeros(len(ids), np.int64)
    for rows in _objects_of(engine, held, objects):
        is_of_these, places = look_up(rows.numbers[HEADER], ids)
        of_these = np.flatnonzero(is_of_these)
        np.add.at(found, places[of_these], 1)
        measuring.add(places[of_these], rows.take(of_these).columns)
    if (found != of_pass.instances).any():
        raise LedgerError(
            f"the ledger counts {of_pass.instances.sum():,} objects of {len(found):,} headers, and holds values "
            f"of {found.sum():,}; 'dicom-sieve verify' tells what was changed"
        )
    return MeasuredSeries(
        table.series, measuring.finish(), *table.thickness(), header_ids=table.ids, of_headers=table.places
    )


def _objects_of(engine: sa.Engine, held: tuple[int, int], objects: Numbers | None) -> Iterator[PackedRows]:
    """Give the objects that a snapshot holds, many at a time."""
    snapshot_id, location_id = held
    if objects is None:
        blocks = read(engine, partial(blocks_of, kind=BlockKind.OBJECT, location_id=location_id))
        closed = read(engine, partial(closed_by, snapshot_id=snapshot_id, location_id=location_id))
    else:
        blocks = read(engine, partial(blocks_with, kind=BlockKind.OBJECT, ids=objects, location_id=location_id))
    parts = (
        read(engine, partial(read_packed, blocks=group, numbers=[ID, HEADER, ADDED_IN], columns=OWN_KEYS))
        for group in grouped(blocks)
    )
    for rows in prefetch_next(parts) if is_shared(engine) else parts:
        if objects is None:
            are_held = (rows.numbers[ADDED_IN] <= snapshot_id) & ~look_up(rows.numbers[ID], closed)[0]
        else:
            are_held, _ = look_up(rows.numbers[ID], objects)
        yield rows if are_held.all() else rows.take(np.flatnonzero(are_held))
