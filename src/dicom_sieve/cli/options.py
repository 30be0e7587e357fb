"""Arguments and options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

from dicom_sieve.objects import Damaged


def check_format(*, as_json: bool, as_csv: bool) -> None:
    """Refuse two formats at once."""
    if as_json and as_csv:
        raise typer.BadParameter("say which: --json or --csv", param_hint="--csv")


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV for a spreadsheet; no cell of it is a formula.")]
CriteriaFile = Annotated[
    Path,
    typer.Option(
        "--criteria",
        metavar="FILE|@NAME[@VERSION]",
        help="Criteria as JSON; a keyword may stand for a tag. Or saved ones, as @thin-axial-ct or @thin-axial-ct@3.",
    ),
]
Endpoint = Annotated[
    str | None,
    typer.Option(envvar="AWS_ENDPOINT_URL", help="URL of the server; without it AWS itself, or another cloud."),
]
ManifestOfInventory = Annotated[
    str | None,
    typer.Option(
        "--inventory",
        metavar="URI",
        help="s3://bucket/path/manifest.json of an S3 Inventory, read in place of listing the bucket.",
    ),
]
KnownEndpoint = Annotated[
    str | None, typer.Option(envvar="AWS_ENDPOINT_URL", help="URL of the S3 server, if several have such a bucket.")
]
EndpointOfRun = Annotated[
    str | None, typer.Option(envvar="AWS_ENDPOINT_URL", help="URL of the S3 server; without it that of the run.")
]
Anonymous = Annotated[
    bool, typer.Option("--anonymous", help="Send no credentials to the bucket that is read: it is public.")
]
RequesterPays = Annotated[
    bool, typer.Option("--requester-pays", help="Pay for reading, where the bucket wants its requester to.")
]
Archives = Annotated[
    bool, typer.Option("--archives", help="Screen what lies in .zip, .tar, .tar.gz and .tgz objects, in their place.")
]
TablesIn = Annotated[
    str | None, typer.Option("--tables", metavar="URI", help="Where tables lie that criteria name, as s3://bucket.")
]
Region = Annotated[str, typer.Option(envvar=["AWS_REGION", "AWS_DEFAULT_REGION"], help="For signing.")]
Uri = Annotated[str, typer.Argument(metavar="URI", help="s3://bucket/prefix, or a directory.")]
DamagedObjects = Annotated[
    Damaged,
    typer.Option("--damaged", case_sensitive=False, help="Damaged objects: discard, or judge by what is intact."),
]
Workers = Annotated[
    int,
    typer.Option(
        "--workers",
        min=1,
        max=1_000,
        help="Series at the same time; in threads, processes or on Ray, as DICOM_SIEVE_TASK_RUNNER says.",
    ),
]
Run = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or the beginning of it.")]
