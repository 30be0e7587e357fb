"""A PACS as a store that is only read (ADR 50)."""

import asyncio
import datetime
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import NoReturn, TypeVar

from dicom_sieve import private
from dicom_sieve.advice import ADVICE
from dicom_sieve.errors import StoreError
from dicom_sieve.objects import Location, ObjectInfo
from dicom_sieve.settings import MIB
from dicom_sieve.stores.dicomweb.access import DicomWebAccess, key_of, uids_of
from dicom_sieve.stores.dicomweb.answers import Row
from dicom_sieve.stores.dicomweb.connection import Connection, connect
from dicom_sieve.stores.dicomweb.identity import Identity
from dicom_sieve.stores.interface import (
    Downloads,
    ObjectChangedError,
    ObjectGoneError,
    ReadRefusedError,
    ToldHeader,
    TransportError,
    UnwritableKeyError,
)

T = TypeVar("T")
R = TypeVar("R")

STUDIES_AHEAD = 4
"""Studies that are listed at the same time."""
NO_TIME = datetime.datetime.fromtimestamp(0, datetime.UTC)
"""Stands for the time of a change: DICOMweb tells of none."""
LARGEST_IN_MEMORY = 1024 * MIB
_SEVERAL = "several instances have its UID"
_INSTANCE = 3
"""UIDs in the key of an instance."""
READ_ONLY = "a PACS is only read; accepted: an s3:// address or a directory"


@dataclass(frozen=True, slots=True)
class DicomWebStore:
    """The instances of a PACS, or of some study or series there.

    A key is the path by which DICOMweb names an instance. Its etag is what the instance is known by; its size is 0
    where the server does not tell it.

    Attributes:
        access: How the PACS is reached.
        place: As ledgers name it.
    """

    access: DicomWebAccess
    place: Location

    @property
    def location(self) -> Location:
        """Where it is."""
        return self.place

    def list(self) -> Iterator[ObjectInfo]:
        """Give every instance, in the order of the keys' bytes; see `Lists.list`."""
        with self._listing("list"):
            study_uid, series_uid, *_ = (*uids_of(self.place.prefix), None, None)
            pacs = self._connection()
            studies = pacs.queries.studies(study_uid)
            ask = partial(_of_study, pacs, series_uid=series_uid)
            for found in _ahead(ask, [(uid, studies[uid]) for uid in sorted(studies, key=key_of)]):
                yield from found

    async def tell(self, listed: ObjectInfo) -> ToldHeader:
        """Tell the header of an instance; see `TellsHeaders.tell`. The metadata of a series is one request."""
        study, series, uid = _uids_of_instance(listed.key)
        pacs = await asyncio.to_thread(self._connection)
        out_of_date = None
        while True:
            future = pacs.told((study, series), but_not=out_of_date)
            is_new = not future.done()
            told = await asyncio.wrap_future(future)
            known = told.identities.get(uid)
            if known is not None and known.etag == listed.etag and uid in told.headers:
                header = told.headers.pop(uid)
                size, told.bytes_read = told.bytes_read, 0
                if not told.headers:
                    pacs.forget((study, series), future)
                if header is None:
                    raise ReadRefusedError(_SEVERAL)
                return ToldHeader(header.data, header.beside, int(size > 0), size, header.is_whole)
            if is_new:
                break
            out_of_date = future  # perhaps told before the instance was listed; or this header was asked for before
        if known is None:
            raise ObjectGoneError
        if known.etag != listed.etag:
            raise ObjectChangedError
        if not known.is_single:
            raise ReadRefusedError(_SEVERAL)
        raise TransportError("the metadata lacks the instance")

    async def read(self, listed: ObjectInfo, *, start: int, end: int) -> bytes:
        """Read bytes of an instance; see `Reads.read`. It is retrieved whole: DICOMweb has no ranges."""
        return (await asyncio.to_thread(self.read_bytes, listed))[start:end]

    async def stat(self, key: str) -> ObjectInfo:
        """Look one instance up as it is now; see `Reads.stat`."""
        found = await asyncio.to_thread(self._look_up, key)
        if found is None:
            raise ObjectGoneError
        return found

    def find(self, key: str) -> ObjectInfo | None:
        """Look for an instance; see `Writes.find`."""
        with self._listing("look into"):
            return self._look_up(key)

    def download(self, listed: ObjectInfo, target: Path) -> None:
        """Retrieve an instance into a new file; see `Downloads.download`."""
        uids = _uids_of_instance(listed.key)
        with private.create(target) as file:
            size = self._connection().retrieve(uids, file)
        self._check(listed, size)

    def read_bytes(self, listed: ObjectInfo) -> bytes:
        """Retrieve an instance into memory; raises as `Downloads.download`."""
        memory = BytesIO()
        size = self._connection().retrieve(_uids_of_instance(listed.key), memory, LARGEST_IN_MEMORY)
        self._check(listed, size)
        return memory.getvalue()

    def write_once(self, key: str, body: Path) -> None:
        """Refuse: nothing is written to a PACS."""
        del body
        self._refuse(key)

    def copy_from(self, source: Downloads, listed: ObjectInfo, key: str, formers: Sequence[str] = ()) -> None:
        """Refuse: nothing is written to a PACS."""
        del source, listed, formers
        self._refuse(key)

    def _refuse(self, key: str) -> NoReturn:
        raise StoreError("write", self.place.uri(key), "there is no writing there", READ_ONLY)

    def _connection(self) -> Connection:
        return connect(self.access)

    def _look_up(self, key: str) -> ObjectInfo | None:
        try:
            uids = _uids_of_instance(key)
        except ObjectGoneError:
            return None
        known = self._connection().identify(*uids).get(uids[-1])
        return None if known is None else _info(key, known)

    def _check(self, listed: ObjectInfo, size: int) -> None:
        """Look at an instance after it was retrieved: what changed meanwhile has changed."""
        now = self._look_up(listed.key)
        if now is None:
            raise ObjectGoneError
        if now.etag != listed.etag:
            raise ObjectChangedError
        if now.size and now.size != size:
            raise TransportError("the answer has another size than the instance")

    @contextmanager
    def _listing(self, action: str) -> Iterator[None]:
        try:
            yield
        except TransportError as error:
            cause = str(error.args[0])
            raise StoreError(action, str(self.place), cause, ADVICE.get(cause, "")) from None
        except (ObjectGoneError, UnwritableKeyError, ValueError) as error:
            raise StoreError(action, str(self.place), f"the answer is not DICOMweb's: {type(error).__name__}") from None


def _of_study(pacs: Connection, listed: tuple[str, Row], *, series_uid: str | None) -> list[ObjectInfo]:
    """Give the instances of a study, in the order of keys."""
    uid, study = listed
    found = [
        _info(key_of(uid, of_series, one), known)
        for of_series, series in pacs.queries.series(study, series_uid).items()
        for one, known in pacs.identities.of_series(study, series).items()
    ]
    return sorted(found, key=lambda info: info.key)


def _ahead(ask: Callable[[T], R], questions: Iterable[T]) -> Iterator[R]:
    """Ask some questions ahead; the answers come in order."""
    with ThreadPoolExecutor(STUDIES_AHEAD) as pool:
        asked: deque[Future[R]] = deque()
        try:
            for question in questions:
                asked.append(pool.submit(ask, question))
                if len(asked) > STUDIES_AHEAD:
                    yield asked.popleft().result()
            while asked:
                yield asked.popleft().result()
        finally:
            for future in asked:
                future.cancel()


def _info(key: str, known: Identity) -> ObjectInfo:
    return ObjectInfo(key, known.etag, known.size, NO_TIME)


def _uids_of_instance(key: str) -> tuple[str, str, str]:
    try:
        uids = uids_of(key)
    except UnwritableKeyError:
        raise ObjectGoneError from None
    if len(uids) != _INSTANCE:
        raise ObjectGoneError
    return uids[0], uids[1], uids[2]
