"""How far a series came through the criteria, as a small number: then a million series cost little."""

from collections.abc import Sequence
from dataclasses import dataclass

from dicom_sieve.criteria import Finding


@dataclass(frozen=True, slots=True)
class SeriesState:
    """What is known of a series.

    Attributes:
        depth: How many criteria in their order its farthest instance met, up to the first that it did not; -1 where
            none of them could be judged.
        by: By which findings the instances that came as far fell out; none where one passed.
        has_excluded: Whether any instance did not pass.
    """

    depth: int
    by: frozenset[Finding]
    has_excluded: bool


_UNJUDGED = SeriesState(-1, frozenset(), has_excluded=True)
PASSED = 0
"""The state of a series all of whose instances passed."""


class SeriesStates:
    """The states that a run's series are in, numbered.

    Args:
        criteria: How many there are.
    """

    def __init__(self, criteria: int) -> None:
        self.criteria = criteria
        self.states = [SeriesState(criteria, frozenset(), has_excluded=False)]
        self._numbers = {self.states[PASSED]: PASSED}
        self._merged: dict[tuple[int, int], int] = {}

    def of(self, findings: Sequence[Finding]) -> int:
        """Give the state of a series all of whose instances have these findings; none: they could not be judged."""
        if not findings:
            return self._number(_UNJUDGED)
        for depth, finding in enumerate(findings):
            if finding is not Finding.MET:
                return self._number(SeriesState(depth, frozenset({finding}), has_excluded=True))
        return PASSED

    def merge(self, left: int, right: int) -> int:
        """Give the state of a series that has the instances of both."""
        number = left if left == right else self._merged.get((left, right))
        if number is None:
            first, second = self.states[left], self.states[right]
            depth = max(first.depth, second.depth)
            by = frozenset[Finding]().union(*(state.by for state in (first, second) if state.depth == depth))
            number = self._merged[left, right] = self._number(
                SeriesState(depth, by, first.has_excluded or second.has_excluded)
            )
        return number

    def selection(self, number: int) -> str:
        """Tell ``WHOLE``, ``PARTIAL`` or ``NONE``."""
        state = self.states[number]
        if state.depth < self.criteria:
            return "NONE"
        return "PARTIAL" if state.has_excluded else "WHOLE"

    def _number(self, state: SeriesState) -> int:
        if state not in self._numbers:
            self._numbers[state] = len(self.states)
            self.states.append(state)
        return self._numbers[state]
