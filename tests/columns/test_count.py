"""Counting columns: the same as counting rows one by one."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_sieve.columns import count as counting
from dicom_sieve.columns.chunk import as_entry, column_of
from dicom_sieve.columns.count import Counted, UseCounter, ValueCounter

Row = tuple[tuple[str, ...] | None, int, int]
"""Values, weight and group."""
texts = st.lists(st.sampled_from(["", "a", "b", "cc"]), max_size=3).map(tuple)
rows = st.lists(st.tuples(st.none() | texts, st.integers(0, 5), st.sampled_from([0, 7, -8, 9])), max_size=20)
blocks = st.lists(rows, max_size=4)


def count_one_by_one(listed: list[Row]) -> dict[str, Counted]:
    weights, groups = defaultdict[str, int](int), defaultdict[str, set[int]](set)
    for values, weight, group in listed:
        for value in set(values or ()) - {""} if weight else ():
            weights[value] += weight
            groups[value] |= {group} - {0}
    return {value: Counted(weight, len(groups[value])) for value, weight in weights.items()}


@given(blocks)
def test_values_are_counted_as_row_by_row(made: list[list[Row]]) -> None:
    counter = ValueCounter()
    for listed in made:
        weights, groups = (np.array([row[place] for row in listed], np.int64) for place in (1, 2))
        counter.add(column_of([as_entry(values) for values, _, _ in listed]), weights, groups)

    assert counter.count() == count_one_by_one([row for listed in made for row in listed])


@pytest.mark.parametrize("most", [0, 5, 200_000])
@given(made=blocks)
def test_uses_are_counted_as_row_by_row(most: int, made: list[list[Row]]) -> None:
    counter = UseCounter()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "MOST_REPEATED", most)
        for listed in made:
            weights = np.array([weight for _, weight, _ in listed], np.int64)
            counter.add(column_of([as_entry(values) for values, _, _ in listed]), weights)

    everything = [row for listed in made for row in listed]
    assert counter.present == sum(weight for values, weight, _ in everything if any(values or ()))
    assert counter.empty == sum(weight for values, weight, _ in everything if values is not None and not any(values))
    assert counter.count_values() == len(count_one_by_one(everything))
