"""Requests for ranges of objects, signed by AWS Signature Version 4 as botocore signs them, for little CPU.

Source:
    https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

import asyncio
import hashlib
import hmac
import time
from dataclasses import dataclass

from botocore.credentials import Credentials, RefreshableCredentials
from botocore.exceptions import NoCredentialsError

_ALGORITHM = "AWS4-HMAC-SHA256"
_NO_BODY = hashlib.sha256().hexdigest()
_NAMES = "host;if-match;range;x-amz-content-sha256;x-amz-date"
PAYS, TOKEN = "x-amz-request-payer", "x-amz-security-token"


@dataclass(frozen=True, slots=True, repr=False)
class _Moment:
    """All of a signature that holds for a second.

    Attributes:
        second: Since the epoch.
        date: The same, as requests have it.
        scope: Day, region and service of the key.
        key: What is signed with.
        key_id: Of the credentials.
        extra: Further headers, in the order in which they are signed.
    """

    second: int
    date: str
    scope: str
    key: bytes
    key_id: str
    extra: tuple[tuple[str, str], ...]


class Signer:
    """Signs for one region, with the credentials of a session.

    Args:
        credentials: They may be temporary, and renew themselves.
        region: Any text that the server accepts.
        requester_pays: Whether each request says that the requester pays.
    """

    def __init__(self, credentials: Credentials, region: str, *, requester_pays: bool) -> None:
        self._credentials = credentials
        self._region = require_text(region)
        self._requester_pays = requester_pays
        self._moment = _Moment(-1, "", "", b"", "", ())

    async def renew(self) -> None:
        """Take the time and the credentials as they are now; credentials that must be asked for, in a thread.

        Raises:
            NoCredentialsError: There are none any more.
            ValueError: No header can hold them.
            Exception: Where credentials are asked for, what botocore raises.
        """
        second = int(time.time())
        if second == self._moment.second:
            return
        credentials = self._credentials
        if isinstance(credentials, RefreshableCredentials) and credentials.refresh_needed():
            frozen = await asyncio.to_thread(credentials.get_frozen_credentials)
        else:
            frozen = credentials.get_frozen_credentials()
        if not frozen.access_key or not frozen.secret_key:
            raise NoCredentialsError
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
        parts = (date[:8], self._region, "s3", "aws4_request")
        key = f"AWS4{frozen.secret_key}".encode()
        for part in parts:
            key = hmac.digest(key, part.encode(), "sha256")
        extra = [(PAYS, "requester")] if self._requester_pays else []
        if frozen.token:
            extra.append((TOKEN, require_text(frozen.token)))
        self._moment = _Moment(second, date, "/".join(parts), key, require_text(frozen.access_key), tuple(extra))

    def sign(self, path: str, host: str, etag: str, byte_range: str) -> str:
        """Write the headers of a GET.

        Args:
            path: As it is sent.
            host: Value of Host.
            etag: Value of If-Match.
            byte_range: Value of Range.
        """
        moment = self._moment
        names, signed, sent = _NAMES, "", ""
        for name, value in moment.extra:
            names, signed, sent = f"{names};{name}", f"{signed}{name}:{value}\n", f"{sent}{name}: {value}\r\n"
        request = (
            f"GET\n{path}\n\nhost:{host}\nif-match:{etag}\nrange:{byte_range}\nx-amz-content-sha256:{_NO_BODY}\n"
            f"x-amz-date:{moment.date}\n{signed}\n{names}\n{_NO_BODY}"
        )
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = f"{_ALGORITHM}\n{moment.date}\n{moment.scope}\n{digest}"
        signature = hmac.digest(moment.key, text.encode(), "sha256").hex()
        return (
            f"Host: {host}\r\nIf-Match: {etag}\r\nRange: {byte_range}\r\nx-amz-content-sha256: {_NO_BODY}\r\n"
            f"x-amz-date: {moment.date}\r\n{sent}Authorization: {_ALGORITHM} "
            f"Credential={moment.key_id}/{moment.scope}, SignedHeaders={names}, Signature={signature}\r\n"
        )


def require_text(text: str) -> str:
    """Give a text back that a header can hold.

    Raises:
        ValueError: It has characters that would end the header; it is not shown.
    """
    if not text.isprintable():
        raise ValueError("a header of HTTP cannot hold it; accepted: printable characters")
    return text
