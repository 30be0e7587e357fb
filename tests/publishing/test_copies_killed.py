"""kill -9 while what passed is copied: there is no manifest, and the same trigger again copies all under its own id."""

import json
import multiprocessing
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from dicom_sieve import open_ledger
from dicom_sieve.ledger.runs import ABANDONED
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores import DirectoryStore
from dicom_sieve.stores.interface import Downloads
from tests.screening.screenings import ct, mr, screen_ct, state_of

OBJECTS = {f"{number:02}": ct(uid=f"1.2.3.4.{number}") for number in range(40)} | {"mr": mr(), "text": b"no DICOM"}
PASSED = {key: data for key, data in OBJECTS.items() if key not in {"mr", "text"}}


@dataclass(frozen=True)
class DeadlyDirectory(DirectoryStore):
    """A directory; who copies a certain object to it dies before that copy is made."""

    def copy_from(self, source: Downloads, listed: ObjectInfo, key: str) -> None:
        if listed.key == "20":
            os.kill(os.getpid(), signal.SIGKILL)
        super().copy_from(source, listed, key)


def screen_and_die(home: Path) -> None:
    with open_ledger(f"sqlite:///{home}/ledger.db") as ledger:
        store = DirectoryStore(home / "images")
        screen_ct(store, ledger, "run", output=DeadlyDirectory(home / "out"), copies_of=store)


def copies_in(folder: Path) -> dict[str, bytes]:
    """Give the copies in a folder, without what was being written when its writer died."""
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.suffix != ".part"}


def test_leaves_no_manifest_and_the_next_start_has_every_copy_once(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for key, data in OBJECTS.items():
        (tmp_path / "images" / key).write_bytes(data)
    process = multiprocessing.get_context("spawn").Process(target=screen_and_die, args=(tmp_path,))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL

    out = tmp_path / "out"
    left = copies_in(out / "run" / "objects")
    assert 0 < len(left) < len(PASSED)
    assert left.items() <= PASSED.items(), "whole objects, and none that did not pass"
    assert not (out / "run" / "manifest.json").exists()
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        store = DirectoryStore(tmp_path / "images")
        outcome = screen_ct(store, ledger, "run", output=DirectoryStore(out), copies_of=store)
        assert state_of(ledger, "run") == ("FAILED", ABANDONED)

    assert outcome.counts["reads"] == 0
    assert copies_in(out / "run" / "objects") == left
    assert copies_in(out / "run.2" / "objects") == PASSED
    rows = pq.read_table(out / "run.2" / "copies.parquet").to_pylist()
    assert {row["copy_key"]: row["outcome"] for row in rows} == {f"run.2/objects/{key}": "COPIED" for key in PASSED}
    assert json.loads((out / "run.2" / "manifest.json").read_text())["counts"]["copies"] == {"COPIED": len(PASSED)}
