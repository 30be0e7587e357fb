"""An S3 bucket: listed by boto3, read in ranges by obstore where it can and by boto3 where it cannot (ADR 5).

The bytes of a read are bound to the etag that was listed (``If-Match``). Success is believed from either client when
length, range, size and etag are all what was asked for; any other answer of obstore is asked again of boto3, which
tells an error's code.
"""

import asyncio
import datetime
import random
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from botocore.exceptions import ClientError
from obstore.store import S3Store as ObstoreS3

from dicom_sieve.errors import AlreadyPublishedError
from dicom_sieve.objects import Location, ObjectInfo
from dicom_sieve.stores.interface import (
    ObjectChangedError,
    ObjectGoneError,
    ReadRefusedError,
    TransportError,
)
from dicom_sieve.stores.s3_clients import AWS_ENDPOINT, S3Access, make_boto3_client, make_obstore_client
from dicom_sieve.stores.s3_errors import (
    MalformedListingError,
    code_of,
    is_conflict,
    is_refusal,
    name_of,
    told_as_store_error,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef, ListObjectsV2RequestTypeDef

ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 0.2
CONNECTIONS = 64


@dataclass(frozen=True)
class S3Store:
    """One bucket, or the part of it under a prefix.

    Attributes:
        access: How the bucket is reached.
        prefix: What keys begin with.
    """

    access: S3Access
    prefix: str = ""

    @property
    def location(self) -> Location:
        """Where it is."""
        endpoint = (self.access.endpoint or AWS_ENDPOINT).rstrip("/")
        return Location(endpoint, self.access.bucket, self.prefix)

    def list(self) -> Iterator[ObjectInfo]:
        """Give every object, in the order in which S3 lists: that of the keys' UTF-8 bytes.

        Raises:
            StoreError: The bucket cannot be listed.
        """
        request: ListObjectsV2RequestTypeDef | None = {"Bucket": self.access.bucket, "Prefix": self.prefix}
        while request is not None:
            with told_as_store_error("list", str(self.location)):
                page = self._boto3.list_objects_v2(**request)
                objects = _objects(page)
                request = _next_page(request, page)
            yield from objects

    async def read(self, listed: ObjectInfo, *, start: int, end: int) -> bytes:
        """Read bytes of an object, if it is still the one that was listed; see `Reads.read`."""
        if not 0 <= start < end <= listed.size:
            raise ValueError("start and end must be a range within the object")
        cause = "no answer"
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(FIRST_PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311
            if _is_plain(listed.key):
                with suppress(Exception):  # whatever it was, boto3 tells it better
                    return await self._read_plain(listed, start, end)
            try:
                return await asyncio.to_thread(self._read_any, listed, start, end)
            except TransportError as error:
                cause = error.args[0]
        raise TransportError(cause)

    async def stat(self, key: str) -> ObjectInfo:
        """Look one object up as it is now; see `Reads.stat`."""
        return await asyncio.to_thread(self._stat, key)

    def exists(self, key: str) -> bool:
        """Tell whether there is an object of that key."""
        with told_as_store_error("look into", self.location.uri(key)):
            try:
                self._boto3.head_object(Bucket=self.access.bucket, Key=key)
            except ClientError as error:
                if code_of(error) not in {"404", "NoSuchKey"}:
                    raise
                return False
        return True

    def write_once(self, key: str, body: Path) -> None:
        """Write a local file as an object, unless there is one already; see `Writes.write_once`."""
        uri = self.location.uri(key)
        with told_as_store_error("write", uri):
            try:
                with body.open("rb") as file:
                    self._boto3.put_object(Bucket=self.access.bucket, Key=key, Body=file, IfNoneMatch="*")
            except ClientError as error:
                if not is_conflict(error):
                    raise
                if not self._holds(key, body):
                    raise AlreadyPublishedError(uri) from None

    @cached_property
    def _boto3(self) -> "S3Client":
        return make_boto3_client(self.access, connections=CONNECTIONS, attempts=ATTEMPTS)

    @cached_property
    def _boto3_once(self) -> "S3Client":
        # A read is repeated with its body, as a whole, and not also inside.
        return make_boto3_client(self.access, connections=CONNECTIONS, attempts=1)

    @cached_property
    def _obstore(self) -> ObstoreS3:
        return make_obstore_client(self.access, endpoint=self._boto3.meta.endpoint_url)

    def __getstate__(self) -> dict[str, object]:
        """Leave the clients behind: another process opens its own."""
        return {"access": self.access, "prefix": self.prefix}

    async def _read_plain(self, listed: ObjectInfo, start: int, end: int) -> bytes:
        answer = await obstore.get_async(
            self._obstore, listed.key, options={"range": (start, end), "if_match": f'"{listed.etag}"'}
        )
        data = bytes(await answer.bytes_async())
        etag = (answer.meta["e_tag"] or "").strip('"')
        if (answer.range, answer.meta["size"], etag, len(data)) != (
            (start, end),
            listed.size,
            listed.etag,
            end - start,
        ):
            raise ValueError("not the bytes that were asked for")
        return data

    def _read_any(self, listed: ObjectInfo, start: int, end: int) -> bytes:
        try:
            answer = self._boto3_once.get_object(
                Bucket=self.access.bucket, Key=listed.key, Range=f"bytes={start}-{end - 1}", IfMatch=f'"{listed.etag}"'
            )
            with closing(answer["Body"]) as body:
                if answer.get("ContentRange") is None:  # the whole object, as some servers answer
                    body.read(start)
                data = body.read(end - start)
            etag = answer["ETag"].strip('"')
        except Exception as error:
            raise _read_error(error) from None
        if etag != listed.etag:
            raise ObjectChangedError
        expected = {f"bytes {start}-{end - 1}/{listed.size}", None}
        if len(data) != end - start or answer.get("ContentRange") not in expected:
            raise TransportError("not the bytes that were asked for")
        return data

    def _stat(self, key: str) -> ObjectInfo:
        try:
            answer = self._boto3.head_object(Bucket=self.access.bucket, Key=key)
            modified = answer["LastModified"].astimezone(datetime.UTC)
            return ObjectInfo(key, answer["ETag"].strip('"'), answer["ContentLength"], modified)
        except Exception as error:
            raise _read_error(error) from None

    def _holds(self, key: str, body: Path) -> bool:
        answer = self._boto3.get_object(Bucket=self.access.bucket, Key=key)
        with closing(answer["Body"]) as stored, body.open("rb") as file:
            return all(chunk == file.read(len(chunk)) for chunk in stored.iter_chunks(1 << 20)) and not file.read(1)


def _objects(page: "ListObjectsV2OutputTypeDef") -> list[ObjectInfo]:
    try:
        return [
            ObjectInfo(entry["Key"], entry["ETag"].strip('"'), entry["Size"], entry["LastModified"])
            for entry in page.get("Contents", ())
        ]
    except KeyError:
        raise MalformedListingError from None


def _next_page(
    request: "ListObjectsV2RequestTypeDef", page: "ListObjectsV2OutputTypeDef"
) -> "ListObjectsV2RequestTypeDef | None":
    """Say how to ask for the page after this one; None behind the last.

    The server's token leads on, or, where the page has none that could be taken, the last key.
    """
    if page.get("IsTruncated") is False:
        return None
    following: ListObjectsV2RequestTypeDef = {"Bucket": request["Bucket"], "Prefix": request["Prefix"]}
    if token := page.get("NextContinuationToken"):
        following["ContinuationToken"] = token
    elif contents := page.get("Contents"):
        following["StartAfter"] = contents[-1]["Key"]
    else:
        raise MalformedListingError
    if following == request:  # or it would never end
        raise MalformedListingError
    return following


def _is_plain(key: str) -> bool:
    """Tell whether a key survives obstore's idea of a path (obstore#429)."""
    return key.isprintable() and not {"", ".", ".."} & set(key.split("/"))


def _read_error(error: Exception) -> Exception:
    code = code_of(error)
    if code in {"404", "NoSuchKey", "NoSuchVersion"}:
        return ObjectGoneError()
    if code in {"412", "PreconditionFailed", "416", "InvalidRange"}:
        return ObjectChangedError()
    return ReadRefusedError(code) if is_refusal(code) else TransportError(name_of(error))
