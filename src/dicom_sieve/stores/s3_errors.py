"""What S3's errors mean to a run. Only codes and exceptions' names are kept: a response's text may hold anything."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError

from dicom_sieve.errors import DicomSieveError, StoreError


class MalformedListingError(Exception):
    """A page that says neither what is in the bucket nor how to go on."""


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
    """Give code and HTTP status, without the response's text."""
    code = code_of(error)
    if not isinstance(error, ClientError):
        return code
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return code if status is None or str(status) == code else f"{code} (HTTP {status})"


def advise(error: Exception) -> str:
    """Say what to do about an error; may be empty."""
    return _ADVICE.get(code_of(error), "")


def is_refusal(code: str) -> bool:
    """Tell whether a code refuses one object, whatever else works."""
    return code in REFUSALS or code.startswith("KMS.")


def is_conflict(error: Exception) -> bool:
    """Tell whether a conditional write found something there, or another writer at work."""
    return code_of(error) in {"412", "PreconditionFailed", "409", "ConditionalRequestConflict"}


@contextmanager
def told_as_store_error(action: str, where: str) -> Iterator[None]:
    """Turn whatever boto3 raises inside into a StoreError, which names codes alone."""
    try:
        yield
    except DicomSieveError:
        raise
    except Exception as error:  # boto3 has no base class for all that it raises
        raise StoreError(action, where, name_of(error), advise(error)) from None
