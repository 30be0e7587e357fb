"""A store that is asked by REST: one for all services, each of which says how it is asked (ADR 49).

Reads go through the event loop for little CPU, or else through a thread, whose client tells what is wrong. An answer
counts when length, range, size and identity are all what was asked for.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

from dicom_sieve import private
from dicom_sieve.errors import AlreadyPublishedError, DicomSieveError
from dicom_sieve.objects import Location, ObjectInfo
from dicom_sieve.stores.guarded import is_proxied
from dicom_sieve.stores.interface import (
    Downloads,
    ObjectChangedError,
    ObjectGoneError,
    TransportError,
)
from dicom_sieve.stores.listing import Cursor, Page, first_page
from dicom_sieve.stores.rest.client import HttpClient
from dicom_sieve.stores.rest.errors import as_store_error, is_passing, name_of, read_error
from dicom_sieve.stores.rest.messages import AnswerError, Call, MalformedAnswerError, Reply
from dicom_sieve.stores.rest.ranges import RestRangeClient
from dicom_sieve.stores.rest.service import Service
from dicom_sieve.stores.retries import Retries
from dicom_sieve.stores.two_ways import ReadsTwoWays

T = TypeVar("T")
_CONFLICTS = frozenset({HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED})
"""Statuses of a conditional write that found something there, or another writer at work."""


@dataclass(frozen=True)
class RestStore(ReadsTwoWays):
    """One bucket or container, or the part of it under a prefix.

    Attributes:
        service: The bucket, and how it is reached.
        prefix: What keys begin with.
    """

    service: Service
    prefix: str = ""

    @property
    def location(self) -> Location:
        """Where it is."""
        return self.service.location(self.prefix)

    @property
    def retries(self) -> Retries:
        """Timeouts and attempts."""
        return self.service.retries

    def list(self) -> Iterator[ObjectInfo]:
        """Give every object, in the order of the keys' UTF-8 bytes.

        Raises:
            StoreError: The bucket cannot be listed.
            ListingOrderError: A long listing is out of order.
        """
        return self.service.list_objects(self._page, self.location)

    @property
    def can_list_behind(self) -> bool:
        """Whether the service lists from behind any text on."""
        return self.service.lists_behind

    def page_behind(self, prefix: str, after: str | None) -> Page:
        """Ask for the first objects of a prefix behind a text; see `ListsBehind.page_behind`."""
        return first_page(partial(self._page, prefix=prefix), after, self.location)

    def find(self, key: str) -> ObjectInfo | None:
        """Look for an object; see `Writes.find`."""
        with as_store_error("look into", self.location.uri(key)):
            try:
                return self._look(key)
            except AnswerError as error:
                if error.status != HTTPStatus.NOT_FOUND or error.code in self.service.missing_places:
                    raise
                return None

    def write_once(self, key: str, body: Path) -> None:
        """Write a local file as an object, unless there is one already; see `Writes.write_once`."""
        uri = self.location.uri(key)
        self.service.check_key(key)
        with as_store_error("write", uri):
            try:
                self._repeat(partial(self.service.write, self._send, key, body, replaces=False))
            except AnswerError as error:
                if error.status not in _CONFLICTS:
                    raise
                if not self._repeat(partial(self._holds, key, body)):
                    raise AlreadyPublishedError(uri) from None

    def copy_from(self, source: Downloads, listed: ObjectInfo, key: str, formers: Sequence[str] = ()) -> None:
        """Copy an object, bound to the identity that was listed; see `Copies.copy_from`."""
        del formers  # a copy has an identity of its own here: a former one cannot be known by that of the object
        self.service.check_key(key)
        if isinstance(source, RestStore) and self._copy_within(source, listed, key):
            return
        with private.temporary_folder() as folder:
            file = folder / "object"
            source.download(listed, file)
            with as_store_error("write", self.location.uri(key)):
                try:
                    self._repeat(partial(self.service.write, self._send, key, file, replaces=True))
                except Exception as error:
                    if is_passing(error):
                        raise TransportError(name_of(error)) from None
                    raise

    @cached_property
    def _client(self) -> HttpClient:
        service = self.service
        return HttpClient(service.endpoint, service.rules, service.retries, service.code_of)

    @cached_property
    def _range_client(self) -> RestRangeClient | None:
        """None where the environment names a proxy."""
        return None if is_proxied(self.service.endpoint) else RestRangeClient(self.service)

    def __getstate__(self) -> dict[str, object]:
        """Leave the clients behind: another process opens its own."""
        return {"service": self.service, "prefix": self.prefix}

    def _send(self, call: Call, part: tuple[int, int] | None = None) -> Reply:
        signer = self.service.signer
        if not signer.is_ready:
            signer.renew()
        return self._client.send(signer.sign(call), part)

    def _repeat(self, ask: Callable[[], T]) -> T:
        return self.retries.repeat(ask, is_passing)

    async def _read_quickly(self, listed: ObjectInfo, start: int, end: int) -> bytes | None:
        try:
            client = self._range_client
            return None if client is None else await client.read(listed, start, end)
        except TransportError:
            raise
        except Exception:  # whatever it is: what it means, the other client tells
            return None

    def _read_any(self, listed: ObjectInfo, start: int, end: int) -> bytes:
        service = self.service
        try:
            reply = self._send(service.reading(listed, start, end), (start, end))
        except Exception as error:
            fault = self._read_error(error)
            if isinstance(fault, ObjectChangedError):
                self._stat(listed.key)  # what is gone meets no condition either, and some servers say just that
            raise fault from None
        if service.etag_in(reply.headers) != listed.etag:
            raise ObjectChangedError
        content_range = reply.headers.get("content-range")
        if content_range is None and reply.headers.get("content-length") == str(listed.size):  # the whole came
            content_range = f"bytes {start}-{end - 1}/{listed.size}"
        if len(reply.body) != end - start or content_range != f"bytes {start}-{end - 1}/{listed.size}":
            raise TransportError("not the bytes that were asked for")
        return reply.body

    def _stat(self, key: str) -> ObjectInfo:
        try:
            return self._look(key)
        except Exception as error:
            fault = self._read_error(error)
            # It has no condition that could fail.
            raise TransportError(name_of(error)) if isinstance(fault, ObjectChangedError) else fault from None

    def _look(self, key: str) -> ObjectInfo:
        return self._repeat(lambda: self.service.read_info(key, self._send(self.service.looking(key))))

    def _read_error(self, error: Exception) -> DicomSieveError:
        return read_error(error, self.service.refusals, self.service.missing_places)

    def _page(self, cursor: Cursor, *, prefix: str | None = None) -> Page:
        call = self.service.listing(self.prefix if prefix is None else prefix, cursor)
        with as_store_error("list", str(self.location)):
            return self._repeat(lambda: self.service.read_page(cursor, self._send(call)))

    def _holds(self, key: str, body: Path) -> bool:
        """Tell whether an object has the bytes of a file."""
        found = self._look(key)
        if found.size != body.stat().st_size:
            return False
        try:
            with body.open("rb") as file:
                return all(part == file.read(len(part)) for part in self._parts(found))
        except (ObjectChangedError, ObjectGoneError):
            raise MalformedAnswerError from None  # somebody else writes: it is looked at again

    def _copy_within(self, source: "RestStore", listed: ObjectInfo, key: str) -> bool:
        """Let the service copy; False where it does not: reading and writing then shows what is wrong."""
        if type(source.service) is not type(self.service) or source.service.endpoint != self.service.endpoint:
            return False
        try:
            return self._repeat(lambda: self.service.copy_within(self._send, source.service, listed, key))
        except Exception:  # whatever it is: reading and writing tells
            return False
