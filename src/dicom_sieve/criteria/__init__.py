"""What is asked: criteria on DICOM attributes, and how a header is judged by them. Pure: no I/O, no clock."""

from dicom_sieve.criteria.advice import Advice, advise
from dicom_sieve.criteria.choose import Asked
from dicom_sieve.criteria.compile_criteria import compile_criteria
from dicom_sieve.criteria.criterion import Criterion, Group, GroupKind, Item, Measured, criteria_digest
from dicom_sieve.criteria.decide import UNJUDGED, Decider, Decision, Verdict
from dicom_sieve.criteria.finding import Finding
from dicom_sieve.criteria.items import (
    CompiledGroup,
    CompiledItem,
    CompiledMeasure,
    Leaf,
    asked_attributes,
    attributes_read_for,
    compares_identities,
    leaves_of,
    measures_in,
)
from dicom_sieve.criteria.judge import find
from dicom_sieve.criteria.rule import CompiledCriterion
from dicom_sieve.dicom.vr.value_type import Comparable, Operation
from dicom_sieve.objects import Damaged

__all__ = [
    "UNJUDGED",
    "Advice",
    "Asked",
    "Comparable",
    "CompiledCriterion",
    "CompiledGroup",
    "CompiledItem",
    "CompiledMeasure",
    "Criterion",
    "Damaged",
    "Decider",
    "Decision",
    "Finding",
    "Group",
    "GroupKind",
    "Item",
    "Leaf",
    "Measured",
    "Operation",
    "Verdict",
    "advise",
    "asked_attributes",
    "attributes_read_for",
    "compares_identities",
    "compile_criteria",
    "criteria_digest",
    "find",
    "leaves_of",
    "measures_in",
]
