"""NIfTI of each series that passed whole, in a folder named by its Series Instance UID."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from dicom_sieve import private
from dicom_sieve.computations.command.run import results_of
from dicom_sieve.computations.command.spec import Command
from dicom_sieve.computations.computation import Series
from dicom_sieve.computations.export import dcm2niix
from dicom_sieve.computations.export.options import ExportOptions
from dicom_sieve.computations.export.place import write
from dicom_sieve.computations.kind import Computes, Kind
from dicom_sieve.errors import ComputationError
from dicom_sieve.stores.paths import name_of_uid

NAME = "export-nifti"
VERSION = "1.0"


def nifti_kind(root: tuple[str, ...], options: ExportOptions, told: Mapping[str, Any]) -> Kind:
    """Give the kind of an export to one place.

    Args:
        root: Parts of the folder's key.
        options: What it is told.
        told: What is recorded as its parameters besides the program.

    Raises:
        InvalidRequestError: dcm2niix is not installed.
    """
    version = dcm2niix.read_version()
    command = dcm2niix.command_of(version, options.timeout_seconds, options.memory_gib)
    return Kind(
        name=NAME,
        version=VERSION,
        description="NIfTI of each whole series, with sidecars.",
        done="converted",
        load=partial(_load, command, root),
        read_parameters=lambda _: {**told, **parameters_of(command)},
        looks_for_results=True,
    )


def parameters_of(command: Command) -> dict[str, Any]:
    """Give what is recorded of the program."""
    return {"command": list(command.command), dcm2niix.PROGRAM: command.version}


def _load(command: Command, root: tuple[str, ...]) -> Computes:
    return partial(_convert, command, root)


def _convert(command: Command, root: tuple[str, ...], series: Series) -> None:
    """Convert one series.

    Raises:
        RefusedError: It has no image that dcm2niix converts.
        ComputationError: dcm2niix fails, or something else lies where it would be written.
    """
    with results_of(command, series) as found, private.temporary_folder() as folder:
        for name, file in dcm2niix.clean(found, folder).items():
            record(series, file, (*root, name_of_uid(series.uid), name))


def record(series: Series, file: Path, parts: tuple[str, ...]) -> None:
    """Write a result of a series where it is exported to, and record it."""
    outputs = series.computation.outputs
    if outputs is None:
        raise ComputationError("there is nowhere to export to")
    written = write(outputs, file, parts)
    series.record_output(written.uri, digest=written.digest)
