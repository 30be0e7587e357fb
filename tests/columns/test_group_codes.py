"""Which groups there are among rows: held to sets of numbers, by a table and without."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_sieve.columns import group_codes
from dicom_sieve.columns.group_codes import number_groups

ROWS = st.lists(st.tuples(st.sampled_from([-7, 0, 3, 4, 2**40]), st.integers(0, 3)), min_size=1, max_size=40)


@pytest.mark.parametrize("largest", [0, 1 << 20])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, st.lists(st.booleans(), min_size=4, max_size=4))
def test_counts_the_groups_of_some_things(
    monkeypatch: pytest.MonkeyPatch, largest: int, rows: list[tuple[int, int]], chosen: list[bool]
) -> None:
    monkeypatch.setattr(group_codes, "LARGEST_TABLE", largest)
    distinct = sorted({thing for _, thing in rows})
    codes = np.array([distinct.index(thing) for _, thing in rows], np.uint8)
    groups = number_groups(np.array([number for number, _ in rows], np.int64))

    counted = groups.by_thing(codes, len(distinct)).count_of(np.array([chosen[thing] for thing in distinct], np.bool_))

    assert counted == len({number for number, thing in rows if chosen[thing] and number != 0})
