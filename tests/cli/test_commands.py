"""The command as its users meet it: what it prints, where, and with which exit code."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import run_command, run_cut_off
from tests.support.builders import make_instance

CRITERIA: list[dict[str, Any]] = [
    {"dicom_tag": "StudyDate", "operation": "GREATER", "reference": "2022-01-01"},
    {"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": ["CT", "MR"]},
]
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def screened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images, criteria and a ledger in which they have been screened."""
    home = tmp_path_factory.mktemp("home")
    images = home / "images"
    (images / "a").mkdir(parents=True)
    for number in range(3):
        uid = f"1.2.3.4.{number}"
        (images / "a" / f"{number}.dcm").write_bytes(
            make_instance(SOPInstanceUID=uid, Modality="CT", StudyDate="20230101", PatientName="PLANTED^NAME")
        )
    (images / "old.dcm").write_bytes(
        make_instance(series_instance_uid="1.9", Modality="CT", StudyDate="20191231", SOPInstanceUID="1.9.1")
    )
    (images / "undated.dcm").write_bytes(
        make_instance(series_instance_uid="1.8", Modality="MR", SOPInstanceUID="1.8.1")
    )
    (images / "notes.txt").write_text("not an image")
    (home / "criteria.json").write_text(json.dumps(CRITERIA))
    done = run_command("screen", str(images), "--criteria", str(home / "criteria.json"), home=home)
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture
def command(screened: Path) -> Command:
    def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return run_command(*arguments, home=screened, **environment)

    return run


def newest_run(command: Command) -> dict[str, Any]:
    runs: list[dict[str, Any]] = json.loads(command("runs", "--json").stdout)
    return next(run for run in runs if run["state"] == "COMPLETED")


class TestScreen:
    def test_screen_prints_verdicts_by_reason_and_no_value_of_a_patient(self, screened: Path, command: Command) -> None:
        done = command("screen", str(screened / "images"), "--criteria", str(screened / "criteria.json"))

        assert done.returncode == 0
        assert "3 of 6 instances passed in 1 whole series" in done.stdout
        assert "PLANTED" not in done.stdout + done.stderr
        assert "20191231" not in done.stdout + done.stderr
        assert "notes.txt" not in done.stdout + done.stderr

    @pytest.mark.parametrize(
        ("uri", "inventory", "said"),
        [
            ("images", "s3://inventories/manifest.json", "a directory has no inventory"),
            ("s3://bucket", "manifest.json", "is no address of a manifest"),
        ],
    )
    def test_an_inventory_is_of_a_bucket(
        self, screened: Path, command: Command, uri: str, inventory: str, said: str
    ) -> None:
        place = uri if uri.startswith("s3:") else str(screened / uri)
        done = command("screen", place, "--criteria", str(screened / "criteria.json"), "--inventory", inventory)

        assert done.returncode == 2
        assert said in " ".join(done.stderr.split())

    def test_screen_prints_json_for_a_program_and_nothing_else(self, screened: Path, command: Command) -> None:
        output = screened / "published"
        done = command(
            "screen",
            str(screened / "images"),
            "--criteria",
            str(screened / "criteria.json"),
            "--output",
            str(output),
            "--json",
        )

        answer = json.loads(done.stdout)
        assert answer["counts"]["passed"] == 3
        assert answer["counts"]["reads"] == 0  # it was screened before
        assert Path(answer["manifest"]["uri"]) == output / answer["run_id"] / "manifest.json"
        assert json.loads(Path(answer["manifest"]["uri"]).read_text())["digest"] == answer["manifest"]["digest"]

    def test_screen_copies_what_passed_beside_the_manifest(
        self, screened: Path, command: Command, tmp_path: Path
    ) -> None:
        arguments = (str(screened / "images"), "--criteria", str(screened / "criteria.json"))

        done = command("screen", *arguments, "--output", str(tmp_path), "--copy", "--json")

        told = json.loads(done.stdout)
        copies = tmp_path / told["run_id"] / "objects" / "a"
        assert sorted(file.name for file in copies.iterdir()) == ["0.dcm", "1.dcm", "2.dcm"]
        for file in copies.iterdir():
            assert file.read_bytes() == (screened / "images/a" / file.name).read_bytes()
        assert told["counts"]["copies"] == {"COPIED": 3}

    def test_screen_leaves_with_2_where_there_is_nowhere_to_copy_to(self, screened: Path, command: Command) -> None:
        done = command("screen", str(screened / "images"), "--criteria", str(screened / "criteria.json"), "--copy")

        assert done.returncode == 2
        assert "there is nowhere to copy to" in done.stderr

    def test_screen_fails_with_1_and_one_line_where_the_store_does_not_answer(
        self, screened: Path, command: Command
    ) -> None:
        done = command(
            "screen",
            "s3://bucket",
            "--criteria",
            str(screened / "criteria.json"),
            "--endpoint",
            "http://127.0.0.1:9",
            AWS_ACCESS_KEY_ID="key",
            AWS_SECRET_ACCESS_KEY="PLANTED",
        )

        assert done.returncode == 1
        assert done.stderr.startswith("dicom-sieve: cannot list s3://bucket: EndpointConnectionError; ")
        assert done.stderr.count("\n") == 1
        assert "PLANTED" not in done.stderr

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ((), "Missing argument"),
            (("/no/such/place", "--criteria", "c.json"), "neither s3://bucket/prefix, gs://"),
            (("s3://", "--criteria", "CRITERIA"), "names no bucket"),
            (("s3://bucket", "--criteria", "CRITERIA", "--endpoint", "http://key:PLANTED@host"), "holds credentials"),
            (("s3://bucket", "--criteria", "no-such-file.json"), "no-such-file.json: cannot be read"),
        ],
    )
    def test_screen_leaves_with_2_at_wrong_usage(
        self, screened: Path, command: Command, arguments: tuple[str, ...], words: str
    ) -> None:
        if arguments[-1:] == ("c.json",):
            arguments = (*arguments[:-1], str(screened / "criteria.json"))
        done = command(
            "screen",
            *(str(screened / "criteria.json") if argument == "CRITERIA" else argument for argument in arguments),
        )

        assert done.returncode == 2
        assert words in " ".join(done.stderr.split())
        assert "PLANTED" not in done.stderr
        assert "Traceback" not in done.stderr

    def test_screen_names_a_wrong_setting_without_its_value(self, screened: Path, command: Command) -> None:
        done = command(
            "screen",
            str(screened / "images"),
            "--criteria",
            str(screened / "criteria.json"),
            DICOM_SIEVE_SHARD_OBJECTS="PLANTED",
        )

        assert done.returncode == 2
        assert done.stderr.startswith("dicom-sieve: DICOM_SIEVE_SHARD_OBJECTS: ")
        assert "PLANTED" not in done.stderr


class TestCheck:
    def test_check_reads_criteria_back_as_sentences(self, screened: Path, command: Command) -> None:
        done = command("check", str(screened / "criteria.json"))

        assert done.returncode == 0
        assert done.stdout == (
            "An instance passes when StudyDate (0008,0020) is later than 2022-01-01,\n"
            "and Modality (0008,0060) is one of CT or MR.\n"
        )

    def test_check_takes_a_whole_request_as_the_rest_api_gets_it(self, tmp_path: Path) -> None:
        file = tmp_path / "request.json"
        file.write_text(json.dumps({"parameters": {"criteria": CRITERIA[1:]}}))

        done = run_command("check", str(file), "--json", home=tmp_path)

        assert json.loads(done.stdout) == [
            {**CRITERIA[1], "describe": "Modality (0008,0060) is one of CT or MR", "warnings": []},
        ]

    def test_check_says_what_is_worth_a_look(self, tmp_path: Path) -> None:
        file = tmp_path / "criteria.json"
        asked = [("PatientSex", "FEMALE"), ("Modality", "CT"), ("Modality", "MR"), ("OperatingMode", "LEVEL_0")]
        given = [{"dicom_tag": tag, "operation": "EQUALS", "reference": reference} for tag, reference in asked]
        file.write_text(json.dumps(given))

        done = run_command("check", str(file), home=tmp_path)
        told = json.loads(run_command("check", str(file), "--json", home=tmp_path).stdout)

        warnings = [line for line in done.stdout.splitlines() if line.startswith("warning: ")]
        assert done.returncode == 0
        assert [line.partition(": ")[2].partition(": ")[0] for line in warnings] == [
            "Criterion 1",
            "Criterion 4",
            "Criteria 2 and 3",
        ]
        assert [[text[:30] for text in criterion["warnings"]] for criterion in told] == [
            ["FEMALE is no value of PatientS"],
            ["no value of Modality (0008,006"],
            ["no value of Modality (0008,006"],
            ["OperatingMode (0018,9178) lies"],
        ]

    @pytest.mark.parametrize(
        ("content", "lines"),
        [
            ("{", ["criteria.json:1:2: is not JSON: Expecting property name enclosed in double quotes"]),
            ("[]", ["criteria: empty, which would keep everything; accepted: one criterion or more"]),
            ('"x"', ["criteria: a value of type str; accepted: a list of criteria"]),
            (
                '{"criterias": []}',
                [
                    (
                        "criteria.json: an object without a member 'criteria', perhaps 'criterias' is meant to be it; "
                        "accepted: a list of criteria, or an object whose member 'criteria' is one"
                    )
                ],
            ),
            (
                json.dumps(
                    [
                        {"dicom_tag": "NoSuchKeyword", "operation": "EQUALS", "reference": "x"},
                        {"dicom_tag": "PatientName", "operation": "CONTAINS", "reference": "x"},
                        {"dicom_tag": ["0008", "0060"], "operation": "LESS", "reference": "CT"},
                        {"dicom_tag": ["0008", "0020"], "operation": "NEAR"},
                    ]
                ),
                [
                    (
                        "criteria[0].dicom_tag: 'NoSuchKeyword' is no keyword of the DICOM dictionary; "
                        'accepted: a keyword as "StudyDate", or a tag as ["0008", "0020"]'
                    ),
                    (
                        "criteria[1]: PatientName (0010,0010) is a Person Name (PN): operation CONTAINS is not defined "
                        "for it; accepted: EQUALS, IN, NOT_EQUALS, NOT_IN, PRESENT, ABSENT"
                    ),
                    (
                        "criteria[2]: Modality (0008,0060) is a Code String (CS): "
                        "operation LESS is not defined for it; accepted: EQUALS, IN, NOT_EQUALS, NOT_IN, CONTAINS, "
                        "NOT_CONTAINS, MATCHES, NOT_MATCHES, PRESENT, ABSENT"
                    ),
                    (
                        "criteria[3].operation: 'NEAR' is not known; accepted: 'EQUALS', 'GREATER', 'LESS', 'IN', "
                        "'NOT_EQUALS', 'NOT_IN', 'AT_LEAST', 'AT_MOST', 'BETWEEN', 'CONTAINS', 'NOT_CONTAINS', "
                        "'MATCHES', 'NOT_MATCHES', 'PRESENT' or 'ABSENT'"
                    ),
                ],
            ),
        ],
    )
    def test_check_says_everything_that_is_wrong_at_once(self, tmp_path: Path, content: str, lines: list[str]) -> None:
        file = tmp_path / "criteria.json"
        file.write_text(content)

        done = run_command("check", str(file), home=tmp_path)

        assert done.returncode == 2
        assert done.stdout == ""
        observed = [line.removeprefix("dicom-sieve: ").replace(f"{tmp_path}/", "") for line in done.stderr.splitlines()]
        assert observed == lines


class TestRunsShowSeries:
    def test_runs_show_series_lists_runs_and_shows_one_by_the_beginning_of_its_id(self, command: Command) -> None:
        run = newest_run(command)

        assert run["id"] in command("runs").stdout
        shown = command("show", run["id"][:8])
        assert shown.returncode == 0
        assert "result     3 of 6 instances passed in 1 whole series\n" in shown.stdout
        assert "criterion 1: StudyDate (0008,0020) is later than 2022-01-01" in shown.stdout
        assert json.loads(command("show", run["id"], "--json").stdout)["unread"] == []

    def test_runs_show_series_lists_series_by_selection(self, command: Command) -> None:
        run = newest_run(command)

        rows = json.loads(command("series", run["id"], "--selection", "WHOLE", "--json").stdout)

        assert [(row["series_instance_uid"], row["instances"], row["selection"]) for row in rows] == [
            ("1.2.3.4", 3, "WHOLE")
        ]
        assert "1.9" in command("series", run["id"]).stdout

    def test_runs_show_series_fails_with_1_at_an_unknown_run(self, command: Command) -> None:
        done = command("show", "no-such-run")

        assert done.returncode == 1
        assert done.stderr == "dicom-sieve: no run 'no-such-run' in this ledger; 'dicom-sieve runs' lists them\n"

    def test_runs_show_series_says_how_to_begin_where_there_are_no_runs(self, tmp_path: Path) -> None:
        done = run_command("runs", home=tmp_path)

        assert done.returncode == 0
        assert done.stdout.startswith("no runs yet")


class TestTrace:
    def test_trace_tells_everything_of_an_object_by_its_key(self, command: Command) -> None:
        done = command("trace", "old.dcm")

        assert done.returncode == 0
        assert "instance   1.9.1\nseries     1.9\n" in done.stdout
        assert "StudyDate (0008,0020) is later than 2022-01-01: NOT_MET, value '20191231'" in done.stdout
        assert "Modality (0008,0060) is one of CT or MR: MET, value 'CT'" in done.stdout

    def test_trace_tells_of_a_series_by_its_uid_and_of_an_absent_value(self, command: Command) -> None:
        [traced] = json.loads(command("trace", "1.8", "--json").stdout)["objects"]

        assert traced["object_key"] == "undated.dcm"
        assert traced["named_values"] == {"StudyDate": None, "Modality": ["MR"]}
        assert traced["decisions"][0]["findings"] == ["ABSENT", "MET"]
        assert "value absent" in command("trace", "1.8").stdout

    def test_trace_takes_a_path_a_uri_and_a_relative_path(
        self, screened: Path, command: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = screened / "images" / "old.dcm"
        by_key = command("trace", "old.dcm").stdout
        monkeypatch.chdir(screened)

        assert command("trace", str(path)).stdout == by_key
        assert command("trace", path.as_uri()).stdout == by_key
        assert command("trace", "images/old.dcm").stdout == by_key

    def test_trace_says_how_many_are_called_so(self, command: Command) -> None:
        done = command("trace", "1.2.3.4")

        assert done.stdout.startswith("3 objects; an address tells one of them: s3://bucket/key, or a path\n\nobject ")

    def test_trace_tells_the_defect_of_what_could_not_be_judged(self, command: Command) -> None:
        assert "defect     NOT_DICOM: The object is no DICOM." in command("trace", "notes.txt").stdout

    def test_trace_fails_with_1_where_nothing_is_known(self, command: Command) -> None:
        done = command("trace", "nothing/of/this")

        assert done.returncode == 1
        assert done.stderr == "dicom-sieve: nothing is known of nothing/of/this\n"

    def test_trace_shows_hostile_keys_and_values_inert(self, tmp_path: Path) -> None:
        images = tmp_path / "images"
        (images / "[bold]x[").mkdir(parents=True)
        hostile = "[bold]x[/bold]\x1b[31m\x07\n.dcm"
        (images / hostile).write_bytes(make_instance(Modality="\x1b[2J[red]"))
        file = tmp_path / "criteria.json"
        file.write_text(json.dumps(CRITERIA[1:]))
        run_command("screen", str(images), "--criteria", str(file), home=tmp_path)

        done = run_command("trace", hostile, home=tmp_path)

        assert done.returncode == 0
        assert "\x1b" not in done.stdout
        assert r"[bold]x[/bold]\x1b[31m\x07\n.dcm" in done.stdout


class TestHelp:
    @pytest.mark.parametrize("name", ["check", "screen", "runs", "show", "report", "series", "trace", "up", "serve"])
    def test_every_command_has_an_example(self, command: Command, name: str) -> None:
        done = command(name, "--help")

        assert done.returncode == 0
        assert "Example" in done.stdout

    def test_an_unknown_command_is_wrong_usage(self, command: Command) -> None:
        assert command("no-such-command").returncode == 2

    def test_output_that_is_cut_off_by_a_pipe_is_no_traceback(self, screened: Path) -> None:
        done = run_cut_off("runs", "--json", home=screened)
        assert done.stdout == "["
        assert "Traceback" not in done.stderr
