"""An S3 bucket: listed by boto3, read in ranges by a client that does nothing else (ADR 38), or else by boto3 (ADR 5).

The bytes of a read are bound to the etag that was listed (``If-Match``). An answer of either client counts when length,
range, size and etag are all what was asked for. Where the first one's answer is not clearly a fault, boto3 is asked
again: it gives the error's code. A request is repeated as a whole, with its body, within limits of number and time.
"""

import base64
import datetime
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError

from dicom_sieve import private
from dicom_sieve.errors import AlreadyPublishedError
from dicom_sieve.objects import Location, ObjectInfo, plain_etag
from dicom_sieve.stores.interface import (
    Downloads,
    ObjectChangedError,
    TransportError,
    UnwritableKeyError,
)
from dicom_sieve.stores.key_space import LONGEST_KEY
from dicom_sieve.stores.listing import Cursor, Page, first_page, list_objects
from dicom_sieve.stores.retries import Retries
from dicom_sieve.stores.s3.access import AWS_ENDPOINT, S3Access
from dicom_sieve.stores.s3.clients import make_boto3_client, make_range_client
from dicom_sieve.stores.s3.codes import code_of
from dicom_sieve.stores.s3.errors import (
    MalformedAnswerError,
    as_store_error,
    is_conflict,
    is_passing,
    is_refusal,
    name_of,
    read_error,
)
from dicom_sieve.stores.s3.inventory import Inventory, address_of_manifest
from dicom_sieve.stores.s3.pages import list_page
from dicom_sieve.stores.s3.ranges import RangeClient
from dicom_sieve.stores.two_ways import ReadsTwoWays

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

    from dicom_sieve.stores.s3.through_proxy import ProxiedClient
LARGEST_PUT = 5 * 1024**3
"""Bytes that one S3 request may write or copy."""

T = TypeVar("T")


@dataclass(frozen=True)
class S3Store(ReadsTwoWays):
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

    @property
    def retries(self) -> Retries:
        """Timeouts and attempts."""
        return self.access.retries

    def list(self) -> Iterator[ObjectInfo]:
        """Give every object, in the order in which S3 lists: that of the keys' UTF-8 bytes.

        Raises:
            StoreError: The bucket cannot be listed.
            ListingOrderError: A long listing is out of order.
        """
        return list_objects(self._page, self.location, in_flight=self.access.retries.lists_in_flight)

    @property
    def can_list_behind(self) -> bool:
        """Whether it is listed from behind any text on: always."""
        return True

    def page_behind(self, prefix: str, after: str | None) -> Page:
        """Ask for the first objects of a prefix behind a text; see `ListsBehind.page_behind`."""
        return first_page(partial(self._page, prefix=prefix), after, self.location)

    def inventory(self, uri: str) -> Inventory:
        """Give an S3 Inventory of this bucket, to be read in place of listing it; with the same credentials.

        Args:
            uri: Of its manifest, in any bucket of the same server.

        Raises:
            ValueError: That is the address of no object.
        """
        bucket, key = address_of_manifest(uri)
        return Inventory(self.location, S3Store(replace(self.access, bucket=bucket)), key)

    def find(self, key: str) -> ObjectInfo | None:
        """Look for an object; see `Writes.find`."""
        with as_store_error("look into", self.location.uri(key), self.access):
            try:
                return _info(key, self._repeat(partial(self._head, key)))
            except ClientError as error:
                if code_of(error) not in {"404", "NoSuchKey"}:
                    raise
                return None

    def write_once(self, key: str, body: Path) -> None:
        """Write a local file as an object, unless there is one already; see `Writes.write_once`."""
        uri = self.location.uri(key)
        with as_store_error("write", uri, self.access):
            try:
                self._repeat(partial(self._put, key, body))
            except ClientError as error:
                if not is_conflict(error):
                    raise
                if not self._repeat(partial(self._holds, key, body)):
                    raise AlreadyPublishedError(uri) from None

    def link_to(self, key: str, seconds: int) -> str | None:
        """Give an address by which anybody can read an object for a number of seconds, without credentials.

        It holds the key id and, of temporary credentials, the session token, with which it also expires. None where
        there are no credentials to sign it with.
        """
        client = make_boto3_client(self.access)
        # Else boto3 presigns by version 2, which regions of AWS that came since 2014 do not take.
        choose: Callable[..., Any] = lambda **_: "s3v4-query"  # noqa: E731 - the stubs expect a handler without answer
        client.meta.events.register_first("choose-signer.s3", choose)
        object_id = {"Bucket": self.access.bucket, "Key": key}
        try:
            return client.generate_presigned_url("get_object", Params=object_id, ExpiresIn=seconds)
        except BotoCoreError:
            return None

    def copy_from(self, source: Downloads, listed: ObjectInfo, key: str, formers: Sequence[str] = ()) -> None:
        """Copy an object, bound to the etag that was listed; see `Copies.copy_from`."""
        if len(key.encode()) > LONGEST_KEY:
            raise UnwritableKeyError
        if isinstance(source, S3Store) and self._copy_within(source, listed, key):
            return
        if any(self._copy_former(former, listed, key) for former in formers):
            return
        with private.temporary_folder() as folder:
            file = folder / "object"
            source.download(listed, file)
            self._upload(key, file)

    @cached_property
    def _boto3(self) -> "S3Client":
        return make_boto3_client(self.access)

    @cached_property
    def _range_client(self) -> "RangeClient | ProxiedClient | None":
        return make_range_client(self.access, endpoint=self._boto3.meta.endpoint_url)

    @cached_property
    def _not_copied_within(self) -> set[str]:
        """Buckets that the server refuses to copy from: it is not asked again."""
        return set()

    def __getstate__(self) -> dict[str, object]:
        """Leave the clients behind: another process opens its own."""
        return {"access": self.access, "prefix": self.prefix}

    def _repeat(self, ask: Callable[[], T]) -> T:
        return self.access.retries.repeat(ask, is_passing)

    async def _read_quickly(self, listed: ObjectInfo, start: int, end: int) -> bytes | None:
        """Read for little CPU; None where boto3 is to read, or to tell what is wrong."""
        try:
            client = self._range_client
            return None if client is None else await client.read(listed, start, end)
        except (ObjectChangedError, TransportError):
            raise
        except Exception:  # whatever it is: what it means, boto3 tells
            return None

    def _read_any(self, listed: ObjectInfo, start: int, end: int) -> bytes:
        wanted = plain_etag(listed.etag)
        try:
            answer = self._boto3.get_object(
                Bucket=self.access.bucket, Key=listed.key, Range=f"bytes={start}-{end - 1}", IfMatch=f'"{wanted}"'
            )
            with closing(answer["Body"]) as body:
                content_range, etag = answer.get("ContentRange"), plain_etag(answer["ETag"])
                if content_range is None and answer["ContentLength"] == listed.size:  # as some servers answer
                    content_range = f"bytes {start}-{end - 1}/{listed.size}"
                    body.read(start)
                data = body.read(end - start)
        except Exception as error:
            raise read_error(error) from None
        if etag != wanted:
            raise ObjectChangedError
        if len(data) != end - start or content_range != f"bytes {start}-{end - 1}/{listed.size}":
            raise TransportError("not the bytes that were asked for")
        return data

    def _copy_within(self, source: "S3Store", listed: ObjectInfo, key: str) -> bool:
        """Let the server copy; False where it does not: reading and writing then shows what is wrong.

        Servers differ in whether they heed CopySourceIfMatch, so a copy counts when it has the etag that was listed.
        """
        is_one_server = source.access.endpoint == self.access.endpoint
        if not is_one_server or listed.size > LARGEST_PUT or source.access.bucket in self._not_copied_within:
            return False
        ask = partial(
            self._boto3.copy_object,
            Bucket=self.access.bucket,
            Key=key,
            CopySource={"Bucket": source.access.bucket, "Key": listed.key},
            CopySourceIfMatch=f'"{plain_etag(listed.etag)}"',
        )
        if source.access.requester_pays:
            ask = partial(ask, RequestPayer="requester")
        try:
            answer = self._repeat(ask)
            return plain_etag(answer["CopyObjectResult"]["ETag"]) == plain_etag(listed.etag)
        except (BotoCoreError, ClientError, KeyError) as error:
            if is_refusal(code_of(error)) or code_of(error) in {"NotImplemented", "MethodNotAllowed"}:
                self._not_copied_within.add(source.access.bucket)
            return False

    def _copy_former(self, former: str, listed: ObjectInfo, key: str) -> bool:
        """Copy a former copy, if it has the listed etag, and so the same bytes."""
        found = self.find(former)
        is_it = found is not None and (found.etag, found.size) == (plain_etag(listed.etag), listed.size)
        return is_it and self._copy_within(self, replace(listed, key=former), key)

    def _upload(self, key: str, file: Path) -> None:
        with as_store_error("write", self.location.uri(key), self.access):
            try:
                if file.stat().st_size > LARGEST_PUT:
                    self._boto3.upload_file(
                        str(file), self.access.bucket, key, Config=TransferConfig(use_threads=False)
                    )
                    return
                with file.open("rb") as body:
                    digest = base64.b64encode(hashlib.file_digest(body, "md5").digest()).decode()
                self._repeat(partial(self._replace, key, file, digest))
            except (BotoCoreError, ClientError) as error:
                if is_passing(error):
                    raise TransportError(name_of(error)) from None
                raise

    def _replace(self, key: str, file: Path, digest: str) -> None:
        with file.open("rb") as body:  # the server refuses bytes that are not those of the digest
            self._boto3.put_object(Bucket=self.access.bucket, Key=key, Body=body, ContentMD5=digest)

    def _stat(self, key: str) -> ObjectInfo:
        try:
            return _info(key, self._repeat(partial(self._head, key)))
        except Exception as error:
            fault = read_error(error)
            # A HEAD has no condition that could fail.
            raise TransportError(name_of(error)) if isinstance(fault, ObjectChangedError) else fault from None

    def _head(self, key: str) -> "HeadObjectOutputTypeDef":
        return self._boto3.head_object(Bucket=self.access.bucket, Key=key)

    def _page(self, cursor: Cursor, *, prefix: str | None = None) -> Page:
        of = self.prefix if prefix is None else prefix
        with as_store_error("list", str(self.location), self.access):
            return self._repeat(lambda: list_page(self._boto3, self.access.bucket, of, cursor))

    def _put(self, key: str, body: Path) -> None:
        with body.open("rb") as file:
            answer = self._boto3.put_object(Bucket=self.access.bucket, Key=key, Body=file, IfNoneMatch="*")
        if "ETag" not in answer:
            raise MalformedAnswerError

    def _holds(self, key: str, body: Path) -> bool:
        answer = self._boto3.get_object(Bucket=self.access.bucket, Key=key)
        with closing(answer["Body"]) as stored, body.open("rb") as file:
            if "ETag" not in answer:
                raise MalformedAnswerError
            return all(chunk == file.read(len(chunk)) for chunk in stored.iter_chunks(1 << 20)) and not file.read(1)


def _info(key: str, answer: "HeadObjectOutputTypeDef") -> ObjectInfo:
    try:
        modified = answer["LastModified"].astimezone(datetime.UTC)
        return ObjectInfo(key, plain_etag(answer["ETag"]), answer["ContentLength"], modified)
    except KeyError:
        raise MalformedAnswerError from None
