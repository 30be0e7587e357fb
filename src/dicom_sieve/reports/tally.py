"""The figures of a report: what a run looked at, where it fell out, and by which values. Pure: rows in, figures out."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dicom_sieve.columns.chunk import Entry, values_of
from dicom_sieve.columns.count import DistinctNumbers
from dicom_sieve.columns.judge import Values
from dicom_sieve.columns.lookup import Numbers
from dicom_sieve.criteria import CompiledCriterion, CompiledItem, Finding, Operation, leaves_of
from dicom_sieve.dicom.vr.date import DA
from dicom_sieve.dicom.vr.value_type import Bin, ValueType, trim
from dicom_sieve.headers import Defect, Extent
from dicom_sieve.ledger.database.extents import read_extent
from dicom_sieve.ledger.reading.conflicts import Conflict
from dicom_sieve.ledger.reading.report import DecidedBlock, Kind
from dicom_sieve.reports.damaged_objects import DamagedTally
from dicom_sieve.reports.distribution import OTHER, Bar, Distribution, distribution_of
from dicom_sieve.reports.figures import Amount, CriterionFigures, Excluded, Figures, Step
from dicom_sieve.reports.series_states import PASSED, SeriesStates
from dicom_sieve.reports.series_table import SeriesRows, SeriesTable

CACHE_SIZE = 65_536
"""Combinations of values that are counted before they are added up, and distinct values that are counted apart."""
MOST_CHARACTERS = 16 * 1024 * 1024
"""Number of characters of the values that are cached before they are added up."""
MAX_CACHED_LENGTH = 512
MOST_VALUES = 64
"""Characters, and values, of one attribute; what has more is read each time, and not counted apart."""
MODIFIED_DATES = "00280303"
"""Longitudinal Temporal Information Modified (PS3.3 C.12.1, PS3.15 annex E): REMOVED, MODIFIED or UNMODIFIED."""
AGE, BIRTH_DATE = "00101010", "00100030"
"""Patient's Age says what birth date and Study Date say together (PS3.3 C.7.2.2); criteria read it, not these."""
"""What archives write where they know no date, and no age."""


_Results = Mapping[tuple[Defect | None, tuple[Finding, ...]], Amount]
"""What came of objects, by defect and findings."""


@dataclass(slots=True)
class _Seen:
    """What one criterion sees in the values of an attribute."""

    bins: tuple[Bin, ...]
    is_placeholder: bool
    equal: frozenset[int]


@dataclass(slots=True)
class _SameValues:
    """Headers with the same findings and the same values, that were read as far."""

    findings: tuple[Finding, ...]
    extent: Extent
    entries: tuple[Entry, ...]
    state: int
    instances: int = 0
    bytes: int = 0


@dataclass(slots=True)
class _Values:
    """Values that one criterion saw, so far."""

    counts: dict[tuple[Bin, ...], list[int]] = field(default_factory=dict)
    rest: list[int] = field(default_factory=lambda: [0, 0])
    placeholders: int = 0
    equal: set[int] = field(default_factory=set)
    known: dict[tuple[str, ...], _Seen] = field(default_factory=dict)

    def add(self, criterion: CompiledCriterion, texts: Sequence[str], instances: int, finding: Finding) -> None:
        """Take in the values of N instances."""
        seen = self.known.get(tuple(texts))
        if seen is None:
            seen = _see(criterion, texts)
            if len(self.known) < CACHE_SIZE and sum(map(len, texts)) <= MAX_CACHED_LENGTH:
                self.known[tuple(texts)] = seen
        self.placeholders += instances * seen.is_placeholder
        self.equal |= seen.equal
        if seen.bins:
            is_new_one = len(self.counts) < CACHE_SIZE and len(seen.bins) <= MOST_VALUES
            is_apart = is_new_one or seen.bins in self.counts
            both = self.counts.setdefault(seen.bins, [0, 0]) if is_apart else self.rest
            both[0] += instances
            both[1] += instances * (finding is Finding.MET)

    def distribution(self, vr: ValueType, min_cell: int) -> Distribution:
        """Give all of them in bars."""
        rest = Bar(OTHER, *self.rest) if self.rest[0] else None
        return distribution_of(self.counts, vr, min_cell, rest)


class Tally:
    """Takes a run's decided headers in, one after the other, and gives figures.

    Series, studies and patients are kept by numbers that stand for them: some 50 bytes a series, 8 each of the others.

    Args:
        criteria: The run's.
    """

    def __init__(self, criteria: Sequence[CompiledItem]) -> None:
        self.criteria = tuple(criteria)
        asked = [criterion.counted_key for criterion in criteria]
        self._age = asked.index(AGE) if AGE in asked else None
        dated = any(leaf.vr == DA for leaf in leaves_of(criteria))
        more = [*([MODIFIED_DATES] if dated else []), *([BIRTH_DATE] if AGE in asked else [])]
        self.tags = tuple(sorted({*filter(None, asked), *more}))
        self._is_dated = dated
        self._states = SeriesStates(len(self.criteria))
        self._series = SeriesTable(self._states.merge)
        self._studies = DistinctNumbers(), DistinctNumbers()  # all, and those of which any instance passed
        self._patients = DistinctNumbers(), DistinctNumbers()
        self._without_patient = 0
        self._cache: dict[Kind, _SameValues] = {}
        self._characters = 0
        self._results: dict[tuple[Defect | None, tuple[Finding, ...]], list[int]] = {}
        self._damaged = DamagedTally(self.criteria)
        self._values = tuple(_Values() for _ in self.criteria)
        self._modified: Counter[str] = Counter()
        self._born_without_age = 0

    def add(self, block: DecidedBlock) -> None:
        """Take headers in."""
        kinds = self._count(block)
        codes = block.kinds.codes[(has_series := block.series != 0)]
        states = np.array([kind.state for kind in kinds], np.int64)[codes]
        is_judged = np.array([bool(kind.findings) for kind in kinds], np.bool_)[codes]
        studies, patients, instances = (
            numbers[has_series] for numbers in (block.studies, block.patients, block.instances)
        )
        passed = states == PASSED
        one = np.zeros(len(codes), np.bool_)
        in_series = np.where(passed, instances, 0)
        self._series.add(
            SeriesRows(
                block.series[has_series],
                studies,
                patients,
                several_studies=one,
                several_patients=one,
                states=states,
                passed=in_series,
                headers=block.headers[has_series],
            )
        )
        for numbers, (every, kept) in ((studies, self._studies), (patients, self._patients)):
            every.add(numbers)
            kept.add(numbers[passed])
        self._without_patient += int(instances[is_judged & (patients == 0)].sum())

    def _count(self, block: DecidedBlock) -> list[_SameValues]:
        """Count the instances of each kind of headers, and give the kinds."""
        kinds = []
        codes, things = block.kinds.codes, block.kinds.things
        instances, sizes = (  # exact: sums of doubles stay below 2 ** 53
            np.bincount(codes, weights, len(things)).astype(np.int64).tolist()
            for weights in (block.instances, block.bytes)
        )
        for key, count, size in zip(things, instances, sizes, strict=True):
            kind = self._cache.get(key) or self._meet(key)
            kind.instances += count
            kind.bytes += size
            kinds.append(kind)
        return kinds

    @property
    def contradicted(self) -> Mapping[Conflict, Numbers]:
        """A header of each series whose headers name several studies, and several patients."""
        rows = self._series.rows()
        several = {
            Conflict.SEVERAL_STUDIES: rows.several_studies,
            Conflict.SEVERAL_PATIENTS: rows.several_patients,
        }
        return {conflict: rows.headers[those] for conflict, those in several.items()}

    @property
    def partial(self) -> Numbers:
        """A header of each series that is PARTIAL."""
        rows = self._series.rows()
        states = [number for number in self._series.by_state() if self._states.selection(number) == "PARTIAL"]
        return rows.headers[np.isin(rows.states, states)]

    def figures(self, listed: int, size: int, min_cell: int, partial: Sequence[str] = ()) -> Figures:
        """Give what came of all of them.

        Args:
            listed: Objects of the run's snapshot.
            size: Their bytes.
            min_cell: See `distribution_of`.
            partial: Some of the series that are PARTIAL.
        """
        self._fold()
        by_state = self._series.by_state()
        results = {how: Amount(0, 0, 0, *of) for how, of in self._results.items()}
        judged = _by_findings(results)
        passed = {findings: of for findings, of in judged.items() if set(findings) <= {Finding.MET}}
        selections = dict.fromkeys(("WHOLE", "PARTIAL", "NONE"), 0)
        for number, series in by_state.items():
            selections[self._states.selection(number)] += series
        studies, kept_studies = (distinct.count() for distinct in self._studies)
        patients, kept_patients = (distinct.count() for distinct in self._patients)
        series = by_state.total()
        return Figures(
            looked_at=Amount(patients, studies, series, listed, size),
            passed=Amount(kept_patients, kept_studies, series - selections["NONE"], _instances(passed), _bytes(passed)),
            discarded=Amount(
                patients - kept_patients,
                studies - kept_studies,
                selections["NONE"],
                _instances(results) - _instances(passed),
                _bytes(results) - _bytes(passed),
            ),
            without_patient=self._without_patient,
            unread=listed - _instances(results),
            defects=_by_defect(results),
            damaged=self._damaged.figures(),
            judged=Amount(patients, studies, self._judged_series(by_state), _instances(judged), _bytes(judged)),
            steps=tuple(self._steps(judged, by_state)),
            criteria=tuple(self._criterion(place, judged, min_cell) for place in range(len(self.criteria))),
            selections=selections,
            passed_in=self._passed_in(),
            partial=tuple(partial),
            modified_dates=dict(sorted(self._modified.items())),
            born_without_age=self._born_without_age,
        )

    def _passed_in(self) -> dict[str, int]:
        """Count the instances that passed by whether all of their series did."""
        rows = self._series.rows()
        partial = int(rows.passed[rows.states != PASSED].sum())
        return {"WHOLE": int(rows.passed.sum()) - partial, "PARTIAL": partial}

    def _judged_series(self, by_state: Mapping[int, int]) -> int:
        """Count the series of which any instance could be judged."""
        return sum(series for number, series in by_state.items() if self._states.states[number].depth >= 0)

    def _meet(self, key: Kind) -> _SameValues:
        """Take note of a kind of headers that was not met before, or not lately."""
        findings, extent, *entries = key
        self._characters += sum(len(entry or "") for entry in entries)
        if len(self._cache) >= CACHE_SIZE or self._characters > MOST_CHARACTERS:
            self._fold()
        found = tuple(Finding(name) for name in json.loads(findings or "[]"))
        kind = _SameValues(found, read_extent(extent), tuple(entries), self._states.of(found))
        self._cache[key] = kind
        return kind

    def _fold(self) -> None:
        """Add up what is remembered."""
        for kind in self._cache.values():
            result = self._results.setdefault((kind.extent.defect, kind.findings), [0, 0])
            result[0] += kind.instances
            result[1] += kind.bytes
            read = zip(self.tags, map(values_of, kind.entries), strict=True)
            attributes: Mapping[str, Values] = {key: values for key, values in read if values is not None}
            self._damaged.add(kind.extent, attributes, kind.findings, kind.instances)
            if kind.findings:
                attributes = kind.extent.trusted(attributes)
                for criterion, finding, values in zip(self.criteria, kind.findings, self._values, strict=True):
                    if isinstance(criterion, CompiledCriterion) and criterion.counted_key is not None:
                        texts = attributes.get(criterion.counted_key, ())
                        values.add(criterion, texts, kind.instances, finding)
                if self._is_dated:
                    named = {trim(value).upper() for value in attributes.get(MODIFIED_DATES, ())}
                    self._modified.update(dict.fromkeys(named & {"MODIFIED", "REMOVED"}, kind.instances))
                if self._age is not None and kind.findings[self._age] in {Finding.ABSENT, Finding.EMPTY}:
                    is_born = any(map(trim, attributes.get(BIRTH_DATE, ())))
                    self._born_without_age += kind.instances if is_born else 0
        self._cache.clear()
        self._characters = 0

    def _steps(self, judged: Mapping[tuple[Finding, ...], Amount], by_state: Mapping[int, int]) -> Iterator[Step]:
        """Go through the criteria in their order."""
        left, series = _instances(judged), self._judged_series(by_state)
        for place in range(len(self.criteria)):
            instances, whole, mixed, undecided = Counter[Finding](), Counter[Finding](), 0, 0
            for findings, amount in judged.items():
                if set(findings[:place]) <= {Finding.MET} and findings[place] is not Finding.MET:
                    instances[findings[place]] += amount.instances
            for number, count in by_state.items():
                state = self._states.states[number]
                if state.depth == place and len(state.by) == 1:
                    whole[next(iter(state.by))] += count
                elif state.depth == place:
                    mixed += count
                    undecided += 0 if any(finding.is_decided for finding in state.by) else count
            left -= instances.total()
            series -= whole.total() + mixed
            fell = tuple(Excluded(kind, instances[kind], whole[kind]) for kind in Finding if instances[kind])
            yield Step(fell, mixed, undecided, left, series)

    def _criterion(self, place: int, judged: Mapping[tuple[Finding, ...], Amount], min_cell: int) -> CriterionFigures:
        criterion, values = self.criteria[place], self._values[place]
        findings, only = Counter[Finding](), 0
        for found, amount in judged.items():
            findings[found[place]] += amount.instances
            if found[place] is not Finding.MET and found.count(Finding.MET) == len(found) - 1:
                only += amount.instances
        counted = criterion if isinstance(criterion, CompiledCriterion) and criterion.counted_key is not None else None
        return CriterionFigures(
            findings={kind.value: findings[kind] for kind in Finding if findings[kind]},
            alone=findings.total() - findings[Finding.MET],
            only=only,
            distribution=values.distribution(counted.vr, min_cell) if counted else Distribution((), None),
            placeholders=values.placeholders,
            unseen=tuple(_unseen(counted, values)) if counted else (),
        )


def _unseen(criterion: CompiledCriterion, values: _Values) -> Iterator[str]:
    """Give the references that no value equals, where a value should."""
    if criterion.operation in {Operation.EQUALS, Operation.IN}:
        yield from (text for number, text in enumerate(criterion.texts) if number not in values.equal)


def _see(criterion: CompiledCriterion, texts: Sequence[str]) -> _Seen:
    """Look at the values of one attribute as one criterion does."""
    vr = criterion.attribute.vr
    read = {value for value in (vr.find(text) for text in texts) if value is not None}
    return _Seen(
        bins=tuple(sorted({vr.bin_of(value) for value in read}, key=str)),
        is_placeholder=any(trim(text).upper() == vr.placeholder for text in texts),
        equal=frozenset(number for number, reference in enumerate(criterion.references) if reference in read),
    )


def _by_defect(results: _Results) -> dict[str, int]:
    """Give the objects that could not be judged, by defect."""
    return dict(sorted((str(defect), of.instances) for (defect, findings), of in results.items() if not findings))


def _by_findings(results: _Results) -> dict[tuple[Finding, ...], Amount]:
    """Give the objects that were judged, damaged or not, by findings."""
    judged: dict[tuple[Finding, ...], Amount] = {}
    for (_, findings), more in results.items():
        if findings:
            before = judged.get(findings, Amount())
            judged[findings] = Amount(instances=before.instances + more.instances, bytes=before.bytes + more.bytes)
    return judged


def _instances(amounts: Mapping[Any, Amount]) -> int:
    return sum(amount.instances for amount in amounts.values())


def _bytes(amounts: Mapping[Any, Amount]) -> int:
    return sum(amount.bytes for amount in amounts.values())
