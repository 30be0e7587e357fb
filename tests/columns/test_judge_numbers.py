"""Numbers that are judged by the stretch in which they lie: as each by itself, with exact decimals."""

import os
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from dicom_sieve.columns.chunk import Column, PackedEntries, as_entry, column_of, decode, encode, same_for_all
from dicom_sieve.columns.judge import Block, BlockJudge, Values
from dicom_sieve.criteria import Decider, Finding, compile_criteria
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.dicom.dictionary import key_of
from dicom_sieve.dicom.marks import NOT_KEPT

CASES = int(os.environ.get("DICOM_SIEVE_TEST_CASES", "3000"))
BLOCKS = 3
KEYWORDS = ("SAR", "InstanceNumber", "EchoTime", "DiffusionBValue")
"""DS, IS, one that may stand in functional groups, FD."""
ODD: Sequence[tuple[str, ...] | None] = (
    None, (), ("",), (" ",), ("nan",), ("inf",), ("1e400",), ("-1e400",), ("one",), ("1,5",), ("--1",), ("é",),
    ("1", "2"), ("", "2"), (NOT_KEPT,), ("1", NOT_KEPT), ("1e-400",), ("0" * 63 + "1",), ("0" * 70 + "1",),
)  # fmt: skip


def a_number(chance: random.Random) -> str:
    """Give a number as devices write them, often close to few others, at times closer than doubles can tell."""
    digits = chance.choice(("1", "2.5", "-3", "100", "0", "7.125"))
    zeros = "0" * chance.randrange(3)
    point = "" if "." in digits else "."
    return chance.choice(
        (
            digits,
            f"{digits}{point}{zeros}",
            f"{digits}{point}{'0' * 18}1",
            f" {digits} " if digits[0] == "-" else f"+{digits}",
            f"{digits}E{chance.randrange(-3, 4)}",
            f"0.0999999999999999999{chance.randrange(10)}",
            f"{chance.randrange(-9999, 9999) / 10:.{chance.randrange(3)}f}",
            f"{chance.randrange(-9999, 9999) / 10:.1f}",
        )
    )


def a_criterion(chance: random.Random) -> dict[str, Any]:
    operations = (
        "EQUALS",
        "NOT_EQUALS",
        "GREATER",
        "LESS",
        "AT_LEAST",
        "AT_MOST",
        "BETWEEN",
        "IN",
        "NOT_IN",
        "PRESENT",
    )
    operation = chance.choice(operations)
    item: dict[str, Any] = {"dicom_tag": chance.choice(KEYWORDS), "operation": operation}
    references = sorted({float(a_number(chance)) for _ in range(3)})
    if operation == "BETWEEN":
        item["reference"] = [str(references[0]), str(references[-1] + 1)]
    elif operation in {"IN", "NOT_IN"}:
        item["reference"] = list(map(str, references))
    elif operation != "PRESENT":
        item["reference"] = a_number(chance).strip().removeprefix("+")
    if operation in {"EQUALS", "IN"} and chance.randrange(2):
        item["tolerance"] = chance.choice(("0.1", "2"))
    if chance.randrange(3) == 0:
        item["if_absent"] = chance.choice(("MET", "NOT_MET")) if operation != "PRESENT" else None
    if chance.randrange(3) == 0 and operation != "PRESENT":
        item["value"] = chance.choice(("ANY" if operation.startswith("NOT") else "ALL", 1, 2))
    return {name: value for name, value in item.items() if value is not None}


def stored(rows: Sequence[tuple[str, ...] | None]) -> Column:
    """Give a column as the ledger gives it back."""
    column = column_of(list(map(as_entry, rows)))
    return same_for_all(None, len(rows)) if column.entries == (None,) else decode(encode(column), len(rows))


def judge_block(judge: BlockJudge[Any], rows: Mapping[str, Sequence[tuple[str, ...] | None]], count: int) -> list[Any]:
    columns = {key: stored(rows[key]) if key in rows else same_for_all(None, count) for key in judge.keys}
    outcomes = judge.judge(Block(columns, same_for_all(None, count)))
    return [outcomes.things[code] for code in outcomes.codes.tolist()]


def never(extent: str, values: Mapping[str, Values]) -> Any:
    raise AssertionError(extent, values)


@pytest.mark.parametrize("first", range(0, CASES // 30, 20))
def test_numbers_get_the_finding_that_each_gets_by_itself(first: int) -> None:
    for seed in range(first, first + 20):
        for together, by_itself in judged_both_ways(seed):
            assert together == by_itself


def judged_both_ways(seed: int) -> Iterator[tuple[list[Any], list[Any]]]:
    """Judge blocks of made numbers by made criteria: all together, and each by itself."""
    chance = random.Random(seed)
    criteria = compile_criteria(load_criteria([a_criterion(chance) for _ in range(3)]))
    decider = Decider(criteria)
    judge: BlockJudge[tuple[Finding, ...]] = BlockJudge(decider.asked, lambda findings: findings, never)
    for _ in range(BLOCKS):
        count = chance.randrange(1, 60)
        odd = chance.choice((0, 0, 4))
        rows = {
            key_of(keyword): [
                chance.choice(ODD) if odd and chance.randrange(odd) == 0 else (a_number(chance),) for _ in range(count)
            ]
            for keyword in KEYWORDS
        }
        each = [
            {key: values for key, of_key in rows.items() if (values := of_key[place]) is not None}
            for place in range(count)
        ]

        yield judge_block(judge, rows, count), [decider.decide(attributes).findings for attributes in each]


def test_numbers_between_the_same_references_are_looked_at_once() -> None:
    criteria = compile_criteria(load_criteria([{"dicom_tag": "SAR", "operation": "GREATER", "reference": "2"}]))
    looked_at: list[tuple[str, ...]] = []
    question = Decider(criteria).asked[0]

    class Counted:
        keys, points = question.keys, question.points  # type: ignore[union-attr]

        def find(self, attributes: Mapping[str, Sequence[str]], unreadable_from: str | None) -> Any:
            looked_at.append(tuple(attributes[self.keys[0]]))
            return question.find(attributes, unreadable_from)

    judge: BlockJudge[tuple[Finding, ...]] = BlockJudge([Counted()], lambda findings: findings, never)
    key = key_of("SAR")
    for first in (0, 1000):
        rows = {key: [(f"{number / 100:.2f}",) for number in range(first, first + 1000)]}
        found = judge_block(judge, rows, 1000)
        assert found == [(Finding.MET if number > 200 else Finding.NOT_MET,) for number in range(first, first + 1000)]

    assert sorted(looked_at) == [("0.00",), ("2.00",), ("2.01",)]


def test_entries_are_not_made_texts_until_one_is_asked_for() -> None:
    column = stored([("1.5",), None, ("-2", "3")])

    assert isinstance(column.entries, PackedEntries)
    assert [column.entries.at(place) for place in range(3)] == ["1.5\0", None, "-2\x003\0"]
    assert [column.entries[place] for place in range(3)] == ["1.5\0", None, "-2\x003\0"]
    assert column.entries == ("1.5\0", None, "-2\x003\0")
    assert column.entries[1:] == (None, "-2\x003\0")
    taken = Column(column.entries, column.codes).take([2, 2])  # type: ignore[arg-type]
    assert taken.rows() == ["-2\x003\0", "-2\x003\0"]
