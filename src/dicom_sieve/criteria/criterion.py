"""What was asked, as JSON had it: criteria, and groups of them. `compile` does the rest.

The JSON Schema of a criterion refuses what a schema can refuse; that of a list with groups is in `schema`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema

from dicom_sieve.criteria.given_table import COLUMN_SCHEMA, DATE_SCHEMA, TableColumn, TableDate
from dicom_sieve.criteria.measures import KINDS, Measure, Scope
from dicom_sieve.criteria.tag import TAGS, DicomTag, plain_text
from dicom_sieve.dicom.vr.value_type import Operation

LONGEST_REFERENCE, MOST_REFERENCES = 64, 1000
MOST_LEVELS, MOST_ITEMS, MOST_SEQUENCES, MOST_VALUES = 3, 100, 3, 1000
"""Of groups in each other; of criteria in a list; of sequences around an attribute."""


Reference = Annotated[str, plain_text(LONGEST_REFERENCE)]
OWN_VALUE = "OWN"
"""In the place of a tag that is subtracted: the same one, of the instance that is judged."""

TABLE_OPERATIONS = (Operation.IN, Operation.NOT_IN)
LIST_OPERATIONS = (*TABLE_OPERATIONS, Operation.BETWEEN)
EITHER_OPERATIONS = (Operation.CONTAINS, Operation.NOT_CONTAINS, Operation.MATCHES, Operation.NOT_MATCHES)
NO_REFERENCE_OPERATIONS = (Operation.PRESENT, Operation.ABSENT)
TEXT_OPERATIONS = tuple(
    operation
    for operation in Operation
    if operation not in (*LIST_OPERATIONS, *EITHER_OPERATIONS, *NO_REFERENCE_OPERATIONS)
)


def _where(operations: Sequence[Operation], then: JsonValue, otherwise: JsonValue) -> dict[str, JsonValue]:
    """Give a schema for some operations, and one for others."""
    names: list[JsonValue] = [operation.value for operation in operations]
    return {
        "if": {"properties": {"operation": {"enum": names}}, "required": ["operation"]},
        "then": then,
        "else": otherwise,
    }


REFUSED: dict[str, JsonValue] = {"not": {}}
"""A member that may not be there; unlike ``false``, its refusal names the member."""
_NEEDS_REFERENCE: JsonValue = {"required": ["reference"]}
_IS_TEXT: JsonValue = {"properties": {"reference": {"type": "string"}}, "required": ["reference"]}
_IS_LIST: dict[str, JsonValue] = {"properties": {"reference": {"type": "array"}}, "required": ["reference"]}
_IS_EITHER: JsonValue = {"properties": {"reference": {"type": ["string", "array"]}}, "required": ["reference"]}
_IS_LIST_OR_TABLE: JsonValue = {"properties": {"reference": {"type": ["array", "object"]}}, "required": ["reference"]}
_ARE_TWO: JsonValue = {"properties": {"reference": {"minItems": 2, "maxItems": 2}}}


def _suits_operation(of_table: JsonValue) -> dict[str, JsonValue]:
    """Give a schema for what reference suits which operation; of a table one of its own."""
    # Of an operation that is not known nothing is said about the reference: the operation is to blame.
    of_either = _where(EITHER_OPERATIONS, _IS_EITHER, _NEEDS_REFERENCE)
    of_text = _where(TEXT_OPERATIONS, _IS_TEXT, of_either)
    of_none = _where(NO_REFERENCE_OPERATIONS, {"properties": {"reference": REFUSED}}, of_text)
    of_list = _where((Operation.BETWEEN,), {**_IS_LIST, "allOf": [_ARE_TWO]}, of_none)
    return _where(TABLE_OPERATIONS, of_table, of_list)


REFERENCE_SUITS_OPERATION = _suits_operation(_IS_LIST_OR_TABLE)
MEASURED_SUITS_OPERATION = _suits_operation(_IS_LIST)
"""Of a measure: it is not compared with a table."""


class IfAbsent(StrEnum):
    """What is found where an attribute is absent or empty."""

    MET = "MET"
    NOT_MET = "NOT_MET"


class GroupKind(StrEnum):
    """How the items of a group count together."""

    ANY = "any"
    ALL = "all"
    NONE = "none"


def without_defaults(schema: dict[str, Any]) -> None:
    """Take the defaults out of a schema: a form would fill them in, and send what nobody gave."""
    for member in schema["properties"].values():
        member.pop("default", None)


def _criterion_alone(schema: dict[str, Any]) -> None:
    without_defaults(schema)
    schema.update(REFERENCE_SUITS_OPERATION)


class Criterion(BaseModel):
    """One test on one DICOM attribute; an instance passes a run when it meets every criterion of it."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        json_schema_extra=_criterion_alone,
    )

    dicom_tag: Annotated[
        DicomTag,
        Field(
            title="DICOM tag",
            description="Group and element of the attribute, as 0008 and 0060, or its keyword, as Modality.",
            json_schema_extra={"position": 0},
            examples=[["0008", "0060"]],
        ),
    ]
    operation: Annotated[
        Operation,
        Field(
            title="Operation",
            description="EQUALS one, IN a list; GREATER (later, older), LESS (earlier, younger); NOT_ reverses; "
            "PRESENT, ABSENT: no reference.",
            json_schema_extra={"position": 1},
        ),
    ]
    reference: Annotated[
        Annotated[Reference, Field(title="One")]
        | Annotated[list[Reference], Field(title="List", min_length=1, max_length=MOST_REFERENCES)]
        | Annotated[TableColumn, WithJsonSchema(COLUMN_SCHEMA)],
        Field(
            title="Reference",
            description="A date as 2022-01-31, an age as 018M, a code as CT, 3 mm, a text; IN and BETWEEN: a list; IN: "
            "a table's column.",
            json_schema_extra={"position": 2},
            default_factory=str,
        ),
    ]
    value: Annotated[
        Literal["ANY", "ALL"] | Annotated[int, Field(title="Number", strict=True, ge=1, le=MOST_VALUES)],
        Field(
            title="Value",
            description="Which of several values: ANY, ALL, or a number from 1.",
            json_schema_extra={"position": 3},
        ),
    ] = "ANY"
    if_absent: Annotated[
        IfAbsent | None,
        Field(
            title="If absent",
            description="What is found where the attribute is absent or empty. None: undecided, so not passed.",
            json_schema_extra={"position": 4},
        ),
    ] = None
    tolerance: Annotated[
        Annotated[str, plain_text(32)] | None,
        Field(
            title="Tolerance",
            description="Of numbers: how far from the reference is equal, as 0.01 or 5 %.",
            json_schema_extra={"position": 5},
        ),
    ] = None
    case: Annotated[
        Literal["EXACT"] | None,
        Field(
            title="Case",
            description="EXACT: capital and small letters differ.",
            json_schema_extra={"position": 6},
        ),
    ] = None
    within: Annotated[
        Annotated[list[DicomTag], Field(title="Sequences", min_length=1, max_length=MOST_SEQUENCES)] | None,
        Field(
            title="Within",
            description="The sequences around the attribute, the outermost first.",
            json_schema_extra={"position": 7},
        ),
    ] = None
    private_creator: Annotated[
        Annotated[str, plain_text(64)] | None,
        Field(
            title="Private creator",
            description="Of a private attribute; its tag is group and low byte, as 0019 and 000C.",
            json_schema_extra={"position": 8},
        ),
    ] = None
    vr: Annotated[
        Annotated[str, Field(pattern="^[A-Z]{2}$", max_length=2)] | None,
        Field(
            title="VR",
            description="Of a private attribute, as DS.",
            json_schema_extra={"position": 9},
        ),
    ] = None
    minus: Annotated[
        Annotated[Literal["OWN"] | DicomTag | TableDate, WithJsonSchema({"anyOf": [*TAGS, DATE_SCHEMA]})] | None,
        Field(
            title="Minus",
            description="A date, time or number to subtract: of the object, a table; OWN in where: of the one judged.",
            json_schema_extra={"position": 10},
        ),
    ] = None

    @property
    def tag(self) -> int:
        """Group and element as one number."""
        return int("".join(self.dicom_tag), 16)

    def as_given(self) -> dict[str, Any]:
        """Give the criterion as the contract's JSON, for the ledger and the manifest.

        What was not given, or says what would be so without it, is not in it: so digests stay.
        """
        given = self.model_dump(mode="json", exclude_unset=True, exclude_none=True)
        if given.get("value") == "ANY":
            del given["value"]
        return given


@dataclass(frozen=True, slots=True)
class Group:
    """Criteria, and groups of them, that count together.

    Attributes:
        kind: How.
        items: One or more.
        name: What people call it; may be empty.
        within: Tags of the sequences of which one item is looked at as a whole, the outermost first.
    """

    kind: GroupKind
    items: tuple["Item", ...]
    name: str = ""
    within: tuple[tuple[str, str], ...] = ()

    def as_given(self) -> dict[str, Any]:
        """Give the group as the contract's JSON."""
        given: dict[str, Any] = {self.kind.value: [item.as_given() for item in self.items]}
        if self.name:
            given["name"] = self.name
        if self.within:
            given["within"] = [list(tag) for tag in self.within]
        return given


class MeasuredMembers(BaseModel):
    """What a measure says besides what is counted."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    measure: Measure
    scope: Scope | None = None
    operation: Operation
    reference: (
        Annotated[str, plain_text(LONGEST_REFERENCE)]
        | Annotated[list[Reference], Field(min_length=1, max_length=MOST_REFERENCES)]
    ) = Field(default_factory=str)
    dicom_tag: DicomTag | None = None
    value: Annotated[int, Field(strict=True, ge=1, le=MOST_VALUES)] | None = None
    tolerance: Annotated[str, plain_text(32)] | None = None
    if_absent: IfAbsent | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """One test on something of a whole series, study or patient.

    Attributes:
        members: What is measured, and what it is compared with.
        where: What members must meet to be counted.
    """

    members: MeasuredMembers
    where: tuple["Item", ...] = ()

    def as_given(self) -> dict[str, Any]:
        """Give the measure as the contract's JSON; see `Criterion.as_given`."""
        given = self.members.model_dump(mode="json", exclude_unset=True, exclude_none=True)
        if self.members.scope in KINDS[self.members.measure].scopes[:1]:
            del given["scope"]
        return {**given, "where": [item.as_given() for item in self.where]} if self.where else given


Item = Criterion | Measured | Group
"""What stands in a list of criteria."""


class GivesJson(Protocol):
    """What is asked, and can be written as it was given."""

    def as_given(self) -> dict[str, Any]:
        """Give it as the contract's JSON."""


def criteria_digest(criteria: Sequence["GivesJson"]) -> str:
    """Identify what is asked: SHA-256 over the criteria in canonical JSON, as hex.

    Two lists of criteria that differ in the case of hex digits alone have the same digest.
    """
    return hashlib.sha256(canonical_json(criteria).encode()).hexdigest()


def _canonical(given: Mapping[str, Any]) -> dict[str, Any]:
    canonical = dict(given)
    for name in ("dicom_tag", "minus", "highest", "lowest"):
        if isinstance(given.get(name), list):
            canonical[name] = [part.upper() for part in given[name]]
    if isinstance(minus := given.get("minus"), dict):
        by = minus["by"]
        canonical["minus"] = {**minus, "by": {**by, "dicom_tag": [part.upper() for part in by["dicom_tag"]]}}
    if given.get("within") is not None:
        canonical["within"] = [[part.upper() for part in tag] for tag in given["within"]]
    if "choose" in given:
        canonical["choose"] = {**given["choose"], "prefer": [_canonical(each) for each in given["choose"]["prefer"]]}
    for name in (*GroupKind, "where", "meets"):
        if name in given:
            canonical[name] = [_canonical(item) for item in given[name]]
    return canonical


def canonical_json(items: Sequence["GivesJson"]) -> str:
    """Write criteria so that those that say the same are written alike, but for what their words mean."""
    return json.dumps([_canonical(item.as_given()) for item in items], sort_keys=True, separators=(",", ":"))
