"""Members that are near are counted by their order as they are pair by pair, and no pair is looked at."""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_sieve.columns import compare_own
from dicom_sieve.columns.chunk import Entry, as_entry, column_of
from dicom_sieve.columns.compare_near import count_below, count_distinct_between, nearness_of
from dicom_sieve.columns.compare_own import ComparedMembers
from dicom_sieve.columns.judge import Block
from dicom_sieve.columns.measured import Rows
from dicom_sieve.criteria import CompiledMeasure, compile_criteria
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.dicom.dictionary import key_of
from dicom_sieve.dicom.marks import NOT_KEPT
from dicom_sieve.ledger.database.extents import read_extent

STUDY, MODALITY = key_of("StudyInstanceUID"), key_of("Modality")
CUT = "CORRUPT CUT 00080060 series"
"""Read up to the modality, which lies behind dates and times."""
TEXTS = {
    "StudyDate": ("20200101", "20200102", "20200131", "20191231", "2020.02.01", "20201399", ""),
    "AcquisitionTime": ("1200", "120000", "115959.5", "235959.999999", "000000", "25", " 12 "),
    "SliceLocation": ("1.5", "1.50", "-2", "1e2", "0.1", "x", "3\\4"),
    "InstanceNumber": ("1", "2", "+3", "10", "1.5", ""),
}
REFERENCES = {
    "StudyDate": ("000D", "001D", "-001D", "30D", "001M"),
    "AcquisitionTime": ("0", "0.5", "-60", "3600"),
    "SliceLocation": ("0", "0.1", "-1.5", "98.5"),
    "InstanceNumber": ("0", "1", "-1"),
}


def some_leaf(chance: random.Random, keyword: str) -> dict[str, Any]:
    operation = chance.choice(["GREATER", "LESS", "AT_LEAST", "AT_MOST", "EQUALS", "BETWEEN", "NOT_EQUALS", "IN"])
    references = [chance.choice(REFERENCES[keyword]) for _ in range(2)]
    if operation == "BETWEEN":
        references.sort(key=lambda text: float(text.rstrip("DM")) * (31 if text.endswith("M") else 1))
    several = operation in {"IN", "BETWEEN"}
    leaf: dict[str, Any] = {"dicom_tag": keyword, "operation": operation, "minus": "OWN"}
    if keyword == "SliceLocation" and operation == "EQUALS" and chance.random() < 0.5:
        leaf["tolerance"] = "0.2"
    if chance.random() < 0.2:
        leaf["if_absent"] = "MET"
    return {**leaf, "reference": references if several else references[0]}


def some_measure(chance: random.Random, keyword: str) -> CompiledMeasure:
    where: list[dict[str, Any]] = [some_leaf(chance, keyword) for _ in range(chance.choice([1, 1, 2]))]
    if chance.random() < 0.5:
        where.insert(chance.randrange(2), {"dicom_tag": "Modality", "operation": "EQUALS", "reference": "CT"})
    measure = chance.choice(["INSTANCES", "SERIES"])
    asked = {"measure": measure, "scope": "STUDY", "operation": "PRESENT", "where": where}
    [item] = compile_criteria(load_criteria([asked]))
    assert isinstance(item, CompiledMeasure)
    return item


def some_rows(chance: random.Random, keyword: str, count: int) -> Rows:
    odd = chance.choice([0, 0.05, 0.3])

    def text() -> Entry:
        if chance.random() < odd:
            return chance.choice([None, as_entry([NOT_KEPT]), as_entry([])])
        return as_entry(chance.choice(TEXTS[keyword][: 4 if odd == 0 else None]).split("\\"))

    values = {
        STUDY: [as_entry([f"1.{chance.randrange(3)}"]) for _ in range(count)],
        MODALITY: [as_entry([chance.choice(["CT", "MR"])]) for _ in range(count)],
        key_of(keyword): [text() for _ in range(count)],
    }
    extents = [CUT if chance.random() < odd / 3 else None for _ in range(count)]
    columns = {key: column_of(entries) for key, entries in values.items()}
    series, weights = (np.array([chance.randrange(1, most) for _ in range(count)], np.int64) for most in (9, 4))
    return Rows(Block(columns, column_of(extents)), series, weights, np.ones(count, np.bool_))


def found(item: CompiledMeasure, parts: Sequence[Rows]) -> list[dict[int, Entry]]:
    collector = ComparedMembers(item, None, read_extent)
    for rows in parts:
        collector.add(rows)
    measured = collector.finish()[item.key]
    return [dict(zip(measured.groups.tolist(), measured.column.rows(), strict=True))]


@given(st.integers(0, 2**32), st.sampled_from(sorted(TEXTS)))
@settings(max_examples=300, deadline=None)
def test_it_counts_what_is_counted_pair_by_pair(seed: int, keyword: str) -> None:
    chance = random.Random(seed)
    item = some_measure(chance, keyword)
    parts = [some_rows(chance, keyword, chance.randrange(1, 25)) for _ in range(2)]

    by_order = found(item, parts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare_own, "nearness_of", lambda _: None)
        assert by_order == found(item, parts)


@pytest.mark.parametrize("measure", ["INSTANCES", "SERIES"])
def test_no_pair_is_looked_at_where_all_have_a_value(measure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    month = {"dicom_tag": "InstanceNumber", "operation": "BETWEEN", "reference": ["-10", "10"], "minus": "OWN"}
    asked = {"measure": measure, "scope": "STUDY", "operation": "PRESENT", "where": [month]}
    [item] = compile_criteria(load_criteria([asked]))
    assert isinstance(item, CompiledMeasure)
    count = 20_000
    columns = {
        STUDY: column_of([as_entry(["1.2"])] * count),
        key_of("InstanceNumber"): column_of([as_entry([str(number)]) for number in range(count)]),
    }
    numbers = np.arange(1, count + 1)
    block = Block(columns, column_of([None] * count))
    monkeypatch.setattr(ComparedMembers, "judge", lambda *_: pytest.fail("a pair was looked at"))

    [values] = found(item, [Rows(block, numbers, np.ones(count, np.int64), np.ones(count, np.bool_))])

    assert len(values) == count
    assert min(values.values(), key=str) == as_entry(["11"])
    assert list(values.values()).count(as_entry(["21"])) == count - 20


@pytest.mark.parametrize("vr", ["DT", "text"])
def test_what_has_no_order_is_counted_pair_by_pair(vr: str) -> None:
    keyword = {"DT": "AcquisitionDateTime", "text": "StudyDate"}[vr]
    leaf = {"dicom_tag": keyword, "operation": "AT_LEAST", "reference": "1 s" if vr == "DT" else "1D", "minus": "OWN"}
    where = [leaf] if vr == "DT" else [{"any": [leaf, {**leaf, "operation": "AT_MOST", "reference": "-1D"}]}]
    asked = {"measure": "INSTANCES", "scope": "STUDY", "operation": "PRESENT", "where": where}
    [item] = compile_criteria(load_criteria([asked]))
    assert isinstance(item, CompiledMeasure)

    assert nearness_of(item.where) is None


some_numbers = st.lists(st.integers(0, 9), max_size=30)


@given(some_numbers, st.lists(st.tuples(*[st.integers(0, 30)] * 2, st.integers(0, 12)), min_size=1, max_size=8))
def test_values_below_a_limit_and_different_things_are_counted(
    values: list[int], asked: list[tuple[int, int, int]]
) -> None:
    bounds = [sorted((min(first, len(values)), min(second, len(values)))) for first, second, _ in asked]
    starts, ends = np.array(bounds, np.int64).T
    limits = np.array([limit for *_, limit in asked], np.int64)
    listed = np.array(values, np.int64)

    below = [
        sum(value < limit for value in values[start:end])
        for (start, end), (*_, limit) in zip(bounds, asked, strict=True)
    ]
    assert count_below(listed, starts, ends, limits).tolist() == below
    assert count_distinct_between(listed, starts, ends).tolist() == [len({*values[a:b]}) for a, b in bounds]
