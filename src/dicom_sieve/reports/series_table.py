"""What a report keeps of each series while it reads headers: some tens of bytes, for a million of them."""

from array import array
from collections import Counter
from collections.abc import Iterator

NO_STATE = -1
"""Number of the state of a series before its first header gives it one."""


class SeriesTable:
    """Columns of numbers with a row for each series.

    Attributes:
        states: The number of a series' state; see `SeriesStates`.
        owners: What stands for the study and the patient of the series' first header.
        passed: Instances that passed.
    """

    def __init__(self) -> None:
        self._rows: dict[int, int] = {}
        self.states, self.owners, self.passed = array("l"), array("q"), array("q")

    def row_of(self, series: str, owner: int) -> int:
        """Give the row of a series, which is added when it is new."""
        row = self._rows.setdefault(hash(series), len(self.states))  # a text of 64 characters takes thrice the memory
        if row == len(self.states):
            self.states.append(NO_STATE)
            self.owners.append(owner)
            self.passed.append(0)
        return row

    def by_state(self) -> Counter[int]:
        """Count series by state."""
        return Counter(self.states)

    def passed_by_state(self) -> Iterator[tuple[int, int]]:
        """Give state and instances that passed of each series."""
        return zip(self.states, self.passed, strict=True)

    def __len__(self) -> int:
        return len(self.states)
