"""The command that lists the series of a run."""

import dataclasses
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import typer

from dicom_sieve.cli.options import AsCsv, AsJson, Run, check_format
from dicom_sieve.cli.output import text
from dicom_sieve.errors import InvalidRequestError

series_app = typer.Typer()


class Selection(StrEnum):
    """Which series."""

    WHOLE = "WHOLE"
    PARTIAL = "PARTIAL"
    NONE = "NONE"


@series_app.command(
    epilog="Examples: dicom-sieve series 1f3a --selection WHOLE --columns slices,spacing,plane"
    " | dicom-sieve series 1f3a --csv > series.csv"
)
def series(
    run: Run,
    selection: Annotated[Selection | None, typer.Option(help="Only these: all, some, or none passed.")] = None,
    columns: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Facts of each series to show, too: frames, slices, volumes, missing, duplicate_images, spacing, "
            "spacing_variation, tilt, plane, thickness; or all.",
        ),
    ] = "",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List a run's series and how much of each passed."""
    from dicom_sieve.ledger import SERIES_FACTS, SeriesRow, open_ledger

    check_format(as_json=as_json, as_csv=as_csv)
    facts = _read_names(columns, SERIES_FACTS)
    with open_ledger() as ledger:
        recorded = ledger.run(run)
        rows = recorded.series(selection=selection)
        known = recorded.series_facts(facts) if facts else None

        def of(row: SeriesRow) -> dict[str, Any]:
            return known.of(row.series_instance_uid) if known else {}

        if as_csv:
            names = [field.name for field in dataclasses.fields(SeriesRow)]
            text.show_csv(
                [*names, *facts], ([getattr(row, name) for name in names] + [*of(row).values()] for row in rows)
            )
        elif as_json:
            text.show_json([{**dataclasses.asdict(row), **_plain(of(row))} for row in rows])
        else:
            text.show_series(rows, facts, of)


def _read_names(columns: str, known: Sequence[str]) -> list[str]:
    """Read names of facts, with commas between them."""
    names = [name.strip() for name in columns.split(",") if name.strip()]
    if names == ["all"]:
        return [*known]
    unknown = [name for name in names if name not in known]
    if unknown:
        problem = f"--columns: {unknown[0]!r} is no fact of a series; accepted: {', '.join(known)}, or all"
        raise InvalidRequestError((problem,))
    return names


def _plain(facts: dict[str, Any]) -> dict[str, Any]:
    """Give facts as JSON has them: lengths as numbers."""
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in facts.items()}
