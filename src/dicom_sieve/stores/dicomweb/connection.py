"""What one process has of a PACS: a session, what it lists, and headers that were told and not yet asked for."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import BinaryIO

from dicom_sieve.settings import MIB
from dicom_sieve.stores.dicomweb.access import DicomWebAccess, key_of
from dicom_sieve.stores.dicomweb.answers import INSTANCE_UID, SERIES_UID, STUDY_UID, Rows, row_of, uid_in
from dicom_sieve.stores.dicomweb.identity import ByAnswers, ByMetadata, Identifies, Identity, find_orthanc
from dicom_sieve.stores.dicomweb.made_header import MadeHeader, make_header
from dicom_sieve.stores.dicomweb.query import Queries
from dicom_sieve.stores.dicomweb.retrieve import ACCEPTED, write_instance
from dicom_sieve.stores.dicomweb.session import CheckedSession
from dicom_sieve.stores.interface import ObjectGoneError

HELD_BYTES = 256 * MIB
"""Of headers that were told and not yet asked for, of all series of a process; the last series is held in any case."""
SERIES_IN_FLIGHT = 8
"""Series of which one process asks for the metadata at the same time: each is much work for a server."""
LARGEST_INSTANCE = 1 << 40
"""In bytes, to a file."""

SeriesKey = tuple[str, str]
"""UIDs of study and series."""


@dataclass(slots=True)
class ToldSeries:
    """The headers of one series, and the identities that its instances had just after.

    Attributes:
        identities: By UID.
        headers: Likewise; those that were asked for are left out. None where several instances have the UID.
        bytes_read: Of the metadata.
    """

    identities: Mapping[str, Identity]
    headers: dict[str, MadeHeader | None]
    bytes_read: int

    @property
    def held_bytes(self) -> int:
        """How many bytes its headers have."""
        return sum(len(header.data) for header in list(self.headers.values()) if header is not None)


@dataclass(slots=True)
class Connection:
    """A PACS, as one process asks it. Threads may share it.

    Attributes:
        access: How it is reached.
        session: Makes the requests.
        queries: Lists.
        identities: Tells by what instances are known.
    """

    access: DicomWebAccess
    session: CheckedSession
    queries: Queries
    identities: Identifies
    _asking: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(SERIES_IN_FLIGHT), repr=False)
    _told: "OrderedDict[SeriesKey, Future[ToldSeries]]" = field(default_factory=OrderedDict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def identify(self, study_uid: str, series_uid: str, instance_uid: str | None = None) -> Mapping[str, Identity]:
        """Give what the instances of a series, or one of them, are known by now, by their UIDs; raises as `Queries`."""
        if not self.identities.needs_rows:
            return self.identities.of_series(row_of(STUDY_UID, study_uid), row_of(SERIES_UID, series_uid), instance_uid)
        study = self.queries.studies(study_uid).get(study_uid)
        series = None if study is None else self.queries.series(study, series_uid).get(series_uid)
        if study is None or series is None:
            return {}
        return self.identities.of_series(study, series, instance_uid)

    def told(self, key: SeriesKey, *, but_not: "Future[ToldSeries] | None" = None) -> "Future[ToldSeries]":
        """Give what will hold a series, and is the same for all who ask meanwhile: its metadata is asked for once.

        Args:
            key: Of the series.
            but_not: What is out of date.
        """
        with self._lock:
            future = self._told.get(key)
            if future is not None and future is not but_not:
                self._told.move_to_end(key)
                return future
            future = self._told[key] = Future()
        self._asking.submit(self._tell, key, future)
        return future

    def forget(self, key: SeriesKey, future: "Future[ToldSeries]") -> None:
        """Hold a series no longer."""
        with self._lock:
            if self._told.get(key) is future:
                del self._told[key]

    def retrieve(self, uids: tuple[str, ...], target: BinaryIO, most_bytes: int = LARGEST_INSTANCE) -> int:
        """Write an instance into a file, and give its size in bytes; raises as `CheckedSession.get`."""
        take = partial(write_instance, target=target, most_bytes=most_bytes)
        return self.session.retrieve(f"{self.access.url}/{key_of(*uids)}", ACCEPTED, take)

    def _tell(self, key: SeriesKey, future: "Future[ToldSeries]") -> None:
        try:
            told = self._ask(key)
        except BaseException as error:
            self.forget(key, future)
            future.set_exception(error)
            return
        future.set_result(told)
        self._make_room()

    def _ask(self, key: SeriesKey) -> ToldSeries:
        try:
            rows = self.queries.metadata_of(*key)
        except ObjectGoneError:  # or several series have the UID, of which Orthanc gives none
            rows = Rows([], 0)
        headers: dict[str, MadeHeader | None] = {}
        for row in rows:
            uid = uid_in(row, INSTANCE_UID)
            headers[uid] = None if uid in headers else make_header(row)
        if isinstance(self.identities, ByMetadata):
            return ToldSeries(self.identities.of_rows(rows), headers, rows.size)
        # Looked at after reading: what changed meanwhile has changed.
        return ToldSeries(self.identify(*key), headers, rows.size)

    def _make_room(self) -> None:
        with self._lock:
            done = [(key, future) for key, future in self._told.items() if future.done()]
            held = sum(future.result().held_bytes for _, future in done)
            for key, future in done[:-1]:
                if held <= HELD_BYTES:
                    return
                held -= future.result().held_bytes
                del self._told[key]


_CONNECTING = threading.Lock()


def connect(access: DicomWebAccess) -> Connection:
    """Give this process's connection to a PACS.

    Raises:
        TransportError: The server does not answer.
    """
    with _CONNECTING:
        return _connect(access)


@lru_cache(maxsize=16)
def _connect(access: DicomWebAccess) -> Connection:
    session = CheckedSession(access)
    orthanc = find_orthanc(access.url, session)
    # Where instances are known by what is listed of them, as much as possible is listed.
    queries = Queries(access.url, session, wants_all=orthanc is None and not access.by_metadata)
    others = ByMetadata(queries) if access.by_metadata else ByAnswers(queries)
    return Connection(access, session, queries, orthanc or others)
