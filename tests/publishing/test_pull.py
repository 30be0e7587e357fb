"""What passed, on disk: the bytes that were judged, each once, all accounted for, and gone on with."""

import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.errors import InvalidRequestError, LedgerError, StoreError
from dicom_sieve.objects import Location, ObjectInfo, Selection
from dicom_sieve.publishing import pull_record
from dicom_sieve.publishing.pull import DUPLICATES, Layout, PullOutcome, PullSummary, pull
from dicom_sieve.stores import DirectoryStore, Retries, S3Access, S3Store
from tests.conftest import S3Server
from tests.screening.screenings import ct, mr, screen_ct
from tests.stores.buckets import fill
from tests.support.documents import read, section
from tests.support.fault_proxy import fault_proxy
from tests.support.simulated_store import SimulatedStore

OBJECTS = {
    "a/1.dcm": ct("1.5.1", "1.6.1", PatientID="PLANTED-A", pixel_bytes=5_000),
    "a/2.dcm": ct("1.5.1", "1.6.2", PatientID="PLANTED-A"),
    "b/1": ct("1.5.2", "1.6.3"),
    "b/2": mr("1.5.2", "1.6.4"),
    "notes": b"no DICOM",
}
PASSED = {key: OBJECTS[key] for key in ("a/1.dcm", "a/2.dcm", "b/1")}


class Counting:
    """A source that counts what is read of it."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.keys: list[str] = []

    @property
    def location(self) -> Location:
        found: Location = self.store.location
        return found

    def download(self, listed: ObjectInfo, target: Path) -> None:
        self.keys.append(listed.key)
        self.store.download(listed, target)


def files_in(folder: Path) -> dict[str, bytes]:
    """Give the files of a pull, by their paths; not its record."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != pull_record.RECORD
    }


def record_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / pull_record.RECORD).read_text().splitlines()[1:]]


def outcomes(summary: PullSummary) -> dict[str, int]:
    return {outcome.value: count for outcome, count in summary.outcomes.items()}


@pytest.fixture
def store(ledger: Ledger) -> SimulatedStore:
    """A store whose objects the run "run" judged."""
    made = SimulatedStore(OBJECTS)
    screen_ct(made, ledger, "run")
    return made


class TestLayout:
    def test_layout_by_uids_has_patients_as_digests_and_every_file_is_the_object_s(
        self, ledger: Ledger, store: SimulatedStore, tmp_path: Path
    ) -> None:
        summary = pull(ledger.run("run"), store, tmp_path / "out")

        assert outcomes(summary) == {"PULLED": 3}
        assert summary.is_complete
        patient = {row.object_key: row.patient for row in ledger.run("run").objects()}["a/1.dcm"]
        assert files_in(tmp_path / "out") == {
            f"{patient}/1.2.3/1.5.1/1.6.1.dcm": PASSED["a/1.dcm"],
            f"{patient}/1.2.3/1.5.1/1.6.2.dcm": PASSED["a/2.dcm"],
            "unknown-patient/1.2.3/1.5.2/1.6.3.dcm": PASSED["b/1"],
        }
        assert "PLANTED" not in "".join(files_in(tmp_path / "out")) + (tmp_path / "out/pulled.jsonl").read_text()

    def test_layout_by_keys_has_the_objects_names(self, ledger: Ledger, store: SimulatedStore, tmp_path: Path) -> None:
        pull(ledger.run("run"), store, tmp_path / "out", layout=Layout.KEY)

        assert files_in(tmp_path / "out") == PASSED

    def test_layout_is_for_its_owner_alone(self, images: tuple[str, Path], tmp_path: Path) -> None:
        url, folder = images
        with open_ledger(url) as ledger:
            pull(ledger.run("run"), DirectoryStore(folder), tmp_path / "new/out")

        made = [tmp_path / "new", *tmp_path.joinpath("new").rglob("*")]
        assert {path.stat().st_mode & 0o777 for path in made if path.is_file()} == {0o600}
        assert {path.stat().st_mode & 0o777 for path in made if path.is_dir()} == {0o700}

    def test_whole_series_alone_and_the_others_are_accounted_for(
        self, ledger: Ledger, store: SimulatedStore, tmp_path: Path
    ) -> None:
        summary = pull(ledger.run("run"), store, tmp_path / "out", selection=Selection.WHOLE, layout=Layout.KEY)

        assert outcomes(summary) == {"PULLED": 2, "NOT_WHOLE": 1}
        assert summary.is_complete
        assert set(files_in(tmp_path / "out")) == {"a/1.dcm", "a/2.dcm"}
        assert {line["object_key"]: line["outcome"] for line in record_of(tmp_path / "out")}["b/1"] == "NOT_WHOLE"

    def test_no_uid_and_no_key_leads_out_of_the_folder(self, ledger: Ledger, tmp_path: Path) -> None:
        up = ct("1.5.5555555", "1.6").replace(b"1.5.5555555", b"../../../up")
        odd = {"1": up, "2": ct("1.5", "1.777").replace(b"1.777", b"/etc/"), "../3": ct("1.5", "1.6")}
        store = SimulatedStore(odd)
        screen_ct(store, ledger, "run")

        by_uid = pull(ledger.run("run"), store, tmp_path / "in/uid")
        by_key = pull(ledger.run("run"), store, tmp_path / "in/key", layout=Layout.KEY)

        assert outcomes(by_uid) == {"PULLED": 3}
        assert sorted(files_in(tmp_path / "in/uid").values()) == sorted(odd.values())
        assert outcomes(by_key) == {"PULLED": 2, "UNWRITABLE_KEY": 1}
        assert not by_key.is_complete
        assert [path.name for path in tmp_path.iterdir() if "ledger.db" not in path.name] == ["in"]
        assert sorted(path.name for path in (tmp_path / "in").iterdir()) == ["key", "uid"]

    def test_a_key_with_the_name_of_the_record_is_no_file(self, ledger: Ledger, tmp_path: Path) -> None:
        keys = ("pulled.jsonl", ".pulled-now.jsonl/x", ".dicom-sieve-abcdefgh/.lock", "a/pulled.jsonl")
        store = SimulatedStore({key: ct("1.5", f"1.6.{number}") for number, key in enumerate(keys)})
        screen_ct(store, ledger, "run")

        summary = pull(ledger.run("run"), store, tmp_path / "out", layout=Layout.KEY)

        assert outcomes(summary) == {"PULLED": 1, "UNWRITABLE_KEY": 3}
        assert (tmp_path / "out/a/pulled.jsonl").is_file()
        assert {line["outcome"] for line in record_of(tmp_path / "out")} == {"PULLED", "UNWRITABLE_KEY"}


class TestDuplicates:
    def test_duplicates_are_all_there_and_no_series_has_an_instance_twice(self, ledger: Ledger, tmp_path: Path) -> None:
        objects = {
            "1": ct("1.5", "1.6.1", StudyDate="20230101"),
            "2": ct("1.5", "1.6.1", StudyDate="20230101"),
            "3": ct("1.5", "1.6.1", StudyDate="20240202"),
            "4": ct("1.5.2", "1.6.1"),
            "5": ct("1.5", "1.6.2"),
        }
        store = SimulatedStore(objects)
        screen_ct(store, ledger, "run")

        summary = pull(ledger.run("run"), store, tmp_path / "out")

        found = files_in(tmp_path / "out")
        assert sorted(found.values()) == sorted(objects.values())
        assert summary.duplicates == 2
        assert found["unknown-patient/1.2.3/1.5/1.6.1.dcm"] == objects["1"]
        assert found["unknown-patient/1.2.3/1.5.2/1.6.1.dcm"] == objects["4"]
        assert sum(path.startswith(f"{DUPLICATES}/") for path in found) == 2
        told = {line["object_key"]: line["duplicate"] for line in record_of(tmp_path / "out")}
        assert told == {"1": False, "2": True, "3": True, "4": False, "5": False}

    def test_what_another_run_let_pass_or_what_is_gone_makes_none(self, ledger: Ledger, tmp_path: Path) -> None:
        store = SimulatedStore({"1": ct("1.5", "1.6.1"), "2": mr("1.5", "1.6.1"), "3": ct("1.5", "1.6.1")})
        screen_ct(store, ledger, "before")
        store.delete("3")
        screen_ct(store, ledger, "run")

        assert pull(ledger.run("run"), store, tmp_path / "out").duplicates == 0
        assert pull(ledger.run("before"), SimulatedStore(), tmp_path / "old").outcomes.total() == 2


class TestBoundToWhatWasJudged:
    def test_what_changed_or_is_gone_is_not_taken_but_told(
        self, ledger: Ledger, store: SimulatedStore, tmp_path: Path
    ) -> None:
        store.put("a/1.dcm", b"as it is now")
        store.delete("a/2.dcm")
        store.refused = {"b/1"}

        summary = pull(ledger.run("run"), store, tmp_path / "out")

        assert outcomes(summary) == {"CHANGED": 1, "GONE": 1, "REFUSED": 1}
        assert not summary.is_complete
        assert summary.missing == [
            ("a/1.dcm", "the object has changed since it was listed"),
            ("a/2.dcm", "the object is gone"),
            ("b/1", "the store refuses the object: AccessDenied"),
        ]
        assert files_in(tmp_path / "out") == {}
        assert [line["reason"] for line in record_of(tmp_path / "out")] == [reason for _, reason in summary.missing]

    def test_bound_to_what_was_judged_on_a_real_server_the_bytes_are_of_the_etag(
        self, s3_server: S3Server, tmp_path: Path
    ) -> None:
        bucket = s3_server.make_bucket()
        fill(s3_server, bucket, OBJECTS)
        store = s3_server.store(bucket)
        with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
            screen_ct(store, ledger, "run")
            s3_server.client().put_object(Bucket=bucket, Key="b/1", Body=b"as it is now")

            summary = pull(ledger.run("run"), store, tmp_path / "out", layout=Layout.KEY)

        assert outcomes(summary) == {"PULLED": 2, "CHANGED": 1}
        assert files_in(tmp_path / "out") == {key: OBJECTS[key] for key in ("a/1.dcm", "a/2.dcm")}

    def test_faults_on_the_way_change_nothing(self, moto_server: S3Server, tmp_path: Path) -> None:
        bucket = moto_server.make_bucket()
        objects = {f"{number:03}": ct("1.5", f"1.6.{number}", pixel_bytes=1_000) for number in range(100)}
        fill(moto_server, bucket, objects)
        quick = Retries(request_timeout_seconds=2.0, read_attempts=12, first_pause_seconds=0.01)
        with (
            open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger,
            fault_proxy(moto_server.endpoint, probability=0.1, stall_seconds=3.0, seed=7) as proxy,
        ):
            screen_ct(moto_server.store(bucket), ledger, "run")
            source = S3Store(S3Access(bucket, "eu-west", proxy.endpoint, moto_server.credentials, quick))
            summary = pull(ledger.run("run"), source, tmp_path / "out", layout=Layout.KEY)

        assert proxy.happened.total() >= 3
        assert outcomes(summary) == {"PULLED": 100}
        assert files_in(tmp_path / "out") == objects


class TestGoneOnWith:
    def test_what_is_there_is_not_read_again(self, ledger: Ledger, store: SimulatedStore, tmp_path: Path) -> None:
        pull(ledger.run("run"), store, tmp_path / "out")
        again = Counting(store)

        summary = pull(ledger.run("run"), again, tmp_path / "out")

        assert again.keys == []
        assert outcomes(summary) == {"PRESENT": 3}
        assert [line["outcome"] for line in record_of(tmp_path / "out")] == ["PRESENT"] * 3

    @pytest.mark.parametrize("harm", ["cut", "same size", "deleted"])
    def test_what_is_missing_or_damaged_is_read_and_nothing_else(
        self, ledger: Ledger, store: SimulatedStore, tmp_path: Path, harm: str
    ) -> None:
        out = tmp_path / "out"
        pull(ledger.run("run"), store, out, layout=Layout.KEY)
        file = out / "a/1.dcm"
        if harm == "deleted":
            file.unlink()
        else:
            file.write_bytes(OBJECTS["a/1.dcm"][:100] if harm == "cut" else bytes(len(OBJECTS["a/1.dcm"])))
        again = Counting(store)

        summary = pull(ledger.run("run"), again, out, layout=Layout.KEY)

        assert again.keys == ["a/1.dcm"]
        assert outcomes(summary) == {"PRESENT": 2, "PULLED" if harm == "deleted" else "REPLACED": 1}
        assert files_in(out) == PASSED

    def test_a_folder_that_was_moved_or_copied_is_known_by_its_bytes(
        self, ledger: Ledger, store: SimulatedStore, tmp_path: Path
    ) -> None:
        pull(ledger.run("run"), store, tmp_path / "out")
        subprocess.run(["cp", "-r", str(tmp_path / "out"), str(tmp_path / "copy")], check=True)
        again = Counting(store)

        assert outcomes(pull(ledger.run("run"), again, tmp_path / "copy")) == {"PRESENT": 3}
        assert again.keys == []

    def test_what_failed_is_tried_again(self, ledger: Ledger, store: SimulatedStore, tmp_path: Path) -> None:
        store.faults = {"b/1": 1}
        assert outcomes(pull(ledger.run("run"), store, tmp_path / "out")) == {"PULLED": 2, "FAILED": 1}
        again = Counting(store)

        assert outcomes(pull(ledger.run("run"), again, tmp_path / "out")) == {"PRESENT": 2, "PULLED": 1}
        assert again.keys == ["b/1"]

    def test_a_file_of_somebody_else_is_left_and_told(
        self, ledger: Ledger, store: SimulatedStore, tmp_path: Path
    ) -> None:
        out = tmp_path / "out"
        store.faults = {"b/1": 1}
        pull(ledger.run("run"), store, out, layout=Layout.KEY)
        (out / "b").mkdir(exist_ok=True)
        (out / "b/1").write_bytes(b"mine")

        summary = pull(ledger.run("run"), store, out, layout=Layout.KEY)

        assert outcomes(summary) == {"PRESENT": 2, "UNWRITABLE_KEY": 1}
        assert (out / "b/1").read_bytes() == b"mine"

    def test_an_error_that_ends_it_leaves_what_was_done(self, ledger: Ledger, tmp_path: Path) -> None:
        store = SimulatedStore({f"{number:03}": ct("1.5", f"1.6.{number}") for number in range(300)})
        screen_ct(store, ledger, "run")
        store.faults = {f"{number:03}": -1 for number in range(100, 300)}

        said = "cannot pull from s3://challenge-tech: 64 copies in a row failed: 64 ConnectionClosedError; "
        with pytest.raises(StoreError, match=said):
            pull(ledger.run("run"), store, tmp_path / "out")

        assert not (tmp_path / "out" / pull_record.RECORD).exists()
        store.faults = {}
        again = Counting(store)
        assert pull(ledger.run("run"), again, tmp_path / "out").outcomes == Counter(PRESENT=100, PULLED=200)
        assert sorted(again.keys) == [f"{number:03}" for number in range(100, 300)]


SLOW = """
import sys, time
from pathlib import Path
from dicom_sieve import open_ledger
from dicom_sieve.publishing.pull import Layout, pull
from dicom_sieve.stores import DirectoryStore

class Slow:
    def __init__(self, root):
        self.store = DirectoryStore(Path(root))
        self.location = self.store.location
    def download(self, listed, target):
        target.write_bytes(b"half")
        time.sleep(0.1)
        target.unlink()
        self.store.download(listed, target)

url, images, out = sys.argv[1:]
with open_ledger(url) as ledger:
    pull(ledger.run("run"), Slow(images), Path(out), layout=Layout.KEY)
"""


@pytest.fixture
def images(tmp_path: Path) -> tuple[str, Path]:
    """A ledger in a file, and a directory of 400 images that its run let pass."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(400):
        (folder / f"{number:03}").write_bytes(ct("1.5", f"1.6.{number}"))
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with open_ledger(url) as ledger:
        screen_ct(DirectoryStore(folder), ledger, "run")
    return url, folder


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_anywhere_it_goes_on_and_reads_only_what_is_missing(
    images: tuple[str, Path], tmp_path: Path, number: signal.Signals
) -> None:
    url, folder = images
    out = tmp_path / "out"
    complete = {file.name: file.read_bytes() for file in folder.iterdir()}
    for round_ in range(1, 4):
        process = subprocess.Popen([sys.executable, "-c", SLOW, url, str(folder), str(out)], stderr=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while len(list(out.glob("[0-9]*"))) <= 60 * round_:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
        process.send_signal(number)
        process.wait()
        left = {path.name: path.read_bytes() for path in out.glob("[0-9]*")}
        assert left.items() <= complete.items()
        assert not (out / pull_record.RECORD).exists()
    assert len(left) < len(complete)
    source = Counting(DirectoryStore(folder))

    with open_ledger(url) as ledger:
        pull(ledger.run("run"), source, out, layout=Layout.KEY)

    assert len(source.keys) <= len(complete) - len(left) + 32  # that were in flight
    assert files_in(out) == complete
    assert sorted(path.name for path in out.iterdir() if path.name.startswith(".")) == []


class TestRefused:
    def test_pull_refuses_a_folder_in_the_input_or_around_it(self, images: tuple[str, Path], tmp_path: Path) -> None:
        url, folder = images
        with open_ledger(url) as ledger:
            for place in (folder, folder / "out", tmp_path):
                with pytest.raises(InvalidRequestError, match=r"DIR: the (in|out)put"):
                    pull(ledger.run("run"), DirectoryStore(folder), place)
        assert len(list(folder.iterdir())) == 400

    def test_a_folder_with_other_files(self, ledger: Ledger, store: SimulatedStore, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out/mine").write_text("x")

        with pytest.raises(
            InvalidRequestError, match="has files, and no record of a pull; accepted: an empty directory"
        ):
            pull(ledger.run("run"), store, tmp_path / "out")

    def test_a_folder_of_another_run_or_selection(self, ledger: Ledger, store: SimulatedStore, tmp_path: Path) -> None:
        pull(ledger.run("run"), store, tmp_path / "out")
        screen_ct(store, ledger, "other")

        with pytest.raises(InvalidRequestError, match="was begun otherwise: run_id run; accepted: another directory"):
            pull(ledger.run("other"), store, tmp_path / "out")
        with pytest.raises(InvalidRequestError, match="was begun otherwise: selection ANY, layout UID"):
            pull(ledger.run("run"), store, tmp_path / "out", selection=Selection.WHOLE, layout=Layout.KEY)

    def test_a_file_in_place_of_a_folder(self, ledger: Ledger, store: SimulatedStore, tmp_path: Path) -> None:
        (tmp_path / "out").write_text("x")

        with pytest.raises(InvalidRequestError, match=f"DIR: {tmp_path}/out cannot be used: Not a directory"):
            pull(ledger.run("run"), store, tmp_path / "out")

    def test_two_pulls_at_once(self, ledger: Ledger, store: SimulatedStore, tmp_path: Path) -> None:
        head = {"run_id": "run", "selection": "ANY", "layout": "UID"}
        with (
            pull_record.open_record(tmp_path / "out", head),
            pytest.raises(InvalidRequestError, match="another pull is writing to"),
        ):
            pull(ledger.run("run"), store, tmp_path / "out")

    def test_a_run_that_did_not_complete(self, ledger: Ledger, tmp_path: Path) -> None:
        store = SimulatedStore(OBJECTS)
        store.faults = {"a/1.dcm": -1}
        with pytest.raises(Exception, match="INCOMPLETE"):
            screen_ct(store, ledger, "run")

        with pytest.raises(LedgerError, match="run run is INCOMPLETE: only what a COMPLETED run let pass"):
            pull(ledger.run("run"), store, tmp_path / "out")


def test_a_link_in_the_folder_is_not_followed(ledger: Ledger, store: SimulatedStore, tmp_path: Path) -> None:
    out, outside = tmp_path / "out", tmp_path / "outside"
    pull(ledger.run("run"), store, out, layout=Layout.KEY)
    outside.mkdir()
    (out / "a").rename(tmp_path / "moved")
    (out / "a").symlink_to(outside)

    summary = pull(ledger.run("run"), store, out, layout=Layout.KEY)

    assert outcomes(summary) == {"PRESENT": 1, "UNWRITABLE_KEY": 2}
    assert list(outside.iterdir()) == []


def test_the_document_names_every_outcome() -> None:
    told = section(read("docs/results.md"), "Files on disk").partition("| outcome | means |")[2]

    assert re.findall(r"^\| `([A-Z_]+)` \|", told, flags=re.MULTILINE) == [*PullOutcome]
