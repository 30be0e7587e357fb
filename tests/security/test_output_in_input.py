"""What a run publishes lies where the next run reads: each run screens the copies of all former ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from dicom_sieve import Ledger
from dicom_sieve.apart import describe_overlap
from dicom_sieve.computations import open_computation
from dicom_sieve.errors import ComputationError, DicomSieveError, InvalidRequestError, StoreError
from dicom_sieve.objects import Location
from dicom_sieve.screening import Preview
from dicom_sieve.screening import preview as run_preview
from dicom_sieve.stores import DirectoryStore
from tests.cli.command import run_command
from tests.conftest import S3Server
from tests.screening.screenings import ct, one_of, screen_ct
from tests.stores.buckets import fill
from tests.support.simulated_store import SimulatedStore

SERVER = "https://s3.example"
WRITTEN = "what is written there would be screened by the next run; accepted: "
ELSEWHERE = f"{WRITTEN}another bucket, or prefixes of which neither begins with the other"


def images(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for number in range(2):
        (root / f"{number}").write_bytes(ct(uid=f"1.2.3.4.{number}"))
    return root


class TestDirectories:
    @pytest.mark.parametrize(
        ("source", "output", "how"),
        [
            ("in", "in", "the output {output} is the input itself"),
            ("in", "in/out", "the output {output} lies inside the input {source}"),
            ("in", "in/a/b/out", "the output {output} lies inside the input {source}"),
            ("out/in", "out", "the input {source} lies inside the output {output}"),
            ("in", "link/out", "the output {output} lies inside the input {source}"),
            ("link", "in", "the output {output} is the input itself"),
            ("in", "other/../in/out", "the output {output} lies inside the input {source}"),
        ],
    )
    def test_directories_within_each_other_are_refused_before_anything_is_read(
        self, ledger: Ledger, tmp_path: Path, source: str, output: str, how: str
    ) -> None:
        (tmp_path / "link").symlink_to("in")
        (tmp_path / "other").mkdir()
        images(tmp_path / ("in" if source == "link" else source))
        before = sorted(tmp_path.rglob("*"))
        store, target = DirectoryStore(tmp_path / source), DirectoryStore(tmp_path / output)

        for _ in range(4):
            with pytest.raises(InvalidRequestError) as caught:
                screen_ct(store, ledger, "run", output=target, copies_of=store)

        said = how.format(output=target.location, source=store.location)
        assert str(caught.value) == f"output: {said}: {WRITTEN}a directory beside the input"
        made = {path for path in tmp_path.rglob("*") if not path.name.startswith("ledger.db")}
        assert made == {path for path in before if not path.name.startswith("ledger.db")}
        assert ledger.runs() == []

    @pytest.mark.parametrize(
        ("source", "output"), [("in", "in-out"), ("in/a", "in/b"), ("in-a", "in"), ("a/in", "b/in")]
    )
    def test_beside_each_other_are_not(self, ledger: Ledger, tmp_path: Path, source: str, output: str) -> None:
        store = DirectoryStore(images(tmp_path / source))

        for number in range(2):
            outcome = screen_ct(store, ledger, f"{number}", output=DirectoryStore(tmp_path / output), copies_of=store)
            assert outcome.counts["passed"] == 2


class TestBuckets:
    @pytest.mark.parametrize(
        ("source", "output", "how"),
        [
            ("", "", "the output s3://b is the input itself"),
            ("", "out/", "the output s3://b/out lies inside the input s3://b"),
            ("a/", "a/", "the output s3://b/a is the input itself"),
            ("a", "a", "the output s3://b/a is the input itself"),
            ("a/", "a", "the output s3://b/a is the input itself"),
            ("a", "about/x", "the output s3://b/about/x lies inside the input s3://b/a"),
            ("a/", "a/out", "the output s3://b/a/out lies inside the input s3://b/a"),
            ("a/images", "a", "the input s3://b/a/images lies inside the output s3://b/a"),
            ("images/", "", "the input s3://b/images lies inside the output s3://b"),
        ],
    )
    def test_buckets_of_one_server_with_prefixes_within_each_other_are_refused(
        self, source: str, output: str, how: str
    ) -> None:
        assert describe_overlap(Location(SERVER, "b", source), Location(SERVER, "b", output)) == f"{how}: {ELSEWHERE}"

    @pytest.mark.parametrize(
        "host",
        ["localhost.", "127.1", "127.0.0.2", "0x7f.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"],
    )
    def test_buckets_of_this_machine_are_one_server_however_it_is_written(self, host: str) -> None:
        source = Location("http://127.0.0.1:9000", "b", "")

        assert describe_overlap(source, Location(f"http://{host}:9000", "b", "out")) is not None
        assert describe_overlap(source, Location(f"http://{host}:9001", "b", "out")) is None

    @pytest.mark.parametrize("host", ["10.1", "0xa.1", "167772161", "[::ffff:10.0.0.1]"])
    def test_buckets_of_an_address_are_one_server_however_it_is_written(self, host: str) -> None:
        source = Location("http://10.0.0.1", "b", "")

        assert describe_overlap(source, Location(f"http://{host}:80", "b", "out")) is not None

    @pytest.mark.parametrize(
        "other",
        [
            Location(SERVER, "c", "a/out"),
            Location("https://other.example", "b", "a/out"),
            Location(SERVER, "b", "b"),
            Location(SERVER, "b", "A/out"),
            Location("http://s3.example", "b", "a/out"),
            Location("file:", "/b", "a/out"),
        ],
    )
    def test_buckets_that_lie_apart_are_not(self, other: Location) -> None:
        assert describe_overlap(Location(SERVER, "b", "a/"), other) is None
        assert describe_overlap(other, Location(SERVER, "b", "a/")) is None

    @pytest.mark.parametrize(
        ("name", "other"),
        [
            ("https://s3.example", "https://S3.EXAMPLE:443/"),
            ("http://localhost:9000", "http://127.0.0.1:9000"),
            ("http://[::1]:9000", "http://localhost:9000"),
            ("https://s3.amazonaws.com", "https://s3.eu-west-1.amazonaws.com"),
        ],
    )
    def test_buckets_of_one_server_under_two_names_are_refused(self, name: str, other: str) -> None:
        assert describe_overlap(Location(name, "b"), Location(other, "b", "out")) is not None

    def test_buckets_are_asked_for_nothing(self, ledger: Ledger) -> None:
        store = SimulatedStore({"1": ct()})

        with pytest.raises(InvalidRequestError, match="is the input itself"):
            screen_ct(store, ledger, "run", output=store)

        assert (store.lists, store.reads, store.written, ledger.runs()) == (0, [], [], [])


class TestEveryDoor:
    def test_the_command_refuses_it(self, tmp_path: Path) -> None:
        root = images(tmp_path / "images")
        (tmp_path / "criteria.json").write_text(json.dumps([criterion.as_given() for criterion in one_of("CT")]))
        home = tmp_path / "home"
        home.mkdir()

        done = run_command(
            *("screen", str(root), "--criteria", str(tmp_path / "criteria.json")),
            *("--output", str(root / "out"), "--copy"),
            home=home,
        )

        assert done.returncode == 2
        assert f"dicom-sieve: output: the output {root}/out lies inside the input {root}: {WRITTEN}" in done.stderr
        assert not (root / "out").exists()

    def test_results_of_a_computation_are_refused_likewise(self, ledger: Ledger, tmp_path: Path) -> None:
        store = DirectoryStore(images(tmp_path / "images"))
        screen_ct(store, ledger, "run")

        with pytest.raises(ComputationError) as caught:
            open_computation(
                ledger, "c", version="1", run="run", inputs=store, outputs=DirectoryStore(tmp_path / "images" / "out")
            ).__enter__()

        assert str(caught.value).startswith(f"outputs: the output {tmp_path}/images/out lies inside the input ")


class TestALocationThatHoldsResultsOfItsLedger:
    """As where they were moved there, or where the input of today holds the output of yesterday."""

    def screen_twice(self, store: Any, ledger: Ledger, all_of_it: Any, output: Any) -> DicomSieveError:
        screen_ct(store, ledger, "first", output=output, copies_of=store)
        with pytest.raises(StoreError) as caught:
            screen_ct(all_of_it, ledger, "second")
        assert ledger.run("second").row.state == "FAILED"
        with pytest.raises(StoreError):
            run_preview(Preview(all_of_it, one_of("CT")), ledger)
        return caught.value

    def test_a_location_that_holds_results_of_its_ledger_is_refused_before_an_object_is_read(
        self, ledger: Ledger, tmp_path: Path
    ) -> None:
        store = DirectoryStore(images(tmp_path / "all" / "images"))

        error = self.screen_twice(store, ledger, DirectoryStore(tmp_path / "all"), DirectoryStore(tmp_path / "all/out"))

        assert str(error) == (
            f"cannot screen {tmp_path}/all: it holds results of run first of this ledger, which would be screened, "
            "too; move them to another bucket or directory, or choose an input prefix without them"
        )
        assert ledger.run("second").row.counts is None

    @pytest.mark.parametrize("prefix", ["out/"])
    def test_a_location_that_holds_results_of_its_ledger_in_a_bucket_is_refused_likewise(
        self, s3_server: S3Server, ledger: Ledger, prefix: str
    ) -> None:
        bucket = s3_server.make_bucket()
        fill(s3_server, bucket, {"images/1": ct()})
        output = s3_server.store(bucket, "out/sub")

        error = self.screen_twice(s3_server.store(bucket, "images/"), ledger, s3_server.store(bucket, prefix), output)

        assert "it holds results of run first of this ledger" in str(error)

    def test_also_where_the_run_was_killed_and_left_only_copies(self, ledger: Ledger, tmp_path: Path) -> None:
        screen_ct(DirectoryStore(images(tmp_path / "images")), ledger, "killed")
        images(tmp_path / "all" / "killed" / "objects")

        with pytest.raises(StoreError, match="it holds results of run killed of this ledger"):
            screen_ct(DirectoryStore(tmp_path / "all"), ledger, "next")

    def test_a_location_that_holds_results_of_its_ledger_but_copies_of_a_run_can_be_screened_again(
        self, s3_server: S3Server, ledger: Ledger
    ) -> None:
        bucket, results = s3_server.make_bucket(), s3_server.make_bucket()
        fill(s3_server, bucket, {"1": ct(), "other/objects/2": ct(uid="1.2.3.4.2")})
        store = s3_server.store(bucket)
        screen_ct(store, ledger, "first", output=s3_server.store(results), copies_of=store)

        outcome = screen_ct(s3_server.store(results, "first/objects/"), ledger, "second")

        assert outcome.counts["passed"] == 2

    def test_a_location_that_holds_results_of_its_ledger_and_keys_that_look_like_it_are_no_results(
        self, ledger: Ledger
    ) -> None:
        keys = ("a/objects/1", "objects/2", "x/instances/verdict=PASSED/3", "\0/objects/4", "run/other/5", "/objects/6")
        store = SimulatedStore({key: ct(uid=f"1.2.3.4.{number}") for number, key in enumerate(keys) if "\0" not in key})

        assert screen_ct(store, ledger, "run").counts["passed"] == len(keys) - 1
