"""Locations of a request, as the contract names them: what the form shows, what the REST call refuses.

No pattern is put on credentials, nor on what may be an address of the web: a refusal quotes what it refuses. What holds
them asks for their shape (`unquoted`). All other texts have one that refuses what cannot be stored or sent: control
characters and halves of surrogate pairs.
"""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema

from dicom_sieve.contract.unquoted import LONGEST_URI, OF_CREDENTIALS, in_turn
from dicom_sieve.criteria.tag import PLAIN_TEXT
from dicom_sieve.stores.s3.credentials import GivesSession

_REFERENCE_TO_BLOCK = {
    "title": "AWS Credentials",
    "description": "A block that Prefect keeps.",
    "type": "object",
    "block_type_slug": "aws-credentials",
    "minProperties": 1,
    "propertyNames": {"const": "$ref"},
}
"""What JSON gives for a block: ``{"$ref": "<block id>"}``. The form offers the blocks there are.

The id has no pattern: a secret may stand in its place, and a refusal quotes what it refuses.
"""


_REFERENCE_TO_SECRET = {
    "title": "Secret",
    "description": "A block that Prefect keeps.",
    "type": "object",
    "block_type_slug": "secret",
    "minProperties": 1,
    "propertyNames": {"const": "$ref"},
}
"""The same of a block of type Secret; a block of type AWS Credentials is taken by its id, too."""
PLAIN: dict[str, JsonValue] = {"pattern": PLAIN_TEXT}
LONGEST_BUCKET, LONGEST_PREFIX, LONGEST_REGION, LONGEST_URL = 255, 1024, 128, 2048
"""Numbers of characters; S3 counts a key in bytes of UTF-8, which the flow checks."""


def _plain(longest: int) -> dict[str, JsonValue]:
    """Refuse what cannot be stored; of a text that is too long only its length is refused.

    Were both, then Prefect's answer would quote all of a location that is refused under ``anyOf`` (`unquoted`).
    """
    return {"pattern": rf"{PLAIN_TEXT}|^[\s\S]{{{longest + 1},}}"}


def _switch(title: str, description: str, position: int) -> Any:
    """Give the field of what is true or false; nothing else is taken for either."""
    return Field(strict=True, title=title, description=description, json_schema_extra={"position": position})


def _archives(position: int) -> Any:
    """Give the field that both kinds of input have for archives."""
    return _switch(
        "Archives", "What lies in .zip, .tar, .tar.gz and .tgz objects is screened in their place.", position
    )


class S3Parameters(BaseModel):
    """A location in an object store, and how to reach it."""

    model_config = ConfigDict(
        title="Location",
        extra="forbid",
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        json_schema_extra=in_turn(OF_CREDENTIALS),
    )

    bucket: Annotated[
        str,
        Field(
            min_length=1,
            max_length=LONGEST_BUCKET,
            title="Bucket",
            description="Name of the bucket.",
            json_schema_extra={"position": 0, **_plain(LONGEST_BUCKET)},
        ),
    ]
    prefix: Annotated[
        str,
        Field(
            max_length=LONGEST_PREFIX,
            title="Prefix",
            description="Only objects whose key begins so. Empty: the whole bucket.",
            json_schema_extra={"position": 1, **_plain(LONGEST_PREFIX)},
        ),
    ] = ""
    region: Annotated[
        str,
        Field(
            min_length=1,
            max_length=LONGEST_REGION,
            title="Region",
            description="As eu-west-1; other servers than AWS use names of their own.",
            json_schema_extra={"position": 2, **_plain(LONGEST_REGION)},
        ),
    ]
    endpoint: Annotated[
        Annotated[str, Field(title="URL", max_length=LONGEST_URL, json_schema_extra=PLAIN)] | None,
        Field(
            title="Endpoint",
            description="URL of the S3 server, as https://localhost:9000. None: AWS itself.",
            json_schema_extra={"position": 3},
        ),
    ] = None
    credentials: Annotated[
        Annotated[str, Field(title="Keys")] | Annotated[GivesSession, WithJsonSchema(_REFERENCE_TO_BLOCK)] | None,
        Field(
            repr=False,
            title="Credentials",
            description="key_id:access_key, or a block of type AWS Credentials. None: AWS's default chain.",
            json_schema_extra={"position": 4},
        ),
    ] = None


class SourceParameters(S3Parameters):
    """Where objects are read, and on what terms."""

    anonymous: Annotated[
        bool, _switch("Anonymous", "Requests are not signed, as for a public bucket. Then there are no credentials.", 6)
    ] = False
    requester_pays: Annotated[
        bool,
        _switch(
            "Requester pays", "The owner of the credentials pays for the requests, where the bucket requires that.", 7
        ),
    ] = False


class InputS3Parameters(SourceParameters):
    """Where a run finds its objects, and how it learns which there are."""

    model_config = ConfigDict(title="Input location")

    inventory: Annotated[
        Annotated[str, Field(title="URI", max_length=LONGEST_URL, json_schema_extra=PLAIN)] | None,
        Field(
            title="Inventory",
            description="s3://bucket/path/manifest.json of an S3 Inventory, read instead of listing.",
            json_schema_extra={"position": 5},
        ),
    ] = None
    archives: Annotated[bool, _archives(8)] = False


class Publish(StrEnum):
    """What a run publishes."""

    MANIFEST = "MANIFEST"
    COPY = "COPY"
    COPY_WHOLE = "COPY_WHOLE"


class OutputS3Parameters(S3Parameters):
    """Where a run publishes, and what."""

    model_config = ConfigDict(title="Output location")

    publish: Annotated[
        Publish,
        Field(
            title="Publish",
            description="MANIFEST: verdicts and reasons. COPY: copies of what passed, too. COPY_WHOLE: whole series.",
            json_schema_extra={"position": 5},
        ),
    ] = Publish.MANIFEST


class InputParameters(BaseModel):
    """Where a run finds its objects, in a store of any kind."""

    model_config = ConfigDict(
        title="Input by address", extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True
    )

    uri: Annotated[
        str,
        Field(
            max_length=LONGEST_URI,
            title="URI",
            description="s3://bucket/prefix, gs://bucket/prefix, az://account/container/prefix, "
            "dicomweb+https://host/dicom-web, or a directory.",
            json_schema_extra={"position": 0},
        ),
    ]
    credentials: Annotated[
        Annotated[str, Field(title="Text")] | Annotated[Any, WithJsonSchema(_REFERENCE_TO_SECRET)] | None,
        Field(
            repr=False,
            title="Credentials",
            description="As the store has them, or a block of type Secret with the same. None: this machine's own.",
            json_schema_extra={"position": 1},
        ),
    ] = None
    endpoint: Annotated[
        Annotated[str, Field(title="URL", max_length=LONGEST_URL, json_schema_extra=PLAIN)] | None,
        Field(
            title="Endpoint",
            description="URL of the server. None: the cloud itself.",
            json_schema_extra={"position": 2},
        ),
    ] = None
    region: Annotated[
        Annotated[str, Field(title="Name", min_length=1, max_length=LONGEST_REGION, json_schema_extra=PLAIN)] | None,
        Field(title="Region", description="Of S3 alone. None: us-east-1.", json_schema_extra={"position": 3}),
    ] = None
    inventory: Annotated[
        Annotated[str, Field(title="URI", max_length=LONGEST_URL, json_schema_extra=PLAIN)] | None,
        Field(
            title="Inventory",
            description="Of S3 alone: s3://bucket/path/manifest.json, read instead of listing.",
            json_schema_extra={"position": 4},
        ),
    ] = None
    anonymous: Annotated[
        bool, _switch("Anonymous", "Requests are not signed, as for what is public. Then there are no credentials.", 5)
    ] = False
    requester_pays: Annotated[
        bool,
        _switch("Requester pays", "Of S3 alone: the owner of the credentials pays, where the bucket requires that.", 6),
    ] = False
    archives: Annotated[bool, _archives(7)] = False


InputByAddress = Annotated[
    InputParameters | None,
    Field(
        title="Input by address",
        description="In place of the input: a store of any kind. Exactly one of both is given.",
        json_schema_extra={"position": 7},
    ),
]
"""The parameter ``input``."""
