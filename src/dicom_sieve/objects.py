"""Where objects lie, and what identifies them. Values alone: how to reach them is in `dicom_sieve.stores`."""

import datetime
import re
from dataclasses import dataclass
from enum import StrEnum

S3, FILE = "s3", "file"
"""Schemes of addresses: ``s3://bucket/key``; a directory's are paths, or begin with ``file:``."""
OF_ACCOUNTS = frozenset({"az"})
"""Schemes whose addresses name an account first: account and container together stand where a bucket would."""
OF_WRITES = (FILE, "gs", "az")
"""Schemes of stores whose etags say when bytes were written, and not which: equal bytes have different ones."""
DIRECTORY_ENDPOINT = f"{FILE}:"
"""Stands where a location's endpoint would, when the location is a directory."""
MARK, ESCAPED_MARK = r"\x", r"\x5cx"
"""What an escape in the key of a path begins with, and how a name has these two characters."""

FEWEST_ASKED, MOST_ASKED = 2, 64
"""How many parts of a location may be asked for (ADR 63)."""

_SCHEME = r"[a-z][a-z0-9+.-]*"
_URI = re.compile(rf"({_SCHEME})://([^/]*)/?(.*)", re.DOTALL | re.IGNORECASE)
_SERVICES = re.compile(
    r"(dicomweb\+https?)://([^/]*(?:/.*?)?)/*(?:(?<=/)(studies(?:/.*)?))?", re.DOTALL | re.IGNORECASE
)
"""Of DICOMweb: the "bucket" is host, port and path of the services, a key what stands below them (ADR 50)."""
_OWN_SCHEME = re.compile(rf"(?!https?:)({_SCHEME}):(?!//|[0-9])")
"""How an endpoint begins that is not S3's. ``//`` behind the colon makes it a URL, digits a port."""


class Damaged(StrEnum):
    """What a run does with damaged objects: discards them, or judges them by what lies before the damage."""

    DISCARD = "DISCARD"
    JUDGE = "JUDGE"


class Listing(StrEnum):
    """Whether a run lists its location again, or judges what was listed last."""

    NEW = "NEW"
    LAST = "LAST"


class Selection(StrEnum):
    """Which of the objects that passed are taken along: all; or of series all of whose instances passed."""

    ANY = "ANY"
    WHOLE = "WHOLE"


@dataclass(frozen=True, slots=True)
class Location:
    """Where objects lie. It identifies, and never holds credentials.

    Attributes:
        endpoint: URL of the S3 endpoint without a trailing slash; ``file:`` for a directory; of another store
            ``NAME:``, and what more it needs: its addresses are ``NAME://bucket/key``.
        bucket: Name of the bucket; the absolute path of a directory; of DICOMweb host, port and path of its services.
        prefix: What keys begin with; may be empty.
    """

    endpoint: str
    bucket: str
    prefix: str = ""

    @property
    def scheme(self) -> str:
        """What its addresses begin with: ``s3``, ``file`` for a directory, or the name of another store."""
        found = _OWN_SCHEME.match(self.endpoint)
        return found[1] if found else S3

    def __str__(self) -> str:
        if self.scheme == FILE:
            return self.bucket
        return self.uri(self.prefix).rstrip("/")

    def uri(self, key: str) -> str:
        """Give the address of one object."""
        return f"{'' if self.scheme == FILE else f'{self.scheme}://'}{self.bucket}/{key}"


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object as a listing shows it; key and etag identify its bytes.

    Attributes:
        key: The key; for a directory the path relative to it, with ``/``.
        etag: The entity tag, without quotation marks.
        size: In bytes; 0 also where a place tells headers (`stores.interface.TellsHeaders`), and no sizes.
        last_modified: With time zone.
    """

    key: str
    etag: str
    size: int
    last_modified: datetime.datetime


def split_uri(text: str) -> tuple[str, str, str] | None:
    """Split ``scheme://bucket/key``; None where a text is no such address. Bucket and key may be empty.

    Examples:
        >>> split_uri("s3://bucket/a/b"), split_uri("/a/b")
        (('s3', 'bucket', 'a/b'), None)
        >>> split_uri("dicomweb+https://host:8042/dicom-web/studies/1.2")
        ('dicomweb+https', 'host:8042/dicom-web', 'studies/1.2')
        >>> split_uri("az://account/container/a/b"), split_uri("az://account")
        (('az', 'account/container', 'a/b'), ('az', '', ''))
    """
    if (found := _SERVICES.fullmatch(text)) is not None:
        return found[1], found[2].rstrip("/"), found[3] or ""
    if (found := _URI.fullmatch(text)) is None:
        return None
    scheme, bucket, key = found[1], found[2], found[3]
    if scheme in OF_ACCOUNTS:
        container, _, key = key.partition("/")
        bucket = f"{bucket}/{container}" if bucket and container else ""
    return scheme, bucket, key


def prefix_of(scheme: str, key: str) -> str:
    """Give what keys begin with, of what stands behind the bucket in an address.

    Of DICOMweb it ends with a slash: a study is no other one whose UID begins with its own.
    """
    is_path = key and _SERVICES.match(f"{scheme}://") is not None
    return f"{key.rstrip('/')}/" if is_path else key


def split_s3(text: str) -> tuple[str, str] | None:
    """Split ``s3://bucket/key`` into bucket and key, which may be empty; None where a text is no such address."""
    parts = split_uri(text)
    return parts[1:] if parts and parts[0] == S3 else None


def plain_etag(text: str) -> str:
    """Give an entity tag without quotation marks, and without the mark of a weak one (RFC 9110, 8.8.3).

    A proxy that compresses makes ``W/"…"`` of ``"…"``; the bytes that are read are the same.

    Examples:
        >>> plain_etag('W/"0f"'), plain_etag('"0f"'), plain_etag("0f")
        ('0f', '0f', '0f')
    """
    return text.removeprefix("W/").strip('"')


def part_of_key(name: bytes) -> str:
    """Give the part of a key that stands for the name of a file or directory (ADR 21)."""
    return name.replace(MARK.encode(), ESCAPED_MARK.encode()).decode("utf-8", "backslashreplace")
