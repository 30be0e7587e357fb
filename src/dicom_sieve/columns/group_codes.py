"""Which group each row is of, in small numbers: what is counted again and again is counted fast."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.lookup import Flags, Numbers


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
