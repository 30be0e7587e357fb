"""What versions of the software did that read headers for AS, CS and DA alone."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dicom_sieve import open_ledger
from dicom_sieve.criteria import Criterion, Operation
from dicom_sieve.headers import quick
from dicom_sieve.headers.edition import first_edition
from dicom_sieve.headers.vocabulary import first_vocabulary
from dicom_sieve.ledger.writing import headers
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.screening import Screening, index, refresh, screen
from dicom_sieve.stores import DirectoryStore

SLICE_THICKNESS = "SliceThickness (0018,0050)"


def thinner_than(millimetres: str) -> list[Criterion]:
    """Criteria that ask for thin slices: what the first edition does not have."""
    return [Criterion(dicom_tag=("0018", "0050"), operation=Operation.LESS, reference=millimetres)]


@contextmanager
def reading_for_less() -> Iterator[None]:
    """Read headers for the first edition for a while."""
    try:
        with pytest.MonkeyPatch.context() as patch:
            scanning = sys.modules["dicom_sieve.headers.scan"]
            patch.setattr(scanning, "current_vocabulary", first_vocabulary)
            patch.setattr(scanning, "read_quickly", lambda *_, **__: None)  # it reads the current edition alone
            for module in (headers, index, refresh):
                patch.setattr(module, "current_edition", first_edition)
            quick.forget()
            yield
    finally:
        quick.forget()


def read_again_and_be_killed(url: str, root: Path, reads: int) -> None:
    """Screen a directory for thin slices, one object a shard, and be killed before a number of reads."""
    with open_ledger(url) as ledger:
        _DoomedDirectory.left = iter(range(reads))
        store = _DoomedDirectory(root)
        screen(
            Screening("killed", store, thinner_than("2"), shard_objects=1, objects_together=1, lease_seconds=6), ledger
        )


class _DoomedDirectory(DirectoryStore):
    left: Iterator[int]

    async def read(self, listed: ObjectInfo, *, start: int, end: int) -> bytes:
        if next(self.left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return await super().read(listed, start=start, end=end)
