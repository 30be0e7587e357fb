"""Requests to a PACS: to checked addresses alone, without redirects, bounded, repeated (ADR 23)."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError

from dicom_sieve.settings import MIB
from dicom_sieve.stores.dicomweb.access import DicomWebAccess
from dicom_sieve.stores.dicomweb.answers import MalformedAnswerError, TooLongAnswerError, read_json
from dicom_sieve.stores.endpoints import RefusedEndpointError
from dicom_sieve.stores.guarded import checked_pools
from dicom_sieve.stores.interface import NotSentError, ObjectGoneError, SlowDownError, TransportError
from dicom_sieve.version import __version__

LARGEST_ANSWER = 64 * MIB
"""Bytes of JSON, decompressed; more is no answer."""
_CHUNK = 256 * 1024
_CONNECTIONS = 32
JSON_TYPES = frozenset({"application/dicom+json", "application/json"})
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_SLOW_DOWN = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_NAMES: tuple[tuple[type[Exception], str], ...] = (
    (requests.exceptions.SSLError, "SSLError"),
    (requests.exceptions.ConnectTimeout, "ConnectTimeoutError"),
    (requests.exceptions.ReadTimeout, "ReadTimeoutError"),
    (requests.exceptions.ConnectionError, "EndpointConnectionError"),
    (ReadTimeoutError, "ReadTimeoutError"),
    (ProtocolError, "ConnectionClosedError"),
)
"""Names by which `dicom_sieve.advice` knows what is wrong."""

T = TypeVar("T")


class RefusedAnswerError(TransportError):
    """A status that the same request will have again: to repeat it is wasted."""

    @property
    def status(self) -> int:
        """Of HTTP; 0 where there is none."""
        return int(digits) if (digits := str(self.args[0]).rpartition(" ")[2]).isdigit() else 0


class Answer(requests.Response):
    """An answer that was read whole, within the bound."""

    def json(self, **options: Any) -> Any:
        """Read it as `read_json` does: no number becomes a float."""
        del options
        return read_json(self.content)


class CheckedSession(requests.Session):
    """What `dicomweb-client` sends its requests by.

    Args:
        access: Of the PACS.
    """

    def __init__(self, access: DicomWebAccess) -> None:
        super().__init__()
        self.access = access
        self.headers["User-Agent"] = f"dicom-sieve/{__version__}"
        self.auth = self._authorize  # also without credentials: else those of a .netrc would be sent
        for scheme in ("http://", "https://"):
            self.mount(scheme, _CheckedAdapter(access, pool_maxsize=_CONNECTIONS, max_retries=0))

    def get(self, url: str | bytes, params: Any = None, **options: Any) -> Answer:
        """Ask for JSON, until there is an answer.

        Raises:
            ObjectGoneError: There is nothing at this URL.
            TransportError: All attempts failed, or the answer is not what was asked for.
        """
        del params  # dicomweb-client writes them into the URL
        accepted = (options.get("headers") or {}).get("Accept", "application/dicom+json")
        return self._repeat(lambda: self._ask("GET", str(url), {"Accept": accepted}))

    def find(self, url: str, query: Mapping[str, Any]) -> Any:
        """Send a query as JSON, until there is an answer; raises as `get`."""
        return self._repeat(lambda: self._ask("POST", url, {"Accept": "application/json"}, query)).json()

    def retrieve(self, url: str, accepted: str, take: Callable[[str, Iterator[bytes]], T]) -> T:
        """Ask for what is no JSON, until it was taken as a whole; raises as `get`.

        Args:
            url: What is asked for.
            accepted: Media types.
            take: Takes the answer's type and the parts of its body.
        """

        def ask() -> T:
            with self._answered("GET", url, {"Accept": accepted}) as response:
                return take(response.headers.get("Content-Type", ""), self._body(response))

        return self._repeat(ask)

    def _repeat(self, ask: Callable[[], T]) -> T:
        return self.access.retries.repeat(ask, _is_passing)

    def _ask(self, method: str, url: str, headers: Mapping[str, str], query: Any = None) -> Answer:
        with self._answered(method, url, headers, query) as response:
            content, size = [], 0
            for part in self._body(response):
                size += len(part)
                if size > LARGEST_ANSWER:
                    raise TooLongAnswerError
                content.append(part)
        response._content = b"".join(content)
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if response._content.strip() and kind not in JSON_TYPES:
            raise MalformedAnswerError("the answer is no DICOM JSON")
        response.headers.pop("Warning", None)  # a server's words: dicomweb-client would log them
        return response

    @contextmanager
    def _answered(self, method: str, url: str, headers: Mapping[str, str], query: Any = None) -> Iterator[Answer]:
        """Give an answer whose body was not read yet, if its status says that it is one; errors are this package's."""
        retries = self.access.retries
        try:
            response = self.request(
                method,
                url,
                headers=dict(headers),
                json=query,
                stream=True,
                allow_redirects=False,
                timeout=(retries.connect_timeout_seconds, retries.request_timeout_seconds),
                verify=self.access.rules.ca_bundle or True,
            )
            with response:
                _check_status(response.status_code)
                yield response  # type: ignore[misc]
        except RefusedEndpointError as error:
            raise NotSentError(f"the endpoint {error}") from None
        except (requests.RequestException, HTTPError) as error:
            name = next((name for kind, name in _NAMES if isinstance(error, kind)), type(error).__name__)
            raise TransportError(name) from None

    def _body(self, response: Answer) -> Iterator[bytes]:
        """Give the parts of a body; one that drips ends as one that does not come."""
        until = time.monotonic() + self.access.retries.read_deadline_seconds
        while part := response.raw.read1(_CHUNK, decode_content=True):  # as it comes; `iter_content` waits for all
            yield part
            if time.monotonic() > until:
                raise TransportError("ReadTimeoutError")

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.access.credentials is not None:
            request.headers["Authorization"] = self.access.credentials.header
        return request


class _CheckedAdapter(HTTPAdapter):
    """Connects to checked addresses alone; a proxy that the environment names resolves itself."""

    def __init__(self, access: DicomWebAccess, **options: Any) -> None:
        self._access = access
        super().__init__(**options)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        classes = {
            "http": (HTTPConnectionPool, HTTPConnection),
            "https": (HTTPSConnectionPool, HTTPSConnection),
        }
        self.poolmanager.pool_classes_by_scheme = checked_pools(classes, self._access.rules)

    def build_response(self, *args: Any) -> requests.Response:
        response: requests.Response = super().build_response(*args)
        response.__class__ = Answer
        return response


def _check_status(status: int) -> None:
    if status in _GONE:
        raise ObjectGoneError
    if status in _SLOW_DOWN:
        raise SlowDownError(f"HTTP {status}")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        raise TransportError(f"HTTP {status}")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise RefusedAnswerError("Redirect")
    if status not in (HTTPStatus.OK, HTTPStatus.NO_CONTENT, HTTPStatus.PARTIAL_CONTENT):
        raise RefusedAnswerError(f"HTTP {status}")


def _is_passing(error: Exception) -> bool:
    wasted = (MalformedAnswerError, NotSentError, RefusedAnswerError)
    return isinstance(error, TransportError) and not isinstance(error, wasted)
