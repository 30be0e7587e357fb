"""Members that are compared with the instance that is judged, block by block, say what plain Python says."""

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest

from dicom_sieve.columns import compare_own
from dicom_sieve.columns.chunk import as_entry, column_of, values_of
from dicom_sieve.columns.compare_own import ComparedMembers
from dicom_sieve.columns.judge import Block
from dicom_sieve.columns.measured import Rows
from dicom_sieve.criteria import CompiledMeasure, compile_criteria
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.ledger.database.extents import read_extent

STUDY, NUMBER, STATUS = "0020000D", "00200013", "00280301"
"""Study, Instance Number, and Burned In Annotation, which lies behind it."""
CUT = "CORRUPT CUT 00200013 series"
WHOLE = None


class Row(NamedTuple):
    """Some instances with one header: how far it was read, and what it has."""

    extent: str | None
    study: str
    series: int
    number: int | None
    weight: int = 1


def measure_of(measure: str, scope: str, operation: str) -> CompiledMeasure:
    """Count members with a number that is at least, or exactly, one higher."""
    higher = {"dicom_tag": "InstanceNumber", "operation": operation, "reference": "1", "minus": "OWN"}
    asked = {"measure": measure, "scope": scope, "operation": "PRESENT", "where": [higher]}
    [item] = compile_criteria(load_criteria([asked]))
    assert isinstance(item, CompiledMeasure)
    return item


def block_of(rows: Sequence[Row]) -> Rows:
    values = {
        STUDY: [as_entry([row.study]) for row in rows],
        NUMBER: [None if row.number is None else as_entry([str(row.number)]) for row in rows],
    }
    block = Block({key: column_of(entries) for key, entries in values.items()}, column_of([row.extent for row in rows]))
    series, weights = (np.array([row[place] for row in rows], np.int64) for place in (2, 4))
    return Rows(block, series, weights, np.ones(len(rows), np.bool_))


def found(item: CompiledMeasure, rows: Sequence[Row], size: int) -> list[tuple[str, ...] | None]:
    """Give the values of a measure for each row, of which some are given at a time."""
    collector = ComparedMembers(item, None, read_extent)
    for start in range(0, len(rows), size):
        collector.add(block_of(rows[start : start + size]))
    measured, block = collector.finish()[item.key], block_of(rows)
    return [values_of(entry) for entry in measured.column_for(block.block, block.series).rows()]


def expected(item: CompiledMeasure, rows: Sequence[Row], own: Row) -> tuple[str, ...]:
    operation = item.where[0].leaves[0].operation
    low, high = [], []
    for member in rows:
        if (member.study if item.scope == "STUDY" else member.series) != (
            own.study if item.scope == "STUDY" else own.series
        ):
            continue
        is_cut = any(row.extent == CUT and row.number is None for row in (own, member))
        difference = None if None in (own.number, member.number) else (member.number or 0) - (own.number or 0)
        is_met = difference is not None and (difference >= 1 if operation == "AT_LEAST" else difference == 1)
        low += [member] * (is_met and not is_cut)
        high += [member] * (is_met or is_cut)
    counts = [
        sum(row.weight for row in rows) if item.measure == "INSTANCES" else len({row.series for row in rows})
        for rows in (low, high)
    ]
    return tuple(map(str, dict.fromkeys(counts)))


def some_row(chance: random.Random) -> Row:
    number = chance.choice([1, 2, 3, 4, None])
    series = chance.randrange(1, 7)
    return Row(chance.choice([WHOLE, WHOLE, CUT]), f"1.{series % 3}", series, number, chance.choice([1, 1, 5]))


@pytest.mark.parametrize("most_pairs", [1, 7, 1 << 20])
@pytest.mark.parametrize("measure", ["INSTANCES", "SERIES"])
def test_made_rows_are_counted_as_plain_python_counts_them(
    measure: str, most_pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare_own, "MOST_PAIRS", most_pairs)
    chance = random.Random(most_pairs)
    for _ in range(60):
        rows = [some_row(chance) for _ in range(chance.randrange(1, 40))]
        scope = chance.choice(["STUDY", "SERIES"]) if measure == "INSTANCES" else "STUDY"
        item = measure_of(measure, scope, chance.choice(["AT_LEAST", "EQUALS"]))

        assert found(item, rows, chance.choice([1, 5, 100])) == [expected(item, rows, row) for row in rows]


def test_instances_are_counted_once_whatever_was_read_of_another_with_their_value() -> None:
    item = measure_of("INSTANCES", "SERIES", "EQUALS")
    rows = [Row(WHOLE, "1.1", 1, 1), Row(CUT, "1.1", 1, 1), Row(WHOLE, "1.1", 1, 2)]

    assert found(item, rows, 100) == [("1",), ("1",), ("0",)]


@pytest.mark.parametrize(("owners", "members"), [([], []), ([1], [2]), ([1, 1, 2, 5, 5], [1, 1, 1, 3, 5, 5])])
@pytest.mark.parametrize("most_pairs", [1, 2, 3, 100])
def test_pairs_are_all_of_one_group_and_few_at_a_time(
    owners: list[int], members: list[int], most_pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare_own, "MOST_PAIRS", most_pairs)

    parts = list(compare_own._pairs(*(np.array(groups, np.int64) for groups in (owners, members))))

    pairs: list[Any] = [pair for part in parts for pair in zip(*(side.tolist() for side in part), strict=True)]
    assert pairs == [(a, b) for a, own in enumerate(owners) for b, member in enumerate(members) if own == member]
    largest = max((owners.count(group) * members.count(group) for group in owners), default=0)
    assert all(len(part[0]) <= max(most_pairs, largest) for part in parts)
