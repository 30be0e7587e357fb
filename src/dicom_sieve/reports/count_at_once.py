"""Counting what would come of criteria, fast enough to be asked at each change of them.

The rows of a snapshot stay in memory, and so does what each criterion finds: where one of them changes, that one alone
is judged again. Verdicts are those of `dicom_sieve.screening`: the same judges see the same rows.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from threading import RLock

import numpy as np

from dicom_sieve.columns.coded import Coded
from dicom_sieve.columns.combine import combine
from dicom_sieve.columns.group_codes import GroupCodes, number_groups
from dicom_sieve.columns.judge import BlockJudge, Values
from dicom_sieve.columns.measured import GroupsOf
from dicom_sieve.columns.nested import Path
from dicom_sieve.criteria import (
    Asked,
    CompiledGroup,
    CompiledItem,
    CompiledMeasure,
    Decider,
    Finding,
    Leaf,
    attributes_read_for,
    compile_criteria,
    measures_in,
)
from dicom_sieve.criteria.items import CompiledStep
from dicom_sieve.criteria.measures import Scope
from dicom_sieve.dicom.dictionary import Attribute, attributes_of, find_attribute, key_of
from dicom_sieve.headers.edition import refuse_not_kept
from dicom_sieve.headers.judge import judge_header
from dicom_sieve.ledger import Ledger
from dicom_sieve.ledger.database.chunks import all_names
from dicom_sieve.ledger.database.extents import read_extent
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.reading.editions import all_read_for
from dicom_sieve.ledger.reading.held_columns import HeldColumns, TooManyRowsError
from dicom_sieve.ledger.reading.held_rows import HeldRows, divide, held_rows
from dicom_sieve.ledger.reading.measured import NOTHING, Measured, kept_measures, measure_rows
from dicom_sieve.ledger.reading.secret import read_secret
from dicom_sieve.ledger.reading.series_columns import SeriesColumns, sum_by_series
from dicom_sieve.ledger.reading.snapshots import Snapshot, refuse_read_for_less
from dicom_sieve.ledger.reading.values import AttributesHeld, AttributeValues, count_values
from dicom_sieve.objects import Damaged
from dicom_sieve.reports.count_attributes import AttributesBehind
from dicom_sieve.reports.would_be import (
    SCOPES,
    ItemCounts,
    LeftAfter,
    Only,
    WouldBe,
    amount_of,
    fell_at,
    summed,
    three_by_group,
    three_of,
)

MOST_FOUND_BYTES = 64 * 1024 * 1024
"""Of findings that are kept: a byte a row and criterion."""
MOST_MEASURED = 64
"""Measures that are kept, of which each has a number for each series."""
MOST_VALUE_LISTS = 32
"""Attributes of which the values stay counted."""
AGE = key_of("PatientAge")
WARM = tuple(
    key_of(name)
    for name in (
        "Modality",
        "StudyDate",
        "BodyPartExamined",
        "SeriesDescription",
        "PatientAge",
        "PatientBirthDate",
        "SeriesDate",
        "SliceThickness",
        "StudyInstanceUID",
        "PatientID",
        "IssuerOfPatientID",
    )
)
"""What criteria ask for most, and what tells studies and patients apart."""
_Found = Coded[Finding | None]
"""What a criterion finds on each row; None: the row cannot be judged."""


class CountsAtOnce:
    """Counts what would come of criteria on one snapshot; safe to be asked by several threads.

    Args:
        ledger: Where it lies.
        snapshot: Which.
        damaged: What becomes of damaged objects.
    """

    def __init__(self, ledger: Ledger, snapshot: Snapshot, damaged: Damaged = Damaged.DISCARD) -> None:
        self.snapshot = snapshot
        self._engine, self._damaged = ledger.engine, damaged
        self._secret = read_secret(ledger.engine)
        self._sources = {
            is_by_object: HeldColumns(ledger.engine, (snapshot.id, snapshot.location_id), damaged, is_by_object)
            for is_by_object in (False, True)
        }
        self._found: OrderedDict[tuple[bool, CompiledItem], _Found] = OrderedDict()
        self._measured = NOTHING
        self._groups: dict[tuple[bool, Scope], GroupCodes] = {}
        self._values: OrderedDict[tuple[str, Path], AttributeValues] = OrderedDict()
        self._attributes = AttributesBehind(ledger, snapshot, then=self._warm_up)
        self._lock = RLock()

    def count(self, criteria: Sequence[Asked], *, by_series: bool = False) -> WouldBe:
        """Count it.

        Args:
            criteria: Which.
            by_series: Whether series are counted, too, for each criterion and what lies in groups.

        Raises:
            InvalidRequestError: The criteria make no sense, or ask for a table.
            LedgerError: Not all headers were read for what they ask for.
            TooManyRowsError: There are too many objects, and criteria ask for what is theirs.
        """
        compiled = self._compile(criteria)
        with self._lock:
            combined, rows, measured, is_by_object = self._combine(compiled)
            return self._add_up(compiled, combined, rows, measured, is_by_object=is_by_object, by_series=by_series)

    def values(self, leaf: Leaf) -> AttributeValues:
        """Count the values of what a criterion looks at; of an age those of Patient's Age.

        Raises:
            LedgerError: Not all headers were read for it.
        """
        key, path = _named(leaf)
        known = self._values.get((key, path))
        if known is None and isinstance(leaf, CompiledMeasure) and leaf.scope is not None:
            known = self._remember((key, path), self._values_measured(leaf))
        elif known is None:
            attribute = find_attribute(int(key[:8], 16)) if " " not in key else None
            if isinstance(attribute, Attribute):
                refuse_read_for_less(self._engine, self.snapshot, [attribute])
            with self._lock:
                known = self._remember((key, path), count_values(self.rows([key]), key, path))
        return known

    def known_values(self, leaf: Leaf) -> AttributeValues | None:
        """Give what `values` gave before; None: nobody asked for it lately."""
        return self._values.get(_named(leaf))

    def _remember(self, name: tuple[str, Path], counted: AttributeValues) -> AttributeValues:
        with self._lock:
            self._values[name] = counted
            while len(self._values) > MOST_VALUE_LISTS:
                self._values.popitem(last=False)
        return counted

    def attributes(self, seconds: float | None = None) -> AttributesHeld | None:
        """Count how often each attribute is there; once, and then it is known.

        Args:
            seconds: That this may take; the counting goes on behind that. None: as long as it takes.

        Returns:
            None: It is not known yet.
        """
        return self._attributes.get(seconds)

    def names(self) -> list[str]:
        """Give the key of every attribute that any object of the ledger has; that is known at once."""
        return read(self._engine, all_names)

    def end(self) -> bool:
        """Begin nothing more of what goes on behind; tell whether anything still does."""
        return self._attributes.end()

    def close(self) -> None:
        """Wait for what goes on behind."""
        self._attributes.close()

    def _warm_up(self) -> None:
        """Read what criteria ask for most, all of it at once."""
        with self._lock:
            list(self._sources[False].rows(sorted(set(WARM).intersection(self.names()))))

    def _values_measured(self, leaf: CompiledMeasure) -> AttributeValues:
        with self._lock:
            measured = self._measure([leaf])
            keys = measured.columns([leaf.key])
            rows = self._sources[bool(divide(keys)[0])].rows(keys)
            held = (replace(each, block=measured.beside_held(each.block)) if each.are_judged else each for each in rows)
            return count_values(held, leaf.key)

    def rows(self, keys: Sequence[str]) -> Iterator[HeldRows]:
        """Give the rows of the snapshot: those in memory; where there are too many, a block at a time."""
        source = self._sources[bool(divide(keys)[0])]
        try:
            kept = list(source.rows(keys))
        except TooManyRowsError:
            yield from held_rows(self._engine, source.held, keys, self._damaged, with_sizes=True)
        else:
            yield from kept

    def series_of(self, criteria: Sequence[Asked], keywords: Sequence[str]) -> SeriesColumns:
        """Tell what would come of each series.

        Args:
            criteria: As `count` takes them.
            keywords: Attributes whose values are asked for; one that not all headers were read for is left out.

        Raises:
            LedgerError: As `count` does.
        """
        compiled = self._compile(criteria)
        known = all_read_for(self._engine, self.snapshot.location_id, attributes_of(keywords), self.snapshot.id)
        with self._lock:
            combined, rows, _, _ = self._combine(compiled)
            headers = _judged(self._sources[False].rows([each.hex_tag for each in known])).block
        found = [() if None in each else _sure(each) for each in combined.things]
        has_series = np.flatnonzero(rows.block.series != 0)
        series, instances = rows.block.series[has_series], rows.block.instances[has_series]
        summed = sum_by_series(series, instances, combined.codes[has_series], found)
        distinct, first = np.unique(headers.series, return_index=True)
        first = first[np.isin(distinct, summed.numbers)]
        values = {each.keyword: headers.values.columns[each.hex_tag].take(first) for each in known}
        return summed.columns(self._engine, headers.ids[first], values)

    def _compile(self, criteria: Sequence[Asked]) -> Sequence[CompiledItem]:
        """Compile criteria that can be decided here."""
        compiled = compile_criteria(criteria)
        refuse_not_kept(compiled)
        refuse_read_for_less(self._engine, self.snapshot, attributes_read_for(compiled))
        return compiled

    def _combine(
        self, compiled: Sequence[CompiledItem]
    ) -> tuple[Coded[tuple[Finding | None, ...]], HeldRows, Measured, bool]:
        """Give what all criteria find on each row; the rows, what was measured, and whether they are objects."""
        measured = self._measure(compiled)
        judges = [_judge_of(item, self._secret, self._damaged) for item in compiled]
        keys = measured.columns([key for judge in judges for key in judge.keys])
        is_by_object = bool(divide(keys)[0])
        source = self._sources[is_by_object]
        steps = [item for item in compiled if isinstance(item, CompiledStep)]
        rows = _judged(source.rows([]))
        found = [self._find(item, measured, is_by_object=is_by_object) for item in compiled]
        combined = combine(found, len(rows.block.ids))
        if steps:
            decider = Decider(tuple(compiled), self._secret)
            combined = combined.map(lambda each: each if None in each else decider.decision(_sure(each)).findings)
        return combined, rows, measured, is_by_object

    def _add_up(
        self,
        compiled: Sequence[CompiledItem],
        combined: Coded[tuple[Finding | None, ...]],
        rows: HeldRows,
        measured: Measured,
        *,
        is_by_object: bool,
        by_series: bool,
    ) -> WouldBe:
        block = rows.block
        instances, sizes = combined.count(block.instances), combined.count(block.bytes)
        counted = [
            (_sure(findings), count, sizes[findings]) for findings, count in instances.items() if None not in findings
        ]
        by_scope = {
            scope: self._group(scope, is_by_object=is_by_object).by_thing(combined.codes, len(combined.things))
            for scope in SCOPES
        }
        series = by_scope[Scope.SERIES]
        met = [[finding is Finding.MET for finding in findings] for findings in combined.things]
        is_met = np.array(met, np.bool_).reshape(len(combined.things), len(compiled))
        is_judged = np.array([None not in findings for findings in combined.things], np.bool_)
        falls_once = is_judged & (is_met.sum(axis=1) == len(compiled) - 1)

        items, left = [], []
        before = is_judged
        for place, item in enumerate(compiled):
            only = [
                (findings[place], count)
                for findings, count, _ in counted
                if findings[place] is not Finding.MET and findings.count(Finding.MET) == len(compiled) - 1
            ]
            three_only = three_of(summed(only))
            series_only = series.count_of(falls_once & ~is_met[:, place]) if only else 0
            findings_of = summed([(findings[place], count) for findings, count, _ in counted])
            children = self._children(item, rows, measured, is_by_object=is_by_object, by_series=by_series)
            only_of = Only(three_only.all, series_only, three_only.undecided)
            answers = [each[place] for each in combined.things]
            of_series = three_by_group(series, is_judged, answers) if by_series else None
            items.append(ItemCounts(item, findings_of, only_of, children, of_series))
            reached = [
                (findings[place], count)
                for findings, count, _ in counted
                if (at := fell_at(findings)) is None or at >= place
            ]
            left.append(LeftAfter(three_of(summed(reached)), three_by_group(series, before, answers)))
            before = before & is_met[:, place]
        listed = self.snapshot.counts.listed
        total = sum(count for _, count, _ in counted)
        passed = [(count, size) for findings, count, size in counted if fell_at(findings) is None]
        return WouldBe(
            tuple(items),
            tuple(left),
            amount_of(by_scope, is_judged, [(count, size) for _, count, size in counted]),
            amount_of(by_scope, before, passed),
            listed - total,
        )

    def _group(self, scope: Scope, *, is_by_object: bool) -> GroupCodes:
        known = self._groups.get((is_by_object, scope))
        if known is None:
            groups_of = GroupsOf(scope, self._secret)
            block = _judged(self._sources[is_by_object].rows(groups_of.keys)).block
            known = self._groups[is_by_object, scope] = number_groups(groups_of(block.values, block.series))
        return known

    def _measure(self, compiled: Sequence[CompiledItem]) -> Measured:
        """Measure what was not measured yet, and take the steps, which depend on all criteria."""
        held = self._sources[False].held
        new = [item for item in compiled if any(each.key not in self._measured.values for each in measures_in([item]))]
        of_snapshot = kept_measures(self._engine, held, new, self._damaged, secret=self._secret)
        known = self._measured.and_more(of_snapshot.values)
        measured = measure_rows(self.rows, compiled, self._damaged, secret=self._secret, known=known)
        steps = {item.key for item in compiled if isinstance(item, CompiledStep)}
        kept = {key: values for key, values in measured.values.items() if key not in steps}
        self._measured = Measured(dict(list(kept.items())[-MOST_MEASURED:]))
        return measured

    def _find(self, item: CompiledItem, measured: Measured, *, is_by_object: bool) -> _Found:
        """Give what one item finds on each row."""
        is_step = isinstance(item, CompiledStep)
        known = None if is_step else self._found.get((is_by_object, item))
        if known is not None:
            self._found.move_to_end((is_by_object, item))
            return known
        judge = _judge_of(item, self._secret, self._damaged)
        block = _judged(self._sources[is_by_object].rows(measured.columns(judge.keys))).block
        needed = Measured({key: measured.values[key] for key in judge.keys if key in measured.values})
        found = judge.judge(needed.beside_held(block).values)
        found = Coded(found.things, found.codes.astype(np.uint8))
        if not is_step:
            self._found[is_by_object, item] = found
            while len(self._found) > 1 and sum(each.codes.nbytes for each in self._found.values()) > MOST_FOUND_BYTES:
                self._found.popitem(last=False)
        return found

    def _children(
        self, item: CompiledItem, rows: HeldRows, measured: Measured, *, is_by_object: bool, by_series: bool
    ) -> tuple[ItemCounts, ...]:
        """Count what lies in a group; what is judged on one item of a sequence has no counts of its own."""
        if not isinstance(item, CompiledGroup) or item.within:
            return ()
        counted = []
        for child in item.items:
            found = self._find(child, measured, is_by_object=is_by_object)
            by_finding = found.count(rows.block.instances)
            findings = {finding: count for finding, count in by_finding.items() if finding is not None}
            children = self._children(child, rows, measured, is_by_object=is_by_object, by_series=by_series)
            of_series = None
            if by_series:
                groups = self._group(Scope.SERIES, is_by_object=is_by_object)
                is_judged = np.array([each is not None for each in found.things], np.bool_)
                of_series = three_by_group(groups.by_thing(found.codes, len(found.things)), is_judged, found.things)
            counted.append(ItemCounts(child, findings, children=children, by_series=of_series))
        return tuple(counted)


def _judge_of(item: CompiledItem, secret: bytes, damaged: Damaged) -> BlockJudge[Finding | None]:
    decider = Decider((item,), secret)

    def of_part(text: str, values: Mapping[str, Values]) -> Finding | None:
        findings = judge_header(decider, read_extent(text), values, damaged).findings
        return findings[0] if findings else None

    return BlockJudge(decider.asked, lambda findings: findings[0], of_part)


def _named(leaf: Leaf) -> tuple[str, Path]:
    """Give the key of what a criterion looks at, and the keys from the outermost sequence to the attribute."""
    if isinstance(leaf, CompiledMeasure):
        return (AGE if leaf.scope is None else leaf.key), ()
    path = (*(sequence.hex_tag for sequence in leaf.within[1:]), leaf.attribute.hex_tag) if leaf.within else ()
    return leaf.needed_keys[0], path


def _judged(rows: Iterator[HeldRows]) -> HeldRows:
    [judged] = [held for held in rows if held.are_judged]
    return judged


def _sure(findings: tuple[Finding | None, ...]) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if finding is not None)
