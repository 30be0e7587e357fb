"""The commands for criteria: are they valid, what is there, what would a run say, what does a change change."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from dicom_sieve.cli.options import (
    Anonymous,
    Archives,
    AsCsv,
    AsJson,
    CriteriaFile,
    DamagedObjects,
    Endpoint,
    KnownEndpoint,
    ManifestOfInventory,
    Region,
    RequesterPays,
    TablesIn,
    Uri,
    check_format,
)
from dicom_sieve.cli.output import text
from dicom_sieve.objects import Damaged

criteria_app = typer.Typer()


@criteria_app.command(
    epilog="Examples: dicom-sieve check criteria.json"
    " | dicom-sieve check --from dcm2bids config.json --rule anat_T1w > criteria.json"
)
def check(
    file: Annotated[
        Path,
        typer.Argument(
            help="Criteria as JSON; a keyword may stand for a tag. Or saved, as @NAME. With --from the tool's file."
        ),
    ],
    as_json: AsJson = False,
    tool: Annotated[
        str | None,
        typer.Option("--from", metavar="TOOL", help="Import: dcm2bids, bidscoin, mercure, monai, ctp or pixl."),
    ] = None,
    rule: Annotated[
        str | None, typer.Option("--rule", metavar="NAME", help="With --from, one rule of the file.")
    ] = None,
) -> None:
    """Validate criteria, read them back as sentences, and say what is worth a look.

    With --from, print the rules of another tool as criteria, and what they leave out on stderr.
    """
    from dicom_sieve.cli.criteria_file import describe_all, describe_tables, read_criteria_file
    from dicom_sieve.criteria import advise, compile_criteria
    from dicom_sieve.criteria.reading import given_of_each

    if tool is not None:
        from dicom_sieve.cli.import_rules import show_imported

        show_imported(tool, file, rule, as_json=as_json)
        return
    if rule is not None:
        raise typer.BadParameter("say whose file it is, with --from", param_hint="--rule")
    criteria = read_criteria_file(file)
    compiled = compile_criteria(criteria)
    advice = advise(compiled)
    if as_json:
        given_of = given_of_each([criterion.as_given() for criterion in criteria], compiled)
        text.show_json(
            [
                {
                    **given,
                    "describe": asked.describe(),
                    "warnings": [warning.text for warning in advice if number in warning.criteria],
                }
                for number, (given, asked) in enumerate(zip(given_of, compiled, strict=True), 1)
            ]
        )
    else:
        text.show_lines(*describe_all([asked.describe() for asked in compiled]).splitlines())
        text.show_lines(*describe_tables(compiled))
        text.show_advice(advice)


@criteria_app.command(
    epilog="Examples: dicom-sieve preview s3://challenge-tech --criteria criteria.json"
    " | dicom-sieve preview s3://challenge-tech --criteria criteria.json --no-listing"
)
def preview(
    *,
    uri: Uri,
    criteria: CriteriaFile,
    no_listing: Annotated[
        bool, typer.Option("--no-listing", help="Answer from the ledger alone, as the location was listed last.")
    ] = False,
    endpoint: Endpoint = None,
    region: Region = "us-east-1",
    inventory: ManifestOfInventory = None,
    damaged: DamagedObjects = Damaged.DISCARD,
    anonymous: Anonymous = False,
    requester_pays: RequesterPays = False,
    archives: Archives = False,
    tables: TablesIn = None,
    as_json: AsJson = False,
) -> None:
    """Tell what a run would say, without one.

    The location is listed, and what is new there is read, as a run does; the ledger keeps what it learns of the
    location by that. No run and no decision is recorded, nothing is published, and nothing is ever written to S3.
    """
    from dicom_sieve.cli.criteria_file import read_criteria_file
    from dicom_sieve.cli.find_location import LIST_FIRST, find_known
    from dicom_sieve.cli.open_store import open_input, open_inventory
    from dicom_sieve.cli.output.progress import ProgressBar
    from dicom_sieve.criteria import advise, compile_criteria
    from dicom_sieve.criteria.seal_tables import tables_in
    from dicom_sieve.ledger import open_ledger
    from dicom_sieve.screening import Limits, Preview, executor_for, preview_known
    from dicom_sieve.screening import preview as run_preview
    from dicom_sieve.settings import load_settings

    if no_listing and inventory:
        raise typer.BadParameter("there is nothing to list; leave out --no-listing", param_hint="--inventory")
    if no_listing and (anonymous or requester_pays):
        name = "--anonymous" if anonymous else "--requester-pays"
        raise typer.BadParameter("nothing is asked of the bucket; leave out --no-listing", param_hint=name)
    if no_listing and archives:
        raise typer.BadParameter("there is nothing to list; leave out --no-listing", param_hint="--archives")
    asked = read_criteria_file(criteria)
    settings = load_settings()
    with ProgressBar() as observer, open_ledger(settings.database_url.get_secret_value()) as ledger:
        if no_listing:
            known = find_known(ledger, uri, endpoint, LIST_FIRST)
            has_tables = bool(tables_in(compile_criteria(asked)))  # else no store is opened
            places = (open_input(tables or uri, endpoint, region),) if has_tables else ()
            previewed = preview_known(known, asked, ledger, observer=observer, damaged=damaged, tables_in=places)
        else:
            store = open_input(
                uri, endpoint, region, anonymous=anonymous, requester_pays=requester_pays, archives=archives
            )
            what = Preview(
                store,
                asked,
                inventory=open_inventory(inventory, store),
                limits=Limits.from_settings(settings),
                in_clear=settings.in_clear,
                shard_objects=settings.shard_objects,
                run_shards=executor_for(settings),
                observer=observer,
                damaged=damaged,
                tables_in=(open_input(tables, endpoint, region) if tables else None, store),
            )
            previewed = run_preview(what, ledger)
    compiled = compile_criteria(asked)
    advice = advise(compiled, previewed.counts["findings"])
    if as_json:
        text.show_json({**dataclasses.asdict(previewed), "warnings": [str(warning) for warning in advice]})
        return
    text.show_counts(previewed.counts, compiled)
    text.show_lines("", previewed.describe(), f"listed     {text.moment(previewed.listed_at)}")
    text.show_advice(advice)


@criteria_app.command(
    epilog="Examples: dicom-sieve values s3://challenge-tech | dicom-sieve values s3://challenge-tech Modality"
    " | dicom-sieve values ./images 0010,1010 --csv"
    " | dicom-sieve values ./images AnatomicRegionSequence.CodeMeaning"
)
def values(
    *,
    uri: Uri,
    keyword: Annotated[
        str | None,
        typer.Argument(
            metavar="[KEYWORD]",
            help="An attribute: its keyword, or its tag as 0008,0060; behind the sequences that it lies in, with dots.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Values to show, at most.")] = 50,
    min_cell: Annotated[
        int, typer.Option(min=1, help="Show values of fewer instances than this together, as other.")
    ] = 1,
    endpoint: KnownEndpoint = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Tell which attributes a location has, as it was listed last; of one attribute the values, and how often.

    These are values of patients, printed on purpose: everyone who may read the ledger may know them.
    """
    from dicom_sieve.cli.find_location import LIST_FIRST, find_known
    from dicom_sieve.cli.output.values import show_attributes, show_values
    from dicom_sieve.headers.edition import read_kept_path
    from dicom_sieve.ledger import open_ledger
    from dicom_sieve.ledger.reading.snapshots import last_snapshot
    from dicom_sieve.ledger.reading.values import attributes_held, values_held

    path = () if keyword is None else read_kept_path(keyword, "KEYWORD")
    check_format(as_json=as_json, as_csv=as_csv)
    with open_ledger() as ledger:
        snapshot = last_snapshot(ledger.engine, find_known(ledger, uri, endpoint, LIST_FIRST))
        if not path:
            held = attributes_held(ledger.engine, snapshot)
            show_attributes(snapshot, held, as_json=as_json, as_csv=as_csv)
        else:
            outermost, *within = (attribute.hex_tag for attribute in path)
            found = values_held(ledger.engine, snapshot, outermost, tuple(within))
            show_values(snapshot, path, found, limit=limit, min_cell=min_cell, as_json=as_json, as_csv=as_csv)


RunOrCriteria = Annotated[
    str,
    typer.Argument(
        metavar="RUN-OR-CRITERIA",
        help="A run's id, or its beginning; a file of criteria; or saved ones, as @NAME@VERSION.",
    ),
]


@criteria_app.command(
    epilog="Examples: dicom-sieve compare 1f3a 77c0 | dicom-sieve compare 1f3a stricter.json --csv"
    " | dicom-sieve compare a.json b.json --location s3://challenge-tech"
)
def compare(
    *,
    a: RunOrCriteria,
    b: RunOrCriteria,
    location: Annotated[
        str | None, typer.Option(metavar="URI", help="Where to try two files of criteria, as it was listed last.")
    ] = None,
    endpoint: KnownEndpoint = None,
    damaged: Annotated[
        Damaged | None,
        typer.Option(
            case_sensitive=False,
            help="Damaged objects, where criteria are tried: discard, or judge by what is intact.",
        ),
    ] = None,
    tables: TablesIn = None,
    region: Region = "us-east-1",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Tell which series come in (IN), which go out (OUT), of which something else passes (CHANGED), and why.

    Criteria from a file are tried on what the run judged that they are compared with. Nothing is listed or recorded,
    and nothing read but the tables that they name. Series come first, one a line, then the sums; --csv prints the
    series alone.
    """
    from dicom_sieve.cli.open_store import open_input
    from dicom_sieve.cli.output import comparison
    from dicom_sieve.ledger import open_ledger
    from dicom_sieve.reports.compare_runs import Side, Summary
    from dicom_sieve.reports.compare_runs import compare as compare_sides

    check_format(as_json=as_json, as_csv=as_csv)
    with open_ledger() as ledger:
        places = () if tables is None else (open_input(tables, endpoint, region),)
        sides = comparison.open_sides(ledger, a, b, location, endpoint, damaged=damaged, tables_in=places)
        summary = Summary()
        changes = compare_sides(ledger, sides[Side.A], sides[Side.B], summary)
        if as_csv:
            comparison.show_csv(changes)
        elif as_json:
            comparison.show_json(sides, changes, summary)
        else:
            comparison.show_text(sides, changes, summary)
