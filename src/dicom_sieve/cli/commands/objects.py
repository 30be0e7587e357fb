"""The command that lists the objects of a run: as text, CSV, JSON or Parquet, a batch at a time."""

import datetime
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dicom_sieve import private
from dicom_sieve.cli.options import AsCsv, AsJson, Run
from dicom_sieve.cli.output import text
from dicom_sieve.errors import InvalidRequestError, LedgerError
from dicom_sieve.inert import inert

if TYPE_CHECKING:
    from dicom_sieve.ledger import RunObjects

objects_app = typer.Typer()
_NAMES = re.compile(r"\(?[0-9A-Fa-f]{4},[0-9A-Fa-f]{4}\)?|[^,]+")
"""Names with commas between them; there may be one within a tag, too."""


class Verdict(StrEnum):
    """What a run said of an object."""

    PASSED = "PASSED"
    DISCARDED = "DISCARDED"


@objects_app.command(
    epilog="Examples: dicom-sieve objects 1f3a --verdict PASSED --columns Modality,StudyDate --csv > passed.csv"
    " | dicom-sieve objects 1f3a --parquet objects.parquet"
)
def objects(
    run: Run,
    *,
    verdict: Annotated[
        Verdict | None, typer.Option(case_sensitive=False, help="Only these; without it, every object.")
    ] = None,
    columns: Annotated[
        str,
        typer.Option(
            metavar="NAMES", help="Attributes to show the values of: keywords or tags, as Modality,StudyDate,00101010."
        ),
    ] = "",
    as_csv: AsCsv = False,
    as_json: AsJson = False,
    parquet: Annotated[Path | None, typer.Option(metavar="FILE", help="Write Parquet, for pandas or polars.")] = None,
) -> None:
    """List a run's objects in the order of keys: etag, size, UIDs, verdict, findings or defect, and values asked for.

    Values are patients': everyone who may read the ledger may know them.
    """
    from dicom_sieve.ledger import open_ledger
    from dicom_sieve.ledger.database.states import RunState
    from dicom_sieve.ledger.reading.run_objects import select_objects

    if as_csv + as_json + (parquet is not None) > 1:
        raise typer.BadParameter("say which: --csv, --json or --parquet", param_hint="--csv")
    names = [name for name in _NAMES.findall(columns) if name.strip()]
    with open_ledger() as ledger:
        recorded = ledger.run(run)
        if recorded.row.state not in {RunState.COMPLETED, RunState.INCOMPLETE}:
            raise LedgerError(
                f"run {recorded.row.id} is {recorded.row.state}: not all of its objects have a verdict; "
                "accepted: COMPLETED, INCOMPLETE"
            )
        selected = select_objects(ledger.engine, recorded.row, verdict, names, "--columns")
        if parquet is not None:
            _write_parquet(parquet, selected)
            text.show_lines(f"{parquet}")
        elif as_json:
            _show_json(selected)
        elif as_csv:
            text.show_csv(selected.columns, (tuple(_as_csv(row)) for row in selected.rows()))
        else:
            _show_lines(selected)


def _as_csv(cells: Sequence[object]) -> Iterator[object]:
    """Write lists in one cell, with a space between, and what is not known as an empty one."""
    for cell in cells:
        if isinstance(cell, tuple):
            yield " ".join(cell)
        else:
            yield cell.isoformat() if isinstance(cell, datetime.datetime) else cell


def _show_json(selected: "RunObjects") -> None:
    """Print an array, an object a line, in ASCII alone."""
    write, names = sys.stdout.write, selected.columns
    before = "["
    for row in selected.rows():
        write(f"{before}{os.linesep}{json.dumps(dict(zip(names, row, strict=True)), default=text.plain)}")
        before = ","
    write(f"{'[' if before == '[' else os.linesep}]{os.linesep}")


def _show_lines(selected: "RunObjects") -> None:
    """Print a line an object: verdict, key, why it was discarded, and values."""
    for row in selected:
        why = [] if row.verdict == Verdict.PASSED else [row.defect or " ".join(row.findings)]
        values = [f"{name}={'' if value is None else value}" for name, value in row.values.items()]
        line = "  ".join([f"{row.verdict or 'not read':<9}", row.object_key, *why, *values])
        sys.stdout.write(inert(line) + os.linesep)


def _write_parquet(path: Path, selected: "RunObjects") -> None:
    """Write a file for its owner alone; what is there is replaced when the new one is whole."""
    import pyarrow.parquet as pq

    try:
        with private.temporary_folder(f".{private.PREFIX}", path.resolve().parent) as folder:
            part = folder / "objects.parquet"
            with private.create(part) as file, pq.ParquetWriter(file, selected.schema(), compression="zstd") as writer:
                for batch in selected.to_batches():
                    writer.write_batch(batch)
            part.replace(path)
    except OSError as error:
        raise InvalidRequestError((f"--parquet: {path} cannot be written: {error.strerror}",)) from None
