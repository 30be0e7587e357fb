"""The command that gives what passed, and the series of a run, to other programs."""

from typing import Annotated

import typer

from dicom_sieve.cli.exit import FAILED
from dicom_sieve.cli.options import Anonymous, AsJson, EndpointOfRun, Region, RequesterPays, Run, Workers
from dicom_sieve.cli.output import text
from dicom_sieve.export_formats import Format

export_app = typer.Typer()


@export_app.command(
    epilog="Examples: dicom-sieve export 1f3a --format nifti --output ./study"
    " | dicom-sieve export 1f3a --format bids --suffix T1w --output s3://results/study"
    " | dicom-sieve export 1f3a --format ohif --output ./lists --base-url https://images.hospital.org/study"
)
def export(
    run: Run,
    *,
    how: Annotated[
        Format,
        typer.Option(
            "--format",
            help="nifti, bids: each series that passed whole, by dcm2niix. parquet, csv: a table of all series of the "
            "run. ohif: a study list for viewers.",
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output", metavar="URI", help="Where to, in a folder of the run: s3://bucket/prefix, or a directory."
        ),
    ],
    suffix: Annotated[
        str | None,
        typer.Option(help="Of bids: what all MR of the run is, as T1w; else descriptions of series tell."),
    ] = None,
    selection: Annotated[
        str | None, typer.Option(help="Of parquet, csv, ohif: only series that are WHOLE, PARTIAL or NONE.")
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            "--base-url", metavar="URL", help="Of ohif: where objects are served by HTTP; else at the S3 endpoint."
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="Of nifti, bids: what a series may take; it is killed after that.")
    ] = 3600.0,
    memory: Annotated[
        float, typer.Option(metavar="GIB", help="Of nifti, bids: memory that the conversion of a series may have.")
    ] = 16.0,
    workers: Workers = 1,
    endpoint: EndpointOfRun = None,
    region: Region = "us-east-1",
    anonymous: Anonymous = False,
    requester_pays: RequesterPays = False,
    as_json: AsJson = False,
) -> None:
    """Write what a completed run let pass, or a list of its series, for other programs.

    The last line printed is where it lies. What is there already is not made again. Every file is on record: trace
    leads from it to objects, run and criteria, and from an object to it. No name holds an ID of a patient.
    """
    from dicom_sieve.cli.open_store import open_results
    from dicom_sieve.cli.output.progress import ProgressBar
    from dicom_sieve.computations.export import ExportOptions
    from dicom_sieve.computations.export import export as run_export
    from dicom_sieve.ledger import open_ledger
    from dicom_sieve.stores import open_store

    options = ExportOptions(selection, suffix, base_url, timeout, memory)
    options.check()
    target = open_results(output, endpoint, region)
    with open_ledger() as ledger, ProgressBar() as observer:
        recorded = ledger.run(run)
        source = None
        if how.is_of_images:
            source = open_store(
                recorded.location, endpoint=endpoint, region=region, anonymous=anonymous, requester_pays=requester_pays
            )
        counts = (recorded.row.counts or {}).get("series", {})
        observer.begin("export", counts.get("WHOLE") if how.is_of_images else None)
        exported = run_export(
            ledger,
            recorded.row.id,
            how,
            inputs=source,
            outputs=target,
            options=options,
            advance=observer.advance,
            workers=workers,
        )
    rows = text.outcomes_of(exported.reasons)
    has_failed = any(row["state"] == "FAILED" for row in rows)
    if as_json:
        text.show_json({"uri": exported.uri, "series": rows})
    else:
        if how.is_of_images or has_failed:
            text.show_reasons(exported.reasons)
        text.show_lines(exported.uri)
    if has_failed:
        raise typer.Exit(FAILED)
