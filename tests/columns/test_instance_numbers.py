"""Missing instance numbers are counted as series by series."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_sieve.columns import groups
from dicom_sieve.columns.facts import FactState
from dicom_sieve.columns.instance_numbers import missing

Row = tuple[int, int | None]
"""Series and number."""
numbers = st.none() | st.integers(-3, 12)
rows = st.lists(st.tuples(st.sampled_from([-7, 0, 3, 2**62]), numbers | st.integers(0, 9)), max_size=20)
UNDECIDED, ABSENT = FactState.UNDECIDED, FactState.ABSENT


def count_one_by_one(listed: list[Row]) -> dict[int, int | FactState]:
    series = defaultdict[int, list[int | None]](list)
    for number, instance in listed:
        series[number].append(instance)
    found: dict[int, int | FactState] = {}
    for number in sorted(series):
        given_ = [instance for instance in series[number] if instance is not None]
        if not given_:
            found[number] = ABSENT
        elif len(given_) < len(series[number]):
            found[number] = UNDECIDED
        else:
            found[number] = len(set(range(min(given_), max(given_))) - set(given_))
    return found


def count(listed: list[Row]) -> dict[int, int | FactState]:
    series = np.array([number for number, _ in listed], np.int64)
    instances = np.array([instance or 0 for _, instance in listed], np.int64)
    is_given = np.array([instance is not None for _, instance in listed], np.bool_)
    found, fact = missing(series, instances, is_given)
    read = zip(found.tolist(), fact.values.tolist(), fact.states.tolist(), strict=True)
    return {number: int(value) if state == FactState.VALUE else FactState(state) for number, value, state in read}


@pytest.mark.parametrize("most", [1, 4, 1 << 16])
@given(listed=rows)
def test_numbers_are_counted_as_series_by_series(most: int, listed: list[Row]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "BLOCK_ROWS", most)
        assert count(listed) == count_one_by_one(listed)


def test_what_is_missing() -> None:
    listed: list[Row] = [(1, 5), (1, 2), (1, 5), (2, 1), (2, None), (3, None), (4, 9)]
    assert count(listed) == {1: 2, 2: UNDECIDED, 3: ABSENT, 4: 0}


def test_numbers_of_64_bits_do_not_overflow() -> None:
    assert count([(1, -(2**63)), (1, 2**63 - 1)]) == {1: 2**64}
