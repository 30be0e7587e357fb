"""Facts of the series of a snapshot: what can be measured of each as a whole, beside what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import sqlalchemy as sa

from dicom_sieve.columns.chunk import Column, values_of
from dicom_sieve.columns.lookup import Numbers, look_up
from dicom_sieve.columns.numbers import number_of
from dicom_sieve.criteria import CompiledMeasure, attributes_read_for, compile_criteria
from dicom_sieve.criteria.criterion import Measured, MeasuredMembers
from dicom_sieve.criteria.measures import Measure
from dicom_sieve.dicom.dictionary import Attribute, attributes_of
from dicom_sieve.dicom.marks import NOT_KEPT
from dicom_sieve.dicom.vr import Operation
from dicom_sieve.errors import LedgerError
from dicom_sieve.ledger.reading.editions import ReadForLess, find_read_for_less
from dicom_sieve.ledger.reading.held_headers import headers_held
from dicom_sieve.ledger.reading.held_rows import HeldBy
from dicom_sieve.ledger.reading.kept_facts import FACTS, NAMES, THICKNESS, FactColumns, has_kept, kept_columns
from dicom_sieve.ledger.reading.measure_series import measure_series
from dicom_sieve.objects import Damaged

UNDECIDED = "UNDECIDED"
"""In the place of a fact that cannot be told."""
_LENGTHS = {"spacing", "spacing_variation", "tilt", THICKNESS}
Value = int | Decimal | str | None
"""A number, a plane, `UNDECIDED`; None: there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """The facts of the series of a snapshot.

    Attributes:
        columns: By name, the numbers of series, ascending, and a value each.
    """

    columns: FactColumns

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
    if (less := read_for_less(engine, held, names)) is not None:
        raise LedgerError(
            f"{less.describe()}, so the ledger cannot tell the facts of series; a new run with a measure among its "
            "criteria, as SLICES, reads them again"
        )
    if has_kept(engine, held, damaged):
        return SeriesFacts(kept_columns(engine, held, names))
    measured = measure_series(engine, held, headers_held(engine, *held), damaged)
    order = np.argsort(measured.series)
    series = measured.series[order]
    return SeriesFacts({name: (series, measured.column(name).take(order)) for name in names})


def read_for_less(engine: sa.Engine, held: HeldBy, names: Sequence[str] = NAMES) -> ReadForLess | None:
    """Find the headers of a snapshot that were not read for what facts are made of; None where all were."""
    return find_read_for_less(engine, held[1], attributes_of_facts(names), held[0])


def attributes_of_facts(names: Sequence[str] = NAMES) -> tuple[Attribute, ...]:
    """Give the attributes that facts are made of."""
    items = [_measure(FACTS[name]) for name in names if name in FACTS]
    return (*attributes_read_for(items), *_thickness(names))


def _thickness(names: Sequence[str]) -> list[Attribute]:
    return [*attributes_of(["SliceThickness"])] if THICKNESS in names else []


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
