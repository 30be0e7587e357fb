"""What OpenLineage asks of a run event, written from its specification as JSON Schema.

The specification's own schema is in no package. This one is what version 2-0-2 says of run events and of the facets
that we and the client send; it is ours, and as right as we read it.
"""

import datetime
import json
import uuid
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import jsonschema
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

CORE_URI = "https://openlineage.io/spec/2-0-2/OpenLineage.json"
URI = {"type": "string", "format": "uri"}
TEXT = {"type": "string"}
COUNT = {"type": "integer"}


def obj(required: dict[str, Any], optional: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {**required, **(optional or {})}, "required": list(required), **more}


def facet(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return obj({"_producer": URI, "_schemaURL": URI, **required}, optional)


def facets(known: dict[str, Any]) -> dict[str, Any]:
    """Of facets that the specification does not know the name begins with whose they are."""
    return {
        "type": "object",
        "properties": known,
        "additionalProperties": facet({}),
        "propertyNames": {"anyOf": [{"enum": list(known)}, {"pattern": "^[a-z][A-Za-z]+_[a-z][A-Za-z]+$"}]},
    }


OURS = {
    f"dicomSieve_{name}": json.loads(
        (files("dicom_sieve") / f"lineage/{name.capitalize()}RunFacet.json").read_text(encoding="utf-8")
    )
    for name in ("screening", "computation")
}
JOB = obj({"namespace": TEXT, "name": TEXT})
RUN_FACETS = {
    "errorMessage": facet({"message": TEXT, "programmingLanguage": TEXT}),
    "processing_engine": facet({"version": TEXT}, {"name": TEXT}),
    "jobDependencies": facet(
        {},
        {
            "upstream": {
                "type": "array",
                "items": obj({"job": JOB}, {"run": obj({"runId": {"type": "string", "format": "uuid"}})}),
            }
        },
    ),
    "tags": facet({}, {"tags": {"type": "array", "items": obj({"key": TEXT, "value": TEXT}, {"source": TEXT})}}),
    **OURS,
}
DATASET_FACETS = {
    "version": facet({"datasetVersion": TEXT}),
    "dataSource": facet({}, {"name": TEXT, "uri": URI}),
}
STATISTICS = {"inputStatistics": facet({}, {"rowCount": COUNT, "size": COUNT, "fileCount": COUNT})}
JOB_FACETS = {"jobType": facet({"processingType": {"enum": ["BATCH", "STREAMING", "SERVICE"]}, "integration": TEXT})}


def dataset(**more: Any) -> dict[str, Any]:
    return obj({"namespace": TEXT, "name": TEXT}, {"facets": facets(DATASET_FACETS), **more})


RUN_EVENT = obj(
    {
        "eventTime": {"type": "string", "format": "date-time"},
        "producer": URI,
        "schemaURL": {"const": f"{CORE_URI}#/$defs/RunEvent"},
        "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        "run": obj({"runId": {"type": "string", "format": "uuid"}}, {"facets": facets(RUN_FACETS)}),
        "job": obj({"namespace": TEXT, "name": TEXT}, {"facets": facets(JOB_FACETS)}),
    },
    {
        "inputs": {"type": "array", "items": dataset(inputFacets=facets(STATISTICS))},
        "outputs": {"type": "array", "items": dataset(outputFacets=facets({}))},
    },
)
CORE = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": CORE_URI, "$defs": {"RunFacet": facet({})}}

formats = jsonschema.FormatChecker(formats=())


@formats.checks("uri", raises=ValueError)
def _is_uri(value: object) -> bool:
    parts = urlsplit(str(value))
    return bool(parts.scheme and (parts.netloc or parts.path)) and " " not in str(value)


@formats.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    return datetime.datetime.fromisoformat(str(value)).tzinfo is not None and "T" in str(value)


@formats.checks("uuid", raises=ValueError)
def _is_uuid(value: object) -> bool:
    return str(uuid.UUID(str(value))) == value


def validate(event: Any) -> None:
    """Hold an event to the rules.

    Raises:
        ValidationError: It breaks one.
    """
    registry: Registry[Any] = Registry().with_resource(CORE_URI, Resource.from_contents(CORE, DRAFT202012))
    jsonschema.Draft202012Validator(RUN_EVENT, registry=registry, format_checker=formats).validate(event)
