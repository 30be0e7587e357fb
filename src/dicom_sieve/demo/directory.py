"""The demo without servers: objects are files, and the run is one of plain Python."""

import uuid
from collections.abc import Callable
from pathlib import Path

from dicom_sieve.computations import open_computation
from dicom_sieve.computations.segmentation import LUNG_SEGMENTATION
from dicom_sieve.criteria import Criterion
from dicom_sieve.demo import CRITERIA
from dicom_sieve.demo.bucket import objects
from dicom_sieve.ledger import open_ledger
from dicom_sieve.screening import Screening, screen
from dicom_sieve.stores import DirectoryStore


def screen_directory(folder: Path, database: str, *, is_segmenting: bool, say: Callable[[str], None]) -> str:
    """Write the objects as files, screen them, and segment what passed; gives the run's id.

    Args:
        folder: Of the demo.
        database: The ledger's address.
        is_segmenting: Whether the packages for it are there.
        say: Prints a line.
    """
    images, results = DirectoryStore(folder / "images"), DirectoryStore(folder / "results")
    say(f"{folder / 'images'} holds {_fill(folder / 'images')} files")
    criteria = [Criterion.model_validate(criterion) for criterion in CRITERIA]
    with open_ledger(database) as ledger:
        outcome = screen(Screening(str(uuid.uuid4()), images, criteria, output=results), ledger)
        say(f"run {outcome.run_id}: {outcome.describe()}")
        if is_segmenting:
            kind = LUNG_SEGMENTATION
            segment_series = kind.load()
            with open_computation(
                ledger, kind.name, version=kind.version, run=outcome.run_id, inputs=images, outputs=results
            ) as computation:
                for series in computation.series():
                    with series:
                        segment_series(series)
    return outcome.run_id


def _fill(folder: Path) -> int:
    """Write every object whose key a file can have."""
    count = 0
    for key, body in objects():
        if "//" in key or key.endswith("/"):
            continue
        file = folder / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
        count += 1
    return count
