"""A computation's results as local files, on their way to the store and back."""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dicom_sieve import private
from dicom_sieve.clock import now
from dicom_sieve.computations.interface import Outputs
from dicom_sieve.digest import digest_of
from dicom_sieve.errors import AlreadyPublishedError, ComputationError, RefusedError
from dicom_sieve.ledger.reading.results import Output

if TYPE_CHECKING:
    from pydicom import Dataset

ATTEMPTS_TO_FETCH = 5


def fetch(outputs: Outputs, key: str, target: Path) -> None:
    """Read what is written; again, where it was just being written: in a directory its time of change changes then."""
    for left in reversed(range(ATTEMPTS_TO_FETCH)):
        try:
            if written := outputs.find(key):
                outputs.download(written, target)
        except RefusedError:
            target.unlink(missing_ok=True)
            if not left:
                raise
        else:
            return


def save(output: "bytes | Path | Dataset", file: Path) -> None:
    """Write a result to a local file."""
    if isinstance(output, Path):
        shutil.copyfile(output, file)
    elif isinstance(output, bytes):
        file.write_bytes(output)
    else:
        output.save_as(file, enforce_file_format=True)


def sop_instance_uid(file: Path) -> str:
    """Read the SOP Instance UID of a DICOM file."""
    import pydicom  # noqa: PLC0415 - few need it

    return str(pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID)


def _is_dicom(file: Path) -> bool:
    """Tell whether a file begins as DICOM files do (PS3.10 7.1)."""
    with file.open("rb") as opened:
        return opened.read(132)[128:] == b"DICM"


def publish(outputs: Outputs | None, output: "bytes | Path | Dataset", parts: Sequence[str]) -> Output:
    """Write a result unless it is there, and describe what is there.

    Args:
        outputs: Where to.
        output: What.
        parts: Of its key, below the prefix.

    Raises:
        ComputationError: There is nowhere to write to.
    """
    if outputs is None:
        raise ComputationError("there is nowhere to write to: give open_computation its outputs, a store")
    key = "/".join(part for part in (outputs.location.prefix.rstrip("/"), *parts) if part)
    with private.temporary_folder() as folder:
        ours, there = folder / "ours", folder / "there"
        if outputs.find(key) is None:
            save(output, ours)
            with suppress(AlreadyPublishedError):  # by one that computes the same at this moment
                outputs.write_once(key, ours)
                ours.rename(there)
        if not there.exists():
            fetch(outputs, key, there)
        digest = digest_of(there)
        uid = None if isinstance(output, bytes) or not _is_dicom(there) else sop_instance_uid(there)
    return Output(outputs.location.uri(key), digest, uid, now())
