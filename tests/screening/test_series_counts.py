"""Counting series by what passed of them, whatever their numbers are and however often they come again."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_sieve.screening import series_counts
from dicom_sieve.screening.series_counts import SeriesCounts

numbers = st.sampled_from([0, 1, 7, -1, -(2**63), 2**63 - 1])
rows = st.lists(st.tuples(numbers, st.booleans(), st.integers(1, 9)), max_size=12)


class TestSeries:
    @given(st.lists(rows, max_size=5), st.sampled_from([1, 1_000]), st.booleans())
    def test_are_counted_as_a_loop_counts_them(
        self, parts: list[list[tuple[int, bool, int]]], waiting: int, one_each: bool
    ) -> None:
        if one_each:
            parts = [[(number, is_passed, 1) for number, is_passed, _ in part] for part in parts]
        counts, passed, discarded = SeriesCounts(), Counter[int](), Counter[int]()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(series_counts, "FEWEST_WAITING", waiting)
            for part in parts:
                series, has_passed, instances = zip(*part, strict=True) if part else ((), (), ())
                given = None if one_each else np.array(instances, np.int64)
                counts.add(np.array(series, np.int64), np.array(has_passed, np.bool_), given)
                for number, is_passed, count in part:
                    if number:
                        (passed if is_passed else discarded)[number] += count

        expected: Counter[str] = Counter()
        passed_in: Counter[str] = Counter()
        for number in passed.keys() | discarded.keys():
            selection = "NONE" if not passed[number] else "PARTIAL" if discarded[number] else "WHOLE"
            expected[selection] += 1
            passed_in[selection] += passed[number]
        found = counts.counts()
        assert found["series"] == dict(expected)
        assert found["passed_in"] == {name: count for name, count in passed_in.items() if count}
