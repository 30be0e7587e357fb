"""The command that tells what was computed, and what ``trace`` tells of results."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from dicom_sieve.cli.options import AsJson
from dicom_sieve.cli.output import text

if TYPE_CHECKING:
    from dicom_sieve.ledger import ComputationRow, ComputedSeries

STATES = ("COMPLETED", "REFUSED", "FAILED", "SKIPPED", "RUNNING")
computations_app = typer.Typer()


@computations_app.command(epilog="Examples: dicom-sieve computations | dicom-sieve computations 1f3a --json")
def computations(
    run: Annotated[
        str | None, typer.Argument(metavar="RUN", help="A run's id, or the beginning of it: its series, too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List what was computed on series that passed, the newest first; of one run, what became of each series."""
    from dicom_sieve.ledger import open_ledger

    with open_ledger() as ledger:
        rows = ledger.computations(run)
        series = [] if run is None else ledger.run(run).computed()
    if as_json:
        text.show_json([_as_json(row, None if run is None else series) for row in rows])
    elif not rows:
        text.show_lines("nothing was computed yet; docs/computations.md says how")
    else:
        _show_computations(rows)
        if series:
            text.show_lines("")
            _show_series(series)


def _as_json(row: "ComputationRow", series: "Sequence[ComputedSeries] | None") -> dict[str, object]:
    content = dataclasses.asdict(row)
    if series is not None:
        content["series"] = [
            {
                name: value
                for name, value in dataclasses.asdict(row_of_series).items()
                if name in {"series_instance_uid", "state", "failure", "outputs"}
            }
            for row_of_series in series
            if row_of_series.computation_id == row.id
        ]
    return content


def _show_computations(rows: "Sequence[ComputationRow]") -> None:
    shown = [state for state in STATES if any(row.counts.get(state) for row in rows)]
    text.show_table(
        ("computation", "name", "version", "run", "state", "started", *(state.lower() for state in shown)),
        [
            (
                row.id,
                row.name,
                row.version,
                row.run_id,
                row.state,
                text.moment(row.started_at),
                *(f"{row.counts.get(state, 0):,}" for state in shown),
            )
            for row in rows
        ],
        right=("computation", *(state.lower() for state in shown)),
    )


def _show_series(rows: "Iterable[ComputedSeries]") -> None:
    text.show_table(
        ("computation", "series", "state", "results", "reason"),
        [
            (row.computation_id, row.series_instance_uid or "all", row.state, len(row.outputs), row.failure or "")
            for row in rows
        ],
        right=("computation", "results"),
    )
