"""Series added up in columns are those that a plain loop over the headers gives."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_sieve.columns.count import DistinctNumbers
from dicom_sieve.reports import series_table
from dicom_sieve.reports.series_table import SeriesRows, SeriesTable

Row = tuple[int, int, int, int, int]
"""Series, study, patient, state and instances that passed of one header."""
few = st.sampled_from([-(2**63) + 1, -5, 1, 7, 2**63 - 1])
none_or_few = st.one_of(st.just(0), few)
headers = st.lists(st.tuples(few, none_or_few, none_or_few, st.integers(0, 3), st.integers(0, 9)), max_size=30)


def rows_of(listed: Sequence[Row], first: int) -> SeriesRows:
    series, studies, patients, states, passed = np.array(listed, np.int64).reshape(-1, 5).T
    no_flags = np.zeros(len(listed), np.bool_)
    ids = np.arange(first, first + len(listed))
    return SeriesRows(series, studies, patients, no_flags, no_flags, states, passed, ids)


@pytest.mark.parametrize("fewest", [0, 7, 1000])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(listed=headers, size=st.integers(1, 9))
def test_series_are_those_of_a_loop(fewest: int, listed: list[Row], size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series_table, "FEWEST_WAITING", fewest)
    table = SeriesTable(lambda left, right: left | right)
    for start in range(0, len(listed), size):
        table.add(rows_of(listed[start : start + size], start))

    found = table.rows()

    for place, series in enumerate(found.series.tolist()):
        its = [row for row in listed if row[0] == series]
        studies, patients = ({row[column] for row in its} - {0} for column in (1, 2))
        states = [row[3] for row in its]
        assert found.several_studies[place] == (len(studies) > 1)
        assert found.several_patients[place] == (len(patients) > 1)
        assert found.states[place] == np.bitwise_or.reduce(states)
        assert found.passed[place] == sum(row[4] for row in its)
        assert listed[found.headers[place]] == its[0]
    assert found.series.tolist() == sorted({row[0] for row in listed})
    assert sum(table.by_state().values()) == len(found.series)


@given(parts=st.lists(st.lists(none_or_few)))
def test_distinct_numbers_are_counted_once_and_none_not_at_all(parts: list[list[int]]) -> None:
    distinct = DistinctNumbers()
    for part in parts:
        distinct.add(np.array(part, np.int64))

    assert distinct.count() == len({number for part in parts for number in part} - {0})
