"""What is measured of the series, studies and patients of a snapshot, and how it stands beside the values of rows."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby

import numpy as np
import sqlalchemy as sa

from dicom_sieve.columns.choose import Chooser, Passing, Stepping, WholeSeries
from dicom_sieve.columns.chunk import Column
from dicom_sieve.columns.compare_own import ComparedMembers
from dicom_sieve.columns.fact_pages import FactTable
from dicom_sieve.columns.judge import Block
from dicom_sieve.columns.lookup import Numbers
from dicom_sieve.columns.measure import Amounts, Collector, CountedMembers, DistinctValues, MissingNumbers
from dicom_sieve.columns.measure_geometry import GeometryValues
from dicom_sieve.columns.measured import GroupsOf, MeasuredValues, Rows
from dicom_sieve.criteria import CompiledItem, CompiledMeasure, measures_in
from dicom_sieve.criteria.items import CompiledStep
from dicom_sieve.criteria.measured import MEASURED
from dicom_sieve.criteria.measures import GEOMETRY, PLANE_TOLERANCE, Measure, Scope
from dicom_sieve.ledger.database.extents import read_extent
from dicom_sieve.ledger.reading.held_headers import HeldBlock
from dicom_sieve.ledger.reading.held_rows import HeldBy, HeldRows, held_rows, judged_rows
from dicom_sieve.ledger.reading.kept_facts import MEASURES, has_kept, kept_columns, kept_of_headers
from dicom_sieve.objects import Damaged

_COLLECTORS: Mapping[Measure, type[Collector]] = {
    Measure.INSTANCES: Amounts,
    Measure.FRAMES: Amounts,
    Measure.SERIES: CountedMembers,
    Measure.STUDIES: CountedMembers,
    Measure.DISTINCT: DistinctValues,
    Measure.MISSING: MissingNumbers,
}
GivesRows = Callable[[Sequence[str]], Iterator[HeldRows]]
"""Gives all rows of a snapshot, with the columns that it is asked for."""

_FACTS = {measure: name for name, measure in MEASURES.items()}


@dataclass(slots=True, eq=False)
class KeptValues:
    """A measure that is kept as a fact: it stands beside headers as a value of theirs does.

    Attributes:
        of_headers: By header that the snapshot holds.
        read_by_series: Reads it by series, for rows of which the headers are not known or not held.
    """

    of_headers: FactTable
    read_by_series: Callable[[], MeasuredValues]
    keys: tuple[str, ...] = ()
    _by_series: MeasuredValues | None = None

    def column_for(self, block: Block, series: Numbers) -> Column:
        """See `MeasuredValues.column_for`."""
        if self._by_series is None:
            self._by_series = self.read_by_series()
        return self._by_series.column_for(block, series)


Kept = MeasuredValues | KeptValues
"""What was measured in this run, or is kept with the snapshot."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured.

    Attributes:
        values: By the key of each measure, the innermost first.
    """

    values: Mapping[str, Kept] = field(default_factory=dict)

    def and_more(self, values: Mapping[str, Kept]) -> "Measured":
        """Add what was measured later."""
        return Measured({**self.values, **values})

    def columns(self, asked: Iterable[str]) -> list[str]:
        """Give the columns that rows must have, where these keys are asked for."""
        keys = set(asked)
        for key in list(keys & self.values.keys()):
            keys |= set(self.values[key].keys)
        return sorted(key for key in keys if not key.startswith(MEASURED))

    def beside(self, values: Block, series: Numbers, held_headers: Numbers | None = None) -> Block:
        """Add what was measured to the values of rows, whatever of it their columns suffice for.

        Args:
            values: Of the rows.
            series: Number of the series of each.
            held_headers: Id of the header of each, where the snapshot holds all of them.
        """
        more = {
            key: measured.of_headers.of(held_headers)
            if isinstance(measured, KeptValues) and held_headers is not None
            else measured.column_for(values, series)
            for key, measured in self.values.items()
            if all(needed in values.columns for needed in measured.keys)
        }
        return Block({**values.columns, **more}, values.extents) if more else values

    def beside_held(self, block: HeldBlock) -> HeldBlock:
        """Do the same for rows that the snapshot holds."""
        if not self.values:
            return block
        return replace(block, values=self.beside(block.values, block.series, block.headers))


NOTHING = Measured()


def measure(
    engine: sa.Engine,
    held: HeldBy,
    criteria: Sequence[CompiledItem],
    damaged: Damaged = Damaged.DISCARD,
    *,
    secret: bytes | None = None,
) -> Measured:
    """Measure everything that criteria ask for.

    Args:
        engine: The ledger's.
        held: Ids of a snapshot and of its location.
        criteria: What is asked.
        damaged: Whether damaged objects are judged by what is known of them.
        secret: Of the ledger.

    Raises:
        DamagedChunkError: What the ledger holds was not written by this package.
    """
    known = kept_measures(engine, held, criteria, damaged, secret=secret)
    return measure_rows(
        lambda keys: held_rows(engine, held, keys, damaged), criteria, damaged, secret=secret, known=known
    )


def kept_measures(
    engine: sa.Engine,
    held: HeldBy,
    criteria: Sequence[CompiledItem],
    damaged: Damaged = Damaged.DISCARD,
    *,
    secret: bytes | None = None,
) -> Measured:
    """Give what criteria measure and the snapshot has as facts of its series; nothing where it has none."""
    names = {item: name for level in _levels(criteria) for item in level if (name := name_of_fact(item))}
    if not names or not has_kept(engine, held, damaged):
        return NOTHING
    return Measured(_read_kept(engine, held, names, secret))


def measure_rows(
    gives_rows: GivesRows,
    criteria: Sequence[CompiledItem],
    damaged: Damaged = Damaged.DISCARD,
    *,
    secret: bytes | None = None,
    known: Measured = NOTHING,
) -> Measured:
    """Measure everything that criteria ask for, in rows from anywhere; see `measure`.

    Args:
        gives_rows: Gives all rows of a snapshot with the columns that it is asked for.
        criteria: What is asked.
        damaged: Whether damaged objects are judged by what is known of them.
        secret: Of the ledger.
        known: What was measured before in these rows: it is not measured again.
    """
    measured = known
    take = partial(_rows_of, gives_rows, damaged)
    for level in _levels(criteria):
        collectors = list(_collectors([item for item in level if item.key not in known.values], secret))
        if not collectors:
            continue
        keys = measured.columns({key for collector in collectors for key in collector.keys})
        for rows in take(keys, measured):
            for collector in collectors:
                if rows.are_expected:
                    collector.expect(rows.series, rows.weights)
                else:
                    collector.add(rows)
        for collector in collectors:
            measured = measured.and_more(collector.finish())
    so_far: list[CompiledItem] = [item for item in criteria if not isinstance(item, CompiledStep)]
    for steps in _kinds_of_steps(criteria):
        stepping: Stepping = WholeSeries(read_extent) if steps[0].per is None else Chooser(steps, secret, read_extent)
        passing = Passing(so_far, secret, read_extent)
        for rows in take(measured.columns({*stepping.keys, *passing.keys}), measured):
            if not rows.are_expected:
                stepping.add(rows, passing.flags(rows))
        measured = measured.and_more({steps[0].key: stepping.finish()})
        so_far += steps
    return measured


def name_of_fact(item: CompiledMeasure) -> str | None:
    """Name the fact of series that a measure is; None where it is none."""
    is_usual = item.measure is not Measure.PLANE or item.plane_tolerance == PLANE_TOLERANCE
    return _FACTS.get(item.measure) if item.scope is Scope.SERIES and not item.where and is_usual else None


def _read_kept(
    engine: sa.Engine, held: HeldBy, names: Mapping[CompiledMeasure, str], secret: bytes | None
) -> dict[str, Kept]:
    """Give measures that are kept as facts of the snapshot."""
    of_series = GroupsOf(Scope.SERIES, secret)

    def by_series(item: CompiledMeasure, name: str) -> MeasuredValues:
        return MeasuredValues(*kept_columns(engine, held, [name])[name], of_series, read_extent, item)

    return {
        item.key: KeptValues(kept_of_headers(engine, held, name), partial(by_series, item, name))
        for item, name in names.items()
    }


def _rows_of(gives_rows: GivesRows, damaged: Damaged, keys: Sequence[str], measured: Measured) -> Iterator[Rows]:
    """Give the rows that are judged, with what was measured of them so far; and headers whose objects will follow."""
    for rows in gives_rows(keys):
        if rows.are_judged:
            block = measured.beside_held(rows.block)
            yield Rows(block.values, block.series, block.instances, judged_rows(block.values, damaged))
        else:
            of_headers, nothing = rows.block, np.zeros(0, np.bool_)
            yield Rows(of_headers.values, of_headers.series, of_headers.instances, nothing, are_expected=True)


def _collectors(level: Sequence[CompiledMeasure], secret: bytes | None) -> Iterator[Collector]:
    """Give what measures all of a level; geometry of the same images is worked out once."""
    of_images: dict[str, list[CompiledMeasure]] = {}
    for item in level:
        if item.measure in GEOMETRY:
            of_images.setdefault(item.given, []).append(item)
        else:
            kind = ComparedMembers if item.compares else _COLLECTORS[item.measure]
            yield kind(item, secret, read_extent)
    for items in of_images.values():
        yield GeometryValues(items, secret, read_extent)


def _kinds_of_steps(criteria: Sequence[CompiledItem]) -> list[list[CompiledStep]]:
    """Give the steps behind criteria; those of one kind together, in their order."""
    steps = [item for item in criteria if isinstance(item, CompiledStep)]
    return [list(of_kind) for _, of_kind in groupby(steps, lambda step: step.key)]


def _levels(criteria: Sequence[CompiledItem]) -> list[list[CompiledMeasure]]:
    """Give the measures of criteria, each once, in the order in which they can be worked out: the innermost first."""
    depths: dict[str, tuple[int, CompiledMeasure]] = {}
    asked = (each for item in criteria for each in (item.asked if isinstance(item, CompiledStep) else (item,)))
    for item in measures_in(asked):
        _find_depths(item, depths)
    deepest = max((depth for depth, _ in depths.values()), default=0)
    return [[item for at, item in depths.values() if at == depth] for depth in range(1, deepest + 1)]


def _find_depths(item: CompiledMeasure, depths: dict[str, tuple[int, CompiledMeasure]]) -> int:
    inner = [_find_depths(measured, depths) for measured in measures_in(item.where)]
    depth = max(inner, default=0) + 1
    depths[item.key] = depth, item
    return depth
