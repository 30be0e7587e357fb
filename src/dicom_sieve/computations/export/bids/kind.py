"""The export of one run as a dataset: its series by dcm2niix, and in the end what is of all of them."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from dicom_sieve import private
from dicom_sieve.computations.command.run import results_of
from dicom_sieve.computations.command.spec import Command
from dicom_sieve.computations.computation import Computation, Series
from dicom_sieve.computations.export import dcm2niix
from dicom_sieve.computations.export.bids.dataset import files_of_dataset
from dicom_sieve.computations.export.bids.labels import Labels, label
from dicom_sieve.computations.export.bids.names import SeriesLabels, path_in_dataset
from dicom_sieve.computations.export.nifti import parameters_of, record
from dicom_sieve.computations.export.options import ExportOptions
from dicom_sieve.computations.export.place import write_bytes
from dicom_sieve.computations.kind import Computes, Kind
from dicom_sieve.errors import ComputationError
from dicom_sieve.ledger.reading.inputs import InputSeries
from dicom_sieve.ledger.reading.ledger import RecordedRun

NAME = "export-bids"
VERSION = "1.0"


def bids_kind(run: RecordedRun, root: tuple[str, ...], options: ExportOptions, told: Mapping[str, Any]) -> Kind:
    """Give the kind of an export to one place.

    Args:
        run: What is exported.
        root: Parts of the folder's key.
        options: What it is told.
        told: What is recorded as its parameters besides the program.

    Raises:
        InvalidRequestError: dcm2niix is not installed.
    """
    version = dcm2niix.read_version()
    command = dcm2niix.command_of(version, options.timeout_seconds, options.memory_gib)
    labels = label(run)
    return Kind(
        name=NAME,
        version=VERSION,
        description="Each whole series in a BIDS dataset.",
        done="converted",
        load=partial(_load, command, root, options.suffix),
        read_parameters=lambda _: {**told, "suffix": options.suffix, **parameters_of(command)},
        about=partial(_about, labels),
        gather=partial(_gather, labels, version, root),
        looks_for_results=True,
    )


def _load(command: Command, root: tuple[str, ...], mr_suffix: str | None) -> Computes:
    return partial(_convert, command, root, mr_suffix)


def _about(labels: Labels, computation: Computation, series: InputSeries) -> Mapping[str, Any]:
    del computation
    found = labels.of_series.get(series.uid)  # none of a series that is refused because not all of it passed
    return {} if found is None else asdict(found)


def _convert(command: Command, root: tuple[str, ...], mr_suffix: str | None, series: Series) -> None:
    """Convert one series.

    Raises:
        RefusedError: It has no image that dcm2niix converts.
        ComputationError: dcm2niix fails, or something else lies where it would be written.
    """
    labels = SeriesLabels(**series.about)
    with results_of(command, series) as found, private.temporary_folder() as folder:
        is_diffusion = any(name.endswith(".bval") for name in found)
        for name, file in dcm2niix.clean(found, folder).items():
            path = path_in_dataset(labels, name, is_diffusion=is_diffusion, mr_suffix=mr_suffix)
            record(series, file, (*root, *path.split("/")))


def _gather(labels: Labels, version: str, root: tuple[str, ...], computation: Computation) -> None:
    """Write what is of no series, when none of them has failed: a dataset without a description is not whole."""
    if computation.outputs is None:
        raise ComputationError("there is nowhere to export to")
    if computation.count().get("FAILED"):
        return
    subjects = {labels.of_series[uid].subject for uid in computation.log.series_done()}
    participants = [labels.participants[subject] for subject in sorted(subjects)]
    for name, content in files_of_dataset(computation.run.id, version, participants).items():
        computation.log.record_gathered([write_bytes(computation.outputs, content, (*root, name))])
