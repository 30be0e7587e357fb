"""The export of a run: which kind it is, and its way through the ledger."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicom_sieve import private
from dicom_sieve.computations.export.bids import bids_kind
from dicom_sieve.computations.export.nifti import nifti_kind
from dicom_sieve.computations.export.ohif import base_url_of, write_study_list
from dicom_sieve.computations.export.options import ExportOptions
from dicom_sieve.computations.export.place import key_in, write
from dicom_sieve.computations.export.series_table import make_table
from dicom_sieve.computations.interface import Inputs, Outputs
from dicom_sieve.computations.one_by_one import compute_one_by_one
from dicom_sieve.computations.opening import open_computation
from dicom_sieve.errors import ComputationError
from dicom_sieve.export_formats import Format
from dicom_sieve.ledger.database.states import InputState
from dicom_sieve.ledger.reading.ledger import Ledger, RecordedRun

VERSION = "1.0"
"""Of tables and study lists: with another one they are made again."""
_FILES = {Format.PARQUET: "series.parquet", Format.CSV: "series.csv", Format.OHIF: "ohif.json"}


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export did.

    Attributes:
        uri: Of the folder or the file that it is.
        reasons: What became of the series and why, with their number, the most frequent first. Of a table or a study
            list it is the run that is one.
    """

    uri: str
    reasons: list[tuple[InputState, str | None, int]]


def export(
    ledger: Ledger,
    run_id: str,
    how: Format,
    *,
    outputs: Outputs,
    inputs: Inputs | None = None,
    options: ExportOptions | None = None,
    advance: Callable[[int], None] = lambda _: None,
    workers: int = 1,
) -> Exported:
    """Export a run, unless the same is there already.

    It is a computation: what was exported is on record with its digests, and `trace` leads from it and to it.

    Args:
        ledger: Where it is recorded.
        run_id: Of a completed run, or its beginning.
        how: The format.
        outputs: Where to: it goes to a folder there with the id of the run.
        inputs: Where the judged objects lie; needed where pixels are.
        options: What it is told; None: nothing.
        advance: Called with 1 when a series has ended.
        workers: Series that are converted at the same time.

    Raises:
        InvalidRequestError: What is asked for cannot be, or a program is missing.
        UnknownRunError: There is no such run.
        ComputationError: The run did not complete, the places are not fit for it, or something else is there.
    """
    options = options or ExportOptions()
    options.check()
    run = ledger.run(run_id)
    if not how.is_of_images:
        return _export_list(ledger, run, how, outputs, options)
    root = (run.row.id, how.value)
    uri = outputs.location.uri(key_in(outputs, *root))
    told = {"to": uri}
    kind = nifti_kind(root, options, told) if how is Format.NIFTI else bids_kind(run, root, options, told)
    reasons = compute_one_by_one(
        ledger, kind, run.row.id, inputs=_needed(inputs), outputs=outputs, advance=advance, workers=workers
    )
    return Exported(uri, reasons)


def _needed(inputs: Inputs | None) -> Inputs:
    if inputs is None:
        raise ComputationError("there is nothing to read from: give export its inputs, a store")
    return inputs


def _export_list(ledger: Ledger, run: RecordedRun, how: Format, outputs: Outputs, options: ExportOptions) -> Exported:
    """Export what is made of the ledger alone: the run as a whole is its input."""
    of_part = () if options.selection is None else (options.selection.lower(),)
    parts = (run.row.id, *of_part, _FILES[how])
    uri = outputs.location.uri(key_in(outputs, *parts))
    told: dict[str, Any] = {"to": uri, "selection": options.selection}
    if how is Format.OHIF:
        told["base_url"] = base_url_of(run, options.base_url)
    with open_computation(
        ledger,
        f"export-{how}",
        version=VERSION,
        run=run.row.id,
        parameters=told,
        outputs=outputs,
        looks_for_results=True,
    ) as computation:
        whole = computation.whole_run()
        if whole is not None:
            with whole, private.temporary_folder() as folder:
                file = folder / _FILES[how]
                _write(run, how, file, told)
                written = write(outputs, file, parts)
                whole.record_output(written.uri, digest=written.digest)
    return Exported(uri, computation.reasons())


def _write(run: RecordedRun, how: Format, file: Path, told: dict[str, Any]) -> None:
    selection = told["selection"]
    match how:
        case Format.PARQUET:
            make_table(run, selection).write_parquet(file)
        case Format.CSV:
            make_table(run, selection).write_csv(file)
        case _:
            write_study_list(run, file, base_url=told["base_url"], selection=selection)
