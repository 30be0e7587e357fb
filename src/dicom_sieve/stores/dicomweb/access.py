"""How a PACS is reached: the URL of its services, keys as paths below it, and credentials that no message shows."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from dicom_sieve.objects import Location
from dicom_sieve.stores.endpoints import EndpointRules
from dicom_sieve.stores.interface import UnwritableKeyError
from dicom_sieve.stores.retries import DEFAULT_RETRIES, Retries

HTTPS, HTTP = "dicomweb+https", "dicomweb+http"
SCHEMES = (HTTPS, HTTP)
_LEVELS = ("studies", "series", "instances")
_LONGEST_UID = 256
"""In characters: what a ledger can hold of one."""
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)
"""How a token is given (RFC 6750, 2.1)."""
ACCEPTED = "user:password, or Bearer and a token"


@dataclass(frozen=True, slots=True, repr=False)
class HttpCredentials:
    """What is sent as ``Authorization``, and never shown.

    Attributes:
        header: Its value.
    """

    header: str

    @classmethod
    def parse(cls, text: str) -> "HttpCredentials | None":
        """Read ``user:password`` (RFC 7617) or ``Bearer TOKEN`` (RFC 6750); None where a text is neither."""
        if found := _BEARER.fullmatch(text.strip()):
            return cls(f"Bearer {found[1]}")
        user, colon, password = text.partition(":")
        if not (colon and user and password):
            return None
        return cls("Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())

    def __repr__(self) -> str:
        return "HttpCredentials(***)"


@dataclass(frozen=True, slots=True)
class DicomWebAccess:
    """How a PACS is reached.

    Attributes:
        url: Of its services, without a slash at the end.
        credentials: None: requests carry none.
        retries: Timeouts and attempts.
        rules: Which endpoints may be asked, and which certificate authorities are trusted.
        by_metadata: Whether instances of a server without names of its own for them are known by their metadata.
    """

    url: str
    credentials: HttpCredentials | None = None
    retries: Retries = DEFAULT_RETRIES
    rules: EndpointRules = field(default_factory=EndpointRules)
    by_metadata: bool = False


def url_of(location: Location) -> str:
    """Give the URL of the services at a location: its addresses are ``dicomweb+URL`` and a key."""
    return f"{location.scheme.partition('+')[2]}://{location.bucket}"


def key_of(*uids: str) -> str:
    """Give the key of an instance, by the UIDs of study, series and instance; with fewer, what keys begin with.

    It is the path below the services by which DICOMweb itself names the instance (PS3.18 10.4.1).

    Raises:
        ValueError: One is none that can stand in a path.
    """
    path = "/".join(f"{level}/{_quoted(uid)}" for level, uid in zip(_LEVELS, uids, strict=False))
    return path if len(uids) == len(_LEVELS) else f"{path}/" if path else ""


def uids_of(key: str) -> tuple[str, ...]:
    """Give the UIDs in a key, or in what keys begin with.

    Raises:
        UnwritableKeyError: It is none of this store's.
    """
    names = key.removesuffix("/").split("/") if key else []
    levels, uids = names[::2], tuple(map(unquote, names[1::2]))
    try:
        is_known = len(levels) == len(uids) and levels == list(_LEVELS[: len(levels)]) and key_of(*uids) == key
    except ValueError:
        is_known = False
    if not is_known:
        raise UnwritableKeyError("it is no path of DICOMweb")
    return uids


def paths(uids: Sequence[str]) -> list[str]:
    """Give UIDs as they stand in a path."""
    return [_quoted(uid) for uid in uids]


def _quoted(uid: str) -> str:
    if not uid.strip(".") or len(uid) > _LONGEST_UID or not uid.isprintable():
        raise ValueError("no UID")
    return quote(uid, safe="")
