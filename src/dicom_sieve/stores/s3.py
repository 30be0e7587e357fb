"""An S3 bucket: listed by boto3, read in ranges by obstore where it can and by boto3 where it cannot (ADR 5).

The bytes of a read are bound to the etag that was listed (``If-Match``). Success is believed from either client when
length, range, size and etag are all what was asked for; any other answer of obstore is asked again of boto3, which
tells an error's code.
"""

import asyncio
import datetime
import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from botocore.exceptions import BotoCoreError, ClientError
from obstore.exceptions import BaseError as ObstoreError
from obstore.store import S3Store as ObstoreS3

from dicom_sieve.errors import AlreadyPublishedError, StoreError
from dicom_sieve.objects import Location, ObjectInfo
from dicom_sieve.stores.interface import (
    ObjectChangedError,
    ObjectGoneError,
    ReadRefusedError,
    TransportError,
)
from dicom_sieve.stores.s3_clients import AWS_ENDPOINT, S3Access, make_boto3_client, make_obstore_client
from dicom_sieve.stores.s3_errors import advise, code_of, is_conflict, is_refusal, name_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

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
        pages = self._boto3.get_paginator("list_objects_v2").paginate(Bucket=self.access.bucket, Prefix=self.prefix)
        try:
            for page in pages:
                for entry in page.get("Contents", ()):
                    etag = entry["ETag"].strip('"')
                    yield ObjectInfo(entry["Key"], etag, entry["Size"], entry["LastModified"])
        except (ClientError, BotoCoreError) as error:
            raise StoreError("list", str(self.location), name_of(error), advise(error)) from None

    async def read(self, listed: ObjectInfo, *, start: int, end: int) -> bytes:
        """Read bytes of an object, if it is still the one that was listed; see `Reads.read`."""
        if not 0 <= start < end <= listed.size:
            raise ValueError("start and end must be a range within the object")
        cause = "no answer"
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(FIRST_PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311
            if _is_plain(listed.key):
                with suppress(ObstoreError, OSError, ValueError):
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
        try:
            self._boto3.head_object(Bucket=self.access.bucket, Key=key)
        except (ClientError, BotoCoreError) as error:
            if code_of(error) in {"404", "NoSuchKey"}:
                return False
            raise StoreError("look into", self.location.uri(key), name_of(error), advise(error)) from None
        return True

    def write_once(self, key: str, body: Path) -> None:
        """Write a local file as an object, unless there is one already; see `Writes.write_once`."""
        try:
            with body.open("rb") as file:
                self._boto3.put_object(Bucket=self.access.bucket, Key=key, Body=file, IfNoneMatch="*")
        except (ClientError, BotoCoreError) as error:
            if not is_conflict(error):
                raise StoreError("write", self.location.uri(key), name_of(error), advise(error)) from None
            if not self._holds(key, body):
                raise AlreadyPublishedError(self.location.uri(key)) from None

    @cached_property
    def _boto3(self) -> "S3Client":
        return make_boto3_client(self.access, connections=CONNECTIONS)

    @cached_property
    def _obstore(self) -> ObstoreS3:
        return make_obstore_client(self.access)

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
            answer = self._boto3.get_object(
                Bucket=self.access.bucket, Key=listed.key, Range=f"bytes={start}-{end - 1}", IfMatch=f'"{listed.etag}"'
            )
            with answer["Body"] as body:
                if answer.get("ContentRange") is None:  # the whole object, as some servers answer
                    body.read(start)
                data = body.read(end - start)
        except Exception as error:
            raise _read_error(error) from None
        if answer["ETag"].strip('"') != listed.etag:
            raise ObjectChangedError
        expected = {f"bytes {start}-{end - 1}/{listed.size}", None}
        if len(data) != end - start or answer.get("ContentRange") not in expected:
            raise TransportError("not the bytes that were asked for")
        return data

    def _stat(self, key: str) -> ObjectInfo:
        try:
            answer = self._boto3.head_object(Bucket=self.access.bucket, Key=key)
        except Exception as error:
            raise _read_error(error) from None
        modified = answer["LastModified"].astimezone(datetime.UTC)
        return ObjectInfo(key, answer["ETag"].strip('"'), answer["ContentLength"], modified)

    def _holds(self, key: str, body: Path) -> bool:
        try:
            with self._boto3.get_object(Bucket=self.access.bucket, Key=key)["Body"] as stored, body.open("rb") as file:
                return all(chunk == file.read(len(chunk)) for chunk in stored.iter_chunks(1 << 20)) and not file.read(1)
        except (ClientError, BotoCoreError) as error:
            raise StoreError("read", self.location.uri(key), name_of(error), advise(error)) from None


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
