"""What errors of a service that is asked by REST mean to a run. Only codes and exceptions' names are kept."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from dicom_sieve.advice import ADVICE
from dicom_sieve.errors import DicomSieveError, StoreError
from dicom_sieve.stores.certificates import UnreadableBundleError
from dicom_sieve.stores.endpoints import RefusedEndpointError
from dicom_sieve.stores.interface import (
    NotSentError,
    ObjectChangedError,
    ObjectGoneError,
    ReadRefusedError,
    SlowDownError,
    TransportError,
)
from dicom_sieve.stores.rest.messages import AnswerError, MalformedAnswerError
from dicom_sieve.stores.s3.codes import OF_CERTIFICATES, code_of_tls
from dicom_sieve.stores.s3.errors import SLOW_DOWN, fault_of

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What is taken for a service's code; all else might be anything."""
_NAMES = {
    ConnectTimeoutError: "ConnectTimeoutError",
    NameResolutionError: "EndpointConnectionError",
    NewConnectionError: "EndpointConnectionError",
    ProtocolError: "ConnectionClosedError",
    ReadTimeoutError: "ReadTimeoutError",
}
"""What urllib3's exceptions are called where boto3 raises them: `dicom_sieve.advice` knows them by these names."""
_PASSING_STATUS = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE}) | SLOW_DOWN


class CredentialsError(DicomSieveError):
    """Credentials that are not there, or not accepted where a token is asked for.

    Args:
        code: What is wrong: a code of `dicom_sieve.advice`.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)

    def __str__(self) -> str:
        code = str(self.args[0])
        return f"{code}; {ADVICE[code]}" if code in ADVICE else code


class NotCredentialsError(DicomSieveError):
    """What was given as credentials is none.

    Args:
        problem: Why not, and what is accepted; nothing of it is quoted.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)

    def __str__(self) -> str:
        return str(self.args[0])


def code_of(error: Exception) -> str:
    """Give the service's code of an error, this package's own, or the name of the exception."""
    if isinstance(error, AnswerError):
        return error.code
    if isinstance(error, CredentialsError):
        return str(error.args[0])
    if isinstance(error, SSLError):
        return code_of_tls(error) or "SSLError"
    return next((name for kind, name in _NAMES.items() if isinstance(error, kind)), type(error).__name__)


def name_of(error: Exception) -> str:
    """Give code and HTTP status, without the answer's text; of an endpoint that is not asked, why."""
    if isinstance(error, RefusedEndpointError):
        return f"the endpoint {error}"
    if not isinstance(error, AnswerError):
        return code_of(error)
    return error.code if error.code == str(error.status) else f"{error.code} (HTTP {error.status})"


def is_passing(error: Exception) -> bool:
    """Tell whether an error is transient."""
    if isinstance(error, AnswerError):
        return error.status >= HTTPStatus.INTERNAL_SERVER_ERROR or error.status in _PASSING_STATUS
    if code_of(error) in OF_CERTIFICATES or isinstance(error, LocationParseError):
        return False
    return isinstance(error, HTTPError | MalformedAnswerError)


def read_error(error: Exception, refusals: frozenset[str], missing_places: frozenset[str]) -> DicomSieveError:
    """Say what an error means for the read of one object.

    Args:
        error: As the client raised it.
        refusals: Codes by which the service refuses one object permanently.
        missing_places: Codes that say that the bucket or the account is not there: no word of the object.
    """
    if isinstance(error, AnswerError):
        return _of_answer(error, refusals, missing_places)
    if isinstance(error, ObjectChangedError | TransportError):
        return error
    if isinstance(error, RefusedEndpointError | CredentialsError | UnreadableBundleError):
        return NotSentError(name_of(error))
    return TransportError(name_of(error))


def _of_answer(error: AnswerError, refusals: frozenset[str], missing_places: frozenset[str]) -> DicomSieveError:
    if error.code in refusals:
        return ReadRefusedError(error.code)
    if error.status == HTTPStatus.NOT_FOUND and error.code not in missing_places:
        return ObjectGoneError()
    if error.status in {HTTPStatus.PRECONDITION_FAILED, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE}:
        return ObjectChangedError()
    is_slow = isinstance(fault_of(error.status), SlowDownError)
    return SlowDownError(name_of(error)) if is_slow else TransportError(name_of(error))


@contextmanager
def as_store_error(action: str, address: str) -> Iterator[None]:
    """Turn what the client raises inside into a StoreError, which names codes alone.

    Args:
        action: What is tried, as an infinitive.
        address: The location, without credentials.
    """
    try:
        yield
    except (RefusedEndpointError, CredentialsError, UnreadableBundleError) as error:
        code = code_of(error)
        observed = str(error) if isinstance(error, UnreadableBundleError) else name_of(error)
        raise StoreError(action, address, observed, ADVICE.get(code, "")) from None
    except DicomSieveError:
        raise
    except Exception as error:  # urllib3's, and what a malformed answer leads to
        raise StoreError(action, address, name_of(error), ADVICE.get(code_of(error), "")) from None
