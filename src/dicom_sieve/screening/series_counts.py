"""How many series passed as a whole, in part, or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from dicom_sieve.columns.lookup import Flags, Numbers

_Rows = tuple[Numbers, Numbers, Numbers]
"""Numbers of series, ascending where they were added up; instances that passed, and that were discarded."""
FEWEST_WAITING = 1 << 20
"""Headers that wait before they are added up."""
_HALF_BITS = 31
_HALF = 1 << _HALF_BITS
_NONE = np.zeros(0, np.int64)


@dataclass(slots=True)
class SeriesCounts:
    """Instances of each series that passed, and that were discarded, by the number of the series.

    Some 50 bytes a series, and as much for each header that waits.
    """

    _rows: _Rows = (_NONE, _NONE, _NONE)
    _waiting: list[_Rows] = field(default_factory=list)
    _waiting_rows: int = 0

    def add(self, series: Numbers, has_passed: Flags, instances: Numbers | None = None) -> None:
        """Add the instances of some headers, one each unless they are given; number 0 is no series."""
        if not len(series):
            return
        starts = np.append(0, np.flatnonzero(series[1:] != series[:-1]) + 1)  # rows of a series mostly lie together
        if instances is None:
            passed = np.add.reduceat(has_passed, starts, dtype=np.int64)
            discarded = np.diff(starts, append=len(series)) - passed
        else:
            passed = np.add.reduceat(np.where(has_passed, instances, 0), starts)
            discarded = np.add.reduceat(instances, starts) - passed
        numbers = series[starts]
        is_known = numbers != 0
        self._waiting.append((numbers[is_known], passed[is_known], discarded[is_known]))
        self._waiting_rows += len(numbers)
        if self._waiting_rows > max(FEWEST_WAITING, len(self._rows[0])):
            self._fold()

    def counts(self) -> dict[str, dict[str, int]]:
        """Count series by selection, as the view ``series_decision`` has it, and what passed in them; what is not 0."""
        self._fold()
        _, passed, discarded = self._rows
        whole, partial = (passed > 0) & (discarded == 0), (passed > 0) & (discarded > 0)
        series = {"NONE": (passed == 0) & (discarded > 0), "PARTIAL": partial, "WHOLE": whole}
        return {
            "series": _positive({name: int(np.count_nonzero(those)) for name, those in series.items()}),
            "passed_in": _positive({"PARTIAL": int(passed[partial].sum()), "WHOLE": int(passed[whole].sum())}),
        }

    def _fold(self) -> None:
        """Add up what waits."""
        if self._waiting:
            self._rows = _added_up([self._rows, *self._waiting])
            self._waiting.clear()
            self._waiting_rows = 0


def _added_up(parts: Sequence[_Rows]) -> _Rows:
    """Give each series once."""
    numbers, passed, discarded = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    if not len(numbers):
        return _NONE, _NONE, _NONE
    order = np.argsort(numbers)
    numbers = numbers[order]
    starts = np.append(0, np.flatnonzero(numbers[1:] != numbers[:-1]) + 1)
    if int(passed.sum()) < _HALF and int(discarded.sum()) < _HALF:  # both sums fit into one number
        sums = np.add.reduceat(((passed << _HALF_BITS) | discarded)[order], starts)
        return numbers[starts], sums >> _HALF_BITS, sums & (_HALF - 1)
    return numbers[starts], np.add.reduceat(passed[order], starts), np.add.reduceat(discarded[order], starts)


def _positive(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}
