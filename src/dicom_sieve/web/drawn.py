"""Pictures in memory, each drawn once from an object that a run judged, as long as that is still the same."""

from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock

from dicom_sieve.errors import DicomSieveError, RefusedError
from dicom_sieve.ledger import RecordedRun
from dicom_sieve.ledger.reading.series_objects import SeriesObject, find_object, objects_of_series
from dicom_sieve.objects import Location, ObjectInfo
from dicom_sieve.stores.interface import ObjectChangedError, ObjectGoneError, Place, ReadRefusedError
from dicom_sieve.stores.open import open_store
from dicom_sieve.web.draughtsman import Draughtsman
from dicom_sieve.web.picture import NoPictureError, Reason

MOST_BYTES = 32 * 1024 * 1024
"""Of an object that a picture is made of; it is in memory while it is drawn."""
MOST_KEPT_BYTES = 48 * 1024 * 1024
"""Of pictures: some 1,000."""
MOST_REASONS = 10_000
MOST_STORES = 4
AT_A_TIME = 2
"""Objects that are read at the same time."""
_Key = tuple[Location, str, str]
"""Location, key and etag: what identifies bytes (ADR 3)."""


@dataclass(slots=True)
class Pictures:
    """Pictures, and reasons why there are none, in memory; and the stores that objects are read from.

    Attributes:
        draughtsman: Draws them.
        threads: In which objects are read: however many are asked for, other pages are not held up.
    """

    draughtsman: Draughtsman = field(default_factory=Draughtsman)
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(AT_A_TIME, "pictures"))
    _made: "OrderedDict[_Key, bytes]" = field(default_factory=OrderedDict)
    _reasons: "OrderedDict[_Key, Reason]" = field(default_factory=OrderedDict)
    _stores: "OrderedDict[Location, Place]" = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def draw(self, where: Location, listed: ObjectInfo) -> bytes:
        """Give the picture of an object as PNG.

        Args:
            where: Where the run judged.
            listed: The object, with the etag that its bytes must have.

        Raises:
            NoPictureError: There is none.
        """
        key = (where, listed.key, listed.etag)
        with self._lock:
            if key in self._reasons:
                raise NoPictureError(self._reasons[key])
            if key in self._made:
                self._made.move_to_end(key)
                return self._made[key]
        try:
            made = self.draughtsman.draw(self._read(where, listed))
        except NoPictureError as error:
            if error.reason not in {Reason.NOT_READ, Reason.NOT_ALLOWED}:  # both may change
                self._remember_reason(key, error.reason)
            raise
        self._remember(key, made)
        return made

    def close(self) -> None:
        """End the process that draws, and wait for what is being read."""
        self.draughtsman.close()
        self.threads.shutdown(cancel_futures=True)

    def _read(self, where: Location, listed: ObjectInfo) -> bytes:
        if listed.size > MOST_BYTES:
            raise NoPictureError(Reason.TOO_LARGE)
        try:
            return self._store(where).read_bytes(listed)
        except (ObjectChangedError, ObjectGoneError):
            raise NoPictureError(Reason.GONE) from None
        except (ReadRefusedError, RefusedError):
            raise NoPictureError(Reason.NOT_ALLOWED) from None
        except (DicomSieveError, OSError):
            raise NoPictureError(Reason.NOT_READ) from None

    def _store(self, where: Location) -> Place:
        with self._lock:
            if where in self._stores:
                self._stores.move_to_end(where)
                return self._stores[where]
        try:
            store = open_store(where)
        except DicomSieveError:  # the endpoint may not be sent this server's credentials
            raise NoPictureError(Reason.NOT_ALLOWED) from None
        with self._lock:
            self._stores[where] = store
            while len(self._stores) > MOST_STORES:
                self._stores.popitem(last=False)
        return store

    def _remember(self, key: _Key, made: bytes) -> None:
        with self._lock:
            self._made[key] = made
            while sum(map(len, self._made.values())) > MOST_KEPT_BYTES:
                self._made.popitem(last=False)

    def _remember_reason(self, key: _Key, reason: Reason) -> None:
        with self._lock:
            self._reasons[key] = reason
            while len(self._reasons) > MOST_REASONS:
                self._reasons.popitem(last=False)


def middle_of(objects: list[SeriesObject]) -> SeriesObject | None:
    """Give the middle image of a series: of what passed, where any did; None: there is no object."""
    shown = [each for each in objects if each.verdict == "PASSED"] or objects
    return shown[len(shown) // 2] if shown else None


def chosen_object(run: RecordedRun, series: str, key: str) -> SeriesObject | None:
    """Give the object of a run's snapshot that is shown: that of a key, else the middle one of a series."""
    if key:
        found = find_object(run.engine, run.row, key)
        return found if found is not None and found.info.key == key else None
    return middle_of(objects_of_series(run.engine, run.row, series))
