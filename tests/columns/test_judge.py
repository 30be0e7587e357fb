"""Judging in columns: the same as judging row by row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_sieve.columns import judge as module
from dicom_sieve.columns.chunk import as_entry, column_of
from dicom_sieve.columns.judge import Block, BlockJudge, Values
from dicom_sieve.criteria import Finding, GroupKind
from dicom_sieve.criteria.decide import Found, Questions
from dicom_sieve.criteria.finding import combine

Row = tuple[str | None, dict[str, Values]]
KEYS = ("00080060", "00181030", "00200013")
FINDINGS = tuple(Finding)


@dataclass
class Lengths:
    """A question whose answer depends on every value; it counts how often it is asked."""

    keys: tuple[str, ...]
    points: None = None
    asked: list[Mapping[str, Sequence[str]]] = field(default_factory=list)

    def find(self, attributes: Mapping[str, Sequence[str]], unreadable_from: str | None) -> Found:
        assert unreadable_from is None
        self.asked.append(attributes)
        length = sum(len(text) + 1 for key in self.keys for text in attributes.get(key, ()))
        found = Finding.ABSENT if not attributes else FINDINGS[length % len(FINDINGS)]
        return found, (found,)


def decide(findings: tuple[Finding, ...]) -> tuple[str, object]:
    return "whole", findings


def decide_partly_read(extent: str, values: Mapping[str, Values]) -> tuple[str, object]:
    return extent, tuple(sorted(values.items()))


value_lists = st.lists(st.sampled_from(["", "a", "bb"]), max_size=2).map(tuple)
rows = st.lists(
    st.tuples(st.sampled_from([None, None, "CORRUPT", "GONE"]), st.dictionaries(st.sampled_from(KEYS), value_lists)),
    min_size=1,
    max_size=40,
)


def block_of(listed: list[Row]) -> Block:
    columns = {key: column_of([as_entry(values.get(key)) for _, values in listed]) for key in KEYS}
    return Block(columns, column_of([extent for extent, _ in listed]))


def answer(question: Lengths, values: Mapping[str, Values]) -> Finding:
    return question.find({key: values[key] for key in question.keys if key in values}, None)[0]


class TestABlock:
    @given(st.lists(rows, min_size=1, max_size=3), st.sampled_from(GroupKind))
    def test_gets_for_each_row_the_outcome_of_the_rows_own_values(
        self, blocks: list[list[Row]], kind: GroupKind
    ) -> None:
        first, second, third = Lengths(KEYS[:1]), Lengths(KEYS[1:]), Lengths(KEYS[:1])
        group = Questions(kind, (first, Questions(GroupKind.NONE, (second,)), third))
        judge = BlockJudge([second, group], decide, decide_partly_read)

        for listed in blocks:
            outcomes = judge.judge(block_of(listed))

            expected = []
            for extent, values in listed:
                one, two, three = (answer(question, values) for question in (first, second, third))
                found = combine(kind, [one, combine(GroupKind.NONE, [two]), three])
                whole = decide((two, found))
                expected.append(whole if extent is None else decide_partly_read(extent, values))
            assert [outcomes.things[code] for code in outcomes.codes.tolist()] == expected

    def test_a_value_is_judged_once_however_many_rows_and_blocks_have_it(self) -> None:
        question = Lengths(KEYS[:1])
        judge = BlockJudge([question], decide, decide_partly_read)

        for _ in range(5):
            judge.judge(block_of([(None, {KEYS[0]: ("CT",)}), (None, {KEYS[0]: ("MR",)})] * 100))

        assert question.asked == [{KEYS[0]: ("CT",)}, {KEYS[0]: ("MR",)}]

    def test_what_is_remembered_of_values_has_an_end_and_holds_no_long_ones(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "MOST_CACHED", 10)
        question = Lengths(KEYS[:1])
        judge = BlockJudge([question], decide, decide_partly_read)

        judge.judge(block_of([(None, {KEYS[0]: (f"V{number}",)}) for number in range(95)]))
        judge.judge(block_of([(None, {KEYS[0]: ("X" * 300,)})]))

        [known] = judge._known.values()
        assert len(known) == 5
        judge.judge(block_of([(None, {KEYS[0]: ("X" * 300,)})] * 2))
        assert len(question.asked) == 95 + 2
