"""Counting over the rows of a snapshot, block by block: instances, frames, series, studies, different values."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from decimal import Context, Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.chunk import Column, Entry, values_of
from dicom_sieve.columns.combine import combine
from dicom_sieve.columns.complete import CompleteSeries
from dicom_sieve.columns.facts import Fact, FactState
from dicom_sieve.columns.grouped import Members, Sums, count_of
from dicom_sieve.columns.instance_numbers import missing
from dicom_sieve.columns.judge import BlockJudge, Values, values_by_key
from dicom_sieve.columns.lookup import Flags, Numbers
from dicom_sieve.columns.measured import (
    GroupsOf,
    MeasuredValues,
    ReadsExtent,
    Rows,
    are_unreached,
    column_of_counts,
)
from dicom_sieve.columns.numbers import number_of
from dicom_sieve.criteria import CompiledItem, Decider, Finding
from dicom_sieve.criteria.decide import Found
from dicom_sieve.criteria.items import CompiledMeasure
from dicom_sieve.criteria.judge import values_or_frames
from dicom_sieve.criteria.measures import Measure, Scope
from dicom_sieve.criteria.rule import OWN
from dicom_sieve.dicom.dictionary import Attribute, key_of
from dicom_sieve.dicom.identifying import is_identifying
from dicom_sieve.dicom.identity import digest_identity
from dicom_sieve.dicom.marks import MARKS, NOT_KEPT
from dicom_sieve.dicom.vr.value_type import trim
from dicom_sieve.errors import MalformedValueError

States = NDArray[np.uint8]
NO, MAYBE, YES = 0, 1, 2
"""Whether a member meets what is asked of those that are counted; MAYBE: its header ends before that."""
FRAMES = key_of("NumberOfFrames")
INSTANCE_NUMBER = key_of("InstanceNumber")


class Where:
    """Tells which rows meet all of some criteria; without any, all of them do."""

    def __init__(self, items: Sequence[CompiledItem], secret: bytes | None, read_extent: ReadsExtent) -> None:
        self._decider = Decider(tuple(items), secret)
        self._read_extent = read_extent
        self._judge: BlockJudge[int] = BlockJudge(self._decider.asked, _state_of_whole, self._state_of_part)
        self.keys = self._judge.keys if items else ()
        self._is_all = not items

    def states(self, rows: Rows) -> States:
        """Give `YES`, `NO` or `MAYBE` for each row."""
        if self._is_all:
            return np.full(len(rows.series), YES, np.uint8)
        found = self._judge.judge(rows.block)
        return np.array(found.things, np.uint8)[found.codes]

    def _state_of_part(self, text: str, values: Mapping[str, Values]) -> int:
        extent = self._read_extent(text)
        return state_of_part(
            asked.find(extent.trusted(values), extent.unreadable_from) for asked in self._decider.asked
        )


def _state_of_whole(findings: tuple[Finding, ...]) -> int:
    return YES if all(finding is Finding.MET for finding in findings) else NO


def state_of_part(found: Iterable[Found]) -> int:
    """Tell whether a member that was read in part is counted, from what each item found, and its leaves."""
    state = YES
    for finding, leaves in found:
        if finding is Finding.MET:
            continue
        if finding is Finding.NOT_MET or Finding.UNREACHED not in leaves:
            return NO  # what is not read would not change that
        state = MAYBE
    return state


def count_members(members: Members, groups: Numbers) -> tuple[Numbers, Numbers]:
    """Count the members of each group that are counted for certain, and those that may be."""
    of_members, _, ranks = members.finish()
    return count_of(of_members, groups, ranks >= YES), count_of(of_members, groups, ranks >= MAYBE)


class Collector(ABC):
    """Takes the rows of a snapshot in, and gives the value of one measure for each group.

    Args:
        item: The measure.
        secret: Of the ledger, where anything is compared by keyed digest.
        read_extent: Reads how far a row was read.
    """

    def __init__(self, item: CompiledMeasure, secret: bytes | None, read_extent: ReadsExtent) -> None:
        self._item, self._secret, self._read_extent = item, secret, read_extent
        self._groups_of = GroupsOf(item.scope or Scope.SERIES, secret)
        self._where = Where(item.where, secret, read_extent)

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that it reads, those of measures in its `where` among them."""
        frames = self._item.frame_keys
        made_of = (attribute.hex_tag for attribute in self._item.attributes)
        asked = (key.removeprefix(OWN) for key in self._where.keys)
        return tuple(sorted({*made_of, *frames, *asked, *self._groups_of.keys}))

    def add(self, rows: Rows) -> None:
        """Take rows in; one that is in no group is left out."""
        groups = self._groups_of(rows.block, rows.series)
        is_placed = ~self._unreached(rows, self._groups_of.keys)
        counted = np.flatnonzero(rows.is_judged & is_placed & (groups != 0))
        if len(counted):
            taken = rows.take(counted)
            self._add(groups[counted], taken, self._where.states(taken))

    def expect(self, series: Numbers, instances: Numbers) -> None:
        """Say how many instances of series will come; nothing that is counted needs to know it."""
        del series, instances

    def finish(self) -> Mapping[str, MeasuredValues]:
        """Give the values of all groups, by the key of the measure."""
        groups, column = self._finish()
        return {self._item.key: MeasuredValues(groups, column, self._groups_of, self._read_extent, self._item)}

    def _unreached(self, rows: Rows, keys: Sequence[str]) -> Flags:
        return are_unreached(rows.block, keys, self._read_extent)

    @abstractmethod
    def _add(self, groups: Numbers, rows: Rows, states: States) -> None: ...

    @abstractmethod
    def _finish(self) -> tuple[Numbers, Column]: ...


class Amounts(Collector):
    """Counts instances, or their frames."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._sums = Sums(3)

    def _add(self, groups: Numbers, rows: Rows, states: States) -> None:
        weights, is_unknown = rows.weights, np.zeros(len(groups), np.int64)
        if self._item.measure is Measure.FRAMES:
            frames, is_read = frames_in(rows.block.columns[FRAMES])
            is_read &= ~self._unreached(rows, [FRAMES])
            weights = weights * frames
            is_unknown = (~is_read & (states != NO)).astype(np.int64)
        self._sums.add(groups, weights * (states == YES), weights * (states != NO), is_unknown)

    def _finish(self) -> tuple[Numbers, Column]:
        groups, (low, high, unknown) = self._sums.finish()
        return groups, column_of_counts(low, high, unknown > 0, np.zeros(len(groups), np.bool_))


def frames_in(column: Column) -> tuple[Numbers, Flags]:
    """Give the number of frames of each row, 1 where it says nothing, and whether that can be read."""
    read = [frames_of(entry) for entry in column.entries]
    frames = np.array([1 if number is None else number for number in read], np.int64)
    is_read = np.array([number is not None for number in read], np.bool_)
    return frames[column.codes], is_read[column.codes]


_EXACT = Context(prec=200)
"""More digits than a number has that is read."""
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,19}")
_MOST_FRAMES = 2**31
"""More than any object has (PS3.5 6.2, IS)."""


def frames_of(entry: Entry) -> int | None:
    """Read the number of frames of an object, 1 where it says nothing; None where that cannot be read."""
    texts = [text for text in values_of(entry) or () if trim(text)]
    if not texts:
        return 1
    number = whole_number(texts[0])
    return number if len(texts) == 1 and number is not None and 0 < number < _MOST_FRAMES else None


def whole_number(text: str) -> int | None:
    """Read a whole number of 64 bits; None: it is none."""
    number = int(text) if _WHOLE_NUMBER.fullmatch(text := trim(text)) else None
    return number if number is not None and abs(number) < 2**62 else None


class CountedMembers(Collector):
    """Counts series, or studies, of which an instance meets what is asked."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._members, self._unknown = Members(), Sums(1)
        self._members_of = GroupsOf(Scope.SERIES if self._item.measure is Measure.SERIES else Scope.STUDY, self._secret)

    def _add(self, groups: Numbers, rows: Rows, states: States) -> None:
        members = self._members_of(rows.block, rows.series)
        is_unknown = self._unreached(rows, self._members_of.keys) & (states != NO)
        self._unknown.add(groups, is_unknown.astype(np.int64))
        self._members.add(groups, members, np.where((members == 0) | is_unknown, NO, states))

    def _finish(self) -> tuple[Numbers, Column]:
        groups, (unknown,) = self._unknown.finish()
        low, high = count_members(self._members, groups)
        return groups, column_of_counts(low, high, unknown > 0, np.zeros(len(groups), np.bool_))


class DistinctValues(Collector):
    """Counts the different values of an attribute; of enhanced images those of the frames, where they have it."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._members, self._unknown = Members(), Sums(1)

    def _add(self, groups: Numbers, rows: Rows, states: States) -> None:
        attribute = self._item.counted
        if attribute is None:
            return
        keys = (attribute.hex_tag, *self._item.frame_keys)
        combined = combine([rows.block.coded(key) for key in keys], len(rows.series))
        value = self._item.value
        read = [_numbers_of_values(attribute, value, keys, entries, self._secret) for entries in combined.things]
        is_unknown = np.array([numbers is None for numbers in read])[combined.codes]
        is_unknown |= self._unreached(rows, keys[:1])
        lacks_it = np.array([entries[0] is None for entries in combined.things])[combined.codes]
        is_unknown |= lacks_it & self._unreached(rows, keys[1:])
        is_unknown &= states != NO
        self._unknown.add(groups, is_unknown.astype(np.int64))
        most = max((len(numbers) for numbers in read if numbers), default=0)
        for place in range(most):  # of several values, which only frames have, one after the other
            has_one = np.array([numbers is not None and len(numbers) > place for numbers in read])[combined.codes]
            numbers = np.array([of[place] if of is not None and len(of) > place else 0 for of in read], np.int64)
            taken = np.flatnonzero(has_one & (states != NO))
            self._members.add(groups[taken], numbers[combined.codes][taken], states[taken])

    def _finish(self) -> tuple[Numbers, Column]:
        groups, (unknown,) = self._unknown.finish()
        low, high = count_members(self._members, groups)
        may_be_absent = (low == 0) & (high > 0)
        return groups, column_of_counts(low, high, (unknown > 0) | may_be_absent, high == 0)


def _numbers_of_values(
    attribute: Attribute, value: int | None, keys: Sequence[str], entries: Sequence[Entry], secret: bytes | None
) -> list[int] | None:
    """Give the numbers of the different values of a row; None where they are not all known.

    All values of one element, as those of a position, are one value together, unless one of them is asked for.
    """
    several = values_or_frames(attribute, values_by_key(keys, entries))
    if any(NOT_KEPT in values for values in several):
        return None
    taken = (values if value is None else values[value - 1 : value] for values in several)
    found = dict.fromkeys(_as_compared(attribute, values, secret) for values in taken)
    return [number_of(text) for text in found if text]


def _as_compared(attribute: Attribute, values: Sequence[str], secret: bytes | None) -> str:
    """Give what values that are equal have in common; empty where there is none."""
    parts = [_part(attribute, text, secret) for text in values]
    return "\\".join(parts) if any(parts) else ""


def _part(attribute: Attribute, text: str, secret: bytes | None) -> str:
    if secret is not None and is_identifying(attribute) and trim(text) and text[:1] not in MARKS:
        return digest_identity(text, secret, vr=attribute.vr.code)  # another of its values may lie as a digest
    try:
        value = attribute.vr.parse(text) if text[:1] not in MARKS else text
    except MalformedValueError:
        return trim(text)
    if not isinstance(value, Decimal):
        return str(value)
    return f"{value.normalize(_EXACT):f}" if value else "0"


class MissingNumbers(Collector):
    """Counts the instance numbers that are absent between the first and the last of a series."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._series: CompleteSeries[tuple[Numbers, Fact]] = CompleteSeries(missing)
        self._unknown = Sums(1)

    def expect(self, series: Numbers, instances: Numbers) -> None:
        """See `CompleteSeries.expect`."""
        self._series.expect(series, instances)

    def add(self, rows: Rows) -> None:
        """Take rows in; where one of a series could not be judged, its number may be the one that is missing."""
        super().add(rows)
        broken = np.flatnonzero(~rows.is_judged & (rows.series != 0))
        self._unknown.add(rows.series[broken], np.ones(len(broken), np.int64))

    def _add(self, groups: Numbers, rows: Rows, states: States) -> None:
        column = rows.block.columns[INSTANCE_NUMBER]
        read = [instance_number_of(entry) for entry in column.entries]
        is_unreached = self._unreached(rows, [INSTANCE_NUMBER])
        is_given = np.array([number is not None for number in read])[column.codes] & ~is_unreached
        is_absent = np.array([not any(map(trim, values_of(entry) or ())) for entry in column.entries])[column.codes]
        numbers = np.array([number or 0 for number in read], np.int64)[column.codes]
        lacks = ~is_given & is_absent & ~is_unreached
        is_unknown = (states == MAYBE) | ((states == YES) & ~is_given & ~lacks)
        self._unknown.add(groups, is_unknown.astype(np.int64))
        counts = states == YES
        self._series.add((groups[counts], numbers[counts], is_given[counts]), groups)

    def _finish(self) -> tuple[Numbers, Column]:
        groups, (unknown,) = self._unknown.finish()
        states, counts = np.full(len(groups), FactState.ABSENT, np.uint8), np.zeros(len(groups), np.int64)
        for series, fact in self._series.finish():
            places = np.searchsorted(groups, series)
            states[places] = fact.states
            counts[places] = np.nan_to_num(fact.values).astype(np.int64)
        is_unknown = (unknown > 0) | (states == FactState.UNDECIDED)
        return groups, column_of_counts(counts, counts, is_unknown, (states == FactState.ABSENT) & ~is_unknown)


def instance_number_of(entry: Entry) -> int | None:
    """Read the instance number of an object; None: it has none that is a whole number."""
    texts = [text for text in values_of(entry) or () if trim(text)]
    return whole_number(texts[0]) if len(texts) == 1 else None
