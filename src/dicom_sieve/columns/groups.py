"""Rows of groups, some whole groups at a time: what is worked out of many groups takes little memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

S = TypeVar("S", bound=np.generic)
Rows = slice | NDArray[np.intp]
BLOCK_ROWS = 1 << 16
"""Most rows of a block, unless one group has more. Its groups are numbered by 16 bits, which are sorted fastest."""


@dataclass(frozen=True, slots=True, eq=False)
class GroupBlock:
    """Some groups with all their rows.

    Attributes:
        groups: Their numbers, ascending.
        rows: The places of their rows, group by group.
        starts: Where each group begins among these rows; none is without a row.
        members: For each of these rows the place of its group in `groups`.
    """

    groups: NDArray[np.int64]
    rows: Rows
    starts: NDArray[np.intp]
    members: NDArray[np.uint16]

    @property
    def sizes(self) -> NDArray[np.intp]:
        """Give the number of rows of each group."""
        return np.diff(self.starts, append=len(self.members))

    def take(self, array: NDArray[S]) -> NDArray[S]:
        """Give the elements of its rows."""
        return array[self.rows] if isinstance(self.rows, slice) else array.take(self.rows, axis=0)

    def sort(self, *keys: NDArray[np.generic]) -> NDArray[np.intp]:
        """Order the rows within each group.

        Args:
            keys: Each has a value for each row; the last one counts most. Rows with equal keys come in any order.
        """
        return sort_within(self.members, *keys)

    def holds_for_all(self, flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Tell of each group whether all its rows have a flag."""
        held: NDArray[np.bool_] = np.logical_and.reduceat(flags, self.starts)
        return held


def sort_within(members: NDArray[np.uint16], *keys: NDArray[np.generic]) -> NDArray[np.intp]:
    """Order rows by the number of their group, and within each by keys of which the last counts most."""
    if len(keys) == 1 and _is_in_order(members, keys[0]):
        return np.arange(len(members))
    order = np.argsort(keys[0])
    for key in (*keys[1:], members):
        order = order[np.argsort(key[order], kind="stable")]
    return order


def _is_in_order(members: NDArray[np.uint16], key: NDArray[Any]) -> bool:
    """Tell whether rows are in their order already, as slices often are that were listed by their numbers."""
    of_same = members[1:] == members[:-1]
    return bool((members[1:] >= members[:-1]).all() and (~of_same | (key[1:] >= key[:-1])).all())


def blocks_of_groups(numbers: NDArray[np.int64]) -> Iterator[GroupBlock]:
    """Give all groups in ascending order, block by block.

    Args:
        numbers: Of the group of each row, in any order.
    """
    order = None if np.all(numbers[1:] >= numbers[:-1]) else np.argsort(numbers)
    ascending = numbers if order is None else numbers[order]
    starts = np.flatnonzero(np.concatenate([np.ones(min(len(numbers), 1), np.bool_), ascending[1:] != ascending[:-1]]))
    bounds = np.append(starts, len(numbers))
    first = 0
    while first < len(starts):
        last = max(first + 1, int(np.searchsorted(bounds, bounds[first] + BLOCK_ROWS, "right")) - 1)
        begin, end = int(bounds[first]), int(bounds[last])
        sizes = np.diff(bounds[first : last + 1])
        yield GroupBlock(
            groups=ascending[starts[first:last]],
            rows=slice(begin, end) if order is None else order[begin:end],
            starts=starts[first:last] - begin,
            members=np.repeat(np.arange(last - first, dtype=np.uint16), sizes),
        )
        first = last
