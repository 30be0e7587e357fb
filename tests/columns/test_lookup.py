"""Numbers are found where a dictionary finds them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dicom_sieve.columns.lookup import look_up

NUMBERS = st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 20), max_size=30)


@given(NUMBERS, NUMBERS)
def test_numbers_are_found_where_a_dictionary_finds_them(numbers: list[int], others: list[int]) -> None:
    ascending = sorted(others)
    places = {number: place for place, number in reversed(list(enumerate(ascending)))}

    is_among, found = look_up(np.array([*numbers, *others], np.int64), np.array(ascending, np.int64))

    assert is_among.tolist() == [number in places for number in (*numbers, *others)]
    assert found[is_among].tolist() == [places[number] for number in (*numbers, *others) if number in places]
