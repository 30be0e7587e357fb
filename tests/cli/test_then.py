"""``screen --then-command``: a program that computes on what a run let pass, as soon as it has."""

import json
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from dicom_sieve import open_ledger
from dicom_sieve.computations.registry import kinds
from tests.cli.command import run_command
from tests.conftest import S3Server
from tests.flows import planted
from tests.screening.screenings import ct, mr
from tests.stores.archives.packed import tar_gz, tarred, zipped
from tests.support.clouds import AzureServer, GcsServer

SERIES = {
    "a/1.dcm": ct("1.5.1", "1.6.1"),
    "a/2.dcm": ct("1.5.1", "1.6.2"),
    "b/1.dcm": ct("1.5.2", "1.6.3"),
    "c/1.dcm": ct("1.5.3", "1.6.4"),
    "c/2.dcm": mr("1.5.3", "1.6.5"),
    "d/1.dcm": mr("1.5.4", "1.6.6"),
}
"""Two series that pass whole, one in part, one not at all."""
COUNT = """
import pathlib, sys
files = list(pathlib.Path(sys.argv[1]).iterdir())
pathlib.Path(sys.argv[2], "count").write_text(str(len(files)))
print("PATIENT^NAME")
"""
PACK: Mapping[str, Callable[[Mapping[str, bytes]], bytes]] = {"x.zip": zipped, "y.tar": tarred, "z.tar.gz": tar_gz}


def program(code: str) -> str:
    return shlex.join([sys.executable, "-c", code, "{input}", "{output}"])


@pytest.fixture
def criteria(tmp_path: Path) -> Path:
    file = tmp_path / "criteria.json"
    file.write_text(json.dumps(planted.IS_CT))
    return file


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A directory with the series."""
    for key, body in SERIES.items():
        (tmp_path / "images" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / key).write_bytes(body)
    return tmp_path / "images"


class TestOnServers:
    """Of the series, the two that passed whole are given to the program, from wherever they lie."""

    def screen(self, address: str, output: str, *options: str, home: Path, **environment: str) -> dict[str, Any]:
        asked = ("--criteria", str(home / "criteria.json"), "--output", output, "--json", *options)
        then = ("--then-command", program(COUNT), "--then-name", "count")
        done = run_command("screen", address, *asked, *then, home=home, **environment)
        assert (done.returncode, done.stderr) == (0, "")
        assert "PATIENT" not in done.stdout
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    def check(self, told: dict[str, Any], home: Path, root: str) -> None:
        [computation] = told["computations"]
        assert (computation["name"], computation["version"]) == ("count", "1")
        became = {row["state"]: row["series"] for row in computation["series"]}
        assert became == {"COMPLETED": 2, "REFUSED": 1}
        with open_ledger(f"sqlite:///{home / '.dicom-sieve' / 'ledger.db'}") as ledger:
            run = ledger.run(told["run_id"])
            found = {each.series_instance_uid: each.outputs for each in run.computed() if each.outputs}
        assert found.keys() == {"1.5.1", "1.5.2"}
        assert all(output.uri.startswith(root) for outputs in found.values() for output in outputs)

    @pytest.mark.parametrize("kind", ["moto", pytest.param("rgw", marks=pytest.mark.needs_rgw)])
    def test_a_program_follows_a_run_on_s3(
        self, kind: str, request: pytest.FixtureRequest, criteria: Path, tmp_path: Path
    ) -> None:
        del criteria
        server: S3Server = request.getfixturevalue(f"{kind}_server")
        bucket, results = server.make_bucket(), server.make_bucket()
        for key, body in SERIES.items():
            server.client().put_object(Bucket=bucket, Key=key, Body=body)
        own = server.credentials
        keys = {"AWS_ACCESS_KEY_ID": own.key_id, "AWS_SECRET_ACCESS_KEY": own.access_key}
        places = (f"s3://{bucket}", f"s3://{results}/out", "--endpoint", server.endpoint, "--region", "eu-west")

        first = self.screen(*places, home=tmp_path, **keys)
        second = self.screen(*places, home=tmp_path, **keys)

        self.check(first, tmp_path, f"s3://{results}/out/computations/count/")
        assert first["manifest"]["uri"] == f"s3://{results}/out/{first['run_id']}/manifest.json"
        store = server.store(results, "out/")
        counts = [store.read_bytes(info) for info in store.list() if info.key.endswith("/count")]
        assert sorted(counts) == [b"1", b"2"]
        assert {row["state"] for row in second["computations"][0]["series"]} == {"SKIPPED", "REFUSED"}

    @pytest.mark.parametrize("archive", PACK)
    def test_a_program_follows_a_run_on_archives_in_azure(
        self, archive: str, azure_server: AzureServer, criteria: Path, tmp_path: Path
    ) -> None:
        del criteria
        bucket, results = azure_server.make_bucket(), azure_server.make_bucket()
        azure_server.put(bucket, archive, PACK[archive](SERIES))
        address, output = (f"az://{azure_server.account}/{name}" for name in (bucket, results))
        own = {"AZURE_STORAGE_ACCOUNT": azure_server.account, "AZURE_STORAGE_KEY": azure_server.key}

        told = self.screen(address, output, "--endpoint", azure_server.endpoint, "--archives", home=tmp_path, **own)

        self.check(told, tmp_path, f"{output}/computations/count/")

    @pytest.mark.parametrize("archive", PACK)
    def test_a_program_follows_a_run_on_archives_in_google_cloud_storage(
        self, archive: str, gcs_server: GcsServer, criteria: Path, tmp_path: Path
    ) -> None:
        del criteria
        bucket, results = gcs_server.make_bucket(), tmp_path / "results"
        gcs_server.put(bucket, archive, PACK[archive](SERIES))
        there = ("--endpoint", gcs_server.endpoint, "--anonymous", "--archives")

        told = self.screen(f"gs://{bucket}", str(results), *there, home=tmp_path)

        self.check(told, tmp_path, str(results))
        assert sorted(file.read_text() for file in results.rglob("count") if file.is_file()) == ["1", "2"]


class TestInADirectory:
    def screen(self, images: Path, *options: str, **environment: str) -> tuple[int, str, str]:
        home = images.parent
        asked = ("--criteria", str(home / "criteria.json"), *options)
        done = run_command("screen", str(images), *asked, home=home, **environment)
        return done.returncode, done.stdout, done.stderr

    def test_a_result_leads_back_to_objects_run_and_criteria(
        self, images: Path, criteria: Path, tmp_path: Path
    ) -> None:
        del criteria
        out = ("--output", str(tmp_path / "out"))

        code, shown, _ = self.screen(images, *out, "--then-command", program(COUNT), "--workers", "2")

        assert code == 0
        assert "then       command" in shown
        assert [line.split()[:1] for line in shown.splitlines() if "COMPLETED" in line] == [["COMPLETED"]]
        files = sorted(file for file in (tmp_path / "out").rglob("count") if file.is_file())
        traced = run_command("trace", str(files[0]), home=tmp_path).stdout
        assert "criterion 1: Modality (0008,0060) is CT\n" in traced
        assert "computation 1, command 1: COMPLETED" in run_command("trace", "1.6.1", home=tmp_path).stdout

    def test_a_run_is_told_before_what_fails_behind_it(self, images: Path, criteria: Path, tmp_path: Path) -> None:
        del criteria
        out = ("--output", str(tmp_path / "out"))

        code, shown, _ = self.screen(images, *out, "--then-command", program("raise SystemExit(4)"))

        assert code == 1
        assert shown.index("manifest   ") < shown.index("FAILED")
        assert "exit code 4" in shown

    def test_time_and_memory_are_bounded(self, images: Path, criteria: Path, tmp_path: Path) -> None:
        del criteria
        out = ("--output", str(tmp_path / "out"), "--then-version")

        slow = self.screen(images, *out, "1", "--then-command", program("import time; time.sleep(60)"),
                           "--then-timeout", "1")  # fmt: skip
        large = self.screen(images, *out, "2", "--then-command", program("bytearray(2 ** 31)"), "--then-memory", "0.5")

        assert slow[0] == large[0] == 1
        assert "it took longer than 1 s and was killed" in slow[1]
        [log] = {
            line.split("what it printed: ")[1].split()[0] for line in large[1].splitlines() if "exit code 1" in line
        }
        assert "MemoryError" in Path(log).read_text()

    def test_what_is_wrong_is_said_before_anything_is_listed(
        self, images: Path, criteria: Path, tmp_path: Path
    ) -> None:
        del criteria
        out = ("--output", str(tmp_path / "out"))

        nowhere = self.screen(images, "--then-command", "true {input} {output}")
        unknown = self.screen(images, *out, "--then", "nothing")
        wrong = ("--then-command", "x 'y", "--then-name", "A", "--then-timeout", "0", "--then-memory", "-1")
        code, _, said = self.screen(images, *out, *wrong)

        assert nowhere[0] == unknown[0] == code == 2
        assert "there is nowhere for results; give --output, too" in nowhere[2]
        assert "dicom-sieve: --then: not known; accepted: lung-segmentation, radiomics" in unknown[2]
        assert said.splitlines() == [
            "dicom-sieve: --then-name: accepted: up to 64 small letters, digits and hyphens, the first no hyphen",
            "dicom-sieve: --then-command: no closing quotation",
            "dicom-sieve: --then-timeout: input should be greater than 0",
            "dicom-sieve: --then-memory: input should be greater than 0",
        ]
        assert json.loads(run_command("runs", "--json", home=tmp_path).stdout) == []

    def test_computations_follow_in_their_order_those_of_the_deployment_too(
        self, images: Path, criteria: Path, tmp_path: Path
    ) -> None:
        del criteria
        commands = tmp_path / "commands.json"
        named = {"command": shlex.split(program(COUNT)), "version": "7"}
        commands.write_text(json.dumps({"first": named, "second": named}))
        asked = ("--output", str(tmp_path / "out"), "--then", "second", "--then", "first", "--then-command")
        kinds.cache_clear()
        try:
            code, shown, said = self.screen(
                images, *asked, program(COUNT), "--json", DICOM_SIEVE_COMMANDS=str(commands)
            )
        finally:
            kinds.cache_clear()

        assert (code, said) == (0, "")
        computed = [(each["name"], each["version"]) for each in json.loads(shown)["computations"]]
        assert computed == [("second", "7"), ("first", "7"), ("command", "1")]

    def test_members_that_were_listed_last_are_computed_on_and_copied_without_a_listing(
        self, tmp_path: Path, criteria: Path
    ) -> None:
        del criteria
        images = tmp_path / "packed"
        images.mkdir()
        (images / "z.tgz").write_bytes(tar_gz(SERIES))
        out = ("--output", str(tmp_path / "out"))

        assert self.screen(images, "--archives")[0] == 0
        code, shown, said = self.screen(
            images, *out, "--no-listing", "--copy", "--then-command", program(COUNT), "--json"
        )
        refused = self.screen(images, "--archives", "--no-listing")

        assert (code, said) == (0, "")
        told = json.loads(shown)
        assert {row["state"]: row["series"] for row in told["computations"][0]["series"]}["COMPLETED"] == 2
        assert len(list((tmp_path / "out" / told["run_id"] / "objects").rglob("*.dcm"))) == 4
        assert refused[0] == 2
        assert "there is nothing to list; leave out --no-listing" in refused[2]
