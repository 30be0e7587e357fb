"""Parameters of a run, as the contract names them: what the form shows, what the REST call refuses."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema

from dicom_sieve.computations.registry import kinds
from dicom_sieve.contract.items import TopItem, of_preference
from dicom_sieve.contract.locations import (
    InputByAddress,
    InputS3Parameters,
    OutputS3Parameters,
    S3Parameters,
    SourceParameters,
)
from dicom_sieve.contract.unquoted import JsonSchema, by_name_or_list, of_either, of_locations
from dicom_sieve.criteria import Damaged
from dicom_sieve.criteria.choose import Unit
from dicom_sieve.criteria.criterion import MOST_ITEMS, without_defaults
from dicom_sieve.criteria.measures import Measure, Scope
from dicom_sieve.criteria.named import LONGEST_NAME, MOST_VERSIONS, NAME
from dicom_sieve.criteria.read_choose import MOST_PREFERENCES
from dicom_sieve.criteria.tag import TAGS
from dicom_sieve.objects import FEWEST_ASKED, MOST_ASKED, Listing

ORDERED_SCHEMA: dict[str, JsonValue] = {
    "anyOf": [
        *TAGS,
        {"title": "Measure", "type": "string", "enum": [measure.value for measure in Measure]},
    ]
}
"""An attribute, or a measure."""
RUN_ID = r"[0-9A-Fa-f-]{1,40}(\.[0-9]{1,9})?"
"""The id of a flow run; that of a run that was started again ends in a number."""


OrderedBy = Annotated[str, WithJsonSchema(ORDERED_SCHEMA)]


def _by_order(title: str, description: str, *, position: int) -> Any:
    """Give the field of what is compared: an attribute, or a measure."""
    extra: dict[str, JsonValue] = {"position": position}
    return Field(title=title, description=description, default_factory=str, json_schema_extra=extra)


class PreferenceParameters(BaseModel):
    """What is better: one of the three."""

    model_config = ConfigDict(
        title="Preference", extra="forbid", hide_input_in_errors=True, json_schema_extra=of_preference
    )

    meets: Annotated[
        list[TopItem],
        Field(
            min_length=1,
            max_length=MOST_ITEMS,
            title="Meets",
            description="Rather what has an instance that meets all of these.",
            default_factory=list,
            json_schema_extra={"position": 0},
        ),
    ]
    highest: Annotated[
        OrderedBy, _by_order("Highest", "The highest value of an attribute, or of a measure.", position=1)
    ]
    lowest: Annotated[OrderedBy, _by_order("Lowest", "The lowest value.", position=2)]


class ChooseParameters(BaseModel):
    """What is kept of what passes: one of several."""

    model_config = ConfigDict(title="Choose", extra="forbid", hide_input_in_errors=True)

    one: Annotated[
        Scope,
        Field(title="One", description="SERIES or STUDY.", json_schema_extra={"position": 0}),
    ]
    per: Annotated[
        Scope,
        Field(title="Per", description="STUDY or PATIENT.", json_schema_extra={"position": 1}),
    ]
    prefer: Annotated[
        list[PreferenceParameters],
        Field(
            max_length=MOST_PREFERENCES,
            title="Prefer",
            description="The most important first; at last the smallest UID decides.",
            default_factory=list,
            json_schema_extra={"position": 2},
        ),
    ]


class ByName(BaseModel):
    """Criteria that were saved in the ledger; a version never changes."""

    model_config = ConfigDict(
        title="By name", extra="forbid", hide_input_in_errors=True, json_schema_extra=without_defaults
    )

    name: Annotated[
        str,
        Field(
            max_length=LONGEST_NAME,
            title="Name",
            description="What they were saved as, with 'dicom-sieve criteria save'.",
            json_schema_extra={"position": 0, "pattern": NAME},
        ),
    ]
    version: Annotated[
        Annotated[int, Field(title="Number", strict=True, ge=1, le=MOST_VERSIONS)] | None,
        Field(
            title="Version",
            description="From 1. None: the newest; the run records which.",
            json_schema_extra={"position": 1},
        ),
    ] = None


def _list_or_name(schema: dict[str, Any]) -> None:
    """Ask for the members of a list, or for those of a name, beside ``anyOf`` and not under it (ADR 41).

    What is refused under ``anyOf`` may be quoted as a whole. So ``anyOf`` holds only what a form chooses from; members
    stand beside it, where each applies to its own type alone, and refusals name the one that is wrong.
    """
    as_list, by_name = schema.pop("anyOf")[0], ByName.model_json_schema()
    members = {name: as_list[name] for name in ("items", "minItems", "maxItems")}
    members |= {name: by_name[name] for name in ("properties", "required", "additionalProperties")}
    choice = [{"title": "List", "type": "array"}, {"title": by_name["title"], "type": "object"}]
    schema.update({"anyOf": choice, **members, "position": 1})


S3_INPUT, ANY_INPUT = "input_s3_parameters", "input"
"""The two parameters that say where objects lie: exactly one is given."""


def _either(rules: JsonSchema) -> Any:
    """Ask for one of the two inputs, which the model's own ``required`` cannot say."""

    def extend(schema: dict[str, Any]) -> None:
        schema["required"] = [name for name in schema["required"] if name != S3_INPUT]
        schema.update(rules)

    return extend


class Parameters(BaseModel):
    """What a run is started with."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra=_either(
            of_locations(
                S3_INPUT,
                optional="output_s3_parameters",
                more=[*of_either(S3_INPUT, ANY_INPUT), by_name_or_list("criteria")],
            )
        ),
    )

    input_s3_parameters: Annotated[
        InputS3Parameters,
        Field(title="Input", description="Where the objects lie.", json_schema_extra={"position": 0}),
    ]
    criteria: Annotated[
        Annotated[list[TopItem], Field(title="List", min_length=1, max_length=MOST_ITEMS)] | ByName,
        Field(
            title="Criteria",
            description="An instance passes when it meets all of them.",
            json_schema_extra=_list_or_name,
        ),
    ]
    output_s3_parameters: Annotated[
        OutputS3Parameters | None,
        Field(
            title="Output",
            description="Where to publish the manifest. None: nothing is written to S3.",
            json_schema_extra={"position": 2},
        ),
    ] = None
    damaged: Annotated[
        Damaged,
        Field(
            title="Damaged objects",
            description="DISCARD: as CORRUPT. JUDGE: by what lies before the damage.",
            json_schema_extra={"position": 3},
        ),
    ] = Damaged.DISCARD
    preview: Annotated[
        bool,
        Field(
            title="Preview",
            description="Only tell what a run would say: no verdict is recorded, and the output is not used.",
            json_schema_extra={"position": 4},
        ),
    ] = False
    unit: Annotated[
        Unit,
        Field(
            title="Unit",
            description="SERIES: an instance that does not pass discards its series.",
            json_schema_extra={"position": 5},
        ),
    ] = Unit.INSTANCE
    choose: Annotated[
        ChooseParameters | None,
        Field(
            title="Choose",
            description="Of what passes, one series or study is kept. None: all of them.",
            json_schema_extra={"position": 6},
        ),
    ] = None
    input: InputByAddress = None
    listing: Annotated[
        Listing,
        Field(
            title="Listing",
            description="LAST: nothing is listed or read; what was listed last is judged as it is.",
            json_schema_extra={"position": 8},
        ),
    ] = Listing.NEW
    divide: Annotated[
        Annotated[int, Field(title="Number", strict=True, ge=FEWEST_ASKED, le=MOST_ASKED)] | None,
        Field(
            title="Divide",
            description="Of a large bucket, at least N parts are screened, each by a run of its own. None: by one run.",
            json_schema_extra={"position": 9},
        ),
    ] = None


class SegmentParameters(BaseModel):
    """What a run of ``segment-series`` is started with."""

    model_config = ConfigDict(
        title="Parameters",
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra=_either(of_locations(S3_INPUT, "output_s3_parameters", more=of_either(S3_INPUT, ANY_INPUT))),
    )

    run_id: Annotated[
        str,
        Field(
            max_length=50,
            title="Run",
            description="Id of a completed run of clean-dicom, or the beginning of it.",
            json_schema_extra={"position": 0, "pattern": rf"^{RUN_ID}(?![\s\S])"},
        ),
    ]
    input_s3_parameters: Annotated[
        SourceParameters,
        Field(title="Input", description="Where the objects lie that it judged.", json_schema_extra={"position": 1}),
    ]
    output_s3_parameters: Annotated[
        S3Parameters,
        Field(title="Output", description="Where results are written.", json_schema_extra={"position": 2}),
    ]
    input: InputByAddress = None


def _name_kinds(schema: JsonSchema) -> None:
    schema.update(enum=list(kinds()), position=3)


class ComputeParameters(SegmentParameters):
    """What a run of ``compute-series`` is started with."""

    computation: Annotated[
        str,
        Field(
            max_length=64,
            title="Computation",
            description="What is computed on each series that passed whole.",
            json_schema_extra=_name_kinds,
        ),
    ]
    parameters: Annotated[
        dict[str, JsonValue] | None,
        Field(
            title="Parameters of the computation",
            description="What it is told, as JSON; those of each computation are in its documentation.",
            json_schema_extra={"position": 3},
        ),
    ] = None


RawParameters = dict[str, Any]
"""Parameters as they came, before anything is known of them."""
