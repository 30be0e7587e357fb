"""Exports as the command gives them: where they are is the last line, and all of the output of a pipe."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from tests.cli.command import run_command
from tests.computations.export.study import write_study
from tests.conftest import not_present


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose ledger holds a run over series of two patients."""
    home = tmp_path_factory.mktemp("home")
    write_study(home / "images")
    criteria = home / "criteria.json"
    criteria.write_text(json.dumps([{"dicom_tag": "Modality", "operation": "IN", "reference": ["CT", "MR"]}]))
    assert run_command("screen", str(home / "images"), "--criteria", str(criteria), home=home).returncode == 0
    return home


@pytest.fixture(scope="module")
def run(home: Path) -> str:
    """The run's id."""
    return str(json.loads(run_command("runs", "--json", home=home).stdout)[0]["id"])


def test_a_table_is_told_by_its_place_alone(home: Path, run: str) -> None:
    done = run_command("export", run[:8], "--format", "csv", "--output", str(home / "out"), home=home)

    assert (done.returncode, done.stderr) == (0, "")
    [uri] = done.stdout.splitlines()
    with Path(uri).open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 5
    assert Path(uri).stat().st_mode & 0o777 == 0o600
    traced = run_command("trace", uri, home=home).stdout
    assert "series     all of the run\n" in traced
    assert f"what it is made of: dicom-sieve objects {run}\n" in traced


def test_images_are_told_by_what_became_of_series_and_their_place(home: Path, run: str) -> None:
    if shutil.which("dcm2niix") is None:
        not_present("dcm2niix", "install its Debian package")

    done = run_command("export", run, "--format", "bids", "--output", str(home / "out"), home=home)
    told = json.loads(
        run_command("export", run, "--format", "bids", "--output", str(home / "out"), "--json", home=home).stdout
    )

    assert done.returncode == 0
    *_, root = done.stdout.splitlines()
    assert root == told["uri"] == f"{home}/out/{run}/bids"
    assert (Path(root) / "dataset_description.json").is_file()
    assert "COMPLETED" in done.stdout
    assert {(each["state"], each["series"]) for each in told["series"]} == {("SKIPPED", 3), ("REFUSED", 1)}
    [sidecar, *_] = Path(root).rglob("sub-*.json")
    assert "computation" in run_command("trace", str(sidecar), home=home).stdout


def test_what_fails_is_said_and_the_exit_code_tells(home: Path, run: str) -> None:
    taken = home / "taken" / run / "series.csv"
    taken.parent.mkdir(parents=True)
    taken.write_text("mine")

    done = run_command("export", run, "--format", "csv", "--output", str(home / "taken"), home=home)

    assert done.returncode == 1
    assert "something else: nothing is overwritten" in " ".join(done.stdout.split())
    assert taken.read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--format", "ohif"], "--base-url: needed, for file: is not read by viewers"),
        (["--format", "bids", "--suffix", "T3w"], "suffix: not known; accepted: T1w"),
        (["--format", "nifti", "--timeout", "0"], "timeout: accepted: more than 0"),
        (["--format", "nrrd"], "'nrrd' is not one of"),
    ],
)
def test_what_cannot_be_exported_is_said(home: Path, run: str, arguments: list[str], problem: str) -> None:
    done = run_command("export", run, *arguments, "--output", str(home / "out"), home=home)

    assert done.returncode == 2
    assert problem in " ".join(done.stderr.replace("│", " ").split())


def test_without_dcm2niix_it_is_said_what_to_install(home: Path, run: str) -> None:
    done = run_command("export", run, "--format", "nifti", "--output", str(home / "out"), home=home, PATH="/nowhere")

    assert done.returncode == 2
    assert done.stderr.startswith("dicom-sieve: --format: dcm2niix is not installed; install the package dcm2niix of")
