"""Counting what columns hold: each distinct entry is looked at once a block, whatever the number of its rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.chunk import END_OF_VALUE, Column, Entry, values_of

Weights = NDArray[np.int64]
MOST_REPEATED = 200_000
"""Hashes of values that are kept before repeated ones are removed."""
NO_GROUP = 0
"""The number of a group that stands for none."""


def weigh(column: Column, weights: Weights) -> list[int]:
    """Give the sum of the weights of each entry's rows."""
    if len(column.entries) == 1:
        return [int(weights.sum())]
    sums = np.bincount(column.codes, weights, len(column.entries))  # exact: sums of doubles stay below 2 ** 53
    counted: list[int] = sums.astype(np.int64).tolist()
    return counted


def distinct_of(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the different numbers, ascending: what `numpy.unique` does by hashes, in a tenth of its time."""
    ordered = np.sort(numbers)
    is_first = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
    return ordered[is_first]


@dataclass(slots=True)
class UseCounter:
    """Counts how one attribute is used, in little memory: of its values, a hash of 64 bits each is kept.

    Attributes:
        present: Weight of the rows that have a value.
        empty: Weight of those that have the attribute without a value.
    """

    present: int = 0
    empty: int = 0
    _hashes: list[NDArray[np.int64]] = field(default_factory=list)
    _waiting: int = 0

    def add(self, column: Column, weights: Weights) -> None:
        """Add the rows of a column."""
        hashes: list[int] = []
        for entry, weight in zip(column.entries, weigh(column, weights), strict=True):
            if entry is None or not weight:
                continue
            if not entry.strip(END_OF_VALUE):
                self.empty += weight
                continue
            self.present += weight
            if entry.count(END_OF_VALUE) == 1:
                hashes.append(hash(entry))
            else:
                hashes.extend(hash(value + END_OF_VALUE) for value in values_of(entry) or () if value)
        if hashes:
            self._keep(np.array(hashes, np.int64))

    def count_values(self) -> int:
        """Count the different values."""
        self._compact()
        return sum(map(len, self._hashes))

    def _keep(self, hashes: NDArray[np.int64]) -> None:
        self._hashes.append(hashes)
        self._waiting += len(hashes)
        if self._waiting > MOST_REPEATED + len(self._hashes[0]):
            self._compact()

    def _compact(self) -> None:
        if self._waiting:
            self._hashes = [distinct_of(np.concatenate(self._hashes))]
            self._waiting = 0


@dataclass(slots=True)
class DistinctNumbers:
    """Counts different numbers, 8 bytes each."""

    _parts: list[NDArray[np.int64]] = field(default_factory=list)
    _waiting: int = 0

    def add(self, numbers: NDArray[np.int64]) -> None:
        """Add numbers; `NO_GROUP` is none."""
        self._parts.append(numbers[numbers != NO_GROUP])
        self._waiting += len(self._parts[-1])
        if self._waiting > MOST_REPEATED + len(self._parts[0]):
            self.count()

    def count(self) -> int:
        """Count the different ones."""
        if self._waiting:
            self._parts = [distinct_of(np.concatenate(self._parts))]
            self._waiting = 0
        return sum(map(len, self._parts))


@dataclass(frozen=True, slots=True)
class Counted:
    """One value.

    Attributes:
        weight: Of the rows that have it; a row that has it twice counts once.
        groups: Number of groups with such a row.
    """

    weight: int
    groups: int


@dataclass(slots=True)
class ValueCounter:
    """Counts the values of one attribute by rows and by groups of rows."""

    _places: dict[Entry, int] = field(default_factory=dict)
    _weights: list[int] = field(default_factory=list)
    _of_groups: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = field(default_factory=list)

    def add(self, column: Column, weights: Weights, groups: NDArray[np.int64]) -> None:
        """Add the rows of a column; one without weight counts in no group."""
        table = np.array([self._places.setdefault(entry, len(self._places)) for entry in column.entries], np.int64)
        self._weights.extend([0] * (len(self._places) - len(self._weights)))
        for place, weight in zip(table.tolist(), weigh(column, weights), strict=True):
            self._weights[place] += weight
        counts = (weights > 0) & (groups != NO_GROUP)
        codes, its_groups = table[column.codes[counts]], groups[counts]
        if len(column.entries) == 1:
            its_groups = distinct_of(its_groups)
            codes = codes[: len(its_groups)]
        self._of_groups.append((codes, its_groups))

    def weights(self) -> Mapping[Entry, int]:
        """Give the weight of each entry that any row with a weight has."""
        return {entry: weight for entry, weight in zip(self._places, self._weights, strict=True) if weight}

    def count(self) -> dict[str, Counted]:
        """Give what was counted of each value; an empty text is none."""
        numbers: dict[str, int] = {}
        values = [
            [numbers.setdefault(value, len(numbers)) for value in dict.fromkeys(values_of(entry) or ()) if value]
            for entry in self._places
        ]
        weights = [0] * len(numbers)
        for of_entry, weight in zip(values, self._weights, strict=True):
            for number in of_entry:
                weights[number] += weight
        groups = self._count_groups(values, len(numbers))
        counted = zip(numbers, weights, groups.tolist(), strict=True)
        return {value: Counted(weight, of_groups) for value, weight, of_groups in counted if weight}

    def _count_groups(self, values: Sequence[Sequence[int]], value_count: int) -> NDArray[np.int64]:
        """Count the groups of each value, of which several may be in one entry."""
        if not self._of_groups:
            return np.zeros(value_count, np.int64)
        codes, groups = (np.concatenate(parts) for parts in zip(*self._of_groups, strict=True))
        distinct, numbers = np.unique(groups, return_inverse=True)
        entries, numbers = np.divmod(distinct_of(codes * max(len(distinct), 1) + numbers), max(len(distinct), 1))
        lengths = np.array([len(of_entry) for of_entry in values], np.int64)
        flat = np.fromiter(_flatten(values), np.int64)
        repeated = lengths[entries]
        starts = np.repeat(np.cumsum(lengths)[entries] - repeated, repeated)
        within = np.arange(len(starts)) - np.repeat(np.cumsum(repeated) - repeated, repeated)
        pairs = flat[starts + within] * max(len(distinct), 1) + np.repeat(numbers, repeated)
        if int(lengths.max(initial=0)) > 1 or len(flat) > value_count:
            pairs = distinct_of(pairs)
        return np.bincount(pairs // max(len(distinct), 1), minlength=value_count)


def _flatten(values: Sequence[Sequence[int]]) -> Iterator[int]:
    return (number for of_entry in values for number in of_entry)
