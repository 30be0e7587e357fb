"""Names for other programs: OpenLineage's names of datasets, and URIs."""

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import quote, urlsplit
from uuid import NAMESPACE_URL, UUID, uuid5

from dicom_sieve.objects import DIRECTORY_ENDPOINT, FILE, Location, split_uri
from dicom_sieve.version import __version__

SOFTWARE = "pkg:generic/dicom-sieve"
PRODUCER = f"{SOFTWARE}@{__version__}"
"""This software in this version, as a package URL."""
_WHOLE = "/"


class Dataset(NamedTuple):
    """A dataset as OpenLineage's naming conventions have it.

    Attributes:
        namespace: ``s3://bucket``, alike for other schemes; or ``file``.
        name: The key, or the path; ``/`` for all of a bucket.
    """

    namespace: str
    name: str

    @property
    def uri(self) -> str:
        """Its address in one piece."""
        prefix = "file://" if self.namespace == "file" else f"{self.namespace}/"
        return prefix + quote(self.name if self.namespace == "file" else self.name.lstrip("/"))


def name_location(location: Location) -> Dataset:
    """Name what a location holds. Two servers with a bucket of the same name have the same dataset, by convention."""
    if location.endpoint == DIRECTORY_ENDPOINT:
        return Dataset("file", f"{location.bucket}/{location.prefix}".rstrip("/"))
    return Dataset(f"{location.scheme}://{location.bucket}", location.prefix.rstrip("/") or _WHOLE)


def name_uri(uri: str) -> Dataset:
    """Name the dataset at an address that this package wrote: in a bucket, or in a directory."""
    parts = split_uri(uri)
    if parts is None or parts[0] == FILE:
        return Dataset("file", uri)
    scheme, bucket, key = parts
    return Dataset(f"{scheme}://{bucket}", key or _WHOLE)


def name_results(computation: str, uris: Iterable[str]) -> list[Dataset]:
    """Name where results lie, each place once, in the order of names.

    Results that this package wrote have a folder for each computation. Of an address that the computation gave itself,
    only the host or the bucket is named: what follows may name a patient.
    """
    pattern = re.compile(rf"(.*(?:^|/)computations/{re.escape(computation)}/[0-9a-f]{{16}})/[0-9a-f]{{16}}/")
    return sorted({name_uri(match[1]) if (match := pattern.match(uri)) else _name_host(uri) for uri in uris})


def _name_host(uri: str) -> Dataset:
    try:
        parts = urlsplit(uri)
    except ValueError:
        return Dataset("file", _WHOLE)
    host = parts.netloc.rpartition("@")[2]  # without credentials
    return Dataset(f"{parts.scheme}://{host}", _WHOLE) if host else Dataset("file", _WHOLE)


def identify_run(run_id: str) -> str:
    """Give the UUID of a run: its own id where that is one, else (a second attempt has a number) one made of it."""
    try:
        return str(UUID(run_id))
    except ValueError:
        return str(uuid5(NAMESPACE_URL, f"{SOFTWARE}#run/{run_id}"))


def identify_computation(run_id: str, computation_id: int) -> str:
    """Give the UUID of a computation on a run."""
    return str(uuid5(NAMESPACE_URL, f"{SOFTWARE}#run/{run_id}/computation/{computation_id}"))
