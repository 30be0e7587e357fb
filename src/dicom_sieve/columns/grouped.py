"""Adding up what rows have, by the groups that they are of, in memory that follows the number of groups."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.lookup import Flags, Numbers

MOST_WAITING = 1 << 20
"""Rows that are kept before those of one group become one."""


@dataclass(slots=True)
class Sums:
    """Adds whole numbers up, by group.

    Args:
        width: How many numbers each row has.
    """

    width: int
    _parts: list[Numbers] = field(default_factory=list)
    _waiting: int = 0

    def add(self, groups: Numbers, *numbers: Numbers) -> None:
        """Add rows: the group of each, and its numbers."""
        rows = _add_up_neighbours(np.stack([groups, *numbers], axis=1))
        self._parts.append(rows)
        self._waiting += len(rows)
        if self._waiting > MOST_WAITING + len(self._parts[0]):
            self._compact()

    def finish(self) -> tuple[Numbers, list[Numbers]]:
        """Give the groups, ascending, and the sums of each."""
        self._compact()
        rows = self._parts[0]
        return rows[:, 0], [rows[:, column] for column in range(1, self.width + 1)]

    def _compact(self) -> None:
        self._parts = [_add_up(np.concatenate([np.zeros((0, self.width + 1), np.int64), *self._parts]))]
        self._waiting = 0


def _add_up(rows: Numbers) -> Numbers:
    """Make one row of all that begin with the same number."""
    if not len(rows):
        return rows
    if (rows[1:, 0] < rows[:-1, 0]).any():  # a difference may need more than 64 bits
        rows = rows[np.argsort(rows[:, 0], kind="stable")]
    return _add_up_neighbours(rows)


def _add_up_neighbours(rows: Numbers) -> Numbers:
    """Make one row of those behind one another that begin with the same number, without sorting."""
    if not len(rows):
        return rows
    starts = np.flatnonzero(np.append(True, rows[1:, 0] != rows[:-1, 0]))
    added: Numbers = np.add.reduceat(rows, starts, axis=0)
    added[:, 0] = rows[starts, 0]
    return added


@dataclass(slots=True)
class Members:
    """The different members of groups, each with the highest rank that it was given with."""

    _parts: list[Numbers] = field(default_factory=list)
    _waiting: int = 0

    def add(self, groups: Numbers, members: Numbers, ranks: NDArray[np.integer]) -> None:
        """Add members: the group of each, its number, and its rank."""
        rows = np.stack([groups, members, ranks.astype(np.int64)], axis=1)
        is_new = np.append(True, (rows[1:] != rows[:-1]).any(axis=1))[: len(rows)]
        rows = rows[is_new]  # the rest is put in order when there is more
        self._parts.append(rows)
        self._waiting += len(rows)
        if self._waiting > MOST_WAITING + len(self._parts[0]):
            self._compact()

    def finish(self) -> tuple[Numbers, Numbers, Numbers]:
        """Give group, number and rank of each, in the order of groups and numbers."""
        self._compact()
        groups, members, ranks = self._parts[0].T
        return groups, members, ranks

    def _compact(self) -> None:
        self._parts = [_first_of_each(np.concatenate([np.zeros((0, 3), np.int64), *self._parts]))]
        self._waiting = 0


def _first_of_each(rows: Numbers) -> Numbers:
    """Make one row of those that have the same group and member: the one with the highest rank."""
    rows = rows[np.lexsort((-rows[:, 2], rows[:, 1], rows[:, 0]))]
    is_first = np.append(True, (np.diff(rows[:, :2], axis=0) != 0).any(axis=1))[: len(rows)]
    first: Numbers = rows[is_first]
    return first


def count_of(groups: Numbers, among: Numbers, counts: Flags | None = None) -> Numbers:
    """Count how often each group occurs.

    Args:
        groups: Those of members, ascending; all are among the others.
        among: All groups, ascending.
        counts: Which of the members count; None: all.
    """
    places = np.searchsorted(among, groups if counts is None else groups[counts])
    counted: Numbers = np.bincount(places, minlength=len(among)).astype(np.int64)
    return counted


def bounds_of(groups: Numbers) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give where each group begins and ends (exclusive) among ascending ones."""
    starts = np.flatnonzero(np.append(True, np.diff(groups) != 0))[: len(groups)]
    return starts, np.append(starts[1:], len(groups))[: len(starts)]
