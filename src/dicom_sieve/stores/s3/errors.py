"""What S3's errors mean to a run. Only codes and exceptions' names are kept: a response's text may hold anything."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from urllib.parse import urlsplit

from botocore.exceptions import (
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    ConnectionError,  # noqa: A004 - botocore's, no subclass of Python's
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ResponseStreamingError,
    UnauthorizedSSOTokenError,
)
from botocore.parsers import ResponseParserError

from dicom_sieve.advice import ADVICE
from dicom_sieve.errors import DicomSieveError, StoreError
from dicom_sieve.stores.endpoints import RefusedEndpointError
from dicom_sieve.stores.interface import (
    NotSentError,
    ObjectChangedError,
    ObjectGoneError,
    ReadRefusedError,
    SlowDownError,
    TransportError,
)
from dicom_sieve.stores.s3.access import S3Access
from dicom_sieve.stores.s3.codes import OF_CERTIFICATES, code_of, headers_of, is_of_region, region_of, status_of
from dicom_sieve.stores.s3.credentials import Anonymous, StaticCredentials


class MalformedListingError(Exception):
    """A page that says neither what is in the bucket nor how to go on."""


class NoEtagError(Exception):
    """A page whose objects have no ETag, which S3 makes optional."""


class MalformedAnswerError(Exception):
    """A success that does not name the object it speaks of."""


SLOW_DOWN = frozenset({429, 503})
"""Statuses by which a server asks for fewer requests (RFC 6585 4, RFC 9110 15.6.4; S3's SlowDown is a 503)."""


def fault_of(status: int) -> SlowDownError | TransportError | None:
    """Give what a status says that is the server's fault for now; None: it says something else."""
    if status in SLOW_DOWN:
        return SlowDownError(f"HTTP {status}")
    return TransportError(f"HTTP {status}") if status >= HTTPStatus.INTERNAL_SERVER_ERROR else None


REFUSALS = frozenset({"AccessDenied", "AllAccessDisabled", "InvalidObjectState", "InvalidRequest"})
"""Codes by which a server refuses one object permanently: denied, archived, encrypted with an unavailable key.

Codes that speak of the credentials themselves (ExpiredToken, SignatureDoesNotMatch, InvalidAccessKeyId,
RequestTimeTooSkewed) are no refusals: a fault of transport is never a verdict. Nor is a bare 403, as HEAD gives it.
"""
_HOST = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}|[0-9a-f:.]{2,45}")
_OF_BROKEN_CONNECTIONS = frozenset({"ConnectionClosedError", "ProtocolError"})
_OF_KEYS = frozenset({"InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch", "InvalidClientTokenId"})


def name_of(error: Exception) -> str:
    """Give code and HTTP status, without the response's text; of an endpoint that is not asked, why."""
    if refused := refused_endpoint(error):
        return f"the endpoint {refused}"
    code = code_of(error)
    if not isinstance(error, ClientError):
        return code
    status = status_of(error)
    return code if not status or str(status) == code else f"{code} (HTTP {status})"


def refused_endpoint(error: Exception) -> RefusedEndpointError | None:
    """Give why an endpoint is not asked; botocore wraps what is raised where a connection is opened."""
    inner = error.kwargs.get("error") if isinstance(error, HTTPClientError) else error
    return inner if isinstance(inner, RefusedEndpointError) else None


def advise(error: Exception, access: S3Access | None = None) -> str:
    """Say what to do about an error; may be empty.

    Args:
        error: As boto3 raised it.
        access: How the bucket was asked.
    """
    if refused_endpoint(error):
        return ""
    code = code_of(error)
    if is_of_region(error):
        region = region_of(error)
        return f"the bucket is in region {region}: give that as the region" if region else ADVICE["PermanentRedirect"]
    if code == "Redirect" and isinstance(error, ClientError):
        return _advise_redirect(headers_of(error).get("location", ""))
    return (access and _advise_access(code, access)) or ADVICE.get(code, "")


def _advise_redirect(address: str) -> str:
    """Name the host of an address, and nothing else of it: all else may be secret."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not address.startswith(("http://", "https://")) or not _HOST.fullmatch(host):
        return (
            "the endpoint redirects to another page: it is perhaps a console, or asks for a sign-in; give the address "
            "of the S3 server itself"
        )
    named = f"[{host}]" if ":" in host else host
    address = f"{parts.scheme}://{named}" + (f":{port}" if port else "")
    return f"the endpoint redirects to {address}: give that address as the endpoint, redirects are not followed"


def _advise_access(code: str, access: S3Access) -> str:
    """Give the advice that depends on how the bucket was asked; may be empty."""
    endpoint = access.endpoint or ""
    if code in {"NoSuchKey", "NoSuchBucket"} and _names_bucket(endpoint, access.bucket):
        return "the endpoint names the bucket already: leave it out of the endpoint"
    if code in _OF_BROKEN_CONNECTIONS and endpoint.lower().startswith("http://"):
        return "the endpoint ends the connection without an answer: where it speaks https, give it as https://"
    if code == "AccessDenied" and isinstance(access.credentials, Anonymous):
        return "the bucket is not public, or not for this: give credentials"
    if code in _OF_KEYS and isinstance(access.credentials, StaticCredentials) and ":" in access.credentials.access_key:
        return (
            "a session token behind the keys is not read: give a block (aws_session_token), or set AWS_SESSION_TOKEN "
            "for AWS's default chain"
        )
    return ""


def _names_bucket(endpoint: str, bucket: str) -> bool:
    parts = urlsplit(endpoint)
    return parts.path.rstrip("/").endswith(f"/{bucket}") or (parts.hostname or "").split(".")[0] == bucket


def is_refusal(code: str) -> bool:
    """Tell whether a code refuses this object alone."""
    return code in REFUSALS or code.startswith("KMS.")


def is_conflict(error: Exception) -> bool:
    """Tell whether a conditional write found something there, or another writer at work."""
    return code_of(error) in {"412", "PreconditionFailed", "409", "ConditionalRequestConflict"}


def is_passing(error: Exception) -> bool:
    """Tell whether an error of boto3 is transient."""
    if isinstance(error, ClientError):
        status = status_of(error)
        # 416 answers a range, and none was asked for. A RequestTimeout is a 400.
        return not 300 <= status < 500 or status in {408, 416, 429} or code_of(error) == "RequestTimeout"
    if code_of(error) in OF_CERTIFICATES:
        return False
    if type(error) is HTTPClientError:  # not sent at all; transient faults are subclasses
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
    if isinstance(error, _NOT_SENT):
        return NotSentError(name_of(error))
    slow = isinstance(error, ClientError) and status_of(error) in SLOW_DOWN
    return SlowDownError(name_of(error)) if slow else TransportError(name_of(error))


_NOT_SENT = (
    ConfigNotFound,
    ConfigParseError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    UnauthorizedSSOTokenError,
    RefusedEndpointError,
)
"""What botocore raises before it sends anything, and would raise again. Where credentials come from a server that does
not answer (CredentialRetrievalError), the next attempt may be answered."""


@contextmanager
def as_store_error(action: str, address: str, access: S3Access | None = None) -> Iterator[None]:
    """Turn every exception of boto3 inside into a StoreError, which names codes alone.

    Args:
        action: What is tried, as an infinitive.
        address: The location, without credentials.
        access: How the bucket is reached.
    """
    try:
        yield
    except DicomSieveError:
        raise
    except Exception as error:  # boto3 has no base class for all that it raises
        raise StoreError(action, address, name_of(error), advise(error, access)) from None
