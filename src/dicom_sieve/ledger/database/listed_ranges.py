"""Digests of ranges of keys, as they were listed last: a range that is the same need not be compared (ADR 62).

A range is a cache: it may be dropped at any time, and then its objects are compared one by one. What changes an open
object of a location drops its range in the same transaction.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from dicom_sieve.ledger.database.tables import listed_range
from dicom_sieve.objects import ObjectInfo


class OpenObject(NamedTuple):
    """An open object as the ledger holds it: SQLite holds values of any type where somebody edited it."""

    key: Any
    etag: Any
    size: Any


@dataclass(frozen=True, slots=True)
class ListedRange:
    """The objects behind the range before, up to a key.

    Attributes:
        last_key: The greatest key that counts to it, whether or not there is such an object.
        row_count: How many objects it has.
        size: Theirs, in bytes.
        digest: See `digest_listed`.
    """

    last_key: str
    row_count: int
    size: int
    digest: bytes


def digest_listed(objects: Iterable[OpenObject | ObjectInfo], last_key: str) -> bytes:
    """Give SHA-256 over key, entity tag and size of each object and the range's last key, a NUL behind each."""
    listed = "".join([f"{item.key}\0{item.etag}\0{item.size}\0" for item in objects])
    return hashlib.sha256(f"{listed}{last_key}\0".encode("utf-8", "surrogatepass")).digest()


def read_ranges(connection: sa.Connection, location_id: int) -> list[ListedRange]:
    """Give the ranges of a location in the order of their keys."""
    columns = listed_range.c
    query = sa.select(columns.last_key, columns.row_count, columns.size, columns.digest)
    of_location = query.where(columns.location_id == location_id).order_by(columns.last_key)
    return [ListedRange(*row) for row in connection.execute(of_location)]


def keep_range(connection: sa.Connection, location_id: int, after: str | None, kept: ListedRange) -> None:
    """Keep a range in place of those between a key and its last one, within a transaction."""
    drop_ranges(connection, location_id, after, kept.last_key)
    values = {name: getattr(kept, name) for name in ListedRange.__slots__}
    connection.execute(sa.insert(listed_range).values(location_id=location_id, **values))


def drop_ranges(connection: sa.Connection, location_id: int, after: str | None = None, last: str | None = None) -> None:
    """Drop the ranges of a location that end behind a key, up to another; None: from the first, to the last."""
    ends = listed_range.c.last_key
    connection.execute(
        sa.delete(listed_range).where(
            listed_range.c.location_id == location_id,
            sa.true() if after is None else ends > after,
            sa.true() if last is None else ends <= last,
        )
    )


def drop_ranges_of(connection: sa.Connection, location_id: int, keys: Iterable[str]) -> None:
    """Drop the ranges that some keys count to."""
    ends = listed_range.c.last_key
    for key in keys:
        its = sa.select(sa.func.min(ends)).where(listed_range.c.location_id == location_id, ends >= key)
        connection.execute(
            sa.delete(listed_range).where(listed_range.c.location_id == location_id, ends == its.scalar_subquery())
        )


def ranges_that_differ(ranges: Iterable[ListedRange], objects: Iterable[OpenObject]) -> Iterator[ListedRange]:
    """Give the ranges that do not say what objects of their location do.

    Args:
        ranges: In the order of their keys.
        objects: All open ones, likewise.
    """
    remaining = iter(objects)
    following = next(remaining, None)
    for kept in ranges:
        found = []
        while following is not None and following.key <= kept.last_key:
            found.append(following)
            following = next(remaining, None)
        size = sum(item.size for item in found)
        if (len(found), size, digest_listed(found, kept.last_key)) != (kept.row_count, kept.size, kept.digest):
            yield kept
