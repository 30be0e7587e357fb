"""Looking numbers up among others that ascend."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]


def look_up(numbers: Numbers, ascending: Numbers) -> tuple[Flags, NDArray[np.intp]]:
    """Tell of each number whether it is among others, and its place there; the place of one that is not says nothing.

    Args:
        numbers: In any order.
        ascending: The others; none or more. Of equal ones the place is that of the first.
    """
    if not len(ascending):
        return np.zeros(len(numbers), np.bool_), np.zeros(len(numbers), np.intp)
    if are_consecutive(ascending):  # they need no search
        first, last = int(ascending[0]), int(ascending[-1])
        is_within: Flags = (numbers >= first) & (numbers <= last)
        return is_within, np.where(is_within, numbers - first, 0)
    places = np.minimum(np.searchsorted(ascending, numbers), len(ascending) - 1)
    is_among: Flags = ascending[places] == numbers
    return is_among, places


def are_consecutive(numbers: Numbers) -> bool:
    """Tell whether numbers follow each other, each greater by one than the one before; there is at least one."""
    first, last = int(numbers[0]), int(numbers[-1])
    return last - first + 1 == len(numbers) and are_ascending(numbers)


def are_ascending(numbers: Numbers) -> bool:
    """Tell whether each number is greater than the one before."""
    return bool((numbers[1:] > numbers[:-1]).all())
