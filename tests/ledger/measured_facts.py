"""Facts of series measured in both ways: all in one pass, and each by itself as a criterion asks for it.

And as plain decimals have them, by the names that the ledger gives them.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import pytest

from dicom_sieve import Ledger
from dicom_sieve.columns.chunk import Column, Entry
from dicom_sieve.columns.fact_columns import column_of_whole
from dicom_sieve.columns.lookup import Numbers
from dicom_sieve.columns.measured import MeasuredValues
from dicom_sieve.columns.planes import plane_of
from dicom_sieve.columns.series_pass import MEASURED
from dicom_sieve.criteria import compile_criteria
from dicom_sieve.criteria.measures import Measure
from dicom_sieve.criteria.reading import read_criteria
from dicom_sieve.ledger.reading.held_headers import headers_held
from dicom_sieve.ledger.reading.measure_series import measure_series
from dicom_sieve.ledger.reading.measured import measure
from dicom_sieve.objects import Damaged
from tests.columns.naive_geometry import Known, NaiveImage, naive_geometry

HELD = (1, 1)
"""The first snapshot, of the first location."""
BySeries = Mapping[int, Entry]
Facts = dict[str, Known | str]
NAMES = {"duplicates": "duplicate_images"}
"""Of facts that the ledger calls otherwise."""


def by_series(series: Numbers, column: Column) -> BySeries:
    """Give what is known by number of the series, without those of which there is nothing."""
    rows = zip(series.tolist(), column.rows(), strict=True)
    return {number: entry for number, entry in rows if entry is not None}


def one_by_one(ledger: Ledger, kind: Measure, damaged: Damaged) -> BySeries:
    asked, problems = read_criteria([{"measure": kind.value, "operation": "PRESENT"}])
    assert not problems
    with pytest.MonkeyPatch.context() as patch:  # what is kept was measured in one pass
        patch.setattr("dicom_sieve.ledger.reading.measured.has_kept", lambda *_: False)
        [measured] = measure(ledger.engine, HELD, compile_criteria(asked), damaged).values.values()
    assert isinstance(measured, MeasuredValues)
    return by_series(measured.groups, measured.column)


def in_one_pass(ledger: Ledger, damaged: Damaged) -> dict[Measure, BySeries]:
    measured = measure_series(ledger.engine, HELD, headers_held(ledger.engine, *HELD), damaged)
    return {kind: by_series(measured.series, column_of_whole(kind, measured.whole[kind])) for kind in MEASURED}


def expected_of(images: Sequence[NaiveImage]) -> Facts:
    """Give the facts of a series, image by image in decimals."""
    found: Facts = dict(naive_geometry(images))
    axis, angle = found.pop("axis"), found.pop("angle")
    plane = plane_of(int(axis), angle).name if isinstance(angle, float) else axis
    return {NAMES.get(name, name): value for name, value in found.items()} | {"plane": plane}


def facts_of(ledger: Ledger, series_uid: str) -> Facts:
    """Give what the ledger says of a series."""
    names = ["slices", "volumes", "duplicate_images", "spacing", "spacing_variation", "tilt", "plane"]
    found = ledger.run("run").series_facts(names).of(series_uid)
    return {name: "ABSENT" if value is None else _plain(value) for name, value in found.items()}


def _plain(value: int | Decimal | str) -> Known | str:
    return float(value) if isinstance(value, Decimal) else value
