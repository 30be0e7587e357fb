"""What S3's errors mean to a run. Only codes and exceptions' names are kept: a response's text may hold anything."""

from botocore.exceptions import ClientError

REFUSALS = frozenset({"AccessDenied", "AllAccessDisabled", "InvalidObjectState", "InvalidRequest"})
"""Codes by which a server refuses one object for good: denied, archived, encrypted with a key that we have not.

Codes that speak of the credentials themselves (ExpiredToken, SignatureDoesNotMatch, InvalidAccessKeyId,
RequestTimeTooSkewed) are no refusals: a fault of transport is never a verdict. Nor is a bare 403, as HEAD gives it.
"""

_ADVICE = {
    "NoSuchBucket": "check the name of the bucket",
    "AccessDenied": "the credentials lack a right: s3:ListBucket to list, s3:GetObject to read, s3:PutObject to write",
    "InvalidAccessKeyId": "the server does not know the key id",
    "SignatureDoesNotMatch": "check the access key and the region",
    "ExpiredToken": "the credentials have expired",
    "RequestTimeTooSkewed": "set this machine's clock",
    "PermanentRedirect": "the bucket is in another region",
    "AuthorizationHeaderMalformed": "the bucket is in another region",
    "NoCredentialsError": "give credentials as key_id:access_key, a block, or by AWS's default chain",
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
