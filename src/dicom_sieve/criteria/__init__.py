"""What is asked: criteria on DICOM attributes, and how a header is judged by them. Pure: no I/O, no clock."""

from dicom_sieve.criteria.advice import Advice, advise
from dicom_sieve.criteria.criterion import (
    CompiledCriterion,
    Criterion,
    compile_criteria,
    criteria_digest,
)
from dicom_sieve.criteria.decide import UNJUDGED, Decider, Decision, Finding, Verdict, find
from dicom_sieve.dicom.vr.value_type import Comparable, Operation
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
    "Verdict",
    "advise",
    "compile_criteria",
    "criteria_digest",
    "find",
]
