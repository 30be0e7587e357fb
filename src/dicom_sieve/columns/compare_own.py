"""Counting members that are compared with the instance that is judged: studies within a month of it, say."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from dicom_sieve.columns.chunk import Column, Entry
from dicom_sieve.columns.coded import Coded
from dicom_sieve.columns.combine import combine
from dicom_sieve.columns.grouped import Members, Sums, bounds_of
from dicom_sieve.columns.judge import values_by_key
from dicom_sieve.columns.lookup import Numbers
from dicom_sieve.columns.measure import NO, YES, Collector, count_members, state_of_part
from dicom_sieve.columns.measured import (
    UNKNOWN_ENTRY,
    GroupsOf,
    ReadsExtent,
    Rows,
    column_of_counts,
    own_keys,
    own_numbers,
    own_values,
)
from dicom_sieve.criteria import Decider, Finding
from dicom_sieve.criteria.decide import Found
from dicom_sieve.criteria.items import CompiledMeasure
from dicom_sieve.criteria.measures import Measure, Scope
from dicom_sieve.criteria.rule import OWN

MOST_PAIRS = 1 << 20
"""Of members and instances that they are compared with, at a time."""
_Things = dict[tuple[Entry, ...], int]
"""Values, and how far a row was read, with a number each."""


class ComparedMembers(Collector):
    """Counts what is met beside the instance that is judged, once for each different value that it has."""

    def __init__(self, item: CompiledMeasure, secret: bytes | None, read_extent: ReadsExtent) -> None:
        super().__init__(item, secret, read_extent)
        self._decider = Decider(item.where, secret)
        self._members_of = GroupsOf(Scope.STUDY if item.measure is Measure.STUDIES else Scope.SERIES, secret)
        self._own_keys = own_keys(item)
        self._asked = tuple(key for key in self._where.keys if not key.startswith(OWN))
        self._things: _Things = {}
        self._owners: _Things = {}
        self._rows: list[Numbers] = []
        self._of_owners: list[Numbers] = []

    def add(self, rows: Rows) -> None:
        """Take rows in: each is a member, and judged by what is met beside it."""
        groups = self._groups_of(rows.block, rows.series)
        is_placed = ~self._unreached(rows, self._groups_of.keys)
        places = np.flatnonzero(rows.is_judged & is_placed & (groups != 0))
        if not len(places):
            return
        taken, groups = rows.take(places), groups[places]
        members = self._members_of(taken.block, taken.series)
        codes = _number(taken, self._asked, self._things)
        of_each = np.stack([groups, members, codes, taken.weights], axis=1)
        self._rows.append(_together(of_each))
        owners = own_numbers(self._item, taken.block, groups, self._read_extent)
        own = own_values(self._item, taken.block, self._read_extent)
        owned = np.stack([groups, owners, _numbered(own, self._owners)], axis=1)
        self._of_owners.append(np.unique(owned, axis=0))

    def _add(self, groups: Numbers, rows: Rows, states: Any) -> None:
        raise NotImplementedError  # `add` takes rows in by itself

    def _finish(self) -> tuple[Numbers, Column]:
        members = _together(np.concatenate([np.zeros((0, 4), np.int64), *self._rows]))
        owners = np.unique(np.concatenate([np.zeros((0, 3), np.int64), *self._of_owners]), axis=0)
        numbers = np.unique(owners[:, 1])
        sums, found = Sums(2), Members()
        states = _States(self)
        nothing = np.zeros(len(numbers), np.int64)
        sums.add(numbers, nothing, nothing)
        for of_owners, of_members in _pairs(owners[:, 0], members[:, 0]):
            state = states.of(owners[of_owners, 2], members[of_members, 2])
            owner, weights = owners[of_owners, 1], members[of_members, 3]
            order = np.argsort(owner, kind="stable")
            sums.add(owner[order], (weights * (state == YES))[order], (weights * (state != NO))[order])
            has_member = members[of_members, 1] != 0
            found.add(owner, members[of_members, 1], np.where(has_member, state, NO))
        if self._item.measure is Measure.INSTANCES:
            _, (low, high) = sums.finish()
        else:
            low, high = count_members(found, numbers)
        no = np.zeros(len(numbers), np.bool_)
        return numbers, column_of_counts(low, high, no, no)

    def judge(self, own: Sequence[Entry], member: Sequence[Entry]) -> int:
        """Tell whether a member meets what is asked beside an instance; of the member first how far it was read."""
        extent = self._read_extent(member[0])
        values = values_by_key(self._asked, member[1:])
        attributes = {**extent.trusted(values), **values_by_key([f"{OWN}{key}" for key in self._own_keys], own)}
        unknown = {key for key, entry in zip(self._own_keys, own, strict=True) if entry == UNKNOWN_ENTRY}
        found: list[Found] = []
        for item, asked in zip(self._item.where, self._decider.asked, strict=True):
            if any(leaf.has_own and leaf.attribute.hex_tag in unknown for leaf in item.leaves):
                found.append((Finding.UNDECIDED, (Finding.UNREACHED,)))
            else:
                found.append(asked.find(attributes, extent.unreadable_from))
        return state_of_part(found)


class _States:
    """Judges each different pair of an instance and a member once."""

    def __init__(self, collector: ComparedMembers) -> None:
        self._collector = collector
        self._owners, self._things = list(collector._owners), list(collector._things)
        self._known: dict[tuple[int, int], int] = {}

    def of(self, owners: Numbers, members: Numbers) -> Numbers:
        """Give the state of pairs."""
        width = max(len(self._things), 1)
        distinct, codes = np.unique(owners * width + members, return_inverse=True)
        states = [self._state(*divmod(pair, width)) for pair in distinct.tolist()]
        return np.array(states, np.int64)[codes]

    def _state(self, owner: int, member: int) -> int:
        state = self._known.get((owner, member))
        if state is None:
            state = self._known[owner, member] = self._collector.judge(self._owners[owner], self._things[member])
        return state


def _number(rows: Rows, keys: Sequence[str], things: _Things) -> Numbers:
    """Give a number for what each row has: how far it was read, and its values."""
    extents = Coded(rows.block.extents.entries, rows.block.extents.codes)
    return _numbered(combine([extents, *map(rows.block.coded, keys)], len(rows.series)), things)


def _numbered(combined: Coded[tuple[Entry, ...]], things: _Things) -> Numbers:
    return np.array([things.setdefault(thing, len(things)) for thing in combined.things], np.int64)[combined.codes]


def _together(rows: Numbers) -> Numbers:
    """Make one row of those with the same group, member and values; instances are added up."""
    if not len(rows):
        return rows
    rows = rows[np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))]
    starts = np.flatnonzero(np.append(True, (np.diff(rows[:, :3], axis=0) != 0).any(axis=1)))
    together = rows[starts].copy()
    together[:, 3] = np.add.reduceat(rows[:, 3], starts)
    return together


def _pairs(owners: Numbers, members: Numbers) -> Iterator[tuple[Numbers, Numbers]]:
    """Give the places of all pairs of one group, some groups at a time; both ascend by group."""
    starts, ends = bounds_of(owners)
    first, last = np.searchsorted(members, owners[starts]), np.searchsorted(members, owners[starts], "right")
    ahead = np.cumsum((ends - starts) * (last - first))
    begin = 0
    while begin < len(starts):
        done = int(ahead[begin - 1]) if begin else 0
        end = max(int(np.searchsorted(ahead, done + MOST_PAIRS, "right")), begin + 1)
        yield _cross(starts[begin:end], ends[begin:end], first[begin:end], last[begin:end])
        begin = end


def _cross(starts: Any, ends: Any, first: Any, last: Any) -> tuple[Numbers, Numbers]:
    """Give all pairs of the places from each start to its end with those from each first to its last."""
    widths, heights = last - first, ends - starts
    left = np.concatenate([np.zeros(0, np.int64), *map(np.arange, starts, ends)])
    left = np.repeat(left, np.repeat(widths, heights))
    each = np.repeat(widths, heights)
    begins = np.repeat(np.repeat(first, heights), each)
    within = np.arange(len(left)) - np.repeat(np.cumsum(each) - each, each)
    return left, begins + within
