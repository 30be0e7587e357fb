"""What a change changes: series that come in, go out, or of which something else passes; and by which criterion.

Either side is a run, or criteria that are tried on what a run judged. What changed in the bucket between two runs is
told apart from what the criteria changed: an instance that both sides hold changed by criteria alone.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from dicom_sieve.criteria import CompiledItem, Damaged, Decider, Finding, Verdict, asked_attributes, keys_of
from dicom_sieve.errors import LedgerError
from dicom_sieve.headers import Defect
from dicom_sieve.headers.edition import refuse_not_kept
from dicom_sieve.headers.judge import judge_header
from dicom_sieve.ledger import Ledger
from dicom_sieve.ledger.reading.comparison import ComparedRow, ComparedSide, compared_headers, count_read_again
from dicom_sieve.ledger.reading.headers_to_decide import read_extent, read_values
from dicom_sieve.ledger.reading.snapshots import Snapshot, refuse_read_for_less

CACHE_SIZE = 65_536
"""Number of combinations of values that are cached."""


class Change(StrEnum):
    """What becomes of a series."""

    IN = "IN"
    OUT = "OUT"
    CHANGED = "CHANGED"


class Side(StrEnum):
    """One of the two that are compared."""

    A = "A"
    B = "B"


class Reason(NamedTuple):
    """Why an instance counts on one side only.

    Attributes:
        side: The one on which it does not pass; of objects that came or went: on which they are not.
        criterion: The number of the criterion of that side which discards it, from 1; None: none does.
        finding: What that criterion found.
        defect: Why that side did not judge the object. Without it and without a criterion: the object is not there.
    """

    side: Side
    criterion: int | None = None
    finding: Finding | None = None
    defect: Defect | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """One side.

    Attributes:
        name: A run's id, or a file.
        snapshot: What is judged.
        criteria: By which it is judged.
        run_number: Of the run; None where criteria are tried.
        damaged: What becomes of damaged objects where criteria are tried.
    """

    name: str
    snapshot: Snapshot
    criteria: tuple[CompiledItem, ...]
    run_number: int | None = None
    damaged: Damaged = Damaged.DISCARD


@dataclass(slots=True)
class SeriesSide:
    """How a series stands on one side.

    Attributes:
        instances: Of it that were judged.
        passed: Of these, passed.
    """

    instances: int = 0
    passed: int = 0

    def add(self, instances: int, said: "_Verdict") -> int:
        """Add the instances of a header, and give how many of them this side judges."""
        judged = instances if said.is_judged else 0
        self.instances += judged
        self.passed += judged * said.passed
        return judged

    @property
    def selection(self) -> str | None:
        """``WHOLE``, ``PARTIAL`` or ``NONE``, as the view ``series_decision`` has it; None: the series is not there."""
        if not self.instances:
            return None
        return "WHOLE" if self.passed == self.instances else "PARTIAL" if self.passed else "NONE"


@dataclass(frozen=True, slots=True)
class SeriesChange:
    """A series of which not the same passes on both sides.

    Attributes:
        series_instance_uid: Which.
        study_instance_uid: Its study; None where unknown.
        change: In a word.
        a: How it stands on the first side.
        b: How on the second.
        reasons: Why, with the number of instances; one that several criteria discard counts for each.
    """

    series_instance_uid: str
    study_instance_uid: str | None
    change: Change
    a: SeriesSide
    b: SeriesSide
    reasons: Counter[Reason]


@dataclass(slots=True)
class Summary:
    """All series together.

    Attributes:
        passed: Instances that pass, by side.
        came_in: Instances that both sides hold and the second alone lets pass.
        went_out: And the first alone.
        arrived: Instances that pass, and that the first side does not hold.
        left: And the second does not.
        series: How many, by change, and by how they stand on either side.
        reasons: Of all series that changed; see `SeriesChange`.
        read_again: Objects that were read again between the two sides, because their headers were read for less. They
            have other headers on either side, and count as gone and come.
    """

    passed: Counter[Side] = field(default_factory=Counter)
    came_in: int = 0
    went_out: int = 0
    arrived: int = 0
    left: int = 0
    series: Counter[tuple[Change, str | None, str | None]] = field(default_factory=Counter)
    reasons: Counter[Reason] = field(default_factory=Counter)
    read_again: int = 0


def compare(ledger: Ledger, a: Compared, b: Compared, summary: Summary) -> Iterator[SeriesChange]:
    """Give every series of which not the same passes on both sides, in the order of their UIDs. Flat memory.

    Args:
        ledger: Where both are.
        a: One side.
        b: The other.
        summary: An empty one; it is complete after the last series.

    Raises:
        LedgerError: The sides are of different locations, or criteria are tried on headers that were not all read for
            what they ask for.
    """
    if a.snapshot.location_id != b.snapshot.location_id:
        raise LedgerError(
            f"{a.name} is about {a.snapshot.place} and {b.name} about {b.snapshot.place}: "
            "what is compared must be of one location"
        )
    for side in (a, b):
        if side.run_number is None:
            refuse_not_kept(side.criteria)
            refuse_read_for_less(ledger.engine, side.snapshot, asked_attributes(side.criteria))
    summary.read_again = count_read_again(ledger.engine, a.snapshot, b.snapshot)
    return _changes(ledger, a, b, summary)


def _changes(ledger: Ledger, a: Compared, b: Compared, summary: Summary) -> Iterator[SeriesChange]:
    asked = [
        ComparedSide(
            selected.snapshot, selected.run_number, keys_of(selected.criteria) if selected.run_number is None else ()
        )
        for selected in (a, b)
    ]
    reads = _reads(a), _reads(b)
    for series_uid, rows in groupby(compared_headers(ledger.engine, *asked), key=lambda row: row[0]):
        if changed := _compare_series(series_uid, rows, reads, summary):
            summary.series[changed.change, changed.a.selection, changed.b.selection] += 1
            summary.reasons.update(changed.reasons)
            yield changed


class _Verdict(NamedTuple):
    """What one side says of a header: nothing where it does not hold it.

    The defect is why there are no findings.
    """

    is_judged: bool
    passed: bool
    findings: tuple[Finding, ...]
    defect: Defect | None


_Reads = Callable[[str | None, str | None, str | None], _Verdict]
"""From what the ledger has of a side, its recorded verdict, and how far the header was read."""


def _reads(side: Compared) -> _Reads:
    """Give what reads a side's decision on a header, or makes it."""
    if side.run_number is not None:
        return _read_decision
    decider, tags = Decider(side.criteria), keys_of(side.criteria)

    @lru_cache(CACHE_SIZE)
    def decide(values: str | None, _: str | None, text: str | None) -> _Verdict:
        extent = read_extent(text)
        decision = judge_header(decider, extent, read_values(values or "[]", tags), side.damaged)
        defect = None if decision.findings else extent.defect
        return _Verdict(True, decision.verdict is Verdict.PASSED, decision.findings, defect)

    return decide


@lru_cache(CACHE_SIZE)
def _read_decision(findings: str | None, verdict: str | None, text: str | None) -> _Verdict:
    found = tuple(map(Finding, json.loads(findings or "[]")))
    return _Verdict(verdict is not None, verdict == Verdict.PASSED, found, None if found else read_extent(text).defect)


def _compare_series(
    series_uid: str, rows: Iterable[ComparedRow], reads: tuple[_Reads, _Reads], summary: Summary
) -> SeriesChange | None:
    """Compare the headers of one series; None where the same passes on both sides."""
    a, b, reasons, studies = SeriesSide(), SeriesSide(), Counter[Reason](), set[str]()
    for _, study_uid, extent, held_a, held_b, text_a, verdict_a, text_b, verdict_b in rows:
        said_a, said_b = reads[0](text_a, verdict_a, extent), reads[1](text_b, verdict_b, extent)
        in_a, in_b = a.add(held_a, said_a), b.add(held_b, said_b)
        _explain(summary, reasons, (said_a, in_a), (said_b, in_b))
        studies |= {study_uid} if study_uid else set()
    summary.passed[Side.A] += a.passed
    summary.passed[Side.B] += b.passed
    if not (a.passed or b.passed) or not reasons:
        return None
    change = Change.CHANGED if a.passed and b.passed else Change.IN if b.passed else Change.OUT
    return SeriesChange(series_uid, min(studies, default=None), change, a, b, reasons)


def _explain(summary: Summary, reasons: Counter[Reason], a: tuple[_Verdict, int], b: tuple[_Verdict, int]) -> None:
    """Count what became of the instances of one header, and why."""
    (said_a, in_a), (said_b, in_b) = a, b
    kept = min(in_a, in_b)
    if kept and said_a.passed != said_b.passed:
        side, said = (Side.A, said_a) if said_b.passed else (Side.B, said_b)
        summary.came_in += kept * said_b.passed
        summary.went_out += kept * said_a.passed
        for number, finding in enumerate(said.findings, 1):
            if finding is not Finding.MET:
                reasons[Reason(side, number, finding)] += kept
        if said.defect is not None:
            reasons[Reason(side, defect=said.defect)] += kept
    if arrived := in_b - kept:
        reasons[Reason(Side.A)] += arrived
        summary.arrived += arrived * said_b.passed
    if left := in_a - kept:
        reasons[Reason(Side.B)] += left
        summary.left += left * said_a.passed
