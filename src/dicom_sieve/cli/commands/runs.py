"""The commands that screen, and that show what runs decided."""

import dataclasses
import uuid
from typing import Annotated

import typer

from dicom_sieve.cli.compute_on import compute_after, leave_where_one_failed, read_follow_up
from dicom_sieve.cli.options import (
    Anonymous,
    Archives,
    AsJson,
    CriteriaFile,
    DamagedObjects,
    Endpoint,
    ManifestOfInventory,
    Region,
    RequesterPays,
    Run,
    Uri,
    Workers,
)
from dicom_sieve.cli.output import text
from dicom_sieve.objects import FEWEST_ASKED, MOST_ASKED, Damaged, Listing
from dicom_sieve.objects import Selection as Copied

runs_app = typer.Typer()


@runs_app.command(
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
    no_listing: Annotated[
        bool, typer.Option("--no-listing", help="Judge what was listed last; nothing is listed or read.")
    ] = False,
    divide: Annotated[
        int | None,
        typer.Option(
            "--divide",
            metavar="N",
            min=FEWEST_ASKED,
            max=MOST_ASKED,
            help="Screen at least N parts of a large bucket, by the beginnings of keys: each a run of its own.",
        ),
    ] = None,
    damaged: DamagedObjects = Damaged.DISCARD,
    anonymous: Anonymous = False,
    requester_pays: RequesterPays = False,
    archives: Archives = False,
    then: Annotated[
        list[str] | None,
        typer.Option(
            "--then",
            metavar="NAME",
            help="Compute this on what passed whole, as 'dicom-sieve compute' does; results go to --output. May be "
            "given several times.",
        ),
    ] = None,
    then_command: Annotated[
        str | None,
        typer.Option(
            "--then-command",
            metavar="COMMAND",
            help="As --then, of a program that reads the files of a series in {input} and writes results to {output}; "
            "no shell.",
        ),
    ] = None,
    then_name: Annotated[
        str, typer.Option("--then-name", metavar="NAME", help="Of --then-command: what the ledger calls it.")
    ] = "command",
    then_version: Annotated[
        str, typer.Option("--then-version", help="Of --then-command: with another one it computes again.")
    ] = "1",
    then_timeout: Annotated[
        float, typer.Option("--then-timeout", metavar="SECONDS", help="Of --then-command: that a series may take.")
    ] = 3600.0,
    then_memory: Annotated[
        float | None,
        typer.Option("--then-memory", metavar="GIB", help="Of --then-command: for each of its processes."),
    ] = None,
    workers: Workers = 1,
    as_json: AsJson = False,
) -> None:
    """Screen a location without a Prefect server, and compute on what passed, if that is asked.

    Credentials come from AWS's default chain: environment, profile, role.
    """
    from dicom_sieve.cli.criteria_file import read_asked
    from dicom_sieve.cli.open_store import open_input, open_inventory, open_output
    from dicom_sieve.cli.output.progress import ProgressBar
    from dicom_sieve.ledger import open_ledger
    from dicom_sieve.lineage import following
    from dicom_sieve.publishing.anchor import open_anchor
    from dicom_sieve.screening import Limits, Screening, executor_for
    from dicom_sieve.screening import screen as run_screening
    from dicom_sieve.settings import load_settings

    if (copy or copy_whole) and output is None:
        raise typer.BadParameter("there is nowhere to copy to; give --output, too", param_hint="--copy")
    if copy and copy_whole:
        raise typer.BadParameter("say which: --copy or --copy-whole", param_hint="--copy-whole")
    if no_listing and (inventory or archives):
        name = "--inventory" if inventory else "--archives"
        raise typer.BadParameter("there is nothing to list; leave out --no-listing", param_hint=name)
    if divide is not None and (undivided := _undivided(inventory, then, then_command, copy_whole=copy_whole)):
        raise typer.BadParameter(f"{undivided[1]}; leave out --divide", param_hint=undivided[0])
    follows = read_follow_up(
        then or (),
        then_command,
        output,
        name=then_name,
        version=then_version,
        timeout_seconds=then_timeout,
        memory_gib=then_memory,
    )
    asked = read_asked(criteria)
    settings = load_settings()
    store = open_input(uri, endpoint, region, anonymous=anonymous, requester_pays=requester_pays, archives=archives)
    target = open_output(output, endpoint, region)
    listing = Listing.LAST if no_listing else Listing.NEW
    if divide is not None:
        from dicom_sieve.cli.divided import DividedScreening, screen_divided

        given = {"--endpoint": endpoint, "--region": region, "--output": output, "--damaged": damaged.value}
        switches = {
            "--copy": copy,
            "--no-listing": no_listing,
            "--anonymous": anonymous,
            "--requester-pays": requester_pays,
        }
        options = [part for name, value in given.items() if value is not None for part in (name, value)]
        options += [name for name, is_on in switches.items() if is_on]
        screen_divided(DividedScreening(store, target, asked, divide, listing, options), as_json=as_json)
        return
    with (
        ProgressBar() as observer,
        open_ledger(settings.database_url.get_secret_value()) as ledger,
        following(ledger, observer.note) as follower,
    ):
        outcome = run_screening(
            Screening(
                execution_id=str(uuid.uuid4()),
                store=store,
                criteria=asked.items,
                named=asked.named,
                output=target,
                tables_in=(target, store),
                copies_of=store if copy or copy_whole else None,
                copied=Copied.WHOLE if copy_whole else Copied.ANY,
                limits=Limits.from_settings(settings),
                in_clear=settings.in_clear,
                shard_objects=settings.shard_objects,
                run_shards=executor_for(settings),
                observer=observer,
                on_begin=follower.run,
                inventory=open_inventory(inventory, store),
                damaged=damaged,
                listing=listing,
                anchor=open_anchor(settings),
            ),
            ledger,
        )
        address, recorded = ledger.address, ledger.run(outcome.run_id).row.criteria
    if not as_json:
        text.show_counts(outcome.counts, text.compiled(recorded))
        text.show_lines("", outcome.describe(), f"run        {outcome.run_id}", f"ledger     {address}")
        if outcome.manifest:
            text.show_lines(f"manifest   {outcome.manifest.uri}")
    became = compute_after(outcome.run_id, follows, store, target, workers=workers)
    if as_json:
        manifest = outcome.manifest and dataclasses.asdict(outcome.manifest)
        told = {"run_id": outcome.run_id, "counts": outcome.counts, "manifest": manifest, "ledger": address}
        computed = [
            {"name": kind.name, "version": kind.version, "series": text.outcomes_of(reasons)}
            for kind, reasons in zip(follows, became, strict=True)
        ]
        text.show_json(told | {"computations": computed})
    else:
        for kind, reasons in zip(follows, became, strict=True):
            text.show_lines("", f"then       {kind.name}")
            text.show_reasons(reasons)
    leave_where_one_failed(became)


def _undivided(
    inventory: str | None, then: list[str] | None, then_command: str | None, *, copy_whole: bool
) -> tuple[str, str] | None:
    """Give what cannot be done in parts, and why; None: nothing that is asked."""
    whole = "a series may lie in several parts, so that none of them knows whether all of it passed"
    if inventory is not None:
        return "--inventory", "it lists the whole location"
    asked = {"--copy-whole": copy_whole, "--then": then, "--then-command": then_command}
    return next(((name, whole) for name, value in asked.items() if value), None)


@runs_app.command(epilog="Example: dicom-sieve runs --json | jq '.[0].id'")
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


@runs_app.command(epilog="Example: dicom-sieve show 1f3a")
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
