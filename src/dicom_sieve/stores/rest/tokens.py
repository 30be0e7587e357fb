"""Tokens that expire (OAuth 2.0), and requests that carry one (RFC 6750)."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlencode, urlsplit

from urllib3.exceptions import HTTPError

from dicom_sieve.stores.endpoints import EndpointRules
from dicom_sieve.stores.rest.client import HttpClient
from dicom_sieve.stores.rest.errors import CredentialsError
from dicom_sieve.stores.rest.messages import AnswerError, BytesBody, Call, Reply
from dicom_sieve.stores.retries import DEFAULT_RETRIES, Retries

EARLY_SECONDS = 300.0
"""A token is renewed this time before it expires."""
SHORTEST_SECONDS = 60.0
"""That a token is taken to hold, whatever is said of it: else each request would ask for one."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token.

    Attributes:
        text: As it is sent.
        until: When it is to be renewed, on the clock that `time.monotonic` reads.
    """

    text: str = field(repr=False)
    until: float


class GivesTokens(Protocol):
    """Where tokens come from."""

    def fetch(self) -> Token:
        """Ask for a token.

        Raises:
            CredentialsError: There is none.
        """
        ...


@dataclass(slots=True, repr=False)
class Bearer:
    """Authorizes requests by a token, which is kept until it is to be renewed.

    Attributes:
        source: Where tokens come from.
    """

    source: GivesTokens
    _token: Token | None = field(default=None, init=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, compare=False)

    @property
    def is_ready(self) -> bool:
        """Whether there is a token that holds."""
        return self._token is not None and time.monotonic() < self._token.until

    def renew(self) -> None:
        """Ask for a token, in whichever thread comes first."""
        with self._lock:
            if not self.is_ready:
                self._token = self.source.fetch()

    def sign(self, call: Call) -> Call:
        """Give the request with the token."""
        if self._token is None:
            raise CredentialsError("NoCredentialsError")
        return call.having(Authorization=f"Bearer {self._token.text}")

    def __getstate__(self) -> GivesTokens:
        return self.source

    def __setstate__(self, source: GivesTokens) -> None:
        self.source, self._token, self._lock = source, None, threading.Lock()


@dataclass(frozen=True, slots=True)
class Unsigned:
    """Authorizes nothing: for what is public."""

    @property
    def is_ready(self) -> bool:
        """It always is."""
        return True

    def renew(self) -> None:
        """Do nothing."""

    def sign(self, call: Call) -> Call:
        """Give the request as it is."""
        return call


def ask_for_token(
    url: str,
    form: Mapping[str, str] | None,
    rules: EndpointRules,
    retries: Retries = DEFAULT_RETRIES,
    headers: Mapping[str, str] | None = None,
) -> Token:
    """Ask a server for a token (RFC 6749, 5.1).

    Args:
        url: Of the server's token endpoint.
        form: What is sent by POST; None: a GET.
        rules: Which addresses may be connected to.
        retries: Timeouts and attempts.
        headers: Further ones.

    Raises:
        CredentialsError: It refuses, or gives none.
    """
    parts = urlsplit(url)
    client = HttpClient(f"{parts.scheme}://{parts.netloc}", rules, retries, _code_of)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    if form is None:
        call = Call("GET", target, headers or {})
    else:
        sent = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json", **(headers or {})}
        call = Call("POST", target, sent, BytesBody(urlencode(form).encode()))
    try:
        reply = retries.repeat(lambda: client.send(call), _is_passing)
        said = json.loads(reply.body)
        text, seconds = str(said["access_token"]), float(said.get("expires_in", 0))
    except AnswerError as error:
        is_refused = error.status < HTTPStatus.INTERNAL_SERVER_ERROR
        raise CredentialsError("TokenRefused" if is_refused else "TokenFault") from None
    except (HTTPError, OSError, ValueError, KeyError, TypeError, AttributeError):
        raise CredentialsError("TokenFault") from None
    if not (text.isascii() and text.isprintable()):
        raise CredentialsError("TokenFault")
    return Token(text, time.monotonic() + max(seconds - EARLY_SECONDS, SHORTEST_SECONDS))


def _code_of(reply: Reply) -> str:
    return str(reply.status)


def _is_passing(error: Exception) -> bool:
    if isinstance(error, AnswerError):
        return error.status >= HTTPStatus.INTERNAL_SERVER_ERROR or error.status == HTTPStatus.TOO_MANY_REQUESTS
    return isinstance(error, HTTPError)
