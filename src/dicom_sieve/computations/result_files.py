"""A computation's results as local files, on their way to the store and back."""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dicom_sieve.errors import RefusedError
from dicom_sieve.objects import ObjectInfo

if TYPE_CHECKING:
    from pydicom import Dataset

ATTEMPTS_TO_FETCH = 5


class Found(Protocol):
    """Where results lie."""

    def find(self, key: str) -> ObjectInfo | None:
        """Look for an object."""
        ...

    def download(self, listed: ObjectInfo, target: Path) -> None:
        """Read a whole object into a new file."""
        ...


def fetch(outputs: Found, key: str, target: Path) -> None:
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


def save(output: "bytes | Dataset", file: Path) -> None:
    """Write a result to a local file."""
    if isinstance(output, bytes):
        file.write_bytes(output)
    else:
        output.save_as(file, enforce_file_format=True)


def sop_instance_uid(file: Path) -> str:
    """Read the SOP Instance UID of a DICOM file."""
    import pydicom  # noqa: PLC0415 - few need it

    return str(pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID)
