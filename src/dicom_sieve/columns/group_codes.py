"""Which group each row is of, in small numbers: what is counted again and again is counted fast."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.coded import Codes
from dicom_sieve.columns.lookup import Flags, Numbers

LARGEST_TABLE = 64 * 1024 * 1024
"""Bytes of a table of things and groups; where it would be larger, rows are counted for each selection."""


@dataclass(frozen=True, slots=True)
class GroupCodes:
    """Which series, study or patient each row is of.

    Attributes:
        codes: From 1; 0: none is known.
        count: How many groups there are.
    """

    codes: NDArray[np.uint32]
    count: int

    def count_of(self, rows: Flags) -> int:
        """Count those of which there is any row."""
        occurs = np.zeros(self.count + 1, np.bool_)
        occurs[self.codes[rows]] = True
        return int(np.count_nonzero(occurs[1:]))

    def by_thing(self, codes: Codes, thing_count: int) -> "GroupsByThing":
        """Tell of which groups the rows of each thing are.

        Args:
            codes: Of each row its thing.
            thing_count: How many things there are; each is of some row.
        """
        width = self.count + 1
        if thing_count * width > LARGEST_TABLE:
            return GroupsByThing(self, codes, None)
        occurs = np.zeros(thing_count * width, np.bool_)
        places = codes.astype(np.int64)
        places *= width
        places += self.codes
        occurs[places] = True
        return GroupsByThing(self, codes, occurs.reshape(thing_count, width))


@dataclass(frozen=True, slots=True, eq=False)
class GroupsByThing:
    """Which groups there are among the rows of each of few things.

    Attributes:
        groups: Of each row.
        codes: Of each row its thing.
        occurs: For each thing and group whether any row is of both; None: that would be too large.
    """

    groups: GroupCodes
    codes: Codes
    occurs: Flags | None

    def count_of(self, things: Flags) -> int:
        """Count the groups of which there is any row of some things."""
        if things.all():
            return self.groups.count
        if self.occurs is None:
            return self.groups.count_of(things[self.codes])
        of_any: Flags = np.logical_or.reduce(self.occurs[things], axis=0)
        return int(np.count_nonzero(of_any[1:]))


def number_groups(numbers: Numbers) -> GroupCodes:
    """Give small numbers for those of groups; 0 stays 0."""
    distinct, codes = np.unique(numbers, return_inverse=True)
    place = int(np.searchsorted(distinct, 0))
    if place == len(distinct) or distinct[place] != 0:
        return GroupCodes((codes + 1).astype(np.uint32), len(distinct))
    table = np.arange(1, len(distinct) + 1, dtype=np.uint32)
    table[place:] -= 1
    table[place] = 0
    return GroupCodes(table[codes], len(distinct) - 1)
