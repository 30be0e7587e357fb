"""Counting members that are compared with the instance that is judged: studies within a month of it, say."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from dicom_sieve.columns.chunk import Column, Entry, as_entry, values_of
from dicom_sieve.columns.coded import Coded
from dicom_sieve.columns.combine import combine
from dicom_sieve.columns.compare_near import Nearness, Ordered, count_distinct_between, nearness_of, sum_between
from dicom_sieve.columns.grouped import Members, Sums, bounds_of
from dicom_sieve.columns.judge import values_by_key
from dicom_sieve.columns.lookup import Flags, Numbers, look_up
from dicom_sieve.columns.measure import MAYBE, NO, YES, Collector, count_members, state_of_part
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
    """Counts what is met beside the instance that is judged, once for each different value that it has.

    Where what is asked is an order, as "at most a month before", members are put in it and counted by it. Each pair is
    looked at only of groups where that is not known of all members, as of those that were read in part.
    """

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
        nearness = nearness_of(self._item.where)
        near = None if nearness is None else _Near(self, nearness, members)
        is_near = np.zeros(len(owners), np.bool_) if near is None else near.may_answer(owners)
        low, high = self._count_pairs(numbers, owners[~is_near], members)
        if near is not None and is_near.any():
            places = np.searchsorted(numbers, owners[is_near, 1])
            low[places], high[places] = near.count(owners[is_near], self._item.measure)
        no = np.zeros(len(numbers), np.bool_)
        return numbers, column_of_counts(low, high, no, no)

    def _count_pairs(self, numbers: Numbers, owners: Numbers, members: Numbers) -> tuple[Numbers, Numbers]:
        """Count by looking at each pair: what is counted for certain, and what may be, for each number of an owner."""
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
            return low.copy(), high.copy()
        return count_members(found, numbers)

    @property
    def owners(self) -> list[tuple[Entry, ...]]:
        """What instances have that are judged, by its number."""
        return list(self._owners)

    @property
    def things(self) -> list[tuple[Entry, ...]]:
        """How far members were read, and what they have, by its number."""
        return list(self._things)

    def values_of(self, member: Sequence[Entry]) -> dict[str, tuple[str, ...]]:
        """Give what is trusted of a member, by key."""
        return dict(self._read_extent(member[0]).trusted(values_by_key(self._asked, member[1:])))

    def judge_beside_others(self, member: Sequence[Entry]) -> int:
        """Tell whether a member meets what is asked without a look at the instance that is judged."""
        extent, attributes = self._read_extent(member[0]), self.values_of(member)
        asked = zip(self._item.where, self._decider.asked, strict=True)
        return state_of_part(
            each.find(attributes, extent.unreadable_from)
            for item, each in asked
            if not any(leaf.has_own for leaf in item.leaves)
        )

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
        self._owners, self._things = collector.owners, collector.things
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


class _Near:
    """Counts members that are near, where that can be told of all members of a group by their order.

    Args:
        collector: Which took the members in.
        nearness: What is asked.
        members: Group, member, number of the values, and instances of each.
    """

    def __init__(self, collector: ComparedMembers, nearness: Nearness, members: Numbers) -> None:
        self._nearness, things = nearness, collector.things
        key, own = nearness.leaves[0].attribute.hex_tag, (as_entry([nearness.base]),)
        positions = [nearness.positions(collector.values_of(thing).get(key)) for thing in things]
        self._ordered = sorted({found[0] for found in positions if len(found) == 1})
        ranks = {position: rank for rank, position in enumerate(self._ordered)}
        self._of_owners = [
            [] if entry == UNKNOWN_ENTRY else nearness.positions(values_of(entry)) for (entry,) in collector.owners
        ]
        # One without any position meets, or does not, beside every instance that has one.
        states = [
            collector.judge_beside_others(thing) if found else collector.judge(own, thing)
            for thing, found in zip(things, positions, strict=True)
        ]
        of_things = np.array([ranks[found[0]] if len(found) == 1 else NO_PLACE for found in positions], np.int64)
        state, place = np.array(states, np.int64)[members[:, 2]], of_things[members[:, 2]]
        self._left = np.unique(members[(state != NO) & (place == NO_PLACE), 0])
        is_near = (state != NO) & (place != NO_PLACE)
        self._members, self._states, self._places = members[is_near], state[is_near], place[is_near]

    def may_answer(self, owners: Numbers) -> Flags:
        """Tell for which instances that are judged, each with its group first, this counts right."""
        has_place = np.array([len(positions) == 1 for positions in self._of_owners], np.bool_)[owners[:, 2]]
        is_left, _ = look_up(owners[:, 0], self._left)
        return np.asarray(has_place & ~is_left)

    def count(self, owners: Numbers, measure: Measure) -> tuple[Numbers, Numbers]:
        """Give what is counted for certain, and what may be."""
        used, codes = np.unique(owners[:, 2], return_inverse=True)
        bounds = [self._nearness.bounds(self._of_owners[number][0], self._ordered) for number in used.tolist()]
        firsts, lasts = np.array(bounds, np.int64)[codes.reshape(-1)].T
        low, high = (
            self._count_of(rows, owners[:, 0], firsts, lasts, measure)
            for rows in (self._states == YES, self._states >= MAYBE)
        )
        return low, high

    def _count_of(self, rows: Flags, groups: Numbers, firsts: Numbers, lasts: Numbers, measure: Measure) -> Numbers:
        members, places = self._members[rows], self._places[rows]
        if measure is not Measure.INSTANCES:
            members, places = members[members[:, 1] != 0], places[members[:, 1] != 0]
        ordered = Ordered(members[:, 0], places, len(self._ordered))
        starts, ends = ordered.between(groups, firsts, lasts)
        if measure is Measure.INSTANCES:
            return sum_between(members[ordered.order, 3], starts, ends)
        return count_distinct_between(members[ordered.order, 1], starts, ends)


NO_PLACE = -1
"""In the place of the place of a position: there is none."""


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
