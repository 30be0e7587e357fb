"""The flow's parameters, as the contract names them: what the form shows, what the REST call refuses.

No pattern is put on credentials: a refusal quotes what it refuses. Their shape is checked inside the flow.
"""

from typing import Annotated, Any

from prefect_aws import AwsCredentials
from pydantic import BaseModel, ConfigDict, Field

from dicom_sieve.criteria import Criterion


class S3Parameters(BaseModel):
    """A location in an object store, and how to reach it."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True)

    bucket: Annotated[
        str,
        Field(min_length=1, title="Bucket", description="Name of the bucket.", json_schema_extra={"position": 0}),
    ]
    prefix: Annotated[
        str,
        Field(
            title="Prefix",
            description="Only objects whose key begins so. Empty: the whole bucket.",
            json_schema_extra={"position": 1},
        ),
    ] = ""
    region: Annotated[
        str,
        Field(
            min_length=1,
            title="Region",
            description="As eu-west-1; other servers than AWS use names of their own.",
            json_schema_extra={"position": 2},
        ),
    ]
    endpoint: Annotated[
        str | None,
        Field(
            title="Endpoint",
            description="URL of the S3 server, as https://localhost:9000. Empty: AWS itself.",
            json_schema_extra={"position": 3},
        ),
    ] = None
    credentials: Annotated[
        str | AwsCredentials | None,
        Field(
            repr=False,
            title="Credentials",
            description="key_id:access_key, or a block of type AWS Credentials. Empty: AWS's default chain.",
            json_schema_extra={"position": 4},
        ),
    ] = None


Criteria = Annotated[
    list[Criterion],
    Field(
        min_length=1,
        title="Criteria",
        description="An instance passes when it meets all of them.",
    ),
]

RawParameters = dict[str, Any]
"""Parameters as they came, before anything is known of them."""
