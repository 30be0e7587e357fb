"""kill -9 while what passed is copied: there is no manifest, and the same trigger again goes on where it was."""

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow.parquet as pq
import pytest

from dicom_sieve import open_ledger
from dicom_sieve.ledger.reading.runs import ABANDONED
from dicom_sieve.ledger.writing.runs import former_ids
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores import DirectoryStore, S3Access, S3Store
from dicom_sieve.stores.interface import Downloads, Store
from tests.conftest import S3Server
from tests.screening.screenings import ct, mr, screen_ct, state_of
from tests.stores.buckets import contents, fill
from tests.support.fault_proxy import fault_proxy

OBJECTS = {f"{number:02}": ct(uid=f"1.2.3.4.{number}") for number in range(40)} | {"mr": mr(), "text": b"no DICOM"}
PASSED = {key: data for key, data in OBJECTS.items() if key not in {"mr", "text"}}
DEADLY = "20"


class DeadlyDirectory(DirectoryStore):
    """A directory; who copies a certain object to it dies before that copy is made."""

    def copy_from(self, source: Downloads, listed: ObjectInfo, key: str, formers: Sequence[str] = ()) -> None:
        _die(listed)
        super().copy_from(source, listed, key, formers)


class DeadlyBucket(S3Store):
    """A bucket, likewise."""

    def copy_from(self, source: Downloads, listed: ObjectInfo, key: str, formers: Sequence[str] = ()) -> None:
        _die(listed)
        super().copy_from(source, listed, key, formers)


def _die(listed: ObjectInfo) -> None:
    if listed.key == DEADLY:
        os.kill(os.getpid(), signal.SIGKILL)


def screen_to(source: Store, output: Any, ledger_file: Path) -> Any:
    with open_ledger(f"sqlite:///{ledger_file}") as ledger:
        return screen_ct(source, ledger, "run", output=output, copies_of=source)


def die_while_copying(source: Store, output: Any, ledger_file: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=screen_to, args=(source, output, ledger_file))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


def assert_whole(left: Mapping[str, bytes], find: Callable[[str], Any]) -> None:
    """See what a killed run left: whole objects, none that did not pass, and no manifest."""
    assert 0 < len(left) < len(PASSED)
    assert left.items() <= PASSED.items()
    assert find("run/manifest.json") is None


def assert_recorded(ledger_file: Path) -> None:
    with open_ledger(f"sqlite:///{ledger_file}") as ledger:
        assert state_of(ledger, "run") == ("FAILED", ABANDONED)
        assert ledger.run("run.2").row.state == "COMPLETED"


def test_a_killed_copy_to_a_directory_leaves_no_manifest_and_the_next_start_ends_it(tmp_path: Path) -> None:
    images, out, ledger_file = tmp_path / "images", tmp_path / "out", tmp_path / "ledger.db"
    images.mkdir()
    for key, data in OBJECTS.items():
        (images / key).write_bytes(data)

    def copies_in(folder: str) -> dict[str, bytes]:
        """Give the copies in a folder, without what was being written when its writer died."""
        files = (out / folder / "objects").iterdir()
        return {path.name: path.read_bytes() for path in files if path.suffix != ".part"}

    die_while_copying(DirectoryStore(images), DeadlyDirectory(out), ledger_file)
    left = copies_in("run")
    assert_whole(left, DirectoryStore(out).find)
    outcome = screen_to(DirectoryStore(images), DirectoryStore(out), ledger_file)

    assert_recorded(ledger_file)
    assert outcome.counts["reads"] == 0
    assert copies_in("run") == left
    assert copies_in("run.2") == PASSED
    rows = pq.read_table(out / "run.2" / "copies.parquet").to_pylist()
    assert {row["copy_key"]: row["outcome"] for row in rows} == {f"run.2/objects/{key}": "COPIED" for key in PASSED}
    assert json.loads((out / "run.2" / "manifest.json").read_text())["counts"]["copies"] == {"COPIED": len(PASSED)}


@pytest.mark.parametrize("target", ["bucket", "directory"])
def test_a_killed_copy_from_another_server_is_continued_with_what_is_missing(
    s3_server: S3Server, tmp_path: Path, target: str
) -> None:
    source, results, ledger_file = s3_server.make_bucket(), s3_server.make_bucket(), tmp_path / "ledger.db"
    fill(s3_server, source, OBJECTS)
    out = s3_server.store(results)
    directory = DirectoryStore(tmp_path / "out")

    def copies_of(run: str) -> dict[str, bytes]:
        if target == "bucket":
            return contents(s3_server, results, f"{run}/objects")
        files = (tmp_path / "out" / run / "objects").iterdir()
        return {path.name: path.read_bytes() for path in files if path.suffix != ".part"}

    with fault_proxy(s3_server.endpoint) as proxy:  # which makes it another server
        store = S3Store(S3Access(source, "eu-west", proxy.endpoint, s3_server.credentials))
        deadly = DeadlyBucket(out.access) if target == "bucket" else DeadlyDirectory(tmp_path / "out")
        die_while_copying(store, deadly, ledger_file)
        left = copies_of("run")
        assert_whole(left, out.find if target == "bucket" else directory.find)
        proxy.requests.clear()
        screen_to(store, out if target == "bucket" else directory, ledger_file)
        paths = (unquote(path.partition("?")[0]) for method, path in proxy.requests if method == "GET")
        downloaded = {path.removeprefix(f"/{source}/") for path in paths} - {f"/{source}", f"/{source}/"}

    assert_recorded(ledger_file)
    assert downloaded == PASSED.keys() - left.keys()
    assert copies_of("run.2") == PASSED


def test_what_lies_there_under_another_etag_is_no_copy(s3_server: S3Server, tmp_path: Path) -> None:
    source, results = s3_server.make_bucket(), s3_server.make_bucket()
    fill(s3_server, source, {"a": b"judged", "b": b"judged"})
    fill(s3_server, results, {"run/objects/a": b"edited", "run/objects/b": b"longer than that"})
    (tmp_path / "run" / "objects").mkdir(parents=True)
    (tmp_path / "run" / "objects" / "a").write_bytes(b"edited")
    listed = {listed.key: listed for listed in s3_server.store(source).list()}

    with fault_proxy(s3_server.endpoint) as proxy:
        store = S3Store(S3Access(source, "eu-west", proxy.endpoint, s3_server.credentials))
        for key in ("a", "b"):
            s3_server.store(results).copy_from(store, listed[key], f"run.2/objects/{key}", [f"run/objects/{key}"])
        DirectoryStore(tmp_path).copy_from(store, listed["a"], "run.2/objects/a", ["run/objects/a", "run/objects/b"])

    assert contents(s3_server, results, "run.2/objects") == {"a": b"judged", "b": b"judged"}
    assert (tmp_path / "run.2" / "objects" / "a").read_bytes() == b"judged"


@pytest.mark.parametrize(
    ("run_id", "execution_id", "formers"),
    [
        ("c0ffee", "c0ffee", []),
        ("c0ffee.2", "c0ffee", ["c0ffee"]),
        ("c0ffee.4", "c0ffee", ["c0ffee.3", "c0ffee.2", "c0ffee"]),
        ("a.2.3", "a.2", ["a.2.2", "a.2"]),
    ],
)
def test_earlier_starts_are_known_by_their_ids(run_id: str, execution_id: str, formers: list[str]) -> None:
    assert former_ids(run_id, execution_id) == formers
