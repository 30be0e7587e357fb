"""Numbers are told apart as numpy tells them apart."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dicom_sieve.columns.numbers import distinct_numbers

some_numbers = st.lists(st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-2, 2)))


@given(some_numbers)
def test_each_different_number_comes_once_in_the_order_of_the_first(numbers: list[int]) -> None:
    given_numbers = np.array(numbers, np.int64)

    distinct, places = distinct_numbers(given_numbers)

    assert distinct.tolist() == list(dict.fromkeys(numbers))
    assert distinct[places].tolist() == numbers


def test_numbers_that_do_not_lie_one_behind_the_other_are_read() -> None:
    distinct, places = distinct_numbers(np.array([[1, 7], [2, 7], [1, 8]], np.int64)[:, 0])

    assert (distinct.tolist(), places.tolist()) == ([1, 2], [0, 1, 0])
