"""What would come of criteria, typed: counts that are worked out again at each change of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dicom_sieve.columns.group_codes import GroupsByThing
from dicom_sieve.columns.lookup import Flags
from dicom_sieve.criteria import CompiledItem, Finding
from dicom_sieve.criteria.measures import Scope
from dicom_sieve.reports.figures import Amount

SCOPES = (Scope.SERIES, Scope.STUDY, Scope.PATIENT)


@dataclass(frozen=True, slots=True)
class Three:
    """Instances, or series, by the three answers.

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


def three_by_group(groups: GroupsByThing, among: Flags, answers: Sequence[Finding | None]) -> Three:
    """Sort groups, as series, into the three answers: what most of their rows find does not matter.

    Args:
        groups: Of each thing.
        among: Of each thing whether its rows are looked at.
        answers: Of each thing what its rows find; None: they are not among these.

    Returns:
        A group passes when any row does; it is undecided when no row is decided.
    """
    met = among & np.array([each is Finding.MET for each in answers], np.bool_)
    decided = among & np.array([each is not None and each.is_decided for each in answers], np.bool_)
    passes, all_of_them = groups.count_of(met), groups.count_of(among)
    undecided = all_of_them - groups.count_of(decided) if (among & ~decided).any() else 0
    return Three(passes, all_of_them - passes - undecided, undecided)


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
        by_series: Series by answer: one passes as soon as any instance does, and is undecided where all are; None:
            they were not counted.
    """

    item: CompiledItem
    findings: Mapping[Finding, int]
    only: Only | None = None
    children: tuple["ItemCounts", ...] = ()
    by_series: Three | None = None

    @property
    def three(self) -> Three:
        """The three answers."""
        return three_of(self.findings)


@dataclass(frozen=True, slots=True)
class LeftAfter:
    """What one criterion leaves of what those before it left.

    Attributes:
        three: Of the instances that were left before.
        by_series: Of the series that were left before; one is left as long as any instance of it is.
    """

    three: Three
    by_series: Three


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


@dataclass(frozen=True, slots=True)
class StepLeft:
    """One step of an attrition, as it is drawn.

    Attributes:
        sentence: What is asked.
        three: What it leaves of what was left before: instances, or series.
    """

    sentence: str
    three: Three


def fell_at(findings: Sequence[Finding]) -> int | None:
    """Give the place of the first criterion that discards; None: all are met."""
    return next((place for place, finding in enumerate(findings) if finding is not Finding.MET), None)


def summed(pairs: Iterable[tuple[Finding, int]]) -> Mapping[Finding, int]:
    """Add up instances by finding."""
    sums: dict[Finding, int] = {}
    for finding, count in pairs:
        sums[finding] = sums.get(finding, 0) + count
    return sums


def amount_of(by_scope: Mapping[Scope, GroupsByThing], things: Flags, counted: Sequence[tuple[int, int]]) -> Amount:
    """Give how much the rows of some things are.

    Args:
        by_scope: Which series, studies and patients there are among the rows of each thing.
        things: Which are meant.
        counted: Of each of these its instances and bytes.
    """
    series, studies, patients = (by_scope[scope].count_of(things) for scope in SCOPES)
    instances, size = (sum(part) for part in zip(*counted, strict=True)) if counted else (0, 0)
    return Amount(patients, studies, series, instances, size)
