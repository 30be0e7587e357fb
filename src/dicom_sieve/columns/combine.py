"""Combining the codes of several columns into one: each distinct combination gets a code of its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.chunk import Codes

T = TypeVar("T")
U = TypeVar("U")
LARGEST_TABLE = 1 << 22
"""Possible combinations, up to which a table is faster than sorting."""


@dataclass(frozen=True, slots=True, eq=False)
class Coded(Generic[T]):
    """One of few things for each of many rows.

    Attributes:
        things: Each that occurs, once.
        codes: For each row the place of its thing in `things`.
    """

    things: tuple[T, ...]
    codes: Codes

    def map(self, judge: Callable[[T], U]) -> "Coded[U]":
        """Apply a function to each thing once; equal results become one."""
        places: dict[U, int] = {}
        table = np.array([places.setdefault(judge(thing), len(places)) for thing in self.things], np.uint32)
        return Coded(tuple(places), table[self.codes])

    def count(self, weights: NDArray[np.integer] | None = None) -> dict[T, int]:
        """Count the rows of each thing, or add up their weights."""
        counts = np.bincount(self.codes, weights, len(self.things))  # exact: sums of doubles stay below 2 ** 53
        return {thing: int(count) for thing, count in zip(self.things, counts.tolist(), strict=True)}


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
    things = tuple((*left.things[number // width], right.things[number % width]) for number in found.tolist())
    return Coded(things, codes)
