"""Ranges of objects, read for little CPU: HTTP/1.1 in the event loop itself (ADR 38).

It asks checked addresses alone, and follows nothing. A success is believed when length, range, size and etag are what
was asked for; what it cannot tell, boto3 is to tell.
"""

import asyncio
import re
import ssl
from http import HTTPStatus
from urllib.parse import quote, urlsplit
from weakref import WeakKeyDictionary

import boto3
from botocore.exceptions import NoCredentialsError
from botocore.httpsession import get_cert_path

from dicom_sieve.objects import ObjectInfo, plain_etag
from dicom_sieve.stores.certificates import find_bundle
from dicom_sieve.stores.endpoints import place_of
from dicom_sieve.stores.interface import ObjectChangedError, TransportError
from dicom_sieve.stores.s3.access import S3Access
from dicom_sieve.stores.s3.answers import Answer, UnclearAnswerError
from dicom_sieve.stores.s3.connections import BrokenConnectionError, Connections, SlowAnswerError, Target
from dicom_sieve.stores.s3.errors import fault_of
from dicom_sieve.stores.s3.signing import PAYS, Signer, require_text
from dicom_sieve.version import __version__

_OF_CLIENT = f"Accept-Encoding: identity\r\nUser-Agent: dicom-sieve/{__version__}\r\n"
_ETAG = re.compile(r"[!#-~]{1,1024}")
"""What stands between the quotation marks (RFC 9110, 8.8.3), without what is no ASCII."""


class RangeClient:
    """Reads ranges of one bucket, in any event loop; each loop has connections of its own.

    Args:
        access: The bucket.
        endpoint: URL, for AWS too.

    Attributes:
        endpoint: The same.

    Raises:
        UnreadableBundleError: The file of trusted certificates cannot be read.
        NoCredentialsError: There are none.
        ValueError: No request can carry the region, or the bucket.
    """

    def __init__(self, access: S3Access, endpoint: str) -> None:
        self.endpoint = endpoint
        session = access.credentials.get_boto3_session()
        host, port = place_of(endpoint)
        tls = _trusting(access, session) if endpoint.lower().startswith("https:") else None
        self._target = Target(host, port, access.rules, tls, access.retries)
        self._signer = None if access.is_anonymous else _signer(access, session)
        self._pays = f"{PAYS}: requester\r\n" if access.requester_pays else ""
        self._path = require_text(f"{urlsplit(endpoint).path.rstrip('/')}/{quote(access.bucket, safe='~')}/")
        self._host = require_text(_host_header(endpoint))
        self._of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Connections] = WeakKeyDictionary()

    async def read(self, listed: ObjectInfo, start: int, end: int) -> bytes:
        """Read bytes of an object, if it is still the one that was listed: one request.

        Raises:
            ObjectChangedError: The object has another etag now.
            SlowDownError: The server asks for fewer requests.
            TransportError: The server is at fault, or the connection broke or took too long.
            Exception: Any other: boto3 is to be asked.
        """
        if self._signer is not None:
            await self._signer.renew()
        etag = plain_etag(listed.etag)
        request = self._request(listed.key, etag, start, end)
        try:
            answer = await self._connections().ask(request, end - start)
        except SlowAnswerError:
            raise TransportError("ReadTimeoutError") from None
        except BrokenConnectionError:
            raise TransportError("ConnectionClosedError") from None
        if answer.status != HTTPStatus.PARTIAL_CONTENT:
            raise _error_of(answer.status)
        if not _is_of(answer, etag, start, end, listed.size):
            raise UnclearAnswerError("not the bytes that were asked for")
        return answer.body

    def _request(self, key: str, etag: str, start: int, end: int) -> bytes:
        """Write a GET; a key or an etag of a listing cannot add to it."""
        if not _ETAG.fullmatch(etag):
            raise ValueError("no etag that a header can hold")
        path, condition, byte_range = f"{self._path}{quote(key, safe='/~')}", f'"{etag}"', f"bytes={start}-{end - 1}"
        if self._signer is None:
            headers = f"Host: {self._host}\r\nIf-Match: {condition}\r\nRange: {byte_range}\r\n{self._pays}"
        else:
            headers = self._signer.sign(path, self._host, condition, byte_range)
        return f"GET {path} HTTP/1.1\r\n{headers}{_OF_CLIENT}\r\n".encode()

    def _connections(self) -> Connections:
        loop = asyncio.get_running_loop()
        connections = self._of_loops.get(loop)
        if connections is None:
            connections = self._of_loops[loop] = Connections(self._target)
        return connections


def _is_of(answer: Answer, etag: str, start: int, end: int, size: int) -> bool:
    """Tell whether an answer is all that was asked for, and nothing else."""
    return (
        len(answer.body) == end - start
        and answer.content_range == b"bytes %d-%d/%d" % (start, end - 1, size)
        and plain_etag(answer.etag.decode("latin-1")) == etag
    )


def _error_of(status: int) -> Exception:
    """Say what a status means; whatever might become a verdict, boto3 is asked."""
    if status == HTTPStatus.PRECONDITION_FAILED:
        return ObjectChangedError()
    return fault_of(status) or UnclearAnswerError(f"HTTP {status}")


def _trusting(access: S3Access, session: boto3.Session) -> ssl.SSLContext:
    """Make what certificates are checked with: the authorities that boto3 trusts, and no other (ADR 27)."""
    tls = ssl.create_default_context(cafile=find_bundle(access.rules.ca_bundle, session) or get_cert_path(True))
    tls.set_alpn_protocols(["http/1.1"])
    return tls


def _signer(access: S3Access, session: boto3.Session) -> Signer:
    credentials = session.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    return Signer(credentials, access.region, requester_pays=access.requester_pays)


def _host_header(endpoint: str) -> str:
    """Give host and port as they are signed: without the port of the scheme, and in small letters."""
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    named = f"[{host}]" if ":" in host else host
    is_usual = parts.port in (None, {"http": 80, "https": 443}[parts.scheme])
    return named if is_usual else f"{named}:{parts.port}"
