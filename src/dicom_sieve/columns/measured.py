"""What was measured of groups of instances, and how it stands beside the values of each instance: as a column."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.chunk import Column, Entry, as_entry, same_for_all, values_of
from dicom_sieve.columns.coded import Coded
from dicom_sieve.columns.combine import combine
from dicom_sieve.columns.judge import Block
from dicom_sieve.columns.lookup import Flags, Numbers, look_up
from dicom_sieve.columns.numbers import mix, number_of, numbers_of
from dicom_sieve.criteria.items import CompiledMeasure
from dicom_sieve.criteria.measures import SCOPE_KEYWORDS, Scope
from dicom_sieve.dicom.dictionary import key_of
from dicom_sieve.dicom.identity import digest_identity
from dicom_sieve.dicom.marks import IDENTITY, NOT_KEPT
from dicom_sieve.dicom.vr.value_type import trim
from dicom_sieve.headers.defects import Damage
from dicom_sieve.headers.extent import Extent

ReadsExtent = Callable[[str | None], Extent]
"""Reads how far a row was read."""
UNKNOWN_ENTRY = as_entry([NOT_KEPT])
"""That of what cannot be told."""
PLACES = 6
"""Digits behind the point of lengths, in mm, and angles, in degrees."""
_MILLION = 10**PLACES


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows that are measured: instances, or headers that several of them have.

    Attributes:
        block: Their values.
        series: Number of the series of each; 0: it has none.
        weights: Instances of each.
        is_judged: Whether they are judged by their values.
        are_expected: Whether they are headers whose instances follow, row by row: they tell how many will come.
    """

    block: Block
    series: Numbers
    weights: Numbers
    is_judged: Flags
    are_expected: bool = False

    def take(self, rows: NDArray[np.intp]) -> "Rows":
        """Give some of them, in their order."""
        if len(rows) == len(self.series):
            return self
        return Rows(self.block.take(rows), self.series[rows], self.weights[rows], self.is_judged[rows])


@dataclass(frozen=True, slots=True)
class GroupsOf:
    """Tells which group each instance is of.

    Attributes:
        scope: What the groups are.
        secret: Of the ledger; patients are known by digests with it.
    """

    scope: Scope
    secret: bytes | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that tell it."""
        return tuple(key_of(name) for name in SCOPE_KEYWORDS[self.scope])

    def __call__(self, block: Block, series: Numbers) -> Numbers:
        """Give the number of the group of each row; 0: it is of none."""
        if self.scope is Scope.SERIES:
            return series
        combined = combine([block.coded(key) for key in self.keys], len(block))
        return numbers_of([self._name(entries) for entries in combined.things])[combined.codes]

    def _name(self, entries: Sequence[Entry]) -> str | None:
        texts = [self._text(entry) for entry in entries]
        return "\0".join(texts) if texts[0] else None

    def _text(self, entry: Entry) -> str:
        """Give all values of an attribute: objects may have several where they should have one."""
        values = values_of(entry) or ()
        parts = [] if NOT_KEPT in values else [self._part(text) for text in values]
        return "\\".join(parts) if any(parts) else ""

    def _part(self, text: str) -> str:
        text = trim(text)
        if not text or self.scope is Scope.STUDY or text.startswith(IDENTITY) or self.secret is None:
            return text
        return digest_identity(text, self.secret)


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredValues:
    """The value of one measure, or the step that discards, for each group.

    Attributes:
        groups: Of instances, ascending numbers.
        column: A value each; see `dicom_sieve.criteria.judge_measured.find_measured`.
        groups_of: Tells the group of an instance.
        read_extent: Reads how far a row was read.
        item: The measure; None of a step.
    """

    groups: Numbers
    column: Column
    groups_of: GroupsOf
    read_extent: ReadsExtent
    item: CompiledMeasure | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that rows must have for it."""
        return (*self.groups_of.keys, *own_keys(self.item))

    def column_for(self, block: Block, series: Numbers) -> Column:
        """Give the value for each row."""
        numbers = own_numbers(self.item, block, self.groups_of(block, series), self.read_extent)
        is_known, places = look_up(numbers, self.groups)
        is_known &= numbers != 0
        is_unreached = are_unreached(block, self.groups_of.keys, self.read_extent)
        is_known &= ~is_unreached
        if not len(self.groups) or not (is_known | is_unreached).any():
            return same_for_all(None, len(block))
        nothing = len(self.column.entries)
        codes = np.where(is_known, self.column.codes.astype(np.uint32)[places], np.uint32(nothing))
        codes[is_unreached] = nothing + 1
        return Column((*self.column.entries, None, UNKNOWN_ENTRY), codes).compact()


def own_keys(item: CompiledMeasure | None) -> tuple[str, ...]:
    """Give the keys of what members are compared with: values of the instance that is judged."""
    if item is None:
        return ()
    leaves = [leaf for each in item.where for leaf in each.leaves if leaf.has_own]
    return tuple(sorted({leaf.attribute.hex_tag for leaf in leaves}))


def own_values(item: CompiledMeasure, block: Block, read_extent: ReadsExtent) -> Coded[tuple[Entry, ...]]:
    """Give what members are compared with, of each row; `UNKNOWN_ENTRY` where reading did not come to it."""
    sides = []
    for key in own_keys(item):
        unreached = Coded((False, True), are_unreached(block, [key], read_extent).astype(np.uint8))
        both: list[Coded[Any]] = [block.coded(key), unreached]
        sides.append(combine(both, len(block)).map(lambda pair: UNKNOWN_ENTRY if pair[1] else pair[0]))
    return combine(sides, len(block))


def own_numbers(item: CompiledMeasure | None, block: Block, groups: Numbers, read_extent: ReadsExtent) -> Numbers:
    """Give the numbers under which values stand: those of groups, each with what members are compared with."""
    if item is None or not item.compares:
        return groups
    own = own_values(item, block, read_extent)
    texts = ["\1".join("" if entry is None else f"={entry}" for entry in entries) for entries in own.things]
    of_own = np.array([number_of(text) for text in texts], np.int64)[own.codes]
    return np.where(groups == 0, 0, mix(groups, of_own))


def are_unreached(block: Block, keys: Sequence[str], read_extent: ReadsExtent) -> Flags:
    """Tell in which rows any of some attributes may lie where reading did not come, or counts for nothing."""
    flags: Flags = np.zeros(len(block), np.bool_)
    if block.extents.entries == (None,):
        return flags
    extents = [read_extent(entry) for entry in block.extents.entries]
    for key in keys:
        column = block.columns[key]
        is_absent = np.array([entry is None for entry in column.entries], np.bool_)[column.codes]
        ends = [extent.unreadable_from is not None and extent.unreadable_from <= key for extent in extents]
        is_repeated = [extent.damage is Damage.REPEATED and extent.unreadable_from == key for extent in extents]
        flags |= np.array(ends, np.bool_)[block.extents.codes] & is_absent
        flags |= np.array(is_repeated, np.bool_)[block.extents.codes]
    return flags


def column_of_counts(low: Numbers, high: Numbers, is_unknown: Flags, is_absent: Flags) -> Column:
    """Make the values of groups of what was counted: between two numbers, both included."""
    return _column_of(_entry_of_count, low, high, is_unknown, is_absent)


def _entry_of_count(low: int, high: int, is_unknown: int, is_absent: int) -> Entry:
    if is_unknown:
        return UNKNOWN_ENTRY
    if is_absent:
        return None
    return as_entry([str(low)] if low == high else [str(low), str(high)])


def column_of_lengths(values: NDArray[np.float64], is_unknown: Flags, is_absent: Flags) -> Column:
    """Make the values of groups of what was measured, to `PLACES` digits behind the point."""
    whole = np.where(is_unknown | is_absent, 0, np.round(values * _MILLION)).astype(np.int64)
    return _column_of(_entry_of_length, whole, is_unknown, is_absent)


def _column_of(entry_of: Callable[..., Entry], *numbers: NDArray[Any]) -> Column:
    """Make an entry of each different combination of numbers."""
    distinct, codes = np.unique(np.stack(numbers, axis=1).astype(np.int64), axis=0, return_inverse=True)
    return Column(tuple(entry_of(*kind) for kind in distinct.tolist()), codes.reshape(-1).astype(np.uint32))


def _entry_of_length(whole: int, is_unknown: int, is_absent: int) -> Entry:
    if is_unknown:
        return UNKNOWN_ENTRY
    return None if is_absent else as_entry([written_length(whole)])


def written_length(whole: int) -> str:
    """Write a length or an angle that is given in millionths, without zeros at its end."""
    sign, (before, behind) = "-" if whole < 0 else "", divmod(abs(whole), _MILLION)
    return f"{sign}{before}.{behind:0{PLACES}d}".rstrip("0").rstrip(".")
