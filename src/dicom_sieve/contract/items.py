"""The JSON Schema of a list of criteria: criteria, and groups of them, three levels deep.

It is unrolled, a class a level: Prefect takes a schema with recursion, and fails when it validates by it. Only the
schema is made of these; what they mean is read by `dicom_sieve.criteria.reading`.
"""

from typing import Annotated, Generic, TypeVar

from pydantic import ConfigDict, Field, JsonValue

from dicom_sieve.contract.unquoted import JsonSchema
from dicom_sieve.criteria.criterion import (
    MOST_ITEMS,
    PLAIN_TEXT,
    REFERENCE_SUITS_OPERATION,
    REFUSED,
    Criterion,
    GroupKind,
    without_defaults,
)
from dicom_sieve.criteria.reading import LONGEST_NAME

Below = TypeVar("Below", bound=Criterion)
_KINDS = [kind.value for kind in GroupKind]
_OF_CRITERIA = [name for name in Criterion.model_fields if name != "within"]


def _criterion_or_group(schema: JsonSchema) -> None:
    """Ask for the members of a criterion, or for those of a group; a refusal names the member."""
    without_defaults(schema)
    schema.pop("required", None)
    none_of: dict[str, JsonValue] = dict.fromkeys(_OF_CRITERIA, REFUSED)
    schema.update(
        {
            "title": "Criterion or group",
            "if": {"anyOf": [{"required": [kind]} for kind in _KINDS]},
            "then": {"oneOf": [{"required": [kind]} for kind in _KINDS], "properties": none_of},
            "else": {
                "required": ["dicom_tag", "operation"],
                "properties": {"name": REFUSED},
                "allOf": [REFERENCE_SUITS_OPERATION],
            },
        }
    )


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


class _Level(Criterion, Generic[Below]):
    """A criterion, or a group of what stands a level below."""

    model_config = ConfigDict(json_schema_extra=_criterion_or_group)

    any: Annotated[list[Below], _of("any", 11)]
    all: Annotated[list[Below], _of("all", 12)]
    none: Annotated[list[Below], _of("none", 13)]
    name: Name


class LowestItem(_Level[Criterion]):
    """A criterion, or a group of criteria."""


class MiddleItem(_Level[LowestItem]):
    """A criterion, or a group of criteria and groups."""


class TopItem(_Level[MiddleItem]):
    """What stands in the list of criteria of a run."""
