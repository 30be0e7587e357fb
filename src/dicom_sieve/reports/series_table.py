"""What a report keeps of each series while it reads headers: some tens of bytes, for a million of them."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.count import distinct_of
from dicom_sieve.columns.lookup import Flags, Numbers

FEWEST_WAITING = 1 << 20
"""Headers, or objects, that wait before they are added up."""
_HIGHEST = 2**63 - 1
Merge = Callable[[int, int], int]
"""Gives the number of the state of a series that has the instances of two states; see `SeriesStates.merge`."""


@dataclass(frozen=True, slots=True, eq=False)
class SeriesRows:
    """Headers with what they say of their series, or series that these were added up to.

    Attributes:
        series: Number of the series.
        studies: Number of the study; 0: none is named; of a series one of those that its headers name.
        patients: Number of the patient, likewise.
        several_studies: Whether headers of the series name different ones.
        several_patients: Likewise.
        states: The number of the state, see `SeriesStates`.
        passed: Instances that passed.
        headers: Id of the header; of a series that of its first.
    """

    series: Numbers
    studies: Numbers
    patients: Numbers
    several_studies: Flags
    several_patients: Flags
    states: Numbers
    passed: Numbers
    headers: Numbers


def _no_rows() -> SeriesRows:
    nothing, no_flags = np.zeros(0, np.int64), np.zeros(0, np.bool_)
    return SeriesRows(nothing, nothing, nothing, no_flags, no_flags, nothing, nothing, nothing)


@dataclass(slots=True)
class SeriesTable:
    """The series of the headers that were added, each once.

    Attributes:
        merge: Gives the state of a series that has the instances of two.
    """

    merge: Merge
    _rows: SeriesRows = field(default_factory=_no_rows)
    _waiting: list[SeriesRows] = field(default_factory=list)
    _waiting_rows: int = 0

    def add(self, rows: SeriesRows) -> None:
        """Add headers that have a series."""
        self._waiting.append(rows)
        self._waiting_rows += len(rows.series)
        if self._waiting_rows > max(FEWEST_WAITING, len(self._rows.series)):
            self.rows()

    def rows(self) -> SeriesRows:
        """Give the series."""
        if self._waiting:
            self._rows = _added_up([self._rows, *self._waiting], self.merge)
            self._waiting.clear()
            self._waiting_rows = 0
        return self._rows

    def by_state(self) -> Counter[int]:
        """Count series by state."""
        states, counts = np.unique(self.rows().states, return_counts=True)
        return Counter(dict(zip(states.tolist(), counts.tolist(), strict=True)))


def _added_up(parts: Sequence[SeriesRows], merge: Merge) -> SeriesRows:
    """Give each series once."""
    joined = [np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(SeriesRows)]
    order = np.argsort(joined[0], kind="stable")
    rows = SeriesRows(*(column[order] for column in joined))
    if not len(order):
        return rows
    starts = np.append(0, np.flatnonzero(rows.series[1:] != rows.series[:-1]) + 1)
    lengths = np.diff(starts, append=len(order))
    states = rows.states[starts]
    studies, several_studies = _named(rows.studies, rows.several_studies, starts)
    patients, several_patients = _named(rows.patients, rows.several_patients, starts)
    is_changed = rows.states != np.repeat(states, lengths)
    of_series = np.repeat(np.arange(len(starts)), lengths)
    _merge_into(states, of_series[is_changed], rows.states[is_changed], merge)
    return SeriesRows(
        rows.series[starts],
        studies,
        patients,
        several_studies,
        several_patients,
        states,
        np.add.reduceat(rows.passed, starts),
        rows.headers[starts],
    )


def _named(numbers: Numbers, are_several: Flags, starts: NDArray[np.intp]) -> tuple[Numbers, Flags]:
    """Give one of the numbers of each series, 0 where it has none, and whether it has different ones."""
    is_named = numbers != 0
    lowest = np.minimum.reduceat(np.where(is_named, numbers, _HIGHEST), starts)
    highest = np.maximum.reduceat(np.where(is_named, numbers, -_HIGHEST), starts)
    several: Flags = np.logical_or.reduceat(are_several, starts) | (lowest < highest)
    return np.where(np.logical_or.reduceat(is_named, starts), highest, 0), several


def _merge_into(states: Numbers, places: NDArray[np.intp], more: Numbers, merge: Merge) -> None:
    """Merge further states into those of some series."""
    width = int(more.max(initial=0)) + 1
    pairs = distinct_of(places.astype(np.int64) * width + more)
    changed, others = np.divmod(pairs, width)
    for place, other in zip(changed.tolist(), others.tolist(), strict=True):
        states[place] = merge(int(states[place]), other)
