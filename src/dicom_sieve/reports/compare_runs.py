"""What a change changes: series that come in, go out, or of which something else passes; and by which criterion.

Either side is a run, or criteria that are tried on what a run judged. What changed in the bucket between two runs is
told apart from what the criteria changed: an instance that both sides hold changed by criteria alone.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.coded import Coded
from dicom_sieve.columns.combine import combine, join
from dicom_sieve.columns.lookup import Flags, Numbers, look_up
from dicom_sieve.criteria import CompiledItem, Damaged, Finding, attributes_read_for
from dicom_sieve.errors import LedgerError
from dicom_sieve.headers import Defect
from dicom_sieve.headers.edition import refuse_not_kept
from dicom_sieve.ledger import Ledger
from dicom_sieve.ledger.reading.comparison import ComparedBlock, compared_blocks, count_read_again, uids_of
from dicom_sieve.ledger.reading.measured import measure
from dicom_sieve.ledger.reading.secret import secret_for
from dicom_sieve.ledger.reading.snapshots import Snapshot, refuse_read_for_less
from dicom_sieve.reports.compared_sides import CriteriaSay, RunSays, Said, Says


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

    def add(self, instances: int, said: "Said") -> int:
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
    """Give every series of which not the same passes on both sides, in the order of their UIDs.

    Some 50 bytes a header are in memory, and the UIDs of series that change.

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
            refuse_read_for_less(ledger.engine, side.snapshot, attributes_read_for(side.criteria))
    summary.read_again = count_read_again(ledger.engine, a.snapshot, b.snapshot)
    return _changes(ledger, a, b, summary)


def _changes(ledger: Ledger, a: Compared, b: Compared, summary: Summary) -> Iterator[SeriesChange]:
    table = _say_all(ledger, a, b)
    is_changed = table.in_series_that_change()
    for side, has_passed in zip(Side, table.passed, strict=True):
        summary.passed[side] += int(has_passed[~is_changed].sum())
    for series_uid, rows in _series(ledger, table.take(is_changed)):
        if changed := _compare_series(series_uid, rows, summary):
            summary.series[changed.change, changed.a.selection, changed.b.selection] += 1
            summary.reasons.update(changed.reasons)
            yield changed


_Pair = tuple[Said, Said]


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """What both sides say of all headers that have a series: some 50 bytes each.

    Attributes:
        ids: Of the headers.
        series: Number of the series of each.
        held: Instances of each that either side holds.
        said: By both.
    """

    ids: Numbers
    series: Numbers
    held: tuple[Numbers, Numbers]
    said: Coded[_Pair]

    @property
    def judged(self) -> tuple[Numbers, Numbers]:
        """The instances of each that either side judges."""
        first, second = (np.array([pair[side].is_judged for pair in self.said.things], np.int64) for side in (0, 1))
        return self.held[0] * first[self.said.codes], self.held[1] * second[self.said.codes]

    @property
    def passed(self) -> tuple[Numbers, Numbers]:
        """The instances of each that pass on either side."""
        first, second = (np.array([pair[side].passed for pair in self.said.things], np.int64) for side in (0, 1))
        return self.judged[0] * first[self.said.codes], self.judged[1] * second[self.said.codes]

    def in_series_that_change(self) -> Flags:
        """Tell of each header whether its series has one of which not the same counts on both sides."""
        (in_a, in_b), (passed_a, passed_b) = self.judged, self.passed
        changes: Flags = (in_a != in_b) | (passed_a != passed_b)
        is_changed, _ = look_up(self.series, np.sort(self.series[changes]))
        return is_changed

    def take(self, rows: Flags) -> "_Table":
        """Give some of its headers, in the order of their series."""
        places = np.flatnonzero(rows)
        places = places[np.argsort(self.series[places], kind="stable")]
        held = self.held[0][places], self.held[1][places]
        return _Table(self.ids[places], self.series[places], held, Coded(self.said.things, self.said.codes[places]))


def _say_all(ledger: Ledger, a: Compared, b: Compared) -> _Table:
    """Have both sides say what they say of every header that either holds."""
    says = _says(ledger, a), _says(ledger, b)
    keys = sorted({key for side in says for key in side.keys})
    snapshots, runs = (a.snapshot, b.snapshot), (a.run_number, b.run_number)
    parts = [_said_of(block, says) for block in compared_blocks(ledger.engine, snapshots, runs, keys)]
    if not parts:
        nothing = np.zeros(0, np.int64)
        return _Table(nothing, nothing, (nothing, nothing), Coded((), np.zeros(0, np.uint8)))
    held_a, held_b = (np.concatenate([part.held[side] for part in parts]) for side in (0, 1))
    ids, series = np.concatenate([part.ids for part in parts]), np.concatenate([part.series for part in parts])
    return _Table(ids, series, (held_a, held_b), join([part.said for part in parts]))


def _said_of(block: ComparedBlock, says: tuple[Says, Says]) -> _Table:
    has_series = np.flatnonzero(block.series)
    said = combine([says[side].say(block.values, block.series, block.decided[side]) for side in (0, 1)], len(block.ids))
    pairs = said.map(lambda pair: (pair[0], pair[1]))
    held = block.instances[0][has_series], block.instances[1][has_series]
    return _Table(block.ids[has_series], block.series[has_series], held, Coded(pairs.things, pairs.codes[has_series]))


_Row = tuple[str | None, int, int, _Pair]
"""Study Instance UID; instances that either side holds; what both say."""


def _says(ledger: Ledger, side: Compared) -> Says:
    if side.run_number is not None:
        return RunSays()
    secret, of_snapshot = secret_for(ledger.engine, side.criteria), (side.snapshot.id, side.snapshot.location_id)
    measured = measure(ledger.engine, of_snapshot, side.criteria, side.damaged, secret=secret)
    return CriteriaSay(side.criteria, side.damaged, secret, measured)


def _series(ledger: Ledger, table: _Table) -> Iterator[tuple[str, list[_Row]]]:
    """Give the headers of each series, in the order of their UIDs."""
    starts = np.flatnonzero(np.diff(table.series, prepend=0))
    ends = np.append(starts, len(table.ids))[1:]
    uids, studies = _uids(ledger, table, starts)
    held_a, held_b = (held.tolist() for held in table.held)
    said = [table.said.things[code] for code in table.said.codes.tolist()]
    for series_uid, start, end in sorted(zip(uids, starts.tolist(), ends.tolist(), strict=True)):
        rows = slice(start, end)
        yield series_uid, list(zip(studies[rows], held_a[rows], held_b[rows], said[rows], strict=True))


def _uids(ledger: Ledger, table: _Table, starts: NDArray[np.intp]) -> tuple[list[str], list[str | None]]:
    """Give the UID of each series, and the study of each header; they are read in the order of ids."""
    uids, studies = [""] * len(starts), list[str | None]([None] * len(table.ids))
    order, known = np.argsort(table.ids), dict[str | None, str | None]()
    of_series = (np.searchsorted(starts, order, "right") - 1).tolist()
    read = uids_of(ledger.engine, table.ids[order])
    for row, series, (series_uid, study_uid) in zip(order.tolist(), of_series, read, strict=True):
        uids[series] = series_uid
        studies[row] = known.setdefault(study_uid, study_uid)
    return uids, studies


def _compare_series(series_uid: str, rows: Iterable[_Row], summary: Summary) -> SeriesChange | None:
    """Compare the headers of one series; None where the same passes on both sides."""
    a, b, reasons, studies = SeriesSide(), SeriesSide(), Counter[Reason](), set[str]()
    for study_uid, held_a, held_b, (said_a, said_b) in rows:
        in_a, in_b = a.add(held_a, said_a), b.add(held_b, said_b)
        _explain(summary, reasons, (said_a, in_a), (said_b, in_b))
        studies |= {study_uid} if study_uid else set()
    summary.passed[Side.A] += a.passed
    summary.passed[Side.B] += b.passed
    if not (a.passed or b.passed) or not reasons:
        return None
    change = Change.CHANGED if a.passed and b.passed else Change.IN if b.passed else Change.OUT
    return SeriesChange(series_uid, min(studies, default=None), change, a, b, reasons)


def _explain(summary: Summary, reasons: Counter[Reason], a: tuple[Said, int], b: tuple[Said, int]) -> None:
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
