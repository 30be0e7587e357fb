"""A place in memory that archives lie in."""

from collections.abc import Sequence

from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores.interface import Downloads
from tests.support.simulated_store import SimulatedStore


class Simulated(SimulatedStore):
    """The simulated store, as a whole `Place`."""

    def read_bytes(self, listed: ObjectInfo) -> bytes:
        """Read a whole object; see `Place.read_bytes`."""
        return self.content(listed.key)

    def copy_from(self, source: Downloads, listed: ObjectInfo, key: str, formers: Sequence[str] = ()) -> None:
        """Refuse: nothing is copied here."""
        raise NotImplementedError
