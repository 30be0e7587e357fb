"""The command that computes on what a run let pass."""

from pathlib import Path
from typing import Annotated

import typer

from dicom_sieve.cli.compute_on import OF_COMPUTE, compute_here, leave_where_one_failed
from dicom_sieve.cli.options import Anonymous, AsJson, EndpointOfRun, Region, RequesterPays, Run, Workers
from dicom_sieve.cli.output import text

compute_app = typer.Typer()


def _list_kinds(asked: bool) -> None:
    """Print the computations of the registry: ours, those of installed packages, and programs of the deployment."""
    if not asked:
        return
    from dicom_sieve.computations.registry import kinds

    text.show_table(
        ("name", "version", "what it does", "missing"),
        [(kind.name, kind.version, kind.description, kind.describe_missing()) for kind in kinds().values()],
    )
    raise typer.Exit


@compute_app.command(
    epilog="Examples: dicom-sieve compute 1f3a lung-segmentation --output ./results"
    " | dicom-sieve compute 1f3a radiomics --output ./results --parameters features.json"
    " | dicom-sieve compute 1f3a mine --output ./results --version 1 --command 'my-program {input} {output}'"
)
def compute(
    run: Run,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What is computed; with --command any name of yours.")],
    *,
    output: Annotated[
        str, typer.Option("--output", metavar="URI", help="Where results go: s3://bucket/prefix, or a directory.")
    ],
    parameters: Annotated[
        Path | None, typer.Option("--parameters", metavar="FILE", help="What it is told, as JSON; - is stdin.")
    ] = None,
    command: Annotated[
        str | None,
        typer.Option(
            "--command",
            metavar="COMMAND",
            help="A program that reads the files of a series in {input} and writes results to {output}; no shell.",
        ),
    ] = None,
    version: Annotated[str, typer.Option("--version", help="Of --command: with another one it computes again.")] = "1",
    timeout: Annotated[float, typer.Option("--timeout", help="Of --command: seconds that a series may take.")] = 3600.0,
    memory: Annotated[
        float | None,
        typer.Option("--memory", metavar="GIB", help="Of --command: addresses that each of its processes may have."),
    ] = None,
    workers: Workers = 1,
    endpoint: EndpointOfRun = None,
    region: Region = "us-east-1",
    anonymous: Anonymous = False,
    requester_pays: RequesterPays = False,
    as_json: AsJson = False,
    listed: Annotated[
        bool, typer.Option("--list", callback=_list_kinds, is_eager=True, help="Show what can be computed, and leave.")
    ] = False,
) -> None:
    """Compute on each series that a completed run let pass whole.

    What became of each is in the ledger; what was computed before on the same is not computed again.
    """
    del listed
    from dicom_sieve.cli.criteria_file import read_json_file
    from dicom_sieve.cli.open_store import open_results
    from dicom_sieve.cli.output.progress import ProgressBar
    from dicom_sieve.computations.command import kind_of_line
    from dicom_sieve.computations.registry import find_kind
    from dicom_sieve.ledger import open_ledger
    from dicom_sieve.lineage import following
    from dicom_sieve.stores import open_store

    if command is None:
        kind = find_kind(name, OF_COMPUTE["name"])
    else:
        kind = kind_of_line(
            name, command, version=version, timeout_seconds=timeout, memory_gib=memory, called=OF_COMPUTE
        )
    given = {}
    if parameters is not None:
        given = read_json_file(Path("/dev/stdin") if str(parameters) == "-" else parameters)
        if not isinstance(given, dict):
            raise typer.BadParameter("accepted: an object", param_hint="--parameters")
    target = open_results(output, endpoint, region)
    with ProgressBar() as observer, open_ledger() as ledger, following(ledger, observer.note) as follower:
        recorded = ledger.run(run)
        source = open_store(
            recorded.location, endpoint=endpoint, region=region, anonymous=anonymous, requester_pays=requester_pays
        )
        reasons = compute_here(
            ledger,
            kind,
            recorded.row.id,
            inputs=source,
            outputs=target,
            given=given,
            observer=observer,
            workers=workers,
            on_begin=follower.computation,
        )
    if as_json:
        text.show_json(text.outcomes_of(reasons))
    else:
        text.show_reasons(reasons)
    leave_where_one_failed([reasons])
