"""Measuring the series of a snapshot, all facts of each in one pass over its objects."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from dicom_sieve.columns.chunk import Column, as_entry
from dicom_sieve.columns.fact_columns import column_of_whole
from dicom_sieve.columns.held import Held
from dicom_sieve.columns.lookup import Numbers, look_up
from dicom_sieve.columns.pass_objects import OWN_KEYS, ObjectReader, ReadObjects
from dicom_sieve.columns.series_pass import SeriesPass
from dicom_sieve.criteria.measures import Measure
from dicom_sieve.errors import LedgerError
from dicom_sieve.ledger.database.bulk import prefetch_next
from dicom_sieve.ledger.database.chunks import ADDED_IN, HEADER, ID, Block, BlockKind, blocks_of, blocks_with
from dicom_sieve.ledger.database.engine import is_shared
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.packed_blocks import grouped, read_packed
from dicom_sieve.ledger.reading.held_objects import closed_by
from dicom_sieve.ledger.reading.kept_facts import MEASURES
from dicom_sieve.ledger.reading.pass_headers import GroupsOfHeaders, read_headers
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
    groups_of = GroupsOfHeaders(engine, ids[of_pass.are_enhanced])
    measuring = SeriesPass(of_pass, table.is_broken(), lambda places: groups_of(ids[places]))
    found = np.zeros(len(ids), np.int64)
    for places, read_objects in _objects_of(engine, held, ids, objects):
        np.add.at(found, places, 1)
        measuring.add(places, read_objects)
    if (found != of_pass.instances).any():
        raise LedgerError(
            f"the ledger counts {of_pass.instances.sum():,} objects of {len(found):,} headers, and holds values "
            f"of {found.sum():,}; 'dicom-sieve verify' tells what was changed"
        )
    return MeasuredSeries(
        table.series, measuring.finish(), *table.thickness(), header_ids=table.ids, of_headers=table.places
    )


_Objects = tuple[NDArray[np.intp], ReadObjects]
"""Objects, and the place of the header of each."""


def _objects_of(
    engine: sa.Engine, held: tuple[int, int], header_ids: Numbers, objects: Numbers | None
) -> Iterator[_Objects]:
    """Give the objects of headers that a snapshot holds, many at a time; the next ones are read meanwhile."""
    snapshot_id, location_id = held
    if objects is None:
        blocks = read(engine, partial(blocks_of, kind=BlockKind.OBJECT, location_id=location_id))
        closed = read(engine, partial(closed_by, snapshot_id=snapshot_id, location_id=location_id))
    else:
        blocks = read(engine, partial(blocks_with, kind=BlockKind.OBJECT, ids=objects, location_id=location_id))
        closed = np.zeros(0, np.int64)
    needed = [HEADER, *([ADDED_IN] if objects is None else [ID]), *([ID] if len(closed) else [])]
    read_objects = ObjectReader()

    def of_group(group: Sequence[Block]) -> _Objects:
        rows = read(engine, partial(read_packed, blocks=group, numbers=needed, columns=OWN_KEYS))
        are_held, places = look_up(rows.numbers[HEADER], header_ids)
        if objects is not None:
            are_held &= look_up(rows.numbers[ID], objects)[0]
        else:
            are_held &= rows.numbers[ADDED_IN] <= snapshot_id
        if len(closed):
            are_held &= ~look_up(rows.numbers[ID], closed)[0]
        if not are_held.all():
            taken = np.flatnonzero(are_held)
            rows, places = rows.take(taken), places[taken]
        return places, read_objects(rows.columns, len(places))

    parts = map(of_group, grouped(blocks))
    return prefetch_next(parts) if is_shared(engine) else parts
