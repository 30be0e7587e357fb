"""The JSON Schema of a list of criteria: criteria, measures, and groups of them, three levels deep.

It is unrolled, a class a level: Prefect takes a schema with recursion, and fails when it validates by it. Only the
schema is made of these; what they mean is read by `dicom_sieve.criteria.reading`.
"""

from typing import Annotated, Generic, TypeVar

from pydantic import ConfigDict, Field, JsonValue

from dicom_sieve.contract.unquoted import JsonSchema
from dicom_sieve.criteria.choose import Order
from dicom_sieve.criteria.criterion import (
    MEASURED_SUITS_OPERATION,
    MOST_ITEMS,
    REFERENCE_SUITS_OPERATION,
    REFUSED,
    Criterion,
    GroupKind,
    MeasuredMembers,
    without_defaults,
)
from dicom_sieve.criteria.measures import Measure, Scope
from dicom_sieve.criteria.read_items import LONGEST_NAME
from dicom_sieve.criteria.tag import PLAIN_TEXT

Below = TypeVar("Below", bound=Criterion)
_KINDS = [kind.value for kind in GroupKind]
_OF_CRITERIA = [name for name in Criterion.model_fields if name != "within"]
_OF_MEASURES = [name for name in MeasuredMembers.model_fields if name not in Criterion.model_fields]
_NOT_OF_MEASURES = [name for name in Criterion.model_fields if name not in MeasuredMembers.model_fields]
_IS_GROUP: JsonValue = {"anyOf": [{"required": [kind]} for kind in _KINDS]}


def _all_refused(*names: str) -> dict[str, JsonValue]:
    refused: dict[str, JsonValue] = dict.fromkeys(names, REFUSED)
    return refused


CRITERION_OR_MEASURE: dict[str, JsonValue] = {
    "if": {"required": ["measure"]},
    "then": {
        "required": ["measure", "operation"],
        "properties": {
            **_all_refused("name", *_NOT_OF_MEASURES),
            "measure": {"type": "string"},
            "value": {"type": "integer"},
        },
        "allOf": [MEASURED_SUITS_OPERATION],
    },
    "else": {
        "required": ["dicom_tag", "operation"],
        "properties": _all_refused("name", "scope", "where"),
        "allOf": [REFERENCE_SUITS_OPERATION],
    },
}
"""Which members go together in what is no group; the same at each level."""


def _item(schema: JsonSchema, *, of_group: bool) -> None:
    """Ask for the members of a criterion, of a measure, or of a group; a refusal names the member."""
    without_defaults(schema)
    schema.pop("required", None)
    if of_group:
        group: JsonValue = {
            "oneOf": [{"required": [kind]} for kind in _KINDS],
            "properties": _all_refused(*_OF_CRITERIA, *_OF_MEASURES, "where"),
        }
        schema.update({"title": "Criterion or group", "if": _IS_GROUP, "then": group, "else": CRITERION_OR_MEASURE})
    else:
        schema.update({"title": "Criterion", "allOf": [CRITERION_OR_MEASURE]})


def of_preference(schema: JsonSchema) -> None:
    """Ask for one member alone."""
    without_defaults(schema)
    schema.pop("required", None)
    schema["oneOf"] = [{"required": [order.value]} for order in Order]


Name = Annotated[
    str,
    Field(
        max_length=LONGEST_NAME,
        title="Name",
        description="What a group is called in reports.",
        default_factory=str,
        json_schema_extra={"position": 14, "pattern": PLAIN_TEXT},
    ),
]
_WORDS = {
    "any": "A group: one of these is enough.",
    "all": "A group: all of these must be met.",
    "none": "A group: none of these may be met.",
    "where": "Of a measure: only what meets all of these is counted.",
}


def _of(kind: str, position: int) -> object:
    return Field(
        min_length=1,
        max_length=MOST_ITEMS,
        title=kind.capitalize(),
        description=_WORDS[kind],
        default_factory=list,
        json_schema_extra={"position": position},
    )


class LeafItem(Criterion):
    """A criterion, or a measure of all that is there."""

    model_config = ConfigDict(json_schema_extra=lambda schema: _item(schema, of_group=False))

    measure: Annotated[
        Measure | None,
        Field(
            title="Measure",
            description="Of the series, study or patient as a whole; without a tag, but for DISTINCT.",
            json_schema_extra={"position": 15},
        ),
    ] = None
    scope: Annotated[
        Scope | None,
        Field(title="Scope", description="Of what it is measured.", json_schema_extra={"position": 16}),
    ] = None


class _Level(LeafItem, Generic[Below]):
    """A criterion, a measure, or a group of what stands a level below."""

    model_config = ConfigDict(json_schema_extra=lambda schema: _item(schema, of_group=True))

    any: Annotated[list[Below], _of("any", 11)]
    all: Annotated[list[Below], _of("all", 12)]
    none: Annotated[list[Below], _of("none", 13)]
    name: Name
    where: Annotated[list[Below], _of("where", 17)]


class LowestItem(_Level[LeafItem]):
    """A criterion, a measure, or a group of criteria."""


class MiddleItem(_Level[LowestItem]):
    """A criterion, a measure, or a group of criteria and groups."""


class TopItem(_Level[MiddleItem]):
    """What stands in the list of criteria of a run."""
