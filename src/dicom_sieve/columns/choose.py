"""What becomes of what meets all criteria: whole series that are discarded, and one of several that is chosen."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cmp_to_key
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.chunk import Column, Entry, as_entry, column_of, values_of
from dicom_sieve.columns.combine import combine
from dicom_sieve.columns.grouped import Members, Sums
from dicom_sieve.columns.judge import BlockJudge, Values, values_by_key
from dicom_sieve.columns.lookup import Flags, Numbers
from dicom_sieve.columns.measure import YES, Where
from dicom_sieve.columns.measured import GroupsOf, MeasuredValues, ReadsExtent, Rows
from dicom_sieve.criteria import CompiledItem, Decider, Verdict
from dicom_sieve.criteria.decide import UNKNOWN_GROUP
from dicom_sieve.criteria.items import CompiledStep
from dicom_sieve.criteria.judge import values_or_frames
from dicom_sieve.criteria.measures import Scope
from dicom_sieve.dicom.dictionary import PER_FRAME_GROUPS, SHARED_GROUPS, Attribute, key_of
from dicom_sieve.dicom.functional_groups import PATHS
from dicom_sieve.dicom.marks import MARKS
from dicom_sieve.dicom.vr.value_type import trim

UIDS = {
    Scope.SERIES: key_of("SeriesInstanceUID"),
    Scope.STUDY: key_of("StudyInstanceUID"),
}
NO_VALUE = -1
"""The rank of what has no value: behind all others."""


class Passing:
    """Tells which rows meet all criteria, and no step behind them discards."""

    def __init__(self, items: Sequence[CompiledItem], secret: bytes | None, read_extent: ReadsExtent) -> None:
        self._decider, self._read_extent = Decider(tuple(items), secret), read_extent
        self._judge: BlockJudge[bool] = BlockJudge(self._decider.asked, self._whole, self._partly_read)
        self.keys = self._judge.keys

    def flags(self, rows: Rows) -> Flags:
        """Give it for each row."""
        found = self._judge.judge(rows.block)
        passed: Flags = found.flags(bool) & rows.is_judged
        return passed

    def _whole(self, findings: Any) -> bool:
        return self._decider.decision(findings).verdict is Verdict.PASSED

    def _partly_read(self, text: str, values: Mapping[str, Values]) -> bool:
        extent = self._read_extent(text)
        decision = self._decider.decide(extent.trusted(values), extent.unreadable_from)
        return decision.verdict is Verdict.PASSED


class Stepping(Protocol):
    """Takes rows in, and tells what steps of one kind discard."""

    @property
    def keys(self) -> Sequence[str]:
        """The columns that it reads."""

    def add(self, rows: Rows, passed: Flags) -> None:
        """Take rows in, and whether each passes so far."""

    def finish(self) -> MeasuredValues:
        """Give the number of the step that discards each group."""


class WholeSeries:
    """Discards each series of which an instance does not pass."""

    keys: Sequence[str] = ()

    def __init__(self, read_extent: ReadsExtent) -> None:
        self._failed, self._read_extent = Sums(1), read_extent

    def add(self, rows: Rows, passed: Flags) -> None:
        """See `Stepping`."""
        places = np.flatnonzero(rows.series != 0)
        failed = np.where(passed, 0, rows.weights)[places]
        self._failed.add(rows.series[places], failed)

    def finish(self) -> MeasuredValues:
        """See `Stepping`."""
        series, (failed,) = self._failed.finish()
        column = Column((None, as_entry(["1"])), (failed > 0).astype(np.uint8))
        return MeasuredValues(series, column, GroupsOf(Scope.SERIES), self._read_extent)


class Chooser:
    """Chooses one of several: by one preference after the other, at last by the smallest UID.

    Args:
        steps: All of them, in their order.
        secret: Of the ledger.
        read_extent: Reads how far a row was read.
    """

    def __init__(self, steps: Sequence[CompiledStep], secret: bytes | None, read_extent: ReadsExtent) -> None:
        first = steps[0]
        self._read_extent = read_extent
        self._candidates_of = GroupsOf(first.one, secret)
        self._per = GroupsOf(first.per or first.one, secret)
        self._uid = UIDS[first.one]
        self._preferences = [_preference_of(step, secret, read_extent) for step in steps[:-1]]
        self._uids, self._names = Members(), dict[str, int]()
        self._groups = Members()
        more = {key for preference in self._preferences for key in preference.keys}
        self.keys: Sequence[str] = tuple(sorted({*self._candidates_of.keys, *self._per.keys, self._uid, *more}))

    def add(self, rows: Rows, passed: Flags) -> None:
        """See `Stepping`."""
        candidates = self._candidates_of(rows.block, rows.series)
        places = np.flatnonzero(passed & (candidates != 0))
        if not len(places):
            return
        taken, candidates = rows.take(places), candidates[places]
        same = np.zeros(len(places), np.int64)
        self._groups.add(candidates, self._per(taken.block, taken.series), same)
        column = taken.block.columns[self._uid]
        names = [self._names.setdefault((values_of(entry) or ("",))[0], len(self._names)) for entry in column.entries]
        self._uids.add(candidates, np.array(names, np.int64)[column.codes], same)
        for preference in self._preferences:
            preference.add(candidates, taken)

    def finish(self) -> MeasuredValues:
        """See `Stepping`."""
        of_groups, groups, _ = self._groups.finish()
        candidates, first = np.unique(of_groups, return_index=True)  # of several groups the one with the least number
        per = groups[first]
        _, group_codes = np.unique(per, return_inverse=True)
        discarded_by = np.zeros(len(candidates), np.int64)
        is_left = per != 0
        ranks = [preference.ranks(candidates) for preference in self._preferences]
        for number, rank in enumerate([*ranks, self._by_uid(candidates)], 1):
            best = np.full(len(candidates), NO_VALUE - 1, np.int64)
            np.maximum.at(best, group_codes[is_left], rank[is_left])
            falls = is_left & (rank < best[group_codes])
            discarded_by[falls] = number
            is_left &= ~falls
        texts = [None if not number else str(number) for number in discarded_by.tolist()]
        entries: list[Entry] = [None if text is None else as_entry([text]) for text in texts]
        unknown = as_entry([UNKNOWN_GROUP])
        column = column_of(unknown if not group else entry for entry, group in zip(entries, per.tolist(), strict=True))
        return MeasuredValues(candidates, column, self._candidates_of, self._read_extent)

    def _by_uid(self, candidates: Numbers) -> Numbers:
        """Rank candidates by UID, the smallest highest."""
        in_order = {name: place for place, name in enumerate(sorted(self._names, reverse=True))}
        ranks = np.array([in_order[name] for name in self._names], np.int64)
        of_candidates, names, _ = self._uids.finish()
        best = np.zeros(len(candidates), np.int64)
        np.maximum.at(best, np.searchsorted(candidates, of_candidates), ranks[names])
        return best


class _Preference(Protocol):
    @property
    def keys(self) -> Sequence[str]: ...

    def add(self, candidates: Numbers, rows: Rows) -> None: ...

    def ranks(self, candidates: Numbers) -> Numbers: ...


def _preference_of(step: CompiledStep, secret: bytes | None, read_extent: ReadsExtent) -> _Preference:
    if step.meets:
        return _Meeting(Where(step.meets, secret, read_extent))
    return _Ordered(step)


class _Meeting:
    """Prefers what has an instance that meets something."""

    def __init__(self, where: Where) -> None:
        self._where, self.keys = where, where.keys
        self._sums = Sums(1)

    def add(self, candidates: Numbers, rows: Rows) -> None:
        self._sums.add(candidates, (self._where.states(rows) == YES).astype(np.int64))

    def ranks(self, candidates: Numbers) -> Numbers:
        _, (met,) = self._sums.finish()
        del candidates  # every one was given
        return (met > 0).astype(np.int64)


class _Ordered:
    """Prefers what has the highest, or the lowest, value of an attribute or a measure."""

    def __init__(self, step: CompiledStep) -> None:
        self._attribute, self._is_highest = step.attribute, step.is_highest
        self.keys: Sequence[str] = _keys_of(step)
        self._values: dict[Any, int] = {}
        self._members = Members()

    def add(self, candidates: Numbers, rows: Rows) -> None:
        combined = combine([rows.block.coded(key) for key in self.keys], len(rows.series))
        read = [list(self._read(entries)) for entries in combined.things]
        for place in range(max(map(len, read), default=0)):
            has_one = np.array([len(values) > place for values in read])[combined.codes]
            ids = [
                self._values.setdefault(values[place], len(self._values)) if len(values) > place else 0
                for values in read
            ]
            taken = np.flatnonzero(has_one)
            of_rows = np.array(ids, np.int64)[combined.codes][taken]
            self._members.add(candidates[taken], of_rows, np.zeros(len(taken), np.int64))

    def ranks(self, candidates: Numbers) -> Numbers:
        order: NDArray[np.int64] = np.zeros(len(self._values), np.int64)
        ordered = sorted(self._values, key=cmp_to_key(self._compare), reverse=not self._is_highest)
        rank = -1
        for place, value in enumerate(ordered):
            rank += not place or self._compare(ordered[place - 1], value) != 0
            order[self._values[value]] = rank
        of_candidates, ids, _ = self._members.finish()
        best = np.full(len(candidates), NO_VALUE, np.int64)
        np.maximum.at(best, np.searchsorted(candidates, of_candidates), order[ids])
        return best

    def _compare(self, one: Any, other: Any) -> int:
        return (
            int(one > other) - int(one < other) if self._attribute is None else self._attribute.vr.compare(one, other)
        )

    def _read(self, entries: Sequence[Entry]) -> Sequence[Any]:
        if self._attribute is None:
            texts = values_of(entries[0]) or ()
            return [Decimal(texts[0])] if len(texts) == 1 and texts[0][:1] not in MARKS else []
        values = (
            self._attribute.vr.find(text) for text in self._texts(self._attribute, entries) if text[:1] not in MARKS
        )
        return list(dict.fromkeys(value for value in values if value is not None))

    def _texts(self, attribute: Attribute, entries: Sequence[Entry]) -> Sequence[str]:
        several = values_or_frames(attribute, values_by_key(self.keys, entries))
        return [text for values in several for text in values if trim(text)]


def _keys_of(step: CompiledStep) -> Sequence[str]:
    if step.measured is not None:
        return (step.measured.key,)
    if step.attribute is None:
        return ()
    frames = (SHARED_GROUPS, PER_FRAME_GROUPS) if step.attribute.tag in PATHS else ()
    return (step.attribute.hex_tag, *frames)
