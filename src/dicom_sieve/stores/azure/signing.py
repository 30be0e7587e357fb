"""Requests to Azure Blob Storage, authorized by an account's key or by a shared access signature (SAS).

Source:
    https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
"""

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from urllib.parse import unquote

from dicom_sieve.stores.rest.messages import Call

_SIGNED = ("content-encoding", "content-language", "content-length", "content-md5", "content-type", "date")
_CONDITIONS = ("if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range")


@dataclass(frozen=True, slots=True, repr=False)
class SharedKey:
    """The key of a storage account.

    Attributes:
        account: Its name.
        key: The key.
    """

    account: str
    key: bytes

    @property
    def is_ready(self) -> bool:
        """It always is."""
        return True

    def renew(self) -> None:
        """Do nothing."""

    def sign(self, call: Call) -> Call:
        """Give the request with the time, and its signature."""
        dated = call.having(x_ms_date=formatdate(usegmt=True))
        digest = hmac.digest(self.key, describe(dated, self.account).encode(), "sha256")
        return dated.having(Authorization=f"SharedKey {self.account}:{base64.b64encode(digest).decode()}")


@dataclass(frozen=True, slots=True, repr=False)
class Sas:
    """A shared access signature.

    Attributes:
        query: As Azure gives it, without a question mark: ``sv=…&sig=…``.
    """

    query: str

    @property
    def is_ready(self) -> bool:
        """It always is."""
        return True

    def renew(self) -> None:
        """Do nothing."""

    def sign(self, call: Call) -> Call:
        """Give the request with the signature in its query."""
        mark = "&" if "?" in call.target else "?"
        return Call(call.method, f"{call.target}{mark}{self.query}", call.headers, call.body)


def describe(call: Call, account: str) -> str:
    """Give the text of a request that is signed."""
    headers: Mapping[str, str] = {name.lower(): value for name, value in call.headers.items()}
    length = {} if call.body is None or not call.body.length else {"content-length": str(call.body.length)}
    plain = {name: value for name, value in headers.items() if name != "content-length"} | length
    path, _, query = call.target.partition("?")
    asked = sorted(tuple(map(unquote, member.partition("=")[::2])) for member in query.split("&") if member)
    own = sorted(name for name in plain if name.startswith("x-ms-"))
    return "\n".join(
        [
            call.method,
            *(plain.get(name, "") for name in (*_SIGNED, *_CONDITIONS)),
            *(f"{name}:{plain[name].strip()}" for name in own),
            f"/{account}{path}",
            *(f"{name.lower()}:{value}" for name, value in asked),
        ]
    )
