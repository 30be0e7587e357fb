"""DS (Decimal String) as one more VR: what a later version of the software reads, and lets criteria test."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from examples.vr_decimal_string import DS

from dicom_sieve import open_ledger
from dicom_sieve.criteria import Criterion, Operation
from dicom_sieve.dicom import dictionary
from dicom_sieve.dicom.vr.registry import KEPT, VRS
from dicom_sieve.headers import edition, quick, values
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.screening import Screening, screen
from dicom_sieve.stores import DirectoryStore

SLICE_THICKNESS = "SliceThickness (0018,0050)"
_CACHED = (dictionary.header_tags, edition.current_edition, values.wanted_tags, values.last_wanted_tag, values._names)


def thinner_than(millimetres: str) -> list[Criterion]:
    """Criteria that ask for thin slices; of use where DS is known."""
    return [Criterion(dicom_tag=("0018", "0050"), operation=Operation.LESS, reference=millimetres)]


@contextmanager
def decimal_strings_known() -> Iterator[None]:
    """Read DS, and let criteria ask for it, for a while. All of it follows from the registry alone."""
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(VRS, DS.code, DS)
            patch.setitem(KEPT, DS.code, DS)
            _forget_what_is_read()
            yield
    finally:
        _forget_what_is_read()


def _forget_what_is_read() -> None:
    for function in _CACHED:
        function.cache_clear()
    quick.forget()


def read_again_and_be_killed(url: str, root: Path, reads: int) -> None:
    """Screen a directory for thin slices, one object a shard, and be killed before a number of reads."""
    with decimal_strings_known(), open_ledger(url) as ledger:
        _DoomedDirectory.left = iter(range(reads))
        store = _DoomedDirectory(root)
        screen(Screening("killed", store, thinner_than("2"), shard_objects=1, lease_seconds=1), ledger)


class _DoomedDirectory(DirectoryStore):
    left: Iterator[int]

    async def read(self, listed: ObjectInfo, *, start: int, end: int) -> bytes:
        if next(self.left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return await super().read(listed, start=start, end=end)
