"""Judging the rows of a block: each criterion once for each distinct value, then taken by code (ADR 39)."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.chunk import Column, Entry, PackedEntries, values_of
from dicom_sieve.columns.coded import Coded, Codes
from dicom_sieve.columns.combine import combine
from dicom_sieve.columns.judge_numbers import Stretches
from dicom_sieve.criteria import Finding, GroupKind
from dicom_sieve.criteria.decide import Asked, Question, Questions
from dicom_sieve.criteria.finding import combine as combine_findings

Outcome = TypeVar("Outcome", bound=Hashable)
Values = tuple[str, ...]
MOST_CACHED = 1 << 16
"""Distinct values of a question that are remembered. When there are more, all are dropped: memory has a bound."""
LONGEST_CACHED = 256
"""In characters of the values of a question."""
_FINDINGS = tuple(Finding)
_UNKNOWN = 255
"""The place of no finding."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Some rows, in columns.

    Attributes:
        columns: Of values, by key; all have the same number of rows.
        extents: How far each row was read; None: whole.
    """

    columns: Mapping[str, Column]
    extents: Column

    def __len__(self) -> int:
        return len(self.extents.codes)

    def coded(self, key: str) -> Coded[Entry]:
        """Give the entries of one column."""
        column = self.columns[key]
        return Coded(column.entries, column.codes)

    def take(self, rows: NDArray[np.intp]) -> "Block":
        """Give some of its rows."""
        return Block({key: column.take(rows) for key, column in self.columns.items()}, self.extents.take(rows))


class BlockJudge(Generic[Outcome]):
    """Judges blocks by fixed criteria, and remembers what was found for distinct values.

    Args:
        asked: What answers each criterion; see `dicom_sieve.criteria.Decider`.
        decide: Gives the outcome of the findings of all criteria, for a row that was read whole.
        decide_partly_read: Gives the outcome of a row of which not all was read, from its extent and all its values.

    Attributes:
        keys: The columns that are asked for.
        keys_of_numbers: Those of them that are read as numbers.
    """

    def __init__(
        self,
        asked: Sequence[Asked],
        decide: Callable[[tuple[Finding, ...]], Outcome],
        decide_partly_read: Callable[[str, Mapping[str, Values]], Outcome],
    ) -> None:
        self._asked = tuple(asked)
        self._decide, self._decide_partly_read = decide, decide_partly_read
        self._known: dict[int, dict[Any, int]] = {}
        self._stretches: dict[tuple[Any, ...], Stretches] = {}
        questions = [question for item in self._asked for question in _questions_of(item)]
        self.keys = tuple(sorted({key for question in questions for key in question.keys}))
        self.keys_of_numbers = frozenset(question.keys[0] for question in questions if question.points is not None)

    def judge(self, block: Block) -> Coded[Outcome]:
        """Give the outcome of each row."""
        extents = Coded(block.extents.entries, block.extents.codes)
        if extents.things == (None,):
            return self._judge_whole(block)
        wholly = extents.flags(lambda extent: extent is None)
        whole, partly = np.flatnonzero(wholly), np.flatnonzero(~wholly)
        parts = []
        if len(whole):
            parts.append((whole, self._judge_whole(block.take(whole))))
        if len(partly):
            parts.append((partly, self._judge_partly_read(block.take(partly))))
        return _merge(parts, len(wholly))

    def _judge_whole(self, block: Block) -> Coded[Outcome]:
        return combine([self._find(item, block) for item in self._asked], len(block)).map(self._decide)

    def _find(self, item: Asked, block: Block) -> Coded[Finding]:
        """Give what a criterion or a group finds on each row."""
        if not isinstance(item, Questions):
            return self._answer(item, block)
        kind = GroupKind.ALL if item.kind is GroupKind.ALL else GroupKind.ANY
        nothing = Finding.MET if kind is GroupKind.ALL else Finding.NOT_MET
        found: Coded[Finding] = Coded((nothing,), np.zeros(len(block), np.uint8))
        for child in item.children:  # one after the other: their combinations may be as many as rows
            pairs = combine([found, self._find(child, block)], len(block))
            found = pairs.map(lambda pair: combine_findings(kind, pair))
        return found.map(lambda finding: combine_findings(item.kind, [finding]))

    def _answer(self, question: Question, block: Block) -> Coded[Finding]:
        """Answer a question for each row: once for each distinct combination of values."""
        known = self._known.setdefault(id(question), {})
        first, *others = (block.columns[key] for key in question.keys)
        if question.points is not None and isinstance(first.entries, PackedEntries) and _are_constant(others):
            beside = tuple(other.entries[0] for other in others)
            ask = partial(self._ask_if_new, question, known, first.entries, beside)
            name = (id(question), *beside)
            if name not in self._stretches:
                self._stretches[name] = Stretches(question.points, _UNKNOWN)
            return _with_findings(first.codes, self._stretches[name].find(first.entries, ask), ask)
        if not others:  # the most frequent case: entries are not made tuples of one
            one = block.coded(question.keys[0])
            return _answered(one, known, lambda entry: self._ask(question, known, entry, entry))
        combined = combine([block.coded(key) for key in question.keys], len(block))
        return _answered(combined, known, lambda entries: self._ask(question, known, entries, *entries))

    def _ask_if_new(
        self, question: Question, known: dict[Any, int], entries: PackedEntries, beside: tuple[Entry, ...], place: int
    ) -> int:
        """Find what the entry of a place is, unless that is known; `beside` are those of the question's other keys."""
        entry = entries.at(place)
        name = (entry, *beside) if beside else entry
        found = known.get(name)
        return self._ask(question, known, name, entry, *beside) if found is None else found

    def _ask(self, question: Question, known: dict[Any, int], name: Any, *entries: Entry) -> int:
        """Find what some entries are, and remember the place of the finding by a name."""
        finding, _ = question.find(values_by_key(question.keys, entries), None)
        place = _FINDINGS.index(finding)
        if len(known) >= MOST_CACHED:
            known.clear()
        if sum(len(entry or "") for entry in entries) <= LONGEST_CACHED:
            known[name] = place
        return place

    def _judge_partly_read(self, block: Block) -> Coded[Outcome]:
        """Judge rows one combination of all values at a time: there are few."""

        def judge(entries: tuple[Entry, ...]) -> Outcome:
            return self._decide_partly_read(entries[0] or "", values_by_key(self.keys, entries[1:]))

        extents = Coded(block.extents.entries, block.extents.codes)
        return combine([extents, *map(block.coded, self.keys)], len(block)).map(judge)


def _are_constant(columns: Sequence[Column]) -> bool:
    return all(len(column.entries) == 1 for column in columns)


def _answered(column: Coded[Any], known: Mapping[Any, int], ask: Callable[[Any], int]) -> Coded[Finding]:
    """Give the finding on each row, from places in `_FINDINGS` that are known by thing; what is not known is asked."""
    things = column.things
    places = np.fromiter(map(known.get, things, repeat(_UNKNOWN)), np.uint8, len(things))
    return _with_findings(column.codes, places, lambda place: ask(things[place]))


def _with_findings(codes: Codes, places: NDArray[np.uint8], ask: Callable[[int], int]) -> Coded[Finding]:
    """Give the finding on each row, from places in `_FINDINGS` of each thing; what is not known is asked."""
    for place in np.flatnonzero(places == _UNKNOWN).tolist():
        places[place] = ask(place)
    found = np.flatnonzero(np.bincount(places, minlength=len(_FINDINGS)))
    findings = tuple(_FINDINGS[place] for place in found.tolist())
    if len(findings) == 1:
        return Coded(findings, np.zeros(len(codes), np.uint8))
    table = np.zeros(len(_FINDINGS), np.uint8)
    table[found] = np.arange(len(found), dtype=np.uint8)
    return Coded(findings, table[places].take(codes))


def _questions_of(item: Asked) -> Iterator[Question]:
    if isinstance(item, Questions):
        for child in item.children:
            yield from _questions_of(child)
    else:
        yield item


def values_by_key(keys: Sequence[str], entries: Sequence[Entry]) -> dict[str, Values]:
    """Give the values that entries stand for, without those that are absent."""
    read = zip(keys, map(values_of, entries), strict=True)
    return {key: values for key, values in read if values is not None}


def _merge(parts: Sequence[tuple[NDArray[np.intp], Coded[Outcome]]], row_count: int) -> Coded[Outcome]:
    """Join the outcomes of several sets of rows."""
    places: dict[Outcome, int] = {}
    codes = np.zeros(row_count, np.uint32)
    for rows, outcomes in parts:
        table = np.array([places.setdefault(outcome, len(places)) for outcome in outcomes.things], np.uint32)
        codes[rows] = table[outcomes.codes]
    return Coded(tuple(places), codes)
