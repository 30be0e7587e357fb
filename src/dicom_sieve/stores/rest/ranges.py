"""Ranges of objects by REST, read for little CPU in the event loop itself (ADR 38); to checked addresses alone."""

import asyncio
import ssl
from http import HTTPStatus
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores.certificates import trusted_authorities
from dicom_sieve.stores.endpoints import place_of
from dicom_sieve.stores.interface import TransportError
from dicom_sieve.stores.rest.client import USER_AGENT
from dicom_sieve.stores.rest.messages import Call
from dicom_sieve.stores.rest.service import Service
from dicom_sieve.stores.s3.answers import UnclearAnswerError
from dicom_sieve.stores.s3.connections import BrokenConnectionError, Connections, SlowAnswerError, Target
from dicom_sieve.stores.s3.errors import fault_of


class RestRangeClient:
    """Reads ranges of one bucket, in any event loop; each loop has connections of its own.

    Args:
        service: The bucket.

    Raises:
        UnreadableBundleError: The file of trusted certificates cannot be read.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        host, port = place_of(service.endpoint)
        tls = None
        if service.endpoint.lower().startswith("https:"):
            tls = ssl.create_default_context(cafile=trusted_authorities(service.rules.ca_bundle))
            tls.set_alpn_protocols(["http/1.1"])
        self._target = Target(host, port, service.rules, tls, service.retries)
        self._host = urlsplit(service.endpoint).netloc
        self._of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Connections] = WeakKeyDictionary()

    async def read(self, listed: ObjectInfo, start: int, end: int) -> bytes:
        """Read bytes of an object, if it is still the one that was listed: one request.

        Raises:
            SlowDownError: The server asks for fewer requests.
            TransportError: The server is at fault, or the connection broke or took too long.
            Exception: Any other: the other client is to be asked.
        """
        service = self._service
        if not service.signer.is_ready:
            await asyncio.get_running_loop().run_in_executor(None, service.signer.renew)
        request = _write(service.signer.sign(service.reading(listed, start, end)), self._host)
        try:
            answer = await self._connections().ask(request, end - start)
        except SlowAnswerError:
            raise TransportError("ReadTimeoutError") from None
        except BrokenConnectionError:
            raise TransportError("ConnectionClosedError") from None
        if answer.status != HTTPStatus.PARTIAL_CONTENT:
            raise fault_of(answer.status) or UnclearAnswerError(f"HTTP {answer.status}")
        if len(answer.body) != end - start or answer.content_range != b"bytes %d-%d/%d" % (start, end - 1, listed.size):
            raise UnclearAnswerError("not the bytes that were asked for")
        said = {"etag": answer.etag.decode("latin-1"), "x-goog-generation": answer.generation.decode("latin-1")}
        if service.etag_in(said) != listed.etag:
            raise UnclearAnswerError("not the object that was asked for")
        return answer.body

    def _connections(self) -> Connections:
        loop = asyncio.get_running_loop()
        connections = self._of_loops.get(loop)
        if connections is None:
            connections = self._of_loops[loop] = Connections(self._target)
        return connections


def _write(call: Call, host: str) -> bytes:
    """Write a request without a body; nothing of a listing, a key or a token can add to it."""
    headers = {"Host": host, "Accept-Encoding": "identity", "User-Agent": USER_AGENT, **call.headers}
    for text in (call.target, *headers.values()):
        if not (text.isascii() and text.isprintable()) or (text is call.target and " " in text):
            raise ValueError("a request cannot carry that")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{call.method} {call.target} HTTP/1.1\r\n{lines}\r\n".encode()
