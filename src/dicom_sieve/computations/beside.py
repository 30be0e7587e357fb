"""What a series is computed on beside its instances: a result of an earlier computation, or an object of the run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dicom_sieve.computations.interface import Inputs, Outputs
from dicom_sieve.computations.result_files import fetch
from dicom_sieve.digest import digest_of
from dicom_sieve.errors import RefusedError
from dicom_sieve.ledger.reading.results import Output
from dicom_sieve.objects import ObjectInfo


@dataclass(frozen=True, slots=True)
class Beside:
    """Something that a series is computed on beside its instances.

    Attributes:
        uri: Its address.
        digest: Of its bytes; of an object of the run its etag.
        fetch: Reads it into a new file, if it is still what was recorded.
    """

    uri: str
    digest: str
    fetch: Callable[[Path], None]


def of_results(results: Sequence[Output], outputs: Outputs | None) -> list[Beside]:
    """Give results of an earlier computation, to be read where results are written."""
    return [Beside(each.uri, each.digest, partial(_fetch, each, outputs)) for each in results]


def of_objects(objects: Sequence[ObjectInfo], inputs: Inputs) -> list[Beside]:
    """Give objects of the run, to be read where its objects lie."""
    return [Beside(inputs.location.uri(each.key), each.etag, partial(inputs.download, each)) for each in objects]


def _fetch(result: Output, outputs: Outputs | None, target: Path) -> None:
    root = None if outputs is None else outputs.location.uri("")
    if outputs is None or root is None or not result.uri.startswith(root):
        raise RefusedError("what the regions are told by lies elsewhere than results are written to")
    fetch(outputs, result.uri.removeprefix(root), target)
    if not target.exists():
        raise RefusedError("what the regions are told by is gone")
    if digest_of(target) != result.digest:
        raise RefusedError("what the regions are told by is no longer what was recorded")
