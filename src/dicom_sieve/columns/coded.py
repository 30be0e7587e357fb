"""One of few things for each of many rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
U = TypeVar("U")
Codes = NDArray[np.unsignedinteger]
BYTES = 256
"""How many values a byte has."""


def width_of(things: int) -> type[np.unsignedinteger]:
    """Give the narrowest type of codes for a number of things: narrow ones are combined many times as fast."""
    return np.uint8 if things <= BYTES else np.uint16 if things <= 2**16 else np.uint32


def recode(table: Sequence[int], things: int, codes: Codes) -> Codes:
    """Give the number that stands in a table for each code.

    Args:
        table: Of numbers below `things`.
        things: How many of them there are.
        codes: Places in the table.
    """
    if codes.dtype == np.uint8 and things <= BYTES:  # many times as fast as looking them up as places
        return np.frombuffer(codes.tobytes().translate(bytes([*table, *bytes(BYTES - len(table))])), np.uint8)
    return np.array(table, width_of(things)).take(codes)


@dataclass(frozen=True, slots=True, eq=False)
class Coded(Generic[T]):
    """One of few things for each of many rows.

    Attributes:
        things: Each that occurs, once.
        codes: For each row the place of its thing in `things`.
    """

    things: Sequence[T]
    codes: Codes

    def map(self, judge: Callable[[T], U]) -> "Coded[U]":
        """Apply a function to each thing once; equal results become one."""
        return self.replace([judge(thing) for thing in self.things])

    def replace(self, others: Sequence[U]) -> "Coded[U]":
        """Give another thing in place of each; equal ones become one."""
        distinct = tuple(dict.fromkeys(others))
        if len(distinct) == len(self.things):
            return Coded(distinct, self.codes)
        if len(distinct) == 1:
            return Coded(distinct, np.zeros(len(self.codes), np.uint8))
        places = {thing: place for place, thing in enumerate(distinct)}
        return Coded(distinct, recode([places[other] for other in others], len(distinct), self.codes))

    def flags(self, tell: Callable[[T], bool]) -> NDArray[np.bool_]:
        """Tell something of the thing of each row, asking once for each thing."""
        return recode([tell(thing) for thing in self.things], 2, self.codes).view(np.bool_)

    def count(self, weights: NDArray[np.integer] | None = None) -> dict[T, int]:
        """Count the rows of each thing, or add up their weights."""
        counts = np.bincount(self.codes, weights, len(self.things))  # exact: sums of doubles stay below 2 ** 53
        return {thing: int(count) for thing, count in zip(self.things, counts.tolist(), strict=True)}
