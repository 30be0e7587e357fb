"""The command that brings what a run let pass onto this machine."""

from pathlib import Path
from typing import Annotated

import typer

from dicom_sieve.cli.exit import FAILED
from dicom_sieve.cli.options import Anonymous, AsJson, RequesterPays, Run
from dicom_sieve.cli.output import text
from dicom_sieve.objects import Selection

pull_app = typer.Typer()


@pull_app.command(
    epilog="Examples: dicom-sieve pull 1f3a ./study --selection WHOLE"
    " | dicom-sieve pull 1f3a ./study --by-key --endpoint http://localhost:9000"
)
def pull(
    run: Run,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="An empty directory, or one to be made or gone on with.")
    ],
    *,
    selection: Annotated[
        Selection,
        typer.Option(case_sensitive=False, help="All that passed; or of series all of whose instances passed."),
    ] = Selection.ANY,
    by_key: Annotated[
        bool, typer.Option("--by-key", help="Name files as the objects, not patient/study/series/instance.")
    ] = False,
    endpoint: Annotated[
        str | None,
        typer.Option(
            help="URL of the S3 server that gets this machine's own credentials; else that of the run, which "
            "AWS_ENDPOINT_URL may name."
        ),
    ] = None,
    region: Annotated[
        str | None, typer.Option(envvar=["AWS_REGION", "AWS_DEFAULT_REGION"], help="For signing.")
    ] = None,
    anonymous: Anonymous = False,
    requester_pays: RequesterPays = False,
    as_json: AsJson = False,
) -> None:
    """Bring what a completed run let pass onto disk, as patient/study/series/instance.dcm.

    Patients are the ledger's digests. Files hold the bytes that were judged: an object that changed since is told of.
    Interrupted, start it again: only what is missing or damaged is read. pulled.jsonl says what became of each object.

    Credentials come from AWS's default chain: environment, profile, role.
    """
    from dicom_sieve.cli.output.progress import ProgressBar
    from dicom_sieve.ledger import open_ledger
    from dicom_sieve.publishing.pull import Layout
    from dicom_sieve.publishing.pull import pull as run_pull
    from dicom_sieve.stores import open_store

    with open_ledger() as ledger, ProgressBar() as observer:
        recorded = ledger.run(run)
        source = open_store(
            recorded.location, endpoint=endpoint, region=region, anonymous=anonymous, requester_pays=requester_pays
        )
        observer.begin("pull", (recorded.row.counts or {}).get("passed"))
        summary = run_pull(
            recorded,
            source,
            folder,
            selection=selection,
            layout=Layout.KEY if by_key else Layout.UID,
            advance=observer.advance,
        )
    if as_json:
        text.show_json(summary.as_json())
    else:
        text.show_table(("objects that passed", "count"), summary.lines(), right=("count",))
        text.show_lines(*(f"  {key}: {reason}" for key, reason in summary.missing), f"{folder}")
    if not summary.is_complete:
        raise typer.Exit(FAILED)
