"""The command that lists the series of a run."""

import dataclasses
from enum import StrEnum
from typing import Annotated

import typer

from dicom_sieve.cli.options import AsCsv, AsJson, Run, check_format
from dicom_sieve.cli.output import text

series_app = typer.Typer()


class Selection(StrEnum):
    """Which series."""

    WHOLE = "WHOLE"
    PARTIAL = "PARTIAL"
    NONE = "NONE"


@series_app.command(
    epilog="Examples: dicom-sieve series 1f3a --selection WHOLE | dicom-sieve series 1f3a --csv > series.csv"
)
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
