"""Facts of the series of a snapshot: what can be measured of each as a whole, beside what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import sqlalchemy as sa

from dicom_sieve.columns.chunk import Entry, values_of
from dicom_sieve.columns.lookup import Numbers, look_up
from dicom_sieve.columns.numbers import numbers_of
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
    _read: dict[str, list[Value]] = field(default_factory=dict, repr=False, compare=False)

    def of(self, series_instance_uid: str) -> dict[str, Value]:
        """Give the facts of one series, by name."""
        return {name: values[0] for name, values in self.of_all([series_instance_uid]).items()}

    def of_all(self, series_instance_uids: Sequence[str]) -> dict[str, list[Value]]:
        """Give the facts of some series, by name, each in the order of the series."""
        numbers = numbers_of(series_instance_uids)
        return {name: self._values_of(name, numbers) for name in self.columns}

    def _values_of(self, name: str, numbers: Numbers) -> list[Value]:
        groups, column = self.columns[name]
        if name not in self._read:
            self._read[name] = [_value(name, entry) for entry in (*column.entries, None)]
        values = self._read[name]
        is_known, places = look_up(numbers, groups)
        codes = np.full(len(numbers), len(values) - 1)
        codes[is_known] = column.codes[places[is_known]]
        return [values[code] for code in codes.tolist()]


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


def facts_that_are_read(engine: sa.Engine, held: HeldBy, damaged: Damaged = Damaged.DISCARD) -> SeriesFacts:
    """Measure the series of a snapshot; where headers were not read for what facts are made of, there are none."""
    if read_for_less(engine, held) is not None:
        return SeriesFacts({})
    return series_facts(engine, held, damaged=damaged)


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


def _value(name: str, entry: Entry) -> Value:
    values = values_of(entry)
    if values is None:
        return None
    if len(values) > 1 or values[0] == NOT_KEPT:
        return UNDECIDED
    if name == "plane":
        return values[0]
    return Decimal(values[0]) if name in _LENGTHS else int(values[0])
