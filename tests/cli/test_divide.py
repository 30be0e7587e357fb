"""A large bucket is screened in parts, each a run of its own: together they say what one run says."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dicom_sieve import Ledger, open_ledger
from tests.cli.command import environment_of, run_command
from tests.conftest import S3Server
from tests.flows import planted
from tests.flows.s3_proxy import S3Proxy, hold_reads, s3_proxy
from tests.stores.buckets import fill
from tests.support.divided import MARKS, PARTS, objects, verdicts_of
from tests.support.prefect_server import wait_for
from tests.support.processes import command_of, descendants, kill

AT_LEAST = len(PARTS)


@pytest.fixture
def bucket(moto_server: S3Server) -> str:
    name = moto_server.make_bucket()
    fill(moto_server, name, objects())
    return name


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "criteria.json").write_text(json.dumps(planted.IS_CT))
    return tmp_path


@pytest.fixture
def proxy(moto_server: S3Server) -> Iterator[S3Proxy]:
    with s3_proxy(moto_server.endpoint) as running:
        yield running


def settings_of(home: Path, server: S3Server, ledger: str = "ledger") -> dict[str, str]:
    keys = server.credentials
    return {
        "DICOM_SIEVE_DATABASE_URL": f"sqlite:///{home / ledger}.db",
        "AWS_ACCESS_KEY_ID": keys.key_id,
        "AWS_SECRET_ACCESS_KEY": keys.access_key,
    }


def arguments(home: Path, endpoint: str, bucket: str, *more: str) -> list[str]:
    asked = ["--criteria", str(home / "criteria.json"), "--endpoint", endpoint, "--json"]
    return ["screen", f"s3://{bucket}/in/", *asked, *more]


def screen(home: Path, server: S3Server, bucket: str, *more: str, ledger: str = "ledger") -> dict[str, Any]:
    done = run_command(*arguments(home, server.endpoint, bucket, *more), home=home, **settings_of(home, server, ledger))
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def opened(home: Path, ledger: str = "ledger") -> Ledger:
    return open_ledger(f"sqlite:///{home / ledger}.db")


class TestVerdicts:
    def test_parts_say_of_each_object_what_one_run_says(self, home: Path, moto_server: S3Server, bucket: str) -> None:
        whole = screen(home, moto_server, bucket, ledger="whole")
        divided = screen(home, moto_server, bucket, "--divide", str(AT_LEAST))

        with opened(home, "whole") as ledger:
            expected = verdicts_of(ledger, whole["run_id"])
        with opened(home) as ledger:
            found = verdicts_of(ledger, *(part["run_id"] for part in divided["parts"]))
        assert {expected.pop(mark)[0] for mark in MARKS} == {"DISCARDED"}
        assert found == expected
        assert [part["uri"] for part in divided["parts"]] == [f"s3://{bucket}/{prefix}" for prefix in sorted(PARTS)]
        counts = ("passed", "unread", "bytes", "reads", "bytes_read")
        assert {name: divided["counts"][name] for name in counts} == {name: whole["counts"][name] for name in counts}
        assert divided["counts"]["listed"] == whole["counts"]["listed"] - len(MARKS)
        assert (divided["folder_marks"], divided["split_series"]) == (len(MARKS), 1)

    def test_later_the_same_parts_are_listed_again_and_new_keys_get_a_part(
        self, home: Path, moto_server: S3Server, bucket: str
    ) -> None:
        first = screen(home, moto_server, bucket, "--divide", str(AT_LEAST))
        again = screen(home, moto_server, bucket, "--divide", "64")
        fill(moto_server, bucket, {"in/new": objects()["in/a01"], "in/a-new": objects()["in/a02"]})
        later = screen(home, moto_server, bucket, "--divide", str(AT_LEAST))
        last = screen(home, moto_server, bucket, "--divide", str(AT_LEAST), "--no-listing")

        parts = [[part["uri"] for part in told["parts"]] for told in (first, again, later, last)]
        assert parts[0] == parts[1]
        assert set(parts[2]) == {*parts[0], f"s3://{bucket}/in/n"}
        assert parts[3] == parts[2]
        assert (again["counts"]["indexed"], later["counts"]["indexed"], last["counts"]["indexed"]) == (0, 2, 0)
        assert later["counts"]["listed"] == last["counts"]["listed"] == first["counts"]["listed"] + 2
        done = run_command("verify", home=home, **settings_of(home, moto_server))
        assert done.returncode == 0, done.stdout


class TestAPartThatDies:
    @pytest.mark.timeout(180)
    def test_the_others_stand_and_the_next_run_goes_on(
        self, home: Path, moto_server: S3Server, proxy: S3Proxy, bucket: str
    ) -> None:
        doomed = "in/a"
        reached, let_go = hold_reads(proxy, f"/{doomed}0", 60)
        command = [sys.executable, "-m", "dicom_sieve", *arguments(home, proxy.endpoint, bucket, "--divide", "4")]
        environment = environment_of(home, **settings_of(home, moto_server))
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert reached.wait(60)
            [part] = [number for number in descendants(process.pid) if f"s3://{bucket}/{doomed} " in command_of(number)]
            kill(part)
            let_go.set()
            output, errors = process.communicate(timeout=120)

        assert process.returncode == 1
        told = json.loads(output)
        states = {part["uri"]: part["failure"] for part in told["parts"]}
        assert states.pop(f"s3://{bucket}/{doomed}") == "its process was ended by SIGKILL"
        assert list(states.values()) == [None] * (AT_LEAST - 1)
        said = f"1 of {AT_LEAST} parts did not complete, the others stand; start it again:"
        assert errors.decode().splitlines()[-2:] == [
            f"dicom-sieve: {said}",
            f"dicom-sieve: s3://{bucket}/{doomed}: its process was ended by SIGKILL",
        ]
        wait_for(lambda: self.is_over(home), "the lease of what died", 90)

        again = run_command(*command[3:], home=home, **settings_of(home, moto_server))

        assert again.returncode == 0, again.stderr
        counts = json.loads(again.stdout)["counts"]
        assert counts["listed"] == len([key for key in objects() if key.startswith("in/")]) - len(MARKS)
        assert 0 < counts["indexed"] <= 10

    @staticmethod
    def is_over(home: Path) -> bool:
        with opened(home) as ledger:
            return all(run.state != "RUNNING" for run in ledger.runs())


ACROSS: list[tuple[dict[str, Any], str]] = [
    (
        {"criteria": [{"measure": "INSTANCES", "operation": "GREATER", "reference": "3"}]},
        "divide: criteria[0] measures a SERIES, which may lie in several parts, which are judged one by one",
    ),
    ({"criteria": planted.IS_CT, "unit": "SERIES"}, "divide: what becomes of a series, study or patient as a whole"),
    (
        {"criteria": planted.IS_CT, "choose": {"one": "SERIES", "per": "STUDY"}},
        "divide: what becomes of a series, study or patient as a whole is not decided",
    ),
]


class TestRefused:
    @pytest.mark.parametrize(("asked", "said"), ACROSS, ids=["measure", "unit", "choose"])
    def test_what_looks_beyond_one_instance(
        self, home: Path, moto_server: S3Server, asked: dict[str, Any], said: str
    ) -> None:
        (home / "criteria.json").write_text(json.dumps(asked))

        done = run_command(
            *arguments(home, moto_server.endpoint, "any", "--divide", "4"),
            home=home,
            **settings_of(home, moto_server),
        )

        assert done.returncode == 2
        assert said in done.stderr

    @pytest.mark.parametrize(
        ("option", "why"),
        [
            (("--then", "lung-segmentation"), "a series may lie in several parts"),
            (("--copy-whole",), "a series may lie in several parts"),
            (("--inventory", "s3://any/manifest.json"), "it lists the whole location"),
        ],
    )
    def test_options_that_need_the_whole(
        self, home: Path, moto_server: S3Server, option: tuple[str, ...], why: str
    ) -> None:
        asked = arguments(home, moto_server.endpoint, "any", "--divide", "4", "--output", "s3://other", *option)

        done = run_command(*asked, home=home, **settings_of(home, moto_server))

        assert done.returncode == 2
        assert why in " ".join(done.stderr.replace("│", " ").split())

    def test_a_directory(self, home: Path) -> None:
        (home / "images").mkdir()
        criteria = str(home / "criteria.json")

        done = run_command("screen", str(home / "images"), "--criteria", criteria, "--divide", "4", home=home)

        assert done.returncode == 2
        assert "divide: prefixes of a directory are folders; accepted with s3://bucket and gs://bucket" in done.stderr

    def test_an_output_that_would_lie_in_a_part(self, home: Path, moto_server: S3Server, bucket: str) -> None:
        asked = arguments(home, moto_server.endpoint, bucket, "--divide", "4", "--output", f"s3://{bucket}/in/out")

        done = run_command(*asked, home=home, **settings_of(home, moto_server))

        assert done.returncode == 2
        assert "output: " in done.stderr
