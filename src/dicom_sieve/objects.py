"""Where objects lie, and what identifies them. Values alone: how to reach them is in `dicom_sieve.stores`."""

import datetime
from dataclasses import dataclass
from enum import StrEnum

DIRECTORY_ENDPOINT = "file:"
"""Stands where a location's endpoint would, when the location is a directory."""
MARK, ESCAPED_MARK = r"\x", r"\x5cx"
"""What an escape in the key of a path begins with, and how a name has these two characters."""


class Damaged(StrEnum):
    """What a run does with damaged objects: discards them, or judges them by what lies before the damage."""

    DISCARD = "DISCARD"
    JUDGE = "JUDGE"


class Selection(StrEnum):
    """Which of the objects that passed are taken along: all; or of series all of whose instances passed."""

    ANY = "ANY"
    WHOLE = "WHOLE"


@dataclass(frozen=True, slots=True)
class Location:
    """Where objects lie. It identifies, and never holds credentials.

    Attributes:
        endpoint: URL of the S3 endpoint without a trailing slash; ``file:`` for a directory.
        bucket: Name of the bucket; the absolute path of a directory.
        prefix: What keys begin with; may be empty.
    """

    endpoint: str
    bucket: str
    prefix: str = ""

    def __str__(self) -> str:
        if self.endpoint == DIRECTORY_ENDPOINT:
            return self.bucket
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def uri(self, key: str) -> str:
        """Give the address of one object."""
        return f"{'' if self.endpoint == DIRECTORY_ENDPOINT else 's3://'}{self.bucket}/{key}"


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object as a listing shows it; key and etag identify its bytes.

    Attributes:
        key: The key; for a directory the path relative to it, with ``/``.
        etag: The entity tag, without quotation marks.
        size: In bytes.
        last_modified: With time zone.
    """

    key: str
    etag: str
    size: int
    last_modified: datetime.datetime


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
