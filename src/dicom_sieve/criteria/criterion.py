"""A criterion: the model of the contract, and what it compiles to.

`Criterion` holds what was asked, as JSON had it; its JSON Schema refuses what a schema can refuse. `compile_criteria`
does the rest: it looks the tags up, reads the references, and either gives criteria that cannot be wrong any more or
raises one error with every problem in it.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from dicom_sieve.dicom.dictionary import Attribute, UnsupportedTag, find_attribute
from dicom_sieve.dicom.vr.value_type import Comparable, Operation, ValueType
from dicom_sieve.enumerations import any_of
from dicom_sieve.errors import InvalidRequestError, MalformedValueError

HexDigits = Annotated[str, Field(pattern="^[0-9A-Fa-f]{4}$", max_length=4, examples=["0008"])]
PLAIN_TEXT = r"^[^\x00-\x1f\x7f-\x9f\ud800-\udfff]*(?![\s\S])"
"""Refuses what cannot be stored or sent: control characters, halves of surrogate pairs. In the schema alone, where
requests come from; ``$`` would let a line feed at the end through, in Python."""
Reference = Annotated[str, Field(min_length=1, max_length=64, json_schema_extra={"pattern": PLAIN_TEXT})]

_LIST_GOES_WITH_IN: dict[str, JsonValue] = {
    "if": {"properties": {"operation": {"const": Operation.IN.value}}, "required": ["operation"]},
    "then": {"properties": {"reference": {"type": "array"}}},
    # Of an operation that is not known nothing is said about the reference: the operation is to blame.
    "else": {
        "if": {
            "properties": {
                "operation": {"enum": [candidate.value for candidate in Operation if candidate is not Operation.IN]}
            },
            "required": ["operation"],
        },
        "then": {"properties": {"reference": {"type": "string"}}},
    },
}


class Criterion(BaseModel):
    """One test on one DICOM attribute; an instance passes a run when it meets every criterion of it."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        json_schema_extra=_LIST_GOES_WITH_IN,
    )

    dicom_tag: Annotated[
        tuple[HexDigits, HexDigits],
        Field(
            title="DICOM tag",
            description="Group and element of the attribute, four hex digits each: 0008 and 0060 for Modality.",
            json_schema_extra={"position": 0},
            examples=[["0008", "0060"]],
        ),
    ]
    operation: Annotated[
        Operation,
        Field(
            title="Operation",
            description="EQUALS one reference, IN a list of them; GREATER (later, older), LESS (earlier, younger).",
            json_schema_extra={"position": 1},
        ),
    ]
    reference: Annotated[
        Annotated[Reference, Field(title="One")]
        | Annotated[list[Reference], Field(title="List", min_length=1, max_length=1000)],
        Field(
            title="Reference",
            description="What to compare with: a date as 2022-01-31, an age as 018M or 045Y, a code as CT. "
            "A list for IN, one text else.",
            json_schema_extra={"position": 2},
        ),
    ]

    @property
    def tag(self) -> int:
        """Group and element as one number."""
        return int("".join(self.dicom_tag), 16)

    def as_given(self) -> dict[str, Any]:
        """Give the criterion as the contract's JSON, for the ledger and the manifest."""
        return self.model_dump(mode="json")


@dataclass(frozen=True, slots=True)
class CompiledCriterion:
    """A criterion that is known to make sense.

    Attributes:
        attribute: What is looked at.
        operation: How it is compared; defined for the attribute's VR.
        references: What it is compared with, read by its VR; exactly one unless the operation is IN.
        texts: The references as they were given, trimmed; for words.
    """

    attribute: Attribute
    operation: Operation
    references: tuple[Comparable, ...]
    texts: tuple[str, ...]

    def describe(self) -> str:
        """Say what is asked, as ``StudyDate (0008,0020) is later than 2022-01-01``."""
        return f"{self.attribute} {self.attribute.vr.relations[self.operation]} {any_of(self.texts)}"


def compile_criteria(criteria: Sequence[Criterion]) -> tuple[CompiledCriterion, ...]:
    """Compile criteria, or say everything that is wrong with them.

    Args:
        criteria: One or more, in the order in which findings will be given.

    Returns:
        One a criterion, in the same order.

    Raises:
        InvalidRequestError: One problem a line, each naming its field. An empty sequence is a problem: it would
            silently keep everything.
    """
    if not criteria:
        raise InvalidRequestError(("criteria: empty, which would keep everything; accepted: one criterion or more",))
    compiled: list[CompiledCriterion] = []
    problems: list[str] = []
    for index, criterion in enumerate(criteria):
        read = _compile(criterion, f"criteria[{index}]")
        if isinstance(read, CompiledCriterion):
            compiled.append(read)
        else:
            problems.extend(read)
    if problems:
        raise InvalidRequestError(tuple(problems))
    return tuple(compiled)


def criteria_digest(criteria: Sequence[Criterion]) -> str:
    """Identify what is asked: SHA-256 over the criteria in canonical JSON, as hex.

    Two sets of criteria that differ in the case of hex digits alone have the same digest.
    """
    canonical = [
        {**criterion.as_given(), "dicom_tag": [part.upper() for part in criterion.dicom_tag]} for criterion in criteria
    ]
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _compile(criterion: Criterion, field: str) -> CompiledCriterion | list[str]:
    attribute = find_attribute(criterion.tag)
    if isinstance(attribute, UnsupportedTag):
        return [f"{field}.dicom_tag: {attribute.reason}"]
    problems = []
    accepted = attribute.vr.relations
    if criterion.operation not in accepted:
        problems.append(
            f"{field}: {attribute} is a {attribute.vr.long_name} ({attribute.vr}): operation {criterion.operation} "
            f"is not defined for it; accepted: {', '.join(accepted)}"
        )
    references, unreadable = _read_references(criterion, attribute.vr, f"{field}.reference")
    problems.extend(unreadable)
    return problems or CompiledCriterion(attribute, criterion.operation, tuple(references.values()), tuple(references))


def _read_references(criterion: Criterion, vr: ValueType, field: str) -> tuple[dict[str, Comparable], list[str]]:
    if isinstance(criterion.reference, list) != (criterion.operation is Operation.IN):
        observed, accepted = ("a list", "one text") if isinstance(criterion.reference, list) else ("one text", "a list")
        return {}, [f"{field}: {observed} with operation {criterion.operation}; accepted: {accepted}"]
    texts = [criterion.reference] if isinstance(criterion.reference, str) else criterion.reference
    references: dict[str, Comparable] = {}
    problems = []
    for index, text in enumerate(texts):
        place = f"{field}[{index}]" if criterion.operation is Operation.IN else field
        try:
            references[vr.words(text)] = vr.parse_reference(text)
        except MalformedValueError:
            problems.append(f"{place}: {text!r} {vr.accepted}")
    return references, problems
