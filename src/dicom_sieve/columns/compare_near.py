"""Counting members that lie near the instance that is judged, without looking at each pair of them.

What is asked of a difference to the own value mostly is that it lies between two numbers: members are put in order of
their values, and those of each instance lie one behind the other.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.lookup import Flags, Numbers, look_up
from dicom_sieve.criteria import CompiledItem
from dicom_sieve.criteria.difference import add_exactly, amount_of, subtract
from dicom_sieve.criteria.rule import CompiledCriterion
from dicom_sieve.dicom.marks import NOT_KEPT
from dicom_sieve.dicom.vr.value_type import Comparable, Operation, trim

_BASES = {"DA": "20000101", "TM": "000000", "DS": "0", "IS": "0"}
"""By VR, a value from which all others are measured. Moments with and without an offset (DT) have no such order."""
_Side = Callable[[Sequence[Decimal], Decimal], int]
_LOWEST: dict[Operation, _Side] = {Operation.GREATER: bisect_right, Operation.AT_LEAST: bisect_left}
_HIGHEST: dict[Operation, _Side] = {Operation.LESS: bisect_left, Operation.AT_MOST: bisect_right}


@dataclass(frozen=True, slots=True)
class Nearness:
    """What is asked of differences to the own value: that they lie between two numbers, or beyond one.

    Attributes:
        leaves: Criteria on one attribute; a member is near where all are met.
        base: Text of a value from which others are measured.
    """

    leaves: tuple[CompiledCriterion, ...]
    base: str

    def positions(self, values: Sequence[str] | None) -> list[Decimal]:
        """Give how far values are from the base, those that can be read."""
        if values is None or NOT_KEPT in values or not any(map(trim, values)):
            return []
        return [amount_of(difference) for difference in subtract(self.leaves[0], values, (self.base,))]

    def bounds(self, own: Decimal, ordered: Sequence[Decimal]) -> tuple[int, int]:
        """Give where those begin and end (exclusive) among ascending positions that are near to one."""
        first, last = 0, len(ordered)
        for leaf in self.leaves:
            low, high = _ends_of(leaf)
            if low is not None:
                first = max(first, low[0](ordered, add_exactly(own, amount_of(low[1]))))
            if high is not None:
                last = min(last, high[0](ordered, add_exactly(own, amount_of(high[1]))))
        return first, max(first, last)


def nearness_of(items: Sequence[CompiledItem]) -> Nearness | None:
    """Give what is asked of differences to the own value; None: it is something else."""
    own = [item for item in items if any(leaf.has_own for leaf in item.leaves)]
    leaves = tuple(item for item in own if isinstance(item, CompiledCriterion))
    are_simple = len(leaves) == len(own) > 0 and all(any(_ends_of(leaf)) and not leaf.creator for leaf in leaves)
    base = _BASES.get(leaves[0].attribute.vr.code) if are_simple else None
    if base is None or len({leaf.attribute.hex_tag for leaf in leaves}) > 1:
        return None
    return Nearness(leaves, base)


_End = tuple[_Side, Comparable] | None


def _ends_of(leaf: CompiledCriterion) -> tuple[_End, _End]:
    """Give the lowest and the highest difference that meets a criterion, and on which side of it positions begin."""
    operation, references = leaf.operation, leaf.references
    if operation in _LOWEST:
        return (_LOWEST[operation], references[0]), None
    if operation in _HIGHEST:
        return None, (_HIGHEST[operation], references[0])
    if operation is Operation.BETWEEN:
        return (bisect_left, references[0]), (bisect_right, references[1])
    if operation is Operation.EQUALS:
        low, high = leaf.bounds[0] if leaf.bounds else (references[0], references[0])
        return (bisect_left, low), (bisect_right, high)
    return None, None


class Ordered:
    """Members in the order of their groups, and within each of their positions.

    Args:
        groups: Of each member.
        places: Of each, that of its position among ascending ones.
        width: How many positions there are.
    """

    def __init__(self, groups: Numbers, places: Numbers, width: int) -> None:
        self._groups, of_groups = np.unique(groups, return_inverse=True)
        self._width = width + 1
        keys = of_groups.reshape(-1) * self._width + places
        self.order = np.argsort(keys, kind="stable")
        self._keys = keys[self.order]

    def between(self, groups: Numbers, firsts: Numbers, lasts: Numbers) -> tuple[Numbers, Numbers]:
        """Give where members begin and end (exclusive) that have a position from a first to a last one (exclusive)."""
        is_known, of_groups = look_up(groups, self._groups)
        starts, ends = (np.searchsorted(self._keys, of_groups * self._width + bound) for bound in (firsts, lasts))
        return np.where(is_known, starts, 0), np.where(is_known, ends, 0)


def sum_between(weights: Numbers, starts: Numbers, ends: Numbers) -> Numbers:
    """Add up weights from each start to its end (exclusive)."""
    sums = np.concatenate([[0], np.cumsum(weights)])
    total: Numbers = sums[ends] - sums[starts]
    return total


def count_distinct_between(things: Numbers, starts: Numbers, ends: Numbers) -> Numbers:
    """Count the different things from each start to its end (exclusive), in n log n steps.

    A thing counts where the one before that is the same lies before the start. It may be in another group, which lies
    before the start as a whole.
    """
    former = np.full(len(things), -1, np.int64)
    order = np.argsort(things, kind="stable")
    is_same = things[order[1:]] == things[order[:-1]]
    former[order[1:][is_same]] = order[:-1][is_same]
    return count_below(former + 1, starts, ends, starts + 1)


def count_below(values: Numbers, starts: Numbers, ends: Numbers, limits: Numbers) -> Numbers:
    """Count the values from each start to its end (exclusive) that are below its limit.

    Values are looked at bit by bit, the highest first: those with a zero go to the front, in their order, so that what
    lay one behind the other still does (a wavelet matrix).

    Args:
        values: Not negative.
        starts: Of each question.
        ends: Likewise.
        limits: Likewise; not negative.
    """
    counts = np.zeros(len(starts), np.int64)
    highest = max(int(values.max(initial=0)), int(limits.max(initial=0)))
    for bit in range(highest.bit_length() - 1, -1, -1):
        is_zero: Flags = (values >> bit) & 1 == 0
        zeros: NDArray[np.int64] = np.concatenate([[0], np.cumsum(is_zero)])
        has_one = (limits >> bit) & 1 == 1
        before_start, before_end = zeros[starts], zeros[ends]
        counts += np.where(has_one, before_end - before_start, 0)
        starts = np.where(has_one, zeros[-1] + starts - before_start, before_start)
        ends = np.where(has_one, zeros[-1] + ends - before_end, before_end)
        values = np.concatenate([values[is_zero], values[~is_zero]])
    return counts
