"""What a computation asks of the places where objects lie and results go."""

from pathlib import Path
from typing import Protocol

from dicom_sieve.objects import Location, ObjectInfo


class Inputs(Protocol):
    """Where the judged objects lie: a store of `dicom_sieve.stores`."""

    @property
    def location(self) -> Location:
        """Where it is."""
        ...

    def download(self, listed: ObjectInfo, target: Path) -> None:
        """Read a whole object into a new file, if it is still the one that was judged."""
        ...


class Outputs(Inputs, Protocol):
    """Where results are written: a store of `dicom_sieve.stores`."""

    def find(self, key: str) -> ObjectInfo | None:
        """Look for an object."""
        ...

    def write_once(self, key: str, body: Path) -> None:
        """Write a local file as an object, unless there is one already."""
        ...
