"""The demo without servers: objects are files, and the run is one of plain Python."""

import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from dicom_sieve.computations.kind import Kind
from dicom_sieve.computations.one_by_one import compute_one_by_one
from dicom_sieve.criteria import Criterion
from dicom_sieve.demo import CRITERIA, PARAMETERS
from dicom_sieve.demo.bucket import objects
from dicom_sieve.ledger import open_ledger
from dicom_sieve.screening import Screening, screen
from dicom_sieve.stores import DirectoryStore


def screen_directory(folder: Path, database: str, *, computing: Sequence[Kind], say: Callable[[str], None]) -> str:
    """Write the objects as files, screen them, and compute on what passed; gives the run's id.

    Args:
        folder: Of the demo.
        database: The ledger's address.
        computing: What is computed, one after the other.
        say: Prints a line.
    """
    images, results = DirectoryStore(folder / "images"), DirectoryStore(folder / "results")
    say(f"{folder / 'images'} holds {_fill(folder / 'images')} files")
    criteria = [Criterion.model_validate(criterion) for criterion in CRITERIA]
    with open_ledger(database) as ledger:
        outcome = screen(Screening(str(uuid.uuid4()), images, criteria, output=results), ledger)
        say(f"run {outcome.run_id}: {outcome.describe()}")
        for kind in computing:
            say(f"{kind.name}: {kind.description}")
            given = PARAMETERS.get(kind.name, {})
            compute_one_by_one(ledger, kind, outcome.run_id, inputs=images, outputs=results, given=given)
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
