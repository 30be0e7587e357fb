"""The example of a package of one's own, installed as its users do, and computed with: by name, and as a program."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.command import environment_of
from tests.computations.segmentation.phantom import Phantom
from tests.support.builders import make_instance
from tests.support.documents import ROOT, code_blocks, read

PACKAGE = ROOT / "examples" / "own_computation"
PHANTOM = Phantom(shape=(5, 16, 24))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package in it."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"
    shutil.copytree(PACKAGE, source)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--disable-pip-version-check", "--target", str(folder / "site"), str(source)], check=True)
    return folder / "site"


class Home:
    """A home with a run over a series with images, and one without; the package is on its path."""

    def __init__(self, folder: Path, installed: Path) -> None:
        self.folder = folder
        paths = [str(installed), *filter(None, sys.path)]
        self.environment = environment_of(folder, PYTHONPATH=":".join(paths))
        self.environment["PATH"] = f"{installed / 'bin'}:{self.environment['PATH']}"
        (folder / "images").mkdir()
        for number, instance in enumerate(PHANTOM.instances()):
            instance.save_as(folder / "images" / f"{number}.dcm")
        (folder / "images" / "report.dcm").write_bytes(make_instance(series_instance_uid="1.2.99", Modality="CT"))
        criteria = [{"dicom_tag": "Modality", "operation": "EQUALS", "reference": "CT"}]
        (folder / "criteria.json").write_text(json.dumps(criteria))
        self.sieve("screen", "images", "--criteria", "criteria.json")
        [self.run] = [each["id"] for each in json.loads(self.sieve("runs", "--json"))]

    def sieve(self, *arguments: str, code: int = 0) -> str:
        """Run the command, and give what it printed."""
        command = [sys.executable, "-m", "dicom_sieve", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    def compute(self, name: str, *more: str, code: int = 0) -> dict[str, str]:
        """Compute on the run, and give what became of its series, with why."""
        told = self.sieve("compute", self.run, name, "--output", "results", "--json", *more, code=code)
        return {each["state"]: each["reason"] for each in json.loads(told)}

    def result(self, name: str) -> dict[str, float]:
        """Give the one result of a computation."""
        [file] = (self.folder / "results" / "computations" / name).rglob("percentiles.json")
        return dict(json.loads(file.read_text()))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, installed: Path) -> Home:
    """A home with the package."""
    return Home(tmp_path_factory.mktemp("home"), installed)


def expected(*percentiles: int) -> dict[str, Any]:
    values = np.percentile(PHANTOM.hounsfield(), percentiles)
    return {f"p{each}": pytest.approx(float(value)) for each, value in zip(percentiles, values, strict=True)}


def test_the_entry_point_is_found_and_computes(home: Home) -> None:
    listed = home.sieve("compute", "--list")
    assert [line.split()[:2] for line in listed.splitlines() if "percentiles" in line] == [["percentiles", "1.0"]]

    assert home.compute("percentiles") == {"COMPLETED": None, "REFUSED": "it has no image"}
    assert home.result("percentiles") == expected(5, 50, 95)
    assert set(home.compute("percentiles")) == {"SKIPPED", "REFUSED"}
    [traced] = json.loads(home.sieve("trace", str(next(home.folder.rglob("percentiles.json"))), "--json"))["results"]
    assert len(traced["inputs"]) == PHANTOM.shape[0]


def test_its_parameters_are_its_own(home: Home) -> None:
    (home.folder / "parameters.json").write_text('{"percentiles": [10]}')
    (home.folder / "wrong.json").write_text('{"percentiles": [101]}')

    assert set(home.compute("percentiles", "--parameters", "parameters.json")) == {"COMPLETED", "REFUSED"}
    found = [json.loads(file.read_text()) for file in home.folder.rglob("percentiles/**/percentiles.json")]
    assert expected(10) in found
    refused = home.sieve(
        "compute", home.run, "percentiles", "--output", "results", "--parameters", "wrong.json", code=2
    )
    assert "parameters: accepted: percentiles, a list of numbers from 0 to 100" in refused


def test_the_program_computes_the_same(home: Home) -> None:
    became = home.compute("mine", "--version", "1.0", "--command", "own-computation {input} {output}", code=1)

    assert set(became) == {"COMPLETED", "FAILED"}
    assert "exit code 65" in became["FAILED"]
    assert home.result("mine") == expected(5, 50, 95)


def test_the_readme_names_the_commands_that_are_tested() -> None:
    [commands] = code_blocks(read("examples/own_computation/README.md"), "console")

    assert commands.splitlines()[1:] == [
        "dicom-sieve compute --list",
        "dicom-sieve compute RUN percentiles --output results",
        "dicom-sieve compute RUN mine --output results --version 1.0 --command 'own-computation {input} {output}'",
    ]
