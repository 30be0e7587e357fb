"""Reading the facts of series that are kept with a snapshot."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import sqlalchemy as sa

from dicom_sieve.columns.chunk import Column
from dicom_sieve.columns.fact_pages import FactTable, read_pages
from dicom_sieve.columns.lookup import Numbers, look_up
from dicom_sieve.criteria.measures import Measure
from dicom_sieve.ledger.database.chunks import ID, SERIES, BlockKind, blocks_with
from dicom_sieve.ledger.database.fact_rows import last_with_facts, pages_as_of
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.packed_blocks import grouped, read_packed
from dicom_sieve.ledger.reading.held_headers import headers_held
from dicom_sieve.objects import Damaged

FACTS: Mapping[str, Measure] = {
    "frames": Measure.FRAMES,
    "slices": Measure.SLICES,
    "volumes": Measure.VOLUMES,
    "missing": Measure.MISSING,
    "duplicate_images": Measure.DUPLICATES,
    "spacing": Measure.SPACING,
    "spacing_variation": Measure.SPACING_VARIATION,
    "tilt": Measure.TILT,
    "plane": Measure.PLANE,
}
"""By the name of their column; docs/geometry.md says what they are."""
THICKNESS = "thickness"
"""Slice Thickness, where all instances of a series have the same, in mm."""
INSTANCES = "instances"
"""Those that are judged; kept for criteria alone."""
NAMES = (*FACTS, THICKNESS)
MEASURES: Mapping[str, Measure] = {**FACTS, INSTANCES: Measure.INSTANCES}
KEPT = (*MEASURES, THICKNESS)
"""What is kept of each series."""
FactColumns = Mapping[str, tuple[Numbers, Column]]
"""By name, the numbers of series, ascending, and what is known of each."""


def has_kept(engine: sa.Engine, held: tuple[int, int], damaged: Damaged) -> bool:
    """Tell whether the facts of a snapshot are kept: those of what is judged where damaged objects are not."""
    snapshot_id, location_id = held
    last = partial(last_with_facts, location_id=location_id, snapshot_id=snapshot_id)
    return damaged is Damaged.DISCARD and read(engine, last) == snapshot_id


def kept_columns(engine: sa.Engine, held: tuple[int, int], names: Sequence[str]) -> FactColumns:
    """Give the facts of all series of a snapshot that has them; see `has_kept`.

    Args:
        engine: The ledger's.
        held: Ids of the snapshot and of its location.
        names: Which facts.

    Raises:
        DamagedChunkError: What the ledger holds was not written by this package.
    """
    ids = headers_held(engine, *held).ids
    distinct, firsts = np.unique(series_of_headers(engine, ids), return_index=True)
    series, first_ids = distinct[distinct != 0], ids[firsts[distinct != 0]]
    return {name: (series, kept_of_headers(engine, held, name).of(first_ids)) for name in names}


def kept_of_headers(engine: sa.Engine, held: tuple[int, int], name: str) -> FactTable:
    """Give a fact by header, for headers that the snapshot holds; see `kept_columns`."""
    of_snapshot = partial(pages_as_of, snapshot_id=held[0], location_id=held[1], facts=[name])
    return read_pages(read(engine, of_snapshot)[name])


def series_of_headers(engine: sa.Engine, ids: Numbers) -> Numbers:
    """Give the number of the series of each header; 0: it has none."""
    series = np.zeros(len(ids), np.int64)
    for group in grouped(read(engine, partial(blocks_with, kind=BlockKind.HEADER, ids=ids))):
        numbers = read(engine, partial(read_packed, blocks=group, numbers=[ID, SERIES], columns=[])).numbers
        is_asked, places = look_up(numbers[ID], ids)
        series[places[is_asked]] = numbers[SERIES][is_asked]
    return series
