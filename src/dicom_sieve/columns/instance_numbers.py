"""Which instance numbers of series are missing."""

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.facts import Fact, Flags, fact_of, join_arrays, join_facts, states_of
from dicom_sieve.columns.groups import GroupBlock, blocks_of_groups


def missing(series: NDArray[np.int64], numbers: NDArray[np.int64], is_given: Flags) -> tuple[NDArray[np.int64], Fact]:
    """Count the instance numbers between the first and the last of each series that no image has.

    Args:
        series: Number of the series of each image, in any order.
        numbers: Instance Number (0020,0013) of each image; anything where it is not given.
        is_given: Whether an image has one.

    Returns:
        The series, ascending, and of each how many are missing: UNDECIDED where an image has no number, ABSENT where
        none has.
    """
    blocks = list(blocks_of_groups(series))
    facts = join_facts([_missing_of(block, block.take(numbers), block.take(is_given)) for block in blocks])
    return join_arrays([block.groups for block in blocks], np.int64), facts


def _missing_of(block: GroupBlock, numbers: NDArray[np.int64], is_given: Flags) -> Fact:
    ordered = numbers[block.sort(numbers)]
    is_new = np.ones(len(ordered), np.bool_)
    is_new[1:] = ordered[1:] != ordered[:-1]
    is_new[block.starts] = True
    distinct = np.add.reduceat(is_new.astype(np.int64), block.starts)
    first, last = ordered[block.starts], ordered[block.starts + block.sizes - 1]
    counts = last.astype(np.float64) - first.astype(np.float64) + 1 - distinct  # doubles: integers would overflow
    return fact_of(counts, states_of(block.holds_for_all(~is_given), block.holds_for_all(is_given)))
