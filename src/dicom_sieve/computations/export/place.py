"""Where an export lies, and writing it: once, by names that people know what to do with."""

from collections.abc import Sequence
from pathlib import Path

from dicom_sieve import private
from dicom_sieve.clock import now
from dicom_sieve.computations.interface import Outputs
from dicom_sieve.computations.result_files import fetch
from dicom_sieve.digest import digest_of
from dicom_sieve.errors import AlreadyPublishedError, ComputationError
from dicom_sieve.ledger.reading.results import Output


def key_in(outputs: Outputs, *parts: str) -> str:
    """Give the key of a file below the prefix of a store."""
    return "/".join(part for part in (outputs.location.prefix.rstrip("/"), *parts) if part)


def write(outputs: Outputs, file: Path, parts: Sequence[str]) -> Output:
    """Write a file; what is there with the same bytes is kept.

    Args:
        outputs: Where to.
        file: What.
        parts: Of its key, below the prefix.

    Raises:
        ComputationError: There is something else.
    """
    key = key_in(outputs, *parts)
    digest = digest_of(file)
    if outputs.find(key) is not None:
        _check_same(outputs, key, digest)
    else:
        try:
            outputs.write_once(key, file)
        except AlreadyPublishedError:
            _check_same(outputs, key, digest)
    return Output(outputs.location.uri(key), digest, None, now())


def write_bytes(outputs: Outputs, content: bytes, parts: Sequence[str]) -> Output:
    """Write bytes as a file; see `write`."""
    with private.temporary_folder() as folder:
        file = folder / "content"
        file.write_bytes(content)
        return write(outputs, file, parts)


def _check_same(outputs: Outputs, key: str, digest: str) -> None:
    with private.temporary_folder() as folder:
        there = folder / "there"
        fetch(outputs, key, there)
        is_same = there.exists() and digest_of(there) == digest
    if not is_same:
        raise ComputationError(
            f"{outputs.location.uri(key)} is there already, and is something else: nothing is overwritten; export to "
            "another --output, or take it away"
        )
