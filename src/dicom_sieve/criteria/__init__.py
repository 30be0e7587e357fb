"""What is asked: criteria on DICOM attributes, and how a header is judged by them. Pure: no I/O, no clock."""

from dicom_sieve.criteria.advice import Advice, advise
from dicom_sieve.criteria.criterion import (
    Comparable,
    CompiledCriterion,
    Criterion,
    Operation,
    compile_criteria,
    criteria_digest,
)
from dicom_sieve.criteria.decide import UNJUDGED, Decider, Decision, Finding, Verdict, find
from dicom_sieve.criteria.values import ValueRepresentation
from dicom_sieve.objects import Damaged

__all__ = [
    "UNJUDGED",
    "Advice",
    "Comparable",
    "CompiledCriterion",
    "Criterion",
    "Damaged",
    "Decider",
    "Decision",
    "Finding",
    "Operation",
    "ValueRepresentation",
    "Verdict",
    "advise",
    "compile_criteria",
    "criteria_digest",
    "find",
]
