"""Rules that people published: each is said in criteria, and passes what plain Python with pydicom says."""

from collections.abc import Iterator
from typing import Any

import pytest

from dicom_sieve.criteria import Decider, Verdict, compile_criteria
from dicom_sieve.criteria.reading import load_criteria
from tests.rules import cases_1, cases_2, cases_3, series_cases, table_cases
from tests.rules.collection import COLLECTION, SAID
from tests.rules.datasets import Values, read, to_file
from tests.support.pydicom_attributes import attributes_of

CASES = {**cases_1.CASES, **cases_2.CASES, **cases_3.CASES}


def rows() -> Iterator[Any]:
    for rule, case in CASES.items():
        for number, values in enumerate(case.rows()):
            yield pytest.param(rule, values, id=f"{rule}-{number}")


@pytest.mark.parametrize(("rule", "values"), list(rows()))
@pytest.mark.filterwarnings("ignore")
def test_criteria_say_of_each_dataset_what_the_rule_says(rule: str, values: Values) -> None:
    dataset = read(to_file(values))

    decision = Decider(compile_criteria(load_criteria(SAID[rule]))).decide(attributes_of(dataset))

    assert (decision.verdict is Verdict.PASSED) == CASES[rule].passes(dataset)


@pytest.mark.parametrize("rule", CASES)
@pytest.mark.filterwarnings("ignore")
def test_datasets_of_each_rule_pass_and_fail(rule: str) -> None:
    passed = [CASES[rule].passes(read(to_file(values))) for values in CASES[rule].rows()]

    assert passed[0]
    assert not all(passed)


def test_each_rule_that_can_be_said_has_a_case() -> None:
    assert set(SAID) == set(CASES) | set(series_cases.CASES) | set(table_cases.CASES)
    assert not set(CASES) & set(series_cases.CASES)
    assert len(COLLECTION) == 120
    assert len(SAID) >= 110


@pytest.mark.parametrize(
    "entry", [entry for entry in COLLECTION if "criteria" in entry], ids=lambda entry: entry["rule"]
)
def test_criteria_of_each_rule_read_as_a_sentence(entry: dict[str, Any]) -> None:
    compiled = compile_criteria(load_criteria(SAID[entry["rule"]]))

    assert [item.describe() for item in compiled] == entry["reads"]


def test_each_rule_that_cannot_be_said_has_a_reason() -> None:
    assert all(entry.get("cannot_be_said") for entry in COLLECTION if "criteria" not in entry)
