"""Judging numbers without a look at each: a criterion finds the same on all numbers between two of its references."""

from collections.abc import Callable, Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.chunk import PackedEntries
from dicom_sieve.columns.facts import Flags, Floats
from dicom_sieve.columns.geometry import ImageState
from dicom_sieve.columns.vectors import parse_packed

Places = NDArray[np.uint8]


def read_numbers(entries: PackedEntries) -> tuple[Floats, Flags]:
    """Give the number of each entry, and whether it is one number; a thread may read it before it is asked for."""
    if entries.numbers is None:
        numbers, _, states = parse_packed(entries.lengths, entries.data, 1)
        entries.numbers = numbers[:, 0], states == ImageState.GIVEN
    return entries.numbers


class Stretches:
    """What was found on numbers, one finding for each stretch between points at which it may change.

    Doubles are enough: a decimal below another is never a greater double. Where both are the same double, nothing is
    said of it. What is found in a stretch is that of the first number that came from it.

    Args:
        points: In any order; none: all numbers are alike.
        unknown: Stands for no finding.
    """

    def __init__(self, points: Sequence[Decimal], unknown: int) -> None:
        self._points = np.unique(np.array([float(point) for point in points], np.float64))
        self._unknown = unknown
        self._found = np.full(len(self._points) + 1, unknown, np.uint8)

    def find(self, entries: PackedEntries, ask: Callable[[int], int]) -> Places:
        """Give the finding of each entry; `unknown` where it is not one number, or lies on a point.

        Args:
            entries: Of a column.
            ask: Gives the finding on the entry of a place.
        """
        values, are_given = read_numbers(entries)
        stretches = np.searchsorted(self._points, values)
        is_told = are_given
        if len(self._points):
            is_told = are_given & (self._points[np.minimum(stretches, len(self._points) - 1)] != values)
        found = np.where(is_told, self._found[stretches], self._unknown).astype(np.uint8)
        for stretch in np.unique(stretches[is_told & (found == self._unknown)]).tolist():
            of_stretch = is_told & (stretches == stretch)
            self._found[stretch] = found[of_stretch] = ask(int(np.argmax(of_stretch)))
        return found
