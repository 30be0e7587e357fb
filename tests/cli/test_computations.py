"""What was computed, as the command tells it: of a run forward, of a result back."""

import json
import shlex
import sys
from pathlib import Path

import pytest

from dicom_sieve import open_ledger
from dicom_sieve.computations import open_computation
from dicom_sieve.stores import DirectoryStore
from tests.cli.command import run_command
from tests.support.builders import make_instance


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose ledger holds a run over two series, computed on; one of them failed on a patient's value."""
    home = tmp_path_factory.mktemp("home")
    images = home / "images"
    images.mkdir()
    for uid in ("1.5", "1.6"):
        body = make_instance(series_instance_uid=uid, SOPInstanceUID=f"{uid}.1", Modality="CT")
        (images / f"{uid}.dcm").write_bytes(body)
    criteria = home / "criteria.json"
    criteria.write_text(json.dumps([{"dicom_tag": "Modality", "operation": "EQUALS", "reference": "CT"}]))
    assert run_command("screen", str(images), "--criteria", str(criteria), home=home).returncode == 0
    with open_ledger(f"sqlite:///{home}/.dicom-sieve/ledger.db") as ledger:
        run = ledger.runs()[0].id
        store, results = DirectoryStore(images), DirectoryStore(home / "results")
        with open_computation(ledger, "sizes", version="2", run=run, inputs=store, outputs=results) as computation:
            for series in computation.series():
                with series:
                    if series.uid == "1.6":
                        raise ValueError("PLANTED^NAME")
                    series.record_output(b"\x1b[31m", name="size.txt")
    return home


def run_of(home: Path) -> str:
    return str(json.loads(run_command("runs", "--json", home=home).stdout)[0]["id"])


def test_computations_are_listed_with_their_series_by_state(home: Path) -> None:
    done = run_command("computations", home=home)

    assert done.returncode == 0
    head, row = (line.split() for line in done.stdout.splitlines())
    assert head == ["computation", "name", "version", "run", "state", "started", "completed", "failed"]
    assert row[:5] == ["1", "sizes", "2", run_of(home), "COMPLETED"]
    assert row[-2:] == ["1", "1"]


def test_computations_of_a_run_tell_what_became_of_each_series(home: Path) -> None:
    done = run_command("computations", run_of(home)[:8], home=home)

    assert [line.split()[:4] for line in done.stdout.splitlines()[-2:]] == [
        ["1", "1.5", "COMPLETED", "1"],
        ["1", "1.6", "FAILED", "0"],
    ]
    assert "ValueError at test_computations.py:" in done.stdout
    assert "PLANTED" not in done.stdout


def test_computations_as_json_tell_the_same(home: Path) -> None:
    [told] = json.loads(run_command("computations", run_of(home), "--json", home=home).stdout)

    assert (told["id"], told["name"], told["version"], told["counts"]) == (
        1,
        "sizes",
        "2",
        {"COMPLETED": 1, "FAILED": 1},
    )
    assert [(series["series_instance_uid"], series["state"], len(series["outputs"])) for series in told["series"]] == [
        ("1.5", "COMPLETED", 1),
        ("1.6", "FAILED", 0),
    ]


def test_traces_an_instance_to_its_results_and_a_result_back(home: Path) -> None:
    forward = run_command("trace", "1.5.1", home=home)
    [uri] = [line.strip() for line in forward.stdout.splitlines() if line.endswith("size.txt")]
    back = run_command("trace", uri, home=home)

    assert "  computation 1, sizes 2: COMPLETED\n" in forward.stdout
    assert f"result     {uri}\n" in back.stdout
    assert "series     1.5\n" in back.stdout
    assert f"run        {run_of(home)} over {home / 'images'}" in back.stdout
    assert "criterion 1: Modality (0008,0060) is CT\n" in back.stdout
    assert ["USED", "1.5.dcm", "1.5.1"] in [line.split() for line in back.stdout.splitlines()]
    [traced] = json.loads(run_command("trace", uri, "--json", home=home).stdout)["results"]
    assert traced["output"]["uri"] == uri


def test_computations_say_how_to_compute_where_there_are_none(tmp_path: Path) -> None:
    done = run_command("computations", home=tmp_path)

    assert (done.returncode, done.stdout) == (0, "nothing was computed yet; docs/computations.md says how\n")


class TestCompute:
    def test_a_program_computes_and_is_skipped_the_next_time(self, home: Path) -> None:
        counted = "str(len(list(pathlib.Path(sys.argv[1]).iterdir())))"
        code = f"import pathlib, sys; (pathlib.Path(sys.argv[2]) / 'count').write_text({counted})"
        program = shlex.join([sys.executable, "-c", code, "{input}", "{output}"])
        asked = ("compute", run_of(home), "count", "--output", str(home / "counted"), "--command", program, "--json")

        first, second = (run_command(*asked, home=home) for _ in range(2))

        assert (first.returncode, second.returncode) == (0, 0)
        assert json.loads(first.stdout) == [{"state": "COMPLETED", "reason": None, "series": 2}]
        assert [(each["state"], each["series"]) for each in json.loads(second.stdout)] == [("SKIPPED", 2)]
        assert {file.read_text() for file in (home / "counted").rglob("count") if file.is_file()} == {"1"}

    def test_what_fails_is_said_and_the_exit_code_tells(self, home: Path) -> None:
        program = shlex.join([sys.executable, "-c", "raise SystemExit(4)"])

        done = run_command(
            "compute", run_of(home), "bad", "--output", str(home / "counted"), "--command", program, home=home
        )

        assert done.returncode == 1
        assert "FAILED" in done.stdout
        assert "exit code 4" in done.stdout

    def test_an_unknown_name_is_refused_with_those_that_are_known(self, home: Path) -> None:
        done = run_command("compute", run_of(home), "nothing", "--output", str(home / "counted"), home=home)

        assert done.returncode != 0
        assert "accepted: lung-segmentation, radiomics" in done.stderr

    def test_what_cannot_be_computed_with_is_said_all_at_once(self, home: Path) -> None:
        more = ("--timeout", "0", "--version", "")
        done = run_command(
            "compute", run_of(home), "a/b", "--output", str(home / "c"), "--command", "x 'y", *more, home=home
        )

        assert done.returncode == 2
        assert done.stderr.splitlines() == [
            "dicom-sieve: NAME: accepted: up to 64 small letters, digits and hyphens, the first no hyphen",
            "dicom-sieve: --command: no closing quotation",
            "dicom-sieve: --version: string should have at least 1 character",
            "dicom-sieve: --timeout: input should be greater than 0",
        ]

    def test_what_can_be_computed_is_listed_without_a_run(self, home: Path) -> None:
        done = run_command("compute", "--list", home=home)

        assert done.returncode == 0
        assert [line.split()[0] for line in done.stdout.splitlines()] == ["name", "lung-segmentation", "radiomics"]
