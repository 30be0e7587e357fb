"""The commands for auditors: verify, anchor, forget."""

import dataclasses
import datetime
import sys
from pathlib import Path
from typing import Annotated

import typer

from dicom_sieve.cli.exit import FAILED, NOTHING_TO_VERIFY
from dicom_sieve.cli.options import AsJson, KnownEndpoint
from dicom_sieve.cli.output import text
from dicom_sieve.errors import SettingsError

audit_app = typer.Typer()


@audit_app.command(epilog="Example: dicom-sieve verify 1f3a")
def verify(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="A run's id, or the beginning of it; without it, every run.")
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="A copy of the run's manifest.json: is it of what the ledger holds?")
    ] = None,
    anchor: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE",
            help="file:/path or s3://bucket/prefix, to which seals were pushed; else DICOM_SIEVE_ANCHOR.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check that what was recorded is as it was sealed, and name every row that is not. Nothing is written.

    Leaves with 0 where all is intact, 1 where it is not, 3 where there is nothing to verify yet.
    """
    from dicom_sieve.cli.output.audit import show_verification
    from dicom_sieve.cli.output.progress import ProgressBar
    from dicom_sieve.ledger.audit.verify import count_rows
    from dicom_sieve.ledger.audit.verify import verify as verify_ledger
    from dicom_sieve.ledger.reading.read_only import open_read_only
    from dicom_sieve.publishing.anchor import AnchorComparison, compare_with_anchor, open_anchor
    from dicom_sieve.publishing.check_manifest import compare_manifest, read_manifest
    from dicom_sieve.settings import load_settings

    published = manifest and read_manifest(manifest)
    place = open_anchor(load_settings(), anchor)
    with ProgressBar() as bar, open_read_only() as ledger:
        held = compare_with_anchor(ledger, place) if place else AnchorComparison()
        differences = compare_manifest(published, ledger) if published else []
        run = str(published["run_id"]) if published else run
        run_id = None if run is None else ledger.run(run).row.id
        bar.begin("verify", count_rows(ledger.engine))
        result = verify_ledger(ledger.engine, run_id, bar.advance)
    is_intact = result.is_intact and not differences and not held.differences
    if as_json:
        said = [{**dataclasses.asdict(damage), "describe": damage.describe()} for damage in result.damages]
        intact = {"is_intact": is_intact, "is_empty": result.is_empty, "manifest": differences}
        text.show_json({**dataclasses.asdict(result), **intact, "anchor": dataclasses.asdict(held), "damages": said})
    else:
        text.show_lines(*differences, *held.differences)
        show_verification(result, held if place else None)
    if not is_intact:
        sys.exit(FAILED)
    if result.is_empty:
        sys.exit(NOTHING_TO_VERIFY)


@audit_app.command(epilog="Example: dicom-sieve anchor")
def anchor() -> None:
    """Push the ledger's seals to the place in DICOM_SIEVE_ANCHOR, those that it has not yet."""
    from dicom_sieve.ledger import open_ledger
    from dicom_sieve.publishing.anchor import open_anchor, push_seals
    from dicom_sieve.settings import load_settings

    place = open_anchor(load_settings())
    if place is None:
        raise SettingsError(("DICOM_SIEVE_ANCHOR: names no place; accepted: file:/path or s3://bucket/prefix",))
    with open_ledger() as ledger:
        pushed = push_seals(ledger, place)
    text.show_lines(f"{pushed:,} seals pushed to {place.address}")


@audit_app.command(
    epilog='Examples: dicom-sieve forget s3://challenge-tech --reason "retention of ten years is over" | '
    'dicom-sieve forget --older-than 3650 --reason "retention of ten years is over"'
)
def forget(
    *,
    uri: Annotated[
        str | None, typer.Argument(metavar="[URI]", help="s3://bucket/prefix, or a directory, as it was screened.")
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(
            metavar="DAYS|DATE",
            help="In place of URI: every location that was last listed, screened or computed on before then.",
        ),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; it is kept permanently.")],
    endpoint: KnownEndpoint = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove all that the ledger holds of a location; that it was removed, when and why stays."""
    from dicom_sieve.cli.find_location import find_known
    from dicom_sieve.cli.output.audit import show_holdings
    from dicom_sieve.cli.output.progress import ProgressBar
    from dicom_sieve.clock import now
    from dicom_sieve.ledger import open_ledger
    from dicom_sieve.ledger.audit.forget import count_holdings, is_interrupted
    from dicom_sieve.ledger.audit.forget import forget as forget_location
    from dicom_sieve.ledger.audit.retention import Unused, find_unused
    from dicom_sieve.publishing.anchor import open_anchor, push_or_say
    from dicom_sieve.settings import load_settings

    if (uri is None) == (older_than is None):
        raise typer.BadParameter("say what to forget: a URI, or --older-than", param_hint="URI")
    anchored = open_anchor(load_settings())  # a wrong setting fails before anything is removed
    before = read_moment(older_than, now()) if older_than is not None else None
    with open_ledger() as ledger:
        found = find_unused(ledger.engine, before) if before else [Unused(find_known(ledger, str(uri), endpoint), None)]
        if not found:
            text.show_lines(f"nothing to forget: every location was used since {text.moment(before)}")
            return
        rows = 0
        for unused in found:
            holdings = count_holdings(ledger.engine, unused.place)
            rows += holdings.rows
            is_half = is_interrupted(ledger.engine, unused.place)
            show_holdings(unused.place, holdings, is_interrupted=is_half, used_at=unused.used_at)
        if not yes:
            typer.confirm("Forget it?" if len(found) == 1 else f"Forget all {len(found):,}?", abort=True, err=True)
        with ProgressBar() as bar:
            bar.begin("forget", rows)
            for unused in found:
                forget_location(ledger.engine, unused.place, reason, clock=now, advance=bar.advance)
        push_or_say(ledger, anchored, text.show_lines)
    text.show_lines("forgotten; what was published, copied or backed up elsewhere is as it was")


def read_moment(text: str, now: datetime.datetime) -> datetime.datetime:
    """Read days before now, or the beginning of a date in UTC."""
    try:
        if text.isascii() and text.isdigit():
            return now - datetime.timedelta(days=int(text))
        date = datetime.date.fromisoformat(text)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is neither days nor a date; accepted: as 3650, or as 2016-12-31", param_hint="--older-than"
        ) from None
    return datetime.datetime.combine(date, datetime.time(), datetime.UTC)
