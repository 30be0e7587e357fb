"""What S3's errors mean to a run. Only codes and exceptions' names are kept: a response's text may hold anything."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's, no subclass of Python's
    HTTPClientError,
    IncompleteReadError,
    ResponseStreamingError,
)
from botocore.parsers import ResponseParserError
from obstore.exceptions import GenericError, PreconditionError

from dicom_sieve.errors import DicomSieveError, StoreError
from dicom_sieve.stores.endpoints import RefusedEndpointError
from dicom_sieve.stores.interface import (
    ObjectChangedError,
    ObjectGoneError,
    ReadRefusedError,
    SlowDownError,
    TransportError,
)


class MalformedListingError(Exception):
    """A page that says neither what is in the bucket nor how to go on."""


class MalformedAnswerError(Exception):
    """A success that does not name the object it speaks of."""


SLOW_DOWN = frozenset({429, 503})
"""Statuses by which a server asks for fewer requests (RFC 6585 4, RFC 9110 15.6.4; S3's SlowDown is a 503)."""


REFUSALS = frozenset({"AccessDenied", "AllAccessDisabled", "InvalidObjectState", "InvalidRequest"})
"""Codes by which a server refuses one object for good: denied, archived, encrypted with a key that we have not.

Codes that speak of the credentials themselves (ExpiredToken, SignatureDoesNotMatch, InvalidAccessKeyId,
RequestTimeTooSkewed) are no refusals: a fault of transport is never a verdict. Nor is a bare 403, as HEAD gives it.
"""

_ADVICE = {
    "NoSuchBucket": "check the name of the bucket",
    "ParamValidationError": "check the name of the bucket",
    "AccessDenied": "the credentials lack a right: s3:ListBucket to list, s3:GetObject to read, s3:PutObject to write",
    "InvalidAccessKeyId": "the server does not know the key id",
    "SignatureDoesNotMatch": "check the access key and the region",
    "ExpiredToken": "the credentials have expired",
    "RequestTimeTooSkewed": "set this machine's clock",
    "403": "check the credentials and their rights",
    "PermanentRedirect": "the bucket is in another region",
    "AuthorizationHeaderMalformed": "the bucket is in another region",
    "NoCredentialsError": "give credentials as key_id:access_key, a block, or by AWS's default chain",
    "PartialCredentialsError": "AWS's default chain found a key id without its access key, or the reverse",
    "ProfileNotFound": "AWS_PROFILE names a profile that this machine does not have",
    "InvalidRegionError": "AWS has no such region; give the endpoint of a server that has",
    "NoRegionError": "give a region",
    "MalformedListingError": "the answer is no S3 listing: check the endpoint",
    "ResponseParserError": "the answer is not S3's: check the endpoint",
    "ValueError": "check the endpoint",
    "HTTPClientError": "check the key id and the region for characters that no request can carry",
    "EndpointConnectionError": "check the endpoint and that it can be reached from here",
    "ConnectTimeoutError": "check the endpoint and that it can be reached from here",
    "SSLError": "check whether the endpoint speaks https",
}


def code_of(error: Exception) -> str:
    """Give S3's code of an error, or the name of the exception."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "Unknown"))
    return type(error).__name__


def name_of(error: Exception) -> str:
    """Give code and HTTP status, without the response's text; of an endpoint that is not asked, why."""
    if refused := refused_endpoint(error):
        return f"the endpoint {refused}"
    code = code_of(error)
    if not isinstance(error, ClientError):
        return code
    status = status_of(error)
    return code if not status or str(status) == code else f"{code} (HTTP {status})"


def status_of(error: ClientError) -> int:
    """Give the HTTP status of an error, 0 where there is none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def refused_endpoint(error: Exception) -> RefusedEndpointError | None:
    """Give why an endpoint is not asked; botocore wraps what is raised where a connection is opened."""
    inner = error.kwargs.get("error") if isinstance(error, HTTPClientError) else error
    return inner if isinstance(inner, RefusedEndpointError) else None


def advise(error: Exception) -> str:
    """Say what to do about an error; may be empty."""
    if refused_endpoint(error):
        return ""
    return _ADVICE.get(code_of(error), "")


def is_refusal(code: str) -> bool:
    """Tell whether a code refuses one object, whatever else works."""
    return code in REFUSALS or code.startswith("KMS.")


def is_conflict(error: Exception) -> bool:
    """Tell whether a conditional write found something there, or another writer at work."""
    return code_of(error) in {"412", "PreconditionFailed", "409", "ConditionalRequestConflict"}


def is_passing(error: Exception) -> bool:
    """Tell whether what boto3 raised may be gone when the same is asked again."""
    if isinstance(error, ClientError):
        status = status_of(error)
        # 416 answers a range, and none was asked for. A RequestTimeout is a 400.
        return not 400 <= status < 500 or status in {408, 416, 429} or code_of(error) == "RequestTimeout"
    if type(error) is HTTPClientError:  # not sent at all; what may happen on the way has classes below it
        return False
    return isinstance(error, _PASSING)


_PASSING = (
    ConnectionError,
    HTTPClientError,
    IncompleteReadError,
    MalformedAnswerError,
    MalformedListingError,
    ResponseParserError,
    ResponseStreamingError,
)


def read_error(error: Exception) -> DicomSieveError:
    """Say what boto3's error means for the read of one object."""
    code = code_of(error)
    if code in {"404", "NoSuchKey", "NoSuchVersion"}:
        return ObjectGoneError()
    if code in {"412", "PreconditionFailed", "416", "InvalidRange"}:
        return ObjectChangedError()
    if is_refusal(code):
        return ReadRefusedError(code)
    slow = isinstance(error, ClientError) and status_of(error) in SLOW_DOWN
    return SlowDownError(name_of(error)) if slow else TransportError(name_of(error))


def plain_read_error(error: Exception) -> DicomSieveError | None:
    """Say what obstore's error means for the read of one object; None where boto3 has to be asked.

    Only what asks nothing of the error's text but status or kind is said: that the object is another one, that the
    server is at fault, that a connection broke or took too long. What might become a verdict is boto3's to say; so is
    a connection that does not open, since the clients differ in what they trust.
    """
    if isinstance(error, PreconditionError):
        return ObjectChangedError()
    if not isinstance(error, GenericError):
        return None
    text = str(error)
    if answered := _ANSWERED.match(text):
        status = int(answered[1])
        if status in SLOW_DOWN:
            return SlowDownError(f"HTTP {status}")
        return TransportError(f"HTTP {status}") if status >= 500 else None
    if _UNANSWERED.match(text) and (kind := _KIND.search(text)) and kind[1] in _BROKEN:
        return TransportError(_BROKEN[kind[1]])
    return None


_ASKED = r"Generic S3 error: (?:Error performing GET \S+ in \S+ - )?"
_ANSWERED = re.compile(_ASKED + r"Server returned non-2xx status code: (\d{3}) ")
_UNANSWERED = re.compile(_ASKED + r"HTTP error: ")
_KIND = re.compile(r"\bHttpError \{\s+kind: (\w+),")
_BROKEN = {
    "Timeout": "ReadTimeoutError",
    "Interrupted": "ConnectionClosedError",
    "Request": "ConnectionClosedError",
}
"""What obstore calls a request that failed on its way, and what boto3 calls it."""


@contextmanager
def told_as_store_error(action: str, where: str) -> Iterator[None]:
    """Turn whatever boto3 raises inside into a StoreError, which names codes alone."""
    try:
        yield
    except DicomSieveError:
        raise
    except Exception as error:  # boto3 has no base class for all that it raises
        raise StoreError(action, where, name_of(error), advise(error)) from None
