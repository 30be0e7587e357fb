"""Codes of errors: S3's, or this package's own for an answer that is not S3's or a certificate that is not accepted.

Only codes and exceptions' names are kept: a response's text may hold anything.
"""

import re
import ssl
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError, SSLError
from urllib3.util.ssl_match_hostname import CertificateError

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PAGE = re.compile(rb"\s*<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_OF_REGION = frozenset({"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"})
_EXPIRED, _OTHER_HOST = frozenset({9, 10}), frozenset({62, 64})  # X509_V_ERR_CERT_…, of OpenSSL's x509_vfy.h
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"})
OF_CERTIFICATES = frozenset({"CertificateNotTrusted", "CertificateOfAnotherHost", "CertificateExpired", "NoTls"})
"""Codes of lasting faults: repeating the request does not help."""


class NotS3Error(Exception):
    """An answer that is no S3 server's.

    Args:
        code: What it is.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def code_of(error: Exception) -> str:
    """Give S3's code of an error, this package's own code where it is none of S3's, or the name of the exception."""
    if isinstance(error, ClientError):
        return _code_of_answer(error)
    if isinstance(error, NotS3Error):
        return error.code
    if isinstance(error, SSLError):
        return code_of_tls(error.kwargs.get("error")) or type(error).__name__
    return type(error).__name__


def status_of(error: ClientError) -> int:
    """Give the HTTP status of an error, 0 where there is none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def headers_of(error: ClientError) -> Mapping[str, str]:
    """Give the headers of an answer; their names are in small letters."""
    return error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})


def region_of(error: Exception) -> str | None:
    """Give the region in which the bucket is, where an answer says that it is in another; None where it does not."""
    if not is_of_region(error) or not isinstance(error, ClientError):
        return None
    region: Any = headers_of(error).get("x-amz-bucket-region") or error.response.get("Error", {}).get("Region")
    return region if isinstance(region, str) and _CODE.fullmatch(region) else None


def is_of_region(error: Exception) -> bool:
    """Tell whether an error says that the bucket is in another region; HEAD has no code, but a header."""
    if not isinstance(error, ClientError):
        return False
    is_named = "x-amz-bucket-region" in headers_of(error) and status_of(error) in {301, 400}
    return code_of(error) in _OF_REGION or (is_named and code_of(error) in {"Redirect", "400"})


def refuse_what_is_not_s3s(response_dict: Mapping[str, Any]) -> None:
    """Refuse an answer to a listing that is a web page, or says that it wants https.

    Args:
        response_dict: As botocore has it before it parses; of a success that is no XML it has made a 500.

    Raises:
        NotS3Error: It is.
    """
    status, body = response_dict["status_code"], response_dict["body"]
    if status == HTTPStatus.BAD_REQUEST and re.search(rb"https (?:port|server)", body, re.IGNORECASE):
        raise NotS3Error("HttpsExpected")
    is_page = _PAGE.match(body) or str(response_dict["headers"].get("content-type", "")).startswith("text/html")
    if is_page and not 300 <= status < 400 and status not in {429, 502, 503, 504}:
        raise NotS3Error("WebPage")


def _code_of_answer(error: ClientError) -> str:
    code, status = str(error.response.get("Error", {}).get("Code", "Unknown")), status_of(error)
    if 300 <= status < 400 and code not in _OF_REGION:
        return "Redirect"
    if not code or code.isdecimal():  # the answer has none; to HEAD it has no body either
        is_page = headers_of(error).get("content-type", "").startswith("text/html")
        return "WebPage" if is_page and status < 500 and error.operation_name != "HeadObject" else str(status)
    return code if _CODE.fullmatch(code) else "Unknown"


def code_of_tls(error: object) -> str | None:
    """Give this package's code of a fault of TLS, by an error or what it wraps; None: of none that is known."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            is_expired, is_other = cause.verify_code in _EXPIRED, cause.verify_code in _OTHER_HOST
            code = "CertificateOfAnotherHost" if is_other else "CertificateNotTrusted"
            return "CertificateExpired" if is_expired else code
        if isinstance(cause, CertificateError):
            return "CertificateOfAnotherHost"
        if isinstance(cause, ssl.SSLError) and cause.reason in _NO_TLS:
            return "NoTls"
    return None


def _causes(error: object) -> Iterator[BaseException]:
    """Give an error, and those that it wraps; urllib3 has them as its arguments, or as a reason."""
    for _ in range(5):
        if not isinstance(error, BaseException):
            return
        yield error
        wrapped = [argument for argument in error.args if isinstance(argument, BaseException)]
        error = getattr(error, "reason", None) if not wrapped else wrapped[0]
        if not isinstance(error, BaseException):
            return
