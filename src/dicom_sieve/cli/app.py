"""The commands. Each opens what it needs, calls one function, and prints."""

import dataclasses
import os
import shlex
import sys
import uuid
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from dicom_sieve.cli import text
from dicom_sieve.cli.audit import audit_app, ledger_app
from dicom_sieve.cli.computations import computations_app
from dicom_sieve.cli.demo import demo_app
from dicom_sieve.cli.lineage import lineage_app
from dicom_sieve.cli.main import FAILED, leave
from dicom_sieve.cli.objects import objects_app
from dicom_sieve.cli.options import (
    Anonymous,
    AsCsv,
    AsJson,
    CriteriaFile,
    DamagedObjects,
    Endpoint,
    ManifestOfInventory,
    Region,
    RequesterPays,
    Run,
    Uri,
    check_format,
)
from dicom_sieve.cli.pull import pull_app, trace_pulled
from dicom_sieve.cli.report import report_app
from dicom_sieve.cli.trying import trying_app
from dicom_sieve.objects import Damaged
from dicom_sieve.objects import Selection as Copied
from dicom_sieve.version import __version__

app = typer.Typer(
    name="dicom-sieve",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Screen a bucket of DICOM by criteria, know why every instance was kept or discarded, "
    "and compute only on what passed.",
)


class Selection(StrEnum):
    """Which series."""

    WHOLE = "WHOLE"
    PARTIAL = "PARTIAL"
    NONE = "NONE"


def _print_version(asked: bool) -> None:
    if asked:
        print(__version__)
        raise typer.Exit


def _warn_of_unknown_settings() -> None:
    if any(name.upper().startswith("DICOM_SIEVE_") for name in os.environ):
        from dicom_sieve.settings import find_unknown

        for sentence in find_unknown(os.environ):
            print(f"dicom-sieve: {text.inert(sentence)}", file=sys.stderr)


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    del version
    if context.invoked_subcommand != "up":  # which starts `serve`, and that says it
        _warn_of_unknown_settings()


@app.command(epilog="Example: dicom-sieve check criteria.json")
def check(
    file: Annotated[Path, typer.Argument(help="Criteria as JSON; a keyword may stand for a tag.")],
    as_json: AsJson = False,
) -> None:
    """Validate criteria, read them back as sentences, and say what is worth a look."""
    from dicom_sieve.cli.criteria_file import describe_all, read_criteria_file
    from dicom_sieve.criteria import advise, compile_criteria

    criteria = read_criteria_file(file)
    compiled = compile_criteria(criteria)
    advice = advise(compiled)
    if as_json:
        text.show_json(
            [
                {
                    **criterion.as_given(),
                    "describe": asked.describe(),
                    "warnings": [one.text for one in advice if number in one.criteria],
                }
                for number, (criterion, asked) in enumerate(zip(criteria, compiled, strict=True), 1)
            ]
        )
    else:
        text.show_lines(*describe_all([asked.describe() for asked in compiled]).splitlines())
        text.show_advice(advice)


@app.command(
    epilog="Examples: dicom-sieve screen s3://challenge-tech --criteria criteria.json --endpoint http://localhost:9000"
    " | dicom-sieve screen ./images --criteria criteria.json"
)
def screen(
    *,
    uri: Uri,
    criteria: CriteriaFile,
    endpoint: Endpoint = None,
    region: Region = "us-east-1",
    output: Annotated[
        str | None, typer.Option(help="Where to publish the manifest: s3://bucket/prefix, or a directory.")
    ] = None,
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy the objects that passed beside the manifest, too; needs --output.")
    ] = False,
    copy_whole: Annotated[
        bool, typer.Option("--copy-whole", help="As --copy, of series all of whose instances passed.")
    ] = False,
    inventory: ManifestOfInventory = None,
    damaged: DamagedObjects = Damaged.DISCARD,
    anonymous: Anonymous = False,
    requester_pays: RequesterPays = False,
    as_json: AsJson = False,
) -> None:
    """Screen a location without a Prefect server.

    Credentials come from AWS's default chain: environment, profile, role.
    """
    from dicom_sieve.cli.criteria_file import read_criteria_file
    from dicom_sieve.cli.places import open_input, open_inventory, open_output
    from dicom_sieve.cli.progress import ProgressBar
    from dicom_sieve.criteria import compile_criteria
    from dicom_sieve.ledger import open_ledger
    from dicom_sieve.lineage import following
    from dicom_sieve.publishing.anchoring import open_anchor
    from dicom_sieve.screening import Limits, Screening, executor_for
    from dicom_sieve.screening import screen as run_screening
    from dicom_sieve.settings import load_settings

    if (copy or copy_whole) and output is None:
        raise typer.BadParameter("there is nowhere to copy to; give --output, too", param_hint="--copy")
    if copy and copy_whole:
        raise typer.BadParameter("say which: --copy or --copy-whole", param_hint="--copy-whole")
    asked = read_criteria_file(criteria)
    settings = load_settings()
    store = open_input(uri, endpoint, region, anonymous=anonymous, requester_pays=requester_pays)
    with (
        ProgressBar() as observer,
        open_ledger(settings.database_url.get_secret_value()) as ledger,
        following(ledger, observer.note) as follower,
    ):
        outcome = run_screening(
            Screening(
                execution_id=str(uuid.uuid4()),
                store=store,
                criteria=asked,
                output=open_output(output, endpoint, region),
                copies_of=store if copy or copy_whole else None,
                copied=Copied.WHOLE if copy_whole else Copied.ANY,
                limits=Limits.from_settings(settings),
                shard_objects=settings.shard_objects,
                run_shards=executor_for(settings),
                observer=observer,
                on_begin=follower.run,
                inventory=open_inventory(inventory, store),
                damaged=damaged,
                anchor=open_anchor(settings),
            ),
            ledger,
        )
        address = ledger.address
    if as_json:
        manifest = outcome.manifest and dataclasses.asdict(outcome.manifest)
        text.show_json({"run_id": outcome.run_id, "counts": outcome.counts, "manifest": manifest, "ledger": address})
        return
    text.show_counts(outcome.counts, compile_criteria(asked))
    text.show_lines("", outcome.describe(), f"run        {outcome.run_id}", f"ledger     {address}")
    if outcome.manifest:
        text.show_lines(f"manifest   {outcome.manifest.uri}")


@app.command(epilog="Example: dicom-sieve runs --json | jq '.[0].id'")
def runs(as_json: AsJson = False) -> None:
    """List the ledger's runs, the newest first."""
    from dicom_sieve.ledger import open_ledger

    with open_ledger() as ledger:
        rows = ledger.runs()
    if as_json:
        text.show_json([dataclasses.asdict(row) for row in rows])
    elif rows:
        text.show_runs(rows)
    else:
        text.show_lines("no runs yet; 'dicom-sieve screen URI --criteria FILE.json' makes one")


@app.command(epilog="Example: dicom-sieve show 1f3a")
def show(run: Run, as_json: AsJson = False) -> None:
    """Show one run: criteria in words, verdicts by reason, objects that it could not read."""
    from dicom_sieve.ledger import open_ledger

    with open_ledger() as ledger:
        recorded = ledger.run(run)
        unread = [row.object_key for row in recorded.unread()] if recorded.row.counts else []
        if as_json:
            text.show_json({**dataclasses.asdict(recorded.row), "unread": unread})
        else:
            text.show_run(recorded.row, unread)


@app.command(epilog="Examples: dicom-sieve series 1f3a --selection WHOLE | dicom-sieve series 1f3a --csv > series.csv")
def series(
    run: Run,
    selection: Annotated[Selection | None, typer.Option(help="Only these: all, some, or none passed.")] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List a run's series and how much of each passed."""
    from dicom_sieve.ledger import SeriesRow, open_ledger

    check_format(as_json=as_json, as_csv=as_csv)
    with open_ledger() as ledger:
        rows = ledger.run(run).series(selection=selection)
        if as_csv:
            names = [field.name for field in dataclasses.fields(SeriesRow)]
            text.show_csv(names, ([getattr(row, name) for name in names] for row in rows))
        elif as_json:
            text.show_json([dataclasses.asdict(row) for row in rows])
        else:
            text.show_series(rows)


@app.command(epilog="Example: dicom-sieve trace 1.2.276.0.7230010.3.1.4.2323910823.3528.1597261298.712.dcm")
def trace(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A key, a path, a URI as s3://bucket/key, a file that was pulled, or the UID of an instance, a series "
            "or a study.",
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Tell everything known: where, when seen, values that criteria named, each run's findings, verdict, results.

    Where several objects are called so, all are told. Of a result of a computation, by its URI, path or UID: which
    series, objects, run and criteria it comes from.
    """
    from dicom_sieve.cli.trace_text import as_json as trace_as_json
    from dicom_sieve.cli.trace_text import show_result, show_trace
    from dicom_sieve.ledger import open_ledger

    with open_ledger() as ledger:
        objects, results = ledger.trace(name), ledger.trace_results(name)
        objects = objects or ([] if results else trace_pulled(ledger, name))
    if not objects and not results:
        leave(f"nothing is known of {text.inert(name)}", FAILED)
    if as_json:
        told = [trace_as_json(one) for one in objects]
        text.show_json({"objects": told, "results": [dataclasses.asdict(one) for one in results]})
        return
    if len(called := {(one.endpoint, one.bucket, one.object_key) for one in objects}) > 1:
        text.show_lines(f"{len(called):,} objects; an address tells one of them: s3://bucket/key, or a path", "")
    for number, show in enumerate(
        [*(partial(show_trace, one) for one in objects), *(partial(show_result, one) for one in results)]
    ):
        text.show_lines(*[""] * bool(number))
        show()


ThenSegment = Annotated[
    Path | None,
    typer.Option(
        "--then-segment",
        metavar="FILE",
        help="JSON with input_s3_parameters and output_s3_parameters: segment-series follows each run that completed "
        "on that bucket.",
    ),
]


@app.command(epilog="Example: dicom-sieve up --port 4200")
def up(
    *,
    host: Annotated[str, typer.Option(help="Where Prefect's server listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Its port.")] = 4200,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A further name by which it may be called, as that of a proxy before it."),
    ] = None,
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="Without a password; only where no other machine can reach it.")
    ] = False,
    then_segment: ThenSegment = None,
) -> None:
    """Start a Prefect server and serve the deployments, until stopped.

    The server wants a password: it is made at the first start, and kept in Prefect's directory.
    """
    from dicom_sieve.cli.password import OF_CLIENTS, OF_SERVER
    from dicom_sieve.cli.servers import is_loopback, run_server_and_deployments

    if no_auth and not is_loopback(host):
        raise typer.BadParameter(f"other machines can reach {host}; accepted: --host 127.0.0.1", param_hint="--no-auth")
    if no_auth and (named := [name for name in (OF_SERVER, OF_CLIENTS) if os.environ.get(name)]):
        raise typer.BadParameter(f"{' and '.join(named)} gives a password; unset it", param_hint="--no-auth")
    serving = () if then_segment is None else ("--then-segment", str(then_segment))
    run_server_and_deployments(host, port, serving, names=allow_host or (), is_open=no_auth)


@app.command(epilog="Example: PREFECT_API_URL=http://prefect.example.org:4200/api dicom-sieve serve")
def serve(then_segment: ThenSegment = None) -> None:
    """Serve the deployments against the Prefect server that PREFECT_API_URL names, until stopped."""
    from dicom_sieve.cli.criteria_file import read_json_file
    from dicom_sieve.flows.deployments import deployments, read_following, serve_deployments, without_extra
    from dicom_sieve.flows.reach import check_named_server
    from dicom_sieve.ledger import open_ledger
    from dicom_sieve.settings import load_settings

    settings = load_settings()
    following = None if then_segment is None else read_json_file(then_segment)
    read_following(following)
    check_named_server()
    names = [f"{one.flow_name}/{one.name}" for one in deployments()]
    with open_ledger(settings.database_url.get_secret_value()) as ledger:
        text.show_lines(f"ledger {ledger.address}; serving {' and '.join(names)}")
    if missing := without_extra():
        text.show_lines(missing)
    sys.stdout.flush()
    serve_deployments(settings.runs_in_flight, then_segment=following)


@app.command(epilog="Example: PREFECT_API_URL=http://prefect.example.org:4200/api dicom-sieve deploy --pool dicom")
def deploy(
    pool: Annotated[
        str, typer.Option(help="The work pool; one for processes is made where there is none of this name.")
    ],
    then_segment: ThenSegment = None,
) -> None:
    """Leave the deployments on the Prefect server that PREFECT_API_URL names, for the workers of a work pool."""
    from dicom_sieve.cli.criteria_file import read_json_file
    from dicom_sieve.flows.deployments import deploy as leave_deployments
    from dicom_sieve.flows.deployments import without_extra

    following = None if then_segment is None else read_json_file(then_segment)
    names = leave_deployments(pool, then_segment=following)
    text.show_lines(f"deployed {' and '.join(names)}")
    if missing := without_extra():
        text.show_lines(missing)
    text.show_lines(f"a worker, on any machine: prefect worker start --pool {shlex.quote(pool)}")


app.add_typer(audit_app)
app.add_typer(computations_app)
app.add_typer(demo_app)
app.add_typer(lineage_app)
app.add_typer(objects_app)
app.add_typer(pull_app)
app.add_typer(report_app)
app.add_typer(trying_app)
app.add_typer(ledger_app, name="ledger")
