"""Requests in threads, to checked addresses alone; nothing is followed (ADR 23)."""

from collections.abc import Callable
from functools import cached_property
from http import HTTPStatus

from urllib3 import BaseHTTPResponse, HTTPConnectionPool

from dicom_sieve.stores.endpoints import EndpointRules
from dicom_sieve.stores.guarded import checked_pool, is_proxied
from dicom_sieve.stores.rest.messages import CHUNK_BYTES, AnswerError, Call, Reply
from dicom_sieve.stores.retries import Retries
from dicom_sieve.version import __version__

CONNECTIONS = 64
"""Connections that are kept open at most, and threads that use them."""
LONGEST_ANSWER = 64 * 1024 * 1024
"""Bytes of an answer beside objects: a page of a listing has some megabytes."""
USER_AGENT = f"dicom-sieve/{__version__}"
_ABSOLUTE = "http:"
"""A proxy is told all of an address that is asked without TLS."""

CodeOf = Callable[[Reply], str]
"""Gives the service's code of an answer that is no success."""


class HttpClient:
    """Asks one endpoint, from any thread, without repeating anything.

    Args:
        endpoint: URL, without a slash at its end.
        rules: Which addresses may be connected to.
        retries: Timeouts.
        code_of: How the service names errors.
    """

    def __init__(self, endpoint: str, rules: EndpointRules, retries: Retries, code_of: CodeOf) -> None:
        self.endpoint = endpoint
        self._rules = rules
        self._retries = retries
        self._code_of = code_of

    @cached_property
    def _pool(self) -> HTTPConnectionPool:
        return checked_pool(self.endpoint, self._rules, self._retries, CONNECTIONS)

    def send(self, call: Call, part: tuple[int, int] | None = None) -> Reply:
        """Send a request, and take its answer as a whole.

        Args:
            call: Signed already.
            part: The bytes that are wanted, where the answer may be the whole object in place of a part of it.

        Raises:
            AnswerError: The answer is no success.
            HTTPError: There is none (urllib3's).
            RefusedEndpointError: The endpoint is not to be asked.
        """
        target = call.target
        if self.endpoint.lower().startswith(_ABSOLUTE) and is_proxied(self.endpoint):
            target = f"{self.endpoint}{target}"
        headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **call.headers}
        if call.body is not None:
            headers["Content-Length"] = str(call.body.length)
        response = self._pool.urlopen(
            call.method,
            target,
            body=None if call.body is None else call.body.chunks(),
            headers=headers,
            redirect=False,
            retries=False,
            assert_same_host=target == call.target,  # a proxy's is another than the one that is asked
            preload_content=False,
            decode_content=False,
        )
        try:
            body = _read(response, part)
        except BaseException:
            response.close()
            raise
        finally:
            response.release_conn()
        reply = Reply(response.status, {name.lower(): value for name, value in response.headers.items()}, body)
        if not HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES:
            raise AnswerError(reply.status, self._code_of(reply))
        return reply


def _read(response: BaseHTTPResponse, part: tuple[int, int] | None) -> bytes:
    """Take the body; of a whole object that came in place of a part, that part."""
    if part is None or response.status == HTTPStatus.PARTIAL_CONTENT:
        longest = LONGEST_ANSWER if part is None else part[1] - part[0] + 1
        data = bytes(response.read(longest))
        if len(data) == longest:
            response.close()
        return data
    if response.status != HTTPStatus.OK:
        return bytes(response.read(LONGEST_ANSWER))
    start, end = part
    while start and (skipped := response.read(min(CHUNK_BYTES, start))):
        start -= len(skipped)
    data = bytes(response.read(end - part[0]))
    response.close()
    return data
