"""Where a table lies: an object in the output or the input of a run, and nowhere else; fetched as objects are."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from dicom_sieve.errors import DicomSieveError, InvalidRequestError, StoreError
from dicom_sieve.objects import FILE, Location, ObjectInfo, split_uri
from dicom_sieve.settings import MIB
from dicom_sieve.stores.interface import Downloads
from dicom_sieve.stores.table_file import LARGEST_TABLE


class HoldsTables(Downloads, Protocol):
    """A place in which tables may lie."""

    def find(self, key: str) -> ObjectInfo | None:
        """Look for an object; see `Writes.find`."""
        ...


def fetch_table(table: str, places: Sequence[HoldsTables], target: Path) -> str:
    """Read a table into a new local file.

    Args:
        table: Its name, relative to the prefix of a place; or its address, in the bucket of one.
        places: Where it may lie, the first first: the output of a run, then its input.
        target: The file.

    Returns:
        Its address.

    Raises:
        InvalidRequestError: It is not there, or too large.
        StoreError: The store does not answer, or refuses.
    """
    refused: StoreError | None = None
    tried = []
    for place, key in _keys(table, places):
        uri = place.location.uri(key)
        tried.append(uri)
        try:
            found = place.find(key)
        except StoreError as error:  # a store that may not be listed refuses to say what is not there
            refused = refused or error
            continue
        if found is not None:
            _fetch(place, found, target, uri)
            return uri
    if refused is not None:
        raise refused
    if tried:
        raise InvalidRequestError((f"table {table}: is not there; looked for at {' and '.join(tried)}",))
    accepted = " or ".join(str(place.location) for place in places) or "a run or a preview, which has an input"
    raise InvalidRequestError((f"table {table}: lies neither in the output nor in the input; accepted: {accepted}",))


def _fetch(place: HoldsTables, found: ObjectInfo, target: Path, uri: str) -> None:
    if found.size > LARGEST_TABLE:
        problem = f"has {found.size / MIB:,.1f} MiB; accepted: {LARGEST_TABLE // MIB} MiB"
        raise InvalidRequestError((f"table {uri}: {problem}",))
    try:
        place.download(found, target)
    except StoreError:
        raise
    except DicomSieveError as error:  # a refusal, or a fault that lasted
        raise StoreError("read the table", uri, str(error)) from None


def _keys(table: str, places: Sequence[HoldsTables]) -> Iterator[tuple[HoldsTables, str]]:
    """Give each place where a table may lie, and its key there."""
    for place in places:
        key = _key_in(table, place.location)
        if key is not None:
            yield place, key


def _key_in(table: str, location: Location) -> str | None:
    if (parts := split_uri(table)) is not None:
        scheme, bucket, key = parts
        return key if (scheme, bucket) == (location.scheme, location.bucket) and scheme != FILE else None
    if table.startswith("/"):
        root = f"{location.bucket.rstrip('/')}/"
        return table.removeprefix(root) if location.scheme == FILE and table.startswith(root) else None
    folder = location.prefix.rstrip("/")
    return f"{folder}/{table}" if folder else table
