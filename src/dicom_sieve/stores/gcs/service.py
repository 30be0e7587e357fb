"""What Google Cloud Storage is asked, and what it answers: its JSON API.

An object's identity is its generation: a number that each write changes, and nothing else. A read is bound to it
(``ifGenerationMatch``), and the answer says of which generation it is.

Source:
    https://cloud.google.com/storage/docs/json_api/v1
"""

import base64
import datetime
import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from dicom_sieve.objects import Location, ObjectInfo
from dicom_sieve.stores.endpoints import EndpointRules
from dicom_sieve.stores.interface import UnwritableKeyError
from dicom_sieve.stores.key_space import LONGEST_KEY
from dicom_sieve.stores.listing import Asks, Cursor, Page, list_objects
from dicom_sieve.stores.rest.errors import CODE
from dicom_sieve.stores.rest.messages import BytesBody, Call, FileBody, MalformedAnswerError, Reply
from dicom_sieve.stores.rest.service import Sends, Signs
from dicom_sieve.stores.retries import DEFAULT_RETRIES, Retries

GCS = "gs"
"""Scheme of addresses."""
GOOGLE = "https://storage.googleapis.com"
_PAGE = 1_000
"""Objects of a page, at most; Google gives no more."""
_OF_OBJECT = "name,generation,size,updated"
_NO_BUCKET = "The specified bucket does not exist."
_ROUNDS = 10_000
"""Requests that one copy may take, at most: Google copies large objects piece by piece."""


@dataclass(frozen=True, slots=True)
class GcsService:
    """One bucket, and how it is reached.

    Attributes:
        bucket: Its name.
        signer: What authorizes requests; never shown.
        endpoint: URL of the server, without a slash at its end.
        rules: Which addresses may be connected to.
        retries: Timeouts and attempts.
    """

    bucket: str
    signer: Signs = field(repr=False)
    endpoint: str = GOOGLE
    rules: EndpointRules = field(default_factory=EndpointRules)
    retries: Retries = DEFAULT_RETRIES

    refusals: ClassVar[frozenset[str]] = frozenset(
        {"forbidden", "customerEncryptionKeyIsIncorrect", "resourceIsEncryptedWithCustomerEncryptionKey"}
    )
    missing_places: ClassVar[frozenset[str]] = frozenset({"NoSuchBucket"})
    lists_behind: ClassVar[bool] = True

    def location(self, prefix: str) -> Location:
        """Give the location of what lies under a prefix."""
        return Location(f"{GCS}:{'' if self.endpoint == GOOGLE else self.endpoint}", self.bucket, prefix)

    def code_of(self, reply: Reply) -> str:
        """Give the reason that an answer has; of what is not there, whether it is the bucket."""
        try:
            error = json.loads(reply.body)["error"]
            if str(error.get("message", "")) == _NO_BUCKET:
                return "NoSuchBucket"
            code = str(error["errors"][0]["reason"])
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            return str(reply.status)
        return code if CODE.fullmatch(code) else str(reply.status)

    def list_objects(self, ask: Asks, location: Location) -> Iterator[ObjectInfo]:
        """Give every object: Google lists in the order of the names' UTF-8 bytes."""
        return list_objects(ask, location, in_flight=self.retries.lists_in_flight)

    def listing(self, prefix: str, cursor: Cursor) -> Call:
        """Ask for a page; ``startOffset`` is the first name that may be in it."""
        asked = {"fields": f"nextPageToken,items({_OF_OBJECT})", "maxResults": str(_PAGE)}
        asked |= {"prefix": prefix} if prefix else {}
        asked |= {"pageToken": cursor.token} if cursor.token is not None else {}
        asked |= {"startOffset": cursor.after} if cursor.token is None and cursor.after is not None else {}
        return Call("GET", f"{self._bucket()}/o?{urlencode(asked, quote_via=quote, safe='')}")

    def read_page(self, cursor: Cursor, reply: Reply) -> Page:
        """Read a page. The object from which on it was asked for is left out."""
        said = _read(reply)
        if "error" in said:
            raise MalformedAnswerError
        found: Sequence[ObjectInfo] = [_info(item) for item in said.get("items", ())]
        if cursor.token is None and cursor.after is not None and found and found[0].key == cursor.after:
            found = found[1:]
        token = said.get("nextPageToken")
        if token is not None and (not isinstance(token, str) or token == cursor.token):  # or it would never end
            raise MalformedAnswerError
        return Page(found, Cursor(token=token) if token else None)

    def reading(self, listed: ObjectInfo, start: int, end: int) -> Call:
        """Ask for bytes as they are stored: else Google would unpack what it knows to be packed."""
        if not listed.etag.isdecimal():
            raise MalformedAnswerError
        headers = {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "gzip"}
        return Call("GET", f"{self._object(listed.key)}?alt=media&ifGenerationMatch={listed.etag}", headers)

    def etag_in(self, headers: Mapping[str, str]) -> str:
        """Give the generation."""
        return headers.get("x-goog-generation", "")

    def looking(self, key: str) -> Call:
        """Ask what an object is now."""
        return Call("GET", f"{self._object(key)}?fields={quote(_OF_OBJECT)}")

    def read_info(self, key: str, reply: Reply) -> ObjectInfo:
        """Read what an object is."""
        info = _info(_read(reply))
        if info.key != key:
            raise MalformedAnswerError
        return info

    def check_key(self, key: str) -> None:
        """Refuse what is no name of an object: too long, ``.`` or ``..``, with line ends."""
        if len(key.encode()) > LONGEST_KEY:
            raise UnwritableKeyError
        if key in {"", ".", ".."} or {"\r", "\n"} & set(key):
            raise UnwritableKeyError("Google Cloud Storage takes no such name")

    def write(self, send: Sends, key: str, body: Path, *, replaces: bool) -> None:
        """Write a file in one request, with its MD5, which Google compares."""
        with body.open("rb") as file:
            digest = base64.b64encode(hashlib.file_digest(file, "md5").digest()).decode()
        boundary = secrets.token_hex(24)
        said = json.dumps({"name": key, "contentType": "application/octet-stream", "md5Hash": digest})
        before = (
            f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{said}\r\n"
            f"--{boundary}\r\nContent-Type: application/octet-stream\r\n\r\n"
        )
        sent = FileBody(body, 0, body.stat().st_size, before.encode(), f"\r\n--{boundary}--\r\n".encode())
        condition = "" if replaces else "&ifGenerationMatch=0"
        target = f"/upload{self._bucket()}/o?uploadType=multipart{condition}&fields={quote(_OF_OBJECT)}"
        headers = {"Content-Type": f"multipart/related; boundary={boundary}"}
        self.read_info(key, send(Call("POST", target, headers, sent)))

    def copy_within(self, send: Sends, source: "GcsService", listed: ObjectInfo, key: str) -> bool:
        """Let Google copy; that the object is of its generation afterwards shows that this one was copied."""
        target = (
            f"{source._object(listed.key)}/rewriteTo/b/{quote(self.bucket, safe='')}/o/{_escape(key)}"
            f"?ifSourceGenerationMatch={listed.etag}"
        )
        token = ""
        for _ in range(_ROUNDS):
            call = Call("POST", f"{target}{token}", {"Content-Type": "application/json"}, BytesBody(b""))
            said = _read(send(call))
            if said.get("done") is True:
                now = source.read_info(listed.key, send(source.looking(listed.key)))
                return (now.etag, now.size) == (listed.etag, listed.size)
            token = f"&rewriteToken={quote(str(said['rewriteToken']), safe='')}"
        return False

    def _bucket(self) -> str:
        return f"/storage/v1/b/{quote(self.bucket, safe='')}"

    def _object(self, key: str) -> str:
        return f"{self._bucket()}/o/{_escape(key)}"


def _escape(key: str) -> str:
    """Escape a name as one part of a path: slashes, and dots where it would be a step of the path."""
    return key.replace(".", "%2E") if key in {".", ".."} else quote(key, safe="")


def _read(reply: Reply) -> dict[str, Any]:
    try:
        said = json.loads(reply.body)
    except ValueError:
        raise MalformedAnswerError from None
    if not isinstance(said, dict):
        raise MalformedAnswerError
    return said


def _info(item: Any) -> ObjectInfo:
    try:
        modified = datetime.datetime.fromisoformat(item["updated"])
        generation = str(item["generation"])
        if not generation.isdecimal() or not isinstance(item["name"], str):
            raise MalformedAnswerError
        return ObjectInfo(item["name"], generation, int(item["size"]), modified.astimezone(datetime.UTC))
    except (KeyError, TypeError, ValueError):
        raise MalformedAnswerError from None
