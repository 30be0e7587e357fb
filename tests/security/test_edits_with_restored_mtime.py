"""A file is edited in place, its size kept and its time of modification set back: its old verdict must not stay."""

import asyncio
import os
from pathlib import Path

import pytest

from dicom_sieve import Ledger
from dicom_sieve.stores import DirectoryStore
from dicom_sieve.stores.interface import ObjectChangedError
from tests.screening.screenings import ct, mr, screen_ct, verdicts
from tests.stores.buckets import read


def edit_in_place(file: Path, data: bytes) -> None:
    """Write other bytes of the same size into a file, and restore all times that can be set."""
    before = file.stat()
    assert len(data) == before.st_size
    with file.open("r+b") as opened:
        opened.write(data)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = file.stat()
    assert (after.st_mtime_ns, after.st_size, after.st_ino) == (before.st_mtime_ns, before.st_size, before.st_ino)


def test_the_next_run_judges_the_file_anew(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1").write_bytes(ct())
    (tmp_path / "images" / "2").write_bytes(ct(uid="1.2.3.4.2"))
    store = DirectoryStore(tmp_path / "images")
    screen_ct(store, ledger, "first")

    edit_in_place(tmp_path / "images" / "1", mr("1.2.3.4", "1.2.3.4.1"))
    outcome = screen_ct(store, ledger, "second")

    assert verdicts(ledger, "first") == {"1": ("PASSED", None), "2": ("PASSED", None)}
    assert verdicts(ledger, "second") == {"1": ("DISCARDED", None), "2": ("PASSED", None)}
    assert outcome.counts["indexed"] == 1


@pytest.mark.parametrize("way", ["read", "download"])
def test_what_was_judged_is_not_given_out_as_it_is_now(tmp_path: Path, way: str) -> None:
    (tmp_path / "images").mkdir()
    file = tmp_path / "images" / "1"
    file.write_bytes(ct())
    store = DirectoryStore(tmp_path / "images")
    (listed,) = store.list()

    edit_in_place(file, mr("1.2.3.4", "1.2.3.4.1"))

    with pytest.raises(ObjectChangedError):
        read(store, listed, 0, 10) if way == "read" else store.download(listed, tmp_path / "copy")


def test_reading_a_file_leaves_its_identity_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1").write_bytes(ct())
    store = DirectoryStore(tmp_path / "images")
    (listed,) = store.list()

    read(store, listed, 0, 100)
    store.download(listed, tmp_path / "copy")

    assert asyncio.run(store.stat("1")) == listed
    assert list(store.list()) == [listed]
