"""Combining the codes of several columns into one: each distinct combination gets a code of its own."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from dicom_sieve.columns.coded import Coded

T = TypeVar("T")
LARGEST_TABLE = 1 << 22
"""Possible combinations, up to which a table is faster than sorting."""


def combine(columns: Sequence[Coded[T]], row_count: int) -> Coded[tuple[T, ...]]:
    """Give the combinations that occur in the rows of several columns.

    Args:
        columns: Any number of them, each with `row_count` rows.
        row_count: How many rows there are, also where there is no column.
    """
    combined: Coded[tuple[T, ...]] = Coded(((),), np.zeros(row_count, np.uint8))
    for column in columns:
        combined = _combine_two(combined, column)
    return combined


def _combine_two(left: Coded[tuple[T, ...]], right: Coded[T]) -> Coded[tuple[T, ...]]:
    if len(right.things) == 1:
        return Coded(tuple((*thing, right.things[0]) for thing in left.things), left.codes)
    if len(left.things) == 1:
        return Coded(tuple((*left.things[0], thing) for thing in right.things), right.codes)
    width = len(right.things)
    numbers = left.codes.astype(np.int64) * width + right.codes
    possible = len(left.things) * width
    if possible <= LARGEST_TABLE:
        occurs = np.zeros(possible, np.bool_)
        occurs[numbers] = True
        found = np.flatnonzero(occurs)
        places = np.zeros(possible, np.uint32)
        places[found] = np.arange(len(found), dtype=np.uint32)
        codes = places[numbers]
    else:
        found, inverse = np.unique(numbers, return_inverse=True)
        codes = inverse.astype(np.uint32)
    of_left, of_right = tuple(left.things), tuple(right.things)
    things = tuple((*of_left[number // width], of_right[number % width]) for number in found.tolist())
    return Coded(things, codes)


def join(parts: Sequence[Coded[T]]) -> Coded[T]:
    """Give the rows of several parts, one behind the other."""
    places: dict[T, int] = {}
    codes = []
    for part in parts:
        table = np.array([places.setdefault(thing, len(places)) for thing in part.things], np.uint32)
        codes.append(table[part.codes])
    return Coded(tuple(places), np.concatenate(codes))
