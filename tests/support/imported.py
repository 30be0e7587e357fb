"""Hold what an importer made of a rule to what the other tool says of a dataset."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydicom.dataset import Dataset

from dicom_sieve.criteria import Decider, Verdict, compile_criteria
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.importers import Imported
from dicom_sieve.importers.rules import NEVER, NOTHING
from tests.support.pydicom_attributes import attributes_of


def passes(criteria: Sequence[Mapping[str, Any]], dataset: Dataset) -> bool:
    """Tell whether a dataset, read from a file, passes criteria."""
    decision = Decider(compile_criteria(load_criteria(criteria))).decide(attributes_of(dataset))
    return decision.verdict is Verdict.PASSED


def assert_says(rule: Imported, dataset: Dataset, *, takes: bool) -> None:
    """Assert that a rule says what the tool says where it is whole, and lets more pass elsewhere."""
    if any(line.endswith(NEVER) for line in rule.left_out):
        assert not takes, (rule, dataset)
    if any(line.endswith(NOTHING) for line in rule.left_out):
        assert takes, (rule, dataset)
    if rule.is_whole:
        assert passes(rule.criteria, dataset) is takes, (rule, dataset)
    elif rule.criteria and takes:
        assert passes(rule.criteria, dataset), (rule, dataset)
