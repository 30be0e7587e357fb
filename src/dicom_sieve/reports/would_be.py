"""What would come of criteria, typed: counts that are worked out again at each change of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dicom_sieve.criteria import CompiledItem, Finding
from dicom_sieve.reports.figures import Amount


@dataclass(frozen=True, slots=True)
class Three:
    """Instances by the three answers.

    Attributes:
        passes: That meet it.
        fails: That do not.
        undecided: Of which it cannot be told, most often for want of a value.
    """

    passes: int = 0
    fails: int = 0
    undecided: int = 0

    @property
    def all(self) -> int:
        """All of them."""
        return self.passes + self.fails + self.undecided


def three_of(findings: Mapping[Finding, int]) -> Three:
    """Sort instances by finding into the three answers."""
    passes = findings.get(Finding.MET, 0)
    fails = sum(count for finding, count in findings.items() if finding.is_decided) - passes
    return Three(passes, fails, sum(findings.values()) - passes - fails)


@dataclass(frozen=True, slots=True)
class Only:
    """What one criterion alone discards: near misses.

    Attributes:
        instances: How many.
        series: Of how many series.
        undecided: Instances among them for want of an answer.
    """

    instances: int = 0
    series: int = 0
    undecided: int = 0


@dataclass(frozen=True, slots=True)
class ItemCounts:
    """What one criterion, measure or group would do.

    Attributes:
        item: Which.
        findings: Instances by finding.
        only: What it alone discards; of what lies in a group nothing.
        children: What lies in a group; empty where that is judged as a whole.
    """

    item: CompiledItem
    findings: Mapping[Finding, int]
    only: Only | None = None
    children: tuple["ItemCounts", ...] = ()

    @property
    def three(self) -> Three:
        """The three answers."""
        return three_of(self.findings)


@dataclass(frozen=True, slots=True)
class LeftAfter:
    """What one criterion leaves of what those before it left.

    Attributes:
        three: Of what was left before.
        series: Of which any instance is left.
    """

    three: Three
    series: int


@dataclass(frozen=True, slots=True)
class WouldBe:
    """What would come of criteria.

    Attributes:
        items: What each would do, in their order.
        left: What each leaves.
        judged: What is looked at.
        passed: What would pass.
        unjudged: Objects that cannot be judged, or are not read.
    """

    items: tuple[ItemCounts, ...]
    left: tuple[LeftAfter, ...]
    judged: Amount
    passed: Amount
    unjudged: int


def fell_at(findings: Sequence[Finding]) -> int | None:
    """Give the place of the first criterion that discards; None: all are met."""
    return next((place for place, finding in enumerate(findings) if finding is not Finding.MET), None)


def summed(pairs: Iterable[tuple[Finding, int]]) -> Mapping[Finding, int]:
    """Add up instances by finding."""
    sums: dict[Finding, int] = {}
    for finding, count in pairs:
        sums[finding] = sums.get(finding, 0) + count
    return sums
