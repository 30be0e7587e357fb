"""Rows of series that wait until their series has come whole, so that memory follows the series that have not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.grouped import Sums
from dicom_sieve.columns.lookup import Flags, Numbers, look_up

MOST_WAITING = 1 << 19
"""Rows that are kept before those of complete series are worked out."""
Result = TypeVar("Result")
Arrays = Sequence[NDArray[Any]]


@dataclass(slots=True)
class CompleteSeries(Generic[Result]):
    """Keeps rows, and gives those of series that have come whole to a function.

    Attributes:
        work_out: Is given arrays with an element, or a row, for each row that waited; each series comes once.
    """

    work_out: Callable[..., Result]
    _expected: Sums = field(default_factory=lambda: Sums(1))
    _seen: Sums = field(default_factory=lambda: Sums(1))
    _waiting: list[Arrays] = field(default_factory=list)
    _count: int = 0
    _least: int = MOST_WAITING
    _done: list[Result] = field(default_factory=list)

    def expect(self, series: Numbers, instances: Numbers) -> None:
        """Say how many instances will come of series; any number of times, before the first of them."""
        self._expected.add(series, instances)

    def add(self, arrays: Arrays, of_seen: Numbers) -> None:
        """Take rows in.

        Args:
            arrays: Of those that count; the first one has the numbers of their series.
            of_seen: The series of all instances that came, those that do not count among them.
        """
        self._seen.add(of_seen, np.ones(len(of_seen), np.int64))
        self._waiting.append(arrays)
        self._count += len(arrays[0])
        if self._count >= self._least:
            self._work_out(only_complete=True)
            self._least = self._count + MOST_WAITING

    def finish(self) -> list[Result]:
        """Give what was worked out."""
        self._work_out(only_complete=False)
        return self._done

    def _work_out(self, *, only_complete: bool) -> None:
        if not self._waiting:
            return
        arrays = [np.concatenate(parts) for parts in zip(*self._waiting, strict=True)]
        takes = self._is_complete(arrays[0]) if only_complete else np.ones(len(arrays[0]), np.bool_)
        if takes.all():
            self._done.append(self.work_out(*arrays))
            self._waiting, self._count = [], 0
            return
        if takes.any():
            self._done.append(self.work_out(*(array[takes] for array in arrays)))
        rest = [array[~takes] for array in arrays]
        self._waiting, self._count = [rest], len(rest[0])

    def _is_complete(self, series: Numbers) -> Flags:
        expected, (instances,) = self._expected.finish()
        seen, (came,) = self._seen.finish()
        if not len(expected):
            return np.zeros(len(series), np.bool_)
        is_expected, places = look_up(seen, expected)
        is_among, _ = look_up(series, seen[is_expected & (came >= instances[places])])
        return is_among
