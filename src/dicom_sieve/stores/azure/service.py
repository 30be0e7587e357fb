"""What Azure Blob Storage is asked, and what it answers: its REST API.

An object's identity is its etag, which each write changes. A read is bound to it (``If-Match``).

Source:
    https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api
"""

import base64
import datetime
import hashlib
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, unquote, urlencode, urlsplit
from xml.etree import ElementTree

from dicom_sieve.objects import Location, ObjectInfo, plain_etag
from dicom_sieve.stores.azure.order import in_order_of_bytes
from dicom_sieve.stores.azure.signing import Sas
from dicom_sieve.stores.endpoints import EndpointRules
from dicom_sieve.stores.interface import UnwritableKeyError
from dicom_sieve.stores.key_space import LONGEST_KEY
from dicom_sieve.stores.listing import Asks, Cursor, Page, count_empty
from dicom_sieve.stores.rest.errors import CODE
from dicom_sieve.stores.rest.messages import BytesBody, Call, FileBody, MalformedAnswerError, Reply
from dicom_sieve.stores.rest.service import Sends, Signs
from dicom_sieve.stores.retries import DEFAULT_RETRIES, Retries

AZURE = "az"
"""Scheme of addresses."""
VERSION = "2021-12-02"
"""Of the API."""
LARGEST_PUT = 5_000 * 1024**2
"""Bytes that one request may write."""
BLOCK_BYTES = 256 * 1024**2
"""Of what larger files are written in."""
_ETAG = re.compile(r"[!#-~]{1,1024}")
_BLOB = "application/octet-stream"
_NO_SLASH = "Azure takes a backslash for a slash"
_NO_STEP = "Azure keeps no part of a name that ends in a dot"


def home_of(account: str) -> str:
    """Give the URL of an account of Azure itself."""
    return f"https://{account}.blob.core.windows.net"


@dataclass(frozen=True, slots=True)
class AzureService:
    """One container, and how it is reached.

    Attributes:
        account: Its storage account.
        container: Its name.
        signer: What authorizes requests; never shown.
        endpoint: URL of the server, without a slash at its end. Where its host does not begin with the account, paths
            do: as with Azurite.
        rules: Which addresses may be connected to.
        retries: Timeouts and attempts.
    """

    account: str
    container: str
    signer: Signs = field(repr=False)
    endpoint: str
    rules: EndpointRules = field(default_factory=EndpointRules)
    retries: Retries = DEFAULT_RETRIES

    refusals: ClassVar[frozenset[str]] = frozenset(
        {
            "AuthorizationPermissionMismatch",
            "BlobArchived",
            "BlobBeingRehydrated",
            "BlobUsesCustomerSpecifiedEncryption",
            "InsufficientAccountPermissions",
        }
    )
    missing_places: ClassVar[frozenset[str]] = frozenset({"ContainerNotFound", "ResourceNotFound", "AccountNotFound"})
    lists_behind: ClassVar[bool] = False

    def location(self, prefix: str) -> Location:
        """Give the location of what lies under a prefix."""
        server = "" if self.endpoint == home_of(self.account) else self.endpoint
        return Location(f"{AZURE}:{server}", f"{self.account}/{self.container}", prefix)

    def code_of(self, reply: Reply) -> str:
        """Give the code that an answer has, also to HEAD."""
        code = reply.headers.get("x-ms-error-code", "")
        return code if CODE.fullmatch(code) else str(reply.status)

    def list_objects(self, ask: Asks, location: Location) -> Iterator[ObjectInfo]:
        """Give every object, by one page after the other: a page is known by the one before it alone."""
        return in_order_of_bytes(self._list(ask, location))

    def _list(self, ask: Asks, location: Location) -> Iterator[ObjectInfo]:
        cursor: Cursor | None = Cursor()
        empty = 0
        while cursor is not None:
            page = ask(cursor)
            empty = count_empty(empty, str(location), is_empty=not page.objects and page.following is not None)
            yield from page.objects
            cursor = page.following

    def listing(self, prefix: str, cursor: Cursor) -> Call:
        """Ask for a page."""
        asked = {"restype": "container", "comp": "list"}
        asked |= {"prefix": prefix} if prefix else {}
        asked |= {"marker": cursor.token} if cursor.token else {}
        return self._call("GET", f"{self._container()}?{urlencode(asked, quote_via=quote, safe='')}")

    def read_page(self, cursor: Cursor, reply: Reply) -> Page:
        """Read a page; folders of accounts that have such (hierarchical namespace) are no objects."""
        try:
            root = ElementTree.fromstring(reply.body)  # noqa: S314 - of the same kind as S3's
        except ElementTree.ParseError:
            raise MalformedAnswerError from None
        blobs, marker = root.find("Blobs"), root.findtext("NextMarker", "")
        if root.tag != "EnumerationResults" or blobs is None or (marker and marker == cursor.token):
            raise MalformedAnswerError
        found = [
            _listed(blob) for blob in blobs.iter("Blob") if blob.findtext("Properties/ResourceType") != "directory"
        ]
        return Page(found, Cursor(token=marker) if marker else None)

    def reading(self, listed: ObjectInfo, start: int, end: int) -> Call:
        """Ask for bytes of an object, if it is still the one that was listed."""
        if not _ETAG.fullmatch(listed.etag):
            raise MalformedAnswerError
        bound = {"If-Match": f'"{listed.etag}"', "Range": f"bytes={start}-{end - 1}"}
        return self._call("GET", self._blob(listed.key), bound)

    def etag_in(self, headers: Mapping[str, str]) -> str:
        """Give the etag."""
        return plain_etag(headers.get("etag", ""))

    def looking(self, key: str) -> Call:
        """Ask what an object is now."""
        return self._call("HEAD", self._blob(key))

    def read_info(self, key: str, reply: Reply) -> ObjectInfo:
        """Read what an object is."""
        try:
            modified, size = reply.headers["last-modified"], int(reply.headers["content-length"])
            return ObjectInfo(key, _etag(reply.headers["etag"]), size, _moment(modified))
        except (KeyError, ValueError):
            raise MalformedAnswerError from None

    def check_key(self, key: str) -> None:
        """Refuse what Azure would store under another name, or not at all."""
        if not key or len(key) > LONGEST_KEY:
            raise UnwritableKeyError
        if "\\" in key:
            raise UnwritableKeyError(_NO_SLASH)
        if any(part.endswith(".") for part in key.split("/")):
            raise UnwritableKeyError(_NO_STEP)

    def write(self, send: Sends, key: str, body: Path, *, replaces: bool) -> None:
        """Write a file: in one request, with its MD5, which Azure compares; or in blocks where it is too large."""
        size = body.stat().st_size
        condition = {} if replaces else {"If-None-Match": "*"}
        if size > LARGEST_PUT:
            self._write_blocks(send, key, body, size, condition)
            return
        with body.open("rb") as file:
            digest = base64.b64encode(hashlib.file_digest(file, "md5").digest()).decode()
        headers = {"x-ms-blob-type": "BlockBlob", "Content-Type": _BLOB, "Content-MD5": digest, **condition}
        _check_written(send(self._call("PUT", self._blob(key), headers, FileBody(body, 0, size))))

    def _write_blocks(self, send: Sends, key: str, body: Path, size: int, condition: Mapping[str, str]) -> None:
        names: list[str] = []
        for start in range(0, size, BLOCK_BYTES):
            names.append(base64.b64encode(f"{len(names):08}".encode()).decode())
            part = FileBody(body, start, min(BLOCK_BYTES, size - start))
            target = f"{self._blob(key)}?comp=block&blockid={quote(names[-1], safe='')}"
            send(self._call("PUT", target, {"Content-Type": _BLOB}, part))
        listed = "".join(f"<Latest>{name}</Latest>" for name in names)
        text = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'
        headers = {"x-ms-blob-content-type": _BLOB, "Content-Type": "application/xml", **condition}
        _check_written(send(self._call("PUT", f"{self._blob(key)}?comp=blocklist", headers, BytesBody(text.encode()))))

    def copy_within(self, send: Sends, source: "AzureService", listed: ObjectInfo, key: str) -> bool:
        """Let Azure copy, within one account; that the object has its etag afterwards shows that it is this one."""
        if source.account != self.account or source.signer != self.signer:
            return False
        target = source._blob(listed.key)
        if isinstance(self.signer, Sas):
            target = self.signer.sign(Call("GET", target)).target
        headers = {"x-ms-copy-source": f"{self.endpoint}{target}", "x-ms-source-if-match": f'"{listed.etag}"'}
        state = send(self._call("PUT", self._blob(key), headers)).headers.get("x-ms-copy-status", "")
        until = time.monotonic() + self.retries.read_deadline_seconds
        while state == "pending" and time.monotonic() < until:
            time.sleep(self.retries.first_pause_seconds)
            state = send(self.looking(key)).headers.get("x-ms-copy-status", "")
        now = source.read_info(listed.key, send(source.looking(listed.key)))
        return state == "success" and (now.etag, now.size) == (listed.etag, listed.size)

    def _call(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: FileBody | BytesBody | None = None,
    ) -> Call:
        if body is None and method == "PUT":
            body = BytesBody(b"")
        return Call(method, target, {"x-ms-version": VERSION, **(headers or {})}, body)

    def _container(self) -> str:
        path = urlsplit(self.endpoint).hostname or ""
        root = "" if path.partition(".")[0] == self.account else f"/{self.account}"
        return f"{root}/{quote(self.container, safe='$')}"

    def _blob(self, key: str) -> str:
        # Steps of a path in a name would be taken by what lies between: then slashes are escaped, too.
        safe = "~" if {".", ".."} & set(key.split("/")) else "/~"
        return f"{self._container()}/{quote(key, safe=safe)}"


def _listed(blob: ElementTree.Element) -> ObjectInfo:
    try:
        name, said = blob.find("Name"), blob.find("Properties")
        if name is None or said is None:
            raise MalformedAnswerError
        text = name.text or ""
        # Names with characters that no XML may hold come escaped.
        key = unquote(text, errors="strict") if name.get("Encoded") == "true" else text
        etag, size, modified = (said.findtext(tag, "") for tag in ("Etag", "Content-Length", "Last-Modified"))
        return ObjectInfo(key, _etag(etag), int(size), _moment(modified))
    except ValueError:
        raise MalformedAnswerError from None


def _etag(text: str) -> str:
    etag = plain_etag(text)
    if not etag:
        raise MalformedAnswerError
    return etag


def _moment(text: str) -> datetime.datetime:
    """Read a date as HTTP has it (RFC 9110, 5.6.7)."""
    return parsedate_to_datetime(text).astimezone(datetime.UTC)


def _check_written(reply: Reply) -> None:
    if reply.status != HTTPStatus.CREATED or not reply.headers.get("etag"):
        raise MalformedAnswerError
