"""Facts of series measured in both ways: all in one pass, and each by itself as a criterion asks for it."""

from collections.abc import Mapping

import pytest

from dicom_sieve import Ledger
from dicom_sieve.columns.chunk import Column, Entry
from dicom_sieve.columns.fact_columns import column_of_whole
from dicom_sieve.columns.lookup import Numbers
from dicom_sieve.columns.measured import MeasuredValues
from dicom_sieve.columns.series_pass import MEASURED
from dicom_sieve.criteria import compile_criteria
from dicom_sieve.criteria.measures import Measure
from dicom_sieve.criteria.reading import read_criteria
from dicom_sieve.ledger.reading.held_headers import headers_held
from dicom_sieve.ledger.reading.measure_series import measure_series
from dicom_sieve.ledger.reading.measured import measure
from dicom_sieve.objects import Damaged

HELD = (1, 1)
"""The first snapshot, of the first location."""
Facts = Mapping[int, Entry]


def by_series(series: Numbers, column: Column) -> Facts:
    """Give what is known by number of the series, without those of which there is nothing."""
    rows = zip(series.tolist(), column.rows(), strict=True)
    return {number: entry for number, entry in rows if entry is not None}


def one_by_one(ledger: Ledger, kind: Measure, damaged: Damaged) -> Facts:
    asked, problems = read_criteria([{"measure": kind.value, "operation": "PRESENT"}])
    assert not problems
    with pytest.MonkeyPatch.context() as patch:  # what is kept was measured in one pass
        patch.setattr("dicom_sieve.ledger.reading.measured.has_kept", lambda *_: False)
        [measured] = measure(ledger.engine, HELD, compile_criteria(asked), damaged).values.values()
    assert isinstance(measured, MeasuredValues)
    return by_series(measured.groups, measured.column)


def in_one_pass(ledger: Ledger, damaged: Damaged) -> dict[Measure, Facts]:
    measured = measure_series(ledger.engine, HELD, headers_held(ledger.engine, *HELD), damaged)
    return {kind: by_series(measured.series, column_of_whole(kind, measured.whole[kind])) for kind in MEASURED}
