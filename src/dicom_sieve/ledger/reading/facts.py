"""Facts of the series of a snapshot: what can be measured of each as a whole, beside what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import sqlalchemy as sa

from dicom_sieve.columns.chunk import Column, Entry, as_entry, column_of, values_of
from dicom_sieve.columns.grouped import Members, bounds_of
from dicom_sieve.columns.lookup import Numbers, look_up
from dicom_sieve.columns.numbers import number_of
from dicom_sieve.criteria import CompiledMeasure, attributes_read_for, compile_criteria
from dicom_sieve.criteria.criterion import Measured, MeasuredMembers
from dicom_sieve.criteria.measures import Measure
from dicom_sieve.dicom.dictionary import Attribute, attributes_of
from dicom_sieve.dicom.marks import NOT_KEPT
from dicom_sieve.dicom.vr import VRS, Operation
from dicom_sieve.errors import LedgerError, MalformedValueError
from dicom_sieve.ledger.reading.editions import ReadForLess, find_read_for_less
from dicom_sieve.ledger.reading.held_rows import HeldBy, held_rows, judged_rows
from dicom_sieve.ledger.reading.measured import measure
from dicom_sieve.objects import Damaged

UNDECIDED = "UNDECIDED"
"""In the place of a fact that cannot be told."""
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
NAMES = (*FACTS, THICKNESS)
_LENGTHS = {"spacing", "spacing_variation", "tilt", THICKNESS}
Value = int | Decimal | str | None
"""A number, a plane, `UNDECIDED`; None: there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """The facts of the series of a snapshot.

    Attributes:
        columns: By name, the numbers of series, ascending, and a value each.
    """

    columns: Mapping[str, tuple[Numbers, Column]]

    def of(self, series_instance_uid: str) -> dict[str, Value]:
        """Give the facts of one series, by name."""
        number = np.array([number_of(series_instance_uid)], np.int64)
        return {name: _value(name, number, *column) for name, column in self.columns.items()}


def series_facts(
    engine: sa.Engine, held: HeldBy, names: Sequence[str] = NAMES, damaged: Damaged = Damaged.DISCARD
) -> SeriesFacts:
    """Measure the series of a snapshot.

    Args:
        engine: The ledger's.
        held: Ids of the snapshot and of its location.
        names: Which facts.
        damaged: Whether damaged objects are judged by what is known of them.

    Raises:
        LedgerError: Headers were not read for what the facts are made of.
    """
    items = {name: _measure(FACTS[name]) for name in names if name in FACTS}
    thickness = _thickness(names)
    if (less := read_for_less(engine, held, names)) is not None:
        raise LedgerError(
            f"{less.describe()}, so the ledger cannot tell the facts of series; a new run with a measure among its "
            "criteria, as SLICES, reads them again"
        )
    measured = measure(engine, held, list(items.values()), damaged).values
    columns = {name: (measured[item.key].groups, measured[item.key].column) for name, item in items.items()}
    for attribute in thickness:
        columns[THICKNESS] = _common_values(engine, held, attribute, damaged)
    return SeriesFacts({name: columns[name] for name in names})


def read_for_less(engine: sa.Engine, held: HeldBy, names: Sequence[str] = NAMES) -> ReadForLess | None:
    """Find the headers of a snapshot that were not read for what facts are made of; None where all were."""
    items = [_measure(FACTS[name]) for name in names if name in FACTS]
    return find_read_for_less(engine, held[1], (*attributes_read_for(items), *_thickness(names)), held[0])


def _thickness(names: Sequence[str]) -> list[Attribute]:
    return [*attributes_of(["SliceThickness"])] if THICKNESS in names else []


def _common_values(engine: sa.Engine, held: HeldBy, attribute: Attribute, damaged: Damaged) -> tuple[Numbers, Column]:
    """Give the one value that all instances of a series have of an attribute; where there are several, none."""
    members, known = Members(), dict[str | None, int]()
    for rows in held_rows(engine, held, [attribute.hex_tag], damaged):
        if rows.are_judged:
            block, column = rows.block, rows.block.values.columns[attribute.hex_tag]
            texts = [_number(entry) for entry in column.entries]
            numbers = np.array([known.setdefault(text, len(known)) for text in texts], np.int64)[column.codes]
            counts = judged_rows(block.values, damaged) & (block.series != 0)
            members.add(block.series[counts], numbers[counts], np.zeros(int(counts.sum()), np.int64))
    series, numbers, _ = members.finish()
    starts, ends = bounds_of(series)
    texts, is_one = list(known), ends - starts == 1
    values = (
        texts[number] if one else None for number, one in zip(numbers[starts].tolist(), is_one.tolist(), strict=True)
    )
    return series[starts], column_of(None if text is None else as_entry([text]) for text in values)


def _number(entry: Entry) -> str | None:
    """Give the one number of an entry, as all that are equal are written; None: there is none."""
    values = [text for text in values_of(entry) or () if text]
    try:
        return f"{Decimal(str(VRS['DS'].parse(values[0]))).normalize():f}" if len(values) == 1 else None
    except MalformedValueError:
        return None


def _measure(kind: Measure) -> CompiledMeasure:
    [item] = compile_criteria([Measured(MeasuredMembers(measure=kind, operation=Operation.PRESENT))])
    if not isinstance(item, CompiledMeasure):
        raise TypeError(kind)
    return item


def _value(name: str, number: Numbers, groups: Numbers, column: Column) -> Value:
    is_known, places = look_up(number, groups)
    values = values_of(column.entries[column.codes[places[0]]]) if is_known[0] else None
    if values is None:
        return None
    if len(values) > 1 or values[0] == NOT_KEPT:
        return UNDECIDED
    if name == "plane":
        return values[0]
    return Decimal(values[0]) if name in _LENGTHS else int(values[0])
