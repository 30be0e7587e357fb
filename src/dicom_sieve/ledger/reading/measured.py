"""What is measured of the series, studies and patients of a snapshot, and how it stands beside the values of rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import sqlalchemy as sa

from dicom_sieve.columns.compare_own import ComparedMembers
from dicom_sieve.columns.judge import Block
from dicom_sieve.columns.lookup import Flags, Numbers
from dicom_sieve.columns.measure import Amounts, Collector, CountedMembers, DistinctValues, MissingNumbers
from dicom_sieve.columns.measured import MeasuredValues, Rows
from dicom_sieve.criteria import CompiledItem, CompiledMeasure, measures_in
from dicom_sieve.criteria.measured import MEASURED
from dicom_sieve.criteria.measures import Measure
from dicom_sieve.ledger.database.extents import read_extent
from dicom_sieve.ledger.reading.held_headers import HeldBlock
from dicom_sieve.ledger.reading.held_rows import HeldBy, held_rows
from dicom_sieve.objects import Damaged

_COLLECTORS: Mapping[Measure, type[Collector]] = {
    Measure.INSTANCES: Amounts,
    Measure.FRAMES: Amounts,
    Measure.SERIES: CountedMembers,
    Measure.STUDIES: CountedMembers,
    Measure.DISTINCT: DistinctValues,
    Measure.MISSING: MissingNumbers,
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured.

    Attributes:
        values: By the key of each measure, the innermost first.
    """

    values: Mapping[str, MeasuredValues] = field(default_factory=dict)

    def columns(self, asked: Iterable[str]) -> list[str]:
        """Give the columns that rows must have, where these keys are asked for."""
        keys = set(asked)
        for key in list(keys & self.values.keys()):
            keys |= set(self.values[key].keys)
        return sorted(key for key in keys if not key.startswith(MEASURED))

    def beside(self, values: Block, series: Numbers) -> Block:
        """Add what was measured to the values of rows, whatever of it their columns suffice for."""
        more = {
            key: measured.column_for(values, series)
            for key, measured in self.values.items()
            if all(needed in values.columns for needed in measured.keys)
        }
        return Block({**values.columns, **more}, values.extents) if more else values

    def beside_held(self, block: HeldBlock) -> HeldBlock:
        """Do the same for rows that a snapshot holds."""
        return replace(block, values=self.beside(block.values, block.series)) if self.values else block


NOTHING = Measured()


def measure(
    engine: sa.Engine,
    held: HeldBy,
    criteria: Sequence[CompiledItem],
    damaged: Damaged = Damaged.DISCARD,
    *,
    secret: bytes | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> Measured:
    """Measure everything that criteria ask for.

    Args:
        engine: The ledger's.
        held: Ids of a snapshot and of its location.
        criteria: What is asked.
        damaged: Whether damaged objects are judged by what is known of them.
        secret: Of the ledger.
        advance: Told of rows that were looked at.

    Raises:
        DamagedChunkError: What the ledger holds was not written by this package.
    """
    measured = NOTHING
    for level in _levels(criteria):
        collectors = {
            item.key: (ComparedMembers if item.compares else _COLLECTORS[item.measure])(item, secret, read_extent)
            for item in level
        }
        keys = measured.columns({key for collector in collectors.values() for key in collector.keys})
        for rows in held_rows(engine, held, keys, damaged):
            if not rows.are_judged:
                continue  # their objects follow
            block = measured.beside_held(rows.block)
            of_rows = Rows(block.values, block.series, block.instances, judged_rows(block.values, damaged))
            for collector in collectors.values():
                collector.add(of_rows)
            advance(len(block.ids))
        measured = Measured({**measured.values, **{key: each.finish() for key, each in collectors.items()}})
    return measured


def judged_rows(values: Block, damaged: Damaged) -> Flags:
    """Tell which rows are judged by their values."""
    are_judged = np.array([read_extent(entry).is_judged(damaged) for entry in values.extents.entries], np.bool_)
    flags: Flags = are_judged[values.extents.codes]
    return flags


def _levels(criteria: Sequence[CompiledItem]) -> list[list[CompiledMeasure]]:
    """Give the measures of criteria, each once, in the order in which they can be worked out: the innermost first."""
    depths: dict[str, tuple[int, CompiledMeasure]] = {}
    for item in measures_in(criteria):
        _find_depths(item, depths)
    deepest = max((depth for depth, _ in depths.values()), default=0)
    return [[item for at, item in depths.values() if at == depth] for depth in range(1, deepest + 1)]


def _find_depths(item: CompiledMeasure, depths: dict[str, tuple[int, CompiledMeasure]]) -> int:
    inner = [_find_depths(measured, depths) for measured in measures_in(item.where)]
    depth = max(inner, default=0) + 1
    depths[item.key] = depth, item
    return depth
